"""What the server said last of holding rings: kept, so that it counts where the server cannot be asked (decision 0026).

    {"bundle_number": 3, "held_from": 0.05, "told_at": "2027-03-15T11:00:00+00:00"}

There is no file while nothing is held. A hold only keeps phones from being newly disabled; it ends with another bundle,
with the server's next word, or once it is older than the policy lets a station be offline: then nothing new is disabled
in any ring.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent_scripts.station_files.durable_file import remove_durably, write_durably
from policy.document import Bundle

_RENEWED_AFTER = timedelta(minutes=1)
"""The time on disk may lag behind by this much; writing it at every answer would wear the disk for nothing."""
_NAME = "hold.json"


@dataclass(frozen=True)
class _Hold:
    bundle_number: int
    held_from: float
    told_at: datetime


def note_hold(folder: Path, bundle_number: int, held_from: float | None, now: datetime) -> None:
    """Remember what the server has just said, in the station's folder; None: it holds no ring of that bundle."""
    path = folder / _NAME
    if held_from is None:
        if path.exists():
            remove_durably(path)
        return
    known = _read(path)
    same = known is not None and (known.bundle_number, known.held_from) == (bundle_number, held_from)
    if known is not None and same and timedelta(0) <= now - known.told_at < _RENEWED_AFTER:
        return
    told = {"bundle_number": bundle_number, "held_from": held_from, "told_at": now.isoformat()}
    write_durably(path, json.dumps(told).encode() + b"\n")


def held_from(folder: Path, bundle: Bundle, now: datetime) -> float | None:
    """Return from which share on rings of this bundle are held now; None: none is."""
    path = folder / _NAME
    if not path.exists():
        return None
    hold = _read(path)
    if hold is None:
        # It said that something is held. Until the server says what, nobody is newly disabled.
        return 0.0
    if hold.bundle_number != bundle.number or now - hold.told_at > bundle.policy.offline_limit:
        return None
    return hold.held_from


def _read(path: Path) -> _Hold | None:
    try:
        told = json.loads(path.read_bytes())
        hold = _Hold(
            int(told["bundle_number"]), float(told["held_from"]), datetime.fromisoformat(told["told_at"])
        )
        return hold if hold.told_at.tzinfo is not None and 0 <= hold.held_from <= 1 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
