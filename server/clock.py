"""The server's time: UTC now, moved by the story clock of a demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ALLOWED_SKEW = timedelta(minutes=5)
"""How far a station's clock may be off before its requests are refused and its checks are shown as ahead."""


@dataclass(frozen=True)
class Clock:
    """Tells the time; ``story`` is a file with seconds to add, allowed under a demo root only (`server.app`)."""

    story: Path | None = None

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset_s())

    def _offset_s(self) -> float:
        if self.story is None:
            return 0.0
        # Read anew each time: the story moves on while the server runs. Before its first move there is no file.
        try:
            return float(self.story.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0.0


def written(time: datetime) -> str:
    """Return `time` as the API writes times: UTC, milliseconds, ``Z``.

    Stations put checks in order by what they are told here: in whole seconds, two checks could change places.
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
