"""Single values of our documents: how each is read from JSON, refused, and written back.

A reader takes whatever JSON held and returns the domain's value or raises `ValueError` with "expected …, found …";
nothing is converted on the quiet ("9" is no integer, 1 is no boolean).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

E = TypeVar("E", bound=Enum)

# \Z, not $: `$` also matches before a trailing newline.
# ASCII, since `\d` takes the digits of every script. Six digits or none, as `isoformat()` writes: one time, one text.
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z\Z", re.ASCII)
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\Z", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
# Far from the ends of the calendar, where adding a limit to a time overflows.
YEARS = range(2000, 2200)
"""The years that any document or answer of ours may name."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FOUND_MAX_LENGTH = 60


def refusal(expected: str, found: object) -> ValueError:
    """Return the error every reader raises."""
    text = repr(found)
    if len(text) > _FOUND_MAX_LENGTH:
        text = text[:_FOUND_MAX_LENGTH] + "…"
    return ValueError(f"expected {expected}, found {text}")


def as_is(value: Any) -> Any:
    """Return `value`: a writer for what JSON holds already."""
    return value


def text(longest: int, shortest: int = 0) -> Callable[[Any], str]:
    """Return a reader of one line of text without control characters, as approvers write it and read it escaped."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or _CONTROL.search(value):
            raise refusal(f"one line of {shortest} to {longest} characters", value)
        return value

    return read


def printable_text(longest: int, shortest: int = 0) -> Callable[[Any], str]:
    """Return a reader of one line in which every character prints: no controls, no change of direction.

    For what machines report of others' words: pages and terminals show it.
    """

    def read(value: Any) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.isprintable():
            raise refusal(f"one line of {shortest} to {longest} printable characters", value)
        return value

    return read


def integer(smallest: int, largest: int) -> Callable[[Any], int]:
    """Return a reader of integers; booleans, floats and texts are none."""

    def read(value: Any) -> int:
        if type(value) is not int or not smallest <= value <= largest:
            raise refusal(f"an integer from {smallest} to {largest}", value)
        return value

    return read


def boolean(value: Any) -> bool:
    """Read ``true`` or ``false``, nothing that resembles them."""
    if not isinstance(value, bool):
        raise refusal("true or false", value)
    return value


def share(value: Any) -> float:
    """Read a share: above 0, at most 1."""
    if type(value) not in (int, float) or not 0 < value <= 1:
        raise refusal("a share above 0 and at most 1", value)
    return float(value)


def word(kind: type[E]) -> Callable[[Any], E]:
    """Return a reader of the words of one closed enumeration of texts."""
    words = {member.value: member for member in kind}

    def read(value: Any) -> E:
        if not isinstance(value, str) or value not in words:
            raise refusal(f"one of {', '.join(words)}", value)
        return words[value]

    return read


def number_of(kind: type[E]) -> Callable[[Any], E]:
    """Return a reader of the numbers of one closed enumeration of integers."""
    numbers = {int(member.value): member for member in kind}

    def read(value: Any) -> E:
        if type(value) is not int or value not in numbers:
            raise refusal(f"one of {', '.join(map(str, numbers))}", value)
        return numbers[value]

    return read


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not pattern.match(value):
            raise refusal(expected, value)
        return value

    return read


token = _matching(_TOKEN, "an identifier of letters, digits, '.', '_', ':' and '-', at most 100")
sha256_hex = _matching(_SHA256, "64 lower-case hexadecimal digits")
language = _matching(_LANGUAGE, "a language tag like en or pt-BR")


def token_or_empty(value: Any) -> str:
    """Read an identifier, or nothing."""
    return "" if value == "" else token(value)


def sha256_hex_or_empty(value: Any) -> str:
    """Read a SHA-256, or nothing."""
    return "" if value == "" else sha256_hex(value)


def utc_time(value: Any) -> datetime:
    """Read ``2023-03-15T11:00:00Z``, with six digits of a second where there are any."""
    if isinstance(value, str) and _UTC_TIME.match(value):
        return _in_bounds(value, value[:-1]).replace(tzinfo=UTC)
    raise refusal("a UTC time like 2023-03-15T11:00:00Z", value)


def write_utc_time(time: datetime) -> str:
    """Write an aware time as UTC."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def local_time(value: Any) -> datetime:
    """Read ``2023-03-15T12:00:00``, the time on a wall; the result is naive on purpose."""
    if isinstance(value, str) and _LOCAL_TIME.match(value):
        return _in_bounds(value, value)
    raise refusal("a local time like 2023-03-15T12:00:00", value)


def _in_bounds(value: str, iso: str) -> datetime:
    try:
        time = datetime.fromisoformat(iso)
    except ValueError as error:
        raise refusal("a time that exists", value) from error
    if time.year not in YEARS:
        raise refusal(f"a year from {YEARS.start} to {YEARS.stop - 1}", value)
    return time


def hours(longest: int, shortest: int = 0) -> Callable[[Any], timedelta]:
    """Return a reader of whole hours."""
    read = integer(shortest, longest)
    return lambda value: timedelta(hours=read(value))


def minutes(longest: int, shortest: int = 0) -> Callable[[Any], timedelta]:
    """Return a reader of whole minutes."""
    read = integer(shortest, longest)
    return lambda value: timedelta(minutes=read(value))


def write_hours(duration: timedelta) -> int:
    """Write whole hours."""
    # Parts of an hour are lost here on the quiet; `dump_policy_document` reads back and refuses the difference.
    return duration // timedelta(hours=1)


def write_minutes(duration: timedelta) -> int:
    """Write whole minutes."""
    return duration // timedelta(minutes=1)
