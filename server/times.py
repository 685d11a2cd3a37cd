"""Times as a reader sees them: UTC and said so, with how long ago; a deadline also in the zone it was written in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from policy.counted import counted

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
# Up to two of a unit say more in the next smaller one: "26 hours", not "1 day".
_ENOUGH = 2


def utc(time: datetime) -> str:
    """Return `time` like ``2023-03-15 11:00 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def machine(time: datetime) -> str:
    """Return `time` for the ``datetime`` attribute, like ``2023-03-15T11:00:00Z``."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def in_zone(time: datetime, zone: str) -> str:
    """Return `time` like ``2023-03-15 12:00 Europe/Brussels (UTC+01:00)``."""
    local = time.astimezone(ZoneInfo(zone))
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M} {zone} (UTC{offset[:3]}:{offset[3:5]})"


def length(span: timedelta) -> str:
    """Return a length of time in one unit, like ``3 hours``; what is under a minute is ``less than a minute``."""
    seconds = int(abs(span.total_seconds()))
    for unit, size in _UNITS:
        count = seconds // size
        # One of a unit is enough where less than a twentieth of it is left out.
        if count >= _ENOUGH or (count == 1 and (unit == "minute" or seconds % size < size // 20)):
            return counted(count, unit)
    return "less than a minute"


def relative(time: datetime, now: datetime) -> str:
    """Return how `time` lies from `now`, like ``3 hours ago`` or ``in 2 days``."""
    span = time - now
    if abs(span) < timedelta(minutes=1):
        return "just now"
    return f"in {length(span)}" if span > timedelta(0) else f"{length(span)} ago"


def skew(seconds: int) -> str:
    """Return how a clock goes that is so far ahead, like ``3 s behind`` or ``5 hours ahead``."""
    if seconds == 0:
        return "agrees"
    span = timedelta(seconds=seconds)
    far = length(span) if abs(span) >= timedelta(minutes=2) else f"{abs(seconds)} s"
    return f"{far} {'ahead' if seconds > 0 else 'behind'}"
