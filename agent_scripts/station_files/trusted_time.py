"""What time it is, and whether to believe it (docs/design.md rule 8).

Trusted time is the server's last answer plus the time this computer has been up since, sleep included. It is
never below the highest time seen before. The wall clock decides nothing; it is only compared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.durable_file import held_alone, write_durably
from policy.counted import counted

CLOCK_TOLERANCE = timedelta(minutes=5)
_MARK_STEP = timedelta(minutes=1)
"""The mark on disk may lag behind by this much; writing it at every reading would wear the disk for nothing."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Readings:
    """What this computer's clocks say at one moment.

    ``boottime`` is the time since boot with sleep included (clock_gettime(2), CLOCK_BOOTTIME); ``boot_id`` tells one
    run of the computer from the next (random(4)).
    """

    wall: datetime
    boottime: timedelta
    boot_id: str


@dataclass(frozen=True)
class TrustedMoment:
    """``now`` in UTC; where it is not ``trusted``, ``why`` says so and what to do, and nothing new is disabled."""

    now: datetime
    trusted: bool
    why: str = ""


@dataclass(frozen=True)
class _Anchor:
    """The server's last answer, and where this computer's clocks stood; ``mark`` is the highest time seen."""

    server_time: datetime
    boottime: timedelta
    boot_id: str
    mark: datetime


class TrustedClock:
    """The station's clock. `story` names a file with seconds to add to every reading, for demonstrations."""

    def __init__(
        self, folder: Path, story: Path | None = None, readings: Callable[[], Readings] | None = None
    ) -> None:
        """Keep the anchor in `folder`; `readings` replaces this computer's clocks."""
        self._path = folder / "time.json"
        # A file of its own: the other one is replaced, and a lock on it would be one on the old file.
        self._lock = folder / "time.lock"
        self._story = story
        self._readings = readings or computer_readings

    def read(self) -> TrustedMoment:
        """Return the present moment, and raise the mark on disk when it has moved on."""
        readings, anchor = self._shifted_readings(), self._anchor()
        if anchor is None:
            return TrustedMoment(
                readings.wall, False, "the server never told the time; run: curfew-agent check --all"
            )
        elapsed = readings.boottime - anchor.boottime
        # After a restart the time that passed is unknown: a computer may have been off for a minute or a month.
        if readings.boot_id != anchor.boot_id or elapsed < timedelta(0):
            # The higher of both, untrusted: reports need some time, and it must not run backwards.
            return TrustedMoment(max(readings.wall, anchor.mark), False, _why_restarted(readings, anchor))
        # Never below the mark: a server that tells an earlier time would let an expired bundle come back to life.
        now = max(anchor.server_time + elapsed, anchor.mark)
        # In steps: written at each reading, the mark would cost a durable write a check.
        if now - anchor.mark >= _MARK_STEP:
            self._raise_mark(now)
        why = _doubt(readings.wall, now, anchor.server_time + elapsed)
        return TrustedMoment(now, not why, why)

    def confirm(self, server_time: datetime) -> None:
        """Take over the time that the server has just told in an answer to this station."""
        readings = self._shifted_readings()
        # In UTC from here on: two zones of one moment must not differ on disk.
        told = server_time.astimezone(UTC)
        with held_alone(self._lock):
            anchor = self._anchor()
            # A server may tell an earlier time than before; that is taken over as an answer, and doubted when read.
            mark = max(told, anchor.mark) if anchor else told
            self._write(_Anchor(told, readings.boottime, readings.boot_id, mark))

    def _raise_mark(self, mark: datetime) -> None:
        with held_alone(self._lock):
            # Read again: another process of this station may have an answer of the server that is newer than ours.
            anchor = self._anchor()
            if anchor is not None and anchor.mark < mark:
                self._write(replace(anchor, mark=mark))

    def _shifted_readings(self) -> Readings:
        """Return the readings with the story's seconds added to both clocks, as if that time had passed."""
        readings = self._readings()
        if self._story is None:
            return readings
        offset = _story_offset(self._story)
        # Both clocks: moved alone, the wall would look set by hand, and the story's time be doubted.
        return Readings(readings.wall + offset, readings.boottime + offset, readings.boot_id)

    def _anchor(self) -> _Anchor | None:
        if not self._path.exists():
            return None
        try:
            kept = json.loads(self._path.read_bytes())
            return _Anchor(
                server_time=_utc(kept["server_time"]),
                boottime=timedelta(seconds=kept["boottime_s"]),
                boot_id=str(kept["boot_id"]),
                mark=_utc(kept["mark"]),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise FileDamaged(
                f"{self._path} holds no time; remove it and connect this station to the server"
            ) from error

    def _write(self, anchor: _Anchor) -> None:
        kept = {
            "server_time": anchor.server_time.isoformat(),
            "boottime_s": anchor.boottime.total_seconds(),
            "boot_id": anchor.boot_id,
            "mark": anchor.mark.isoformat(),
        }
        write_durably(self._path, json.dumps(kept, indent=2, sort_keys=True).encode() + b"\n")


def computer_readings() -> Readings:
    """Return what this computer's clocks say now (Linux)."""
    return Readings(
        wall=datetime.now(UTC),
        # Not the monotonic clock: that one stands still while a laptop sleeps.
        boottime=timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME)),
        boot_id=_BOOT_ID.read_text("ascii").strip(),
    )


def stopwatch() -> Callable[[], timedelta]:
    """Return what tells the time since this call, sleep included (Linux)."""
    begun = time.clock_gettime(time.CLOCK_BOOTTIME)
    return lambda: timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME) - begun)


def _why_restarted(readings: Readings, anchor: _Anchor) -> str:
    if readings.wall < anchor.mark:
        return "this computer's clock is behind a time already seen; set it and connect to the server"
    return "this computer was restarted since the server last told the time; connect it to the server"


def _doubt(wall: datetime, now: datetime, since_server: datetime) -> str:
    """Return why `now` is not to be trusted, or nothing.

    The tolerance holds for a clock behind the mark too: without it a clock half a second slow would count as
    wrong right after each answer of the server.
    """
    if now - since_server > CLOCK_TOLERANCE:
        return "the server tells a time before one it told earlier; ask its admin to look at its clock"
    if abs(wall - now) > CLOCK_TOLERANCE:
        return f"this computer's clock is {counted(abs(wall - now) // timedelta(minutes=1), 'minute')} off; set it"
    return ""


def _story_offset(path: Path) -> timedelta:
    try:
        return timedelta(seconds=float(path.read_text("ascii")))
    except FileNotFoundError:
        return timedelta(0)
    except (ValueError, OverflowError) as error:
        raise FileDamaged(f"expected a number of seconds in {path}; write one or remove the file") from error


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() != timedelta(0):
        raise ValueError("a time without zone, or of another zone")
    return moment.astimezone(UTC)
