"""The dates of a policy as a calendar file (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from policy.document import Bundle, Policy
from policy.rings import rings_of, whom
from server.times import length

_LINE_OCTETS = 75
"""Without the line break (3.1)."""


@dataclass(frozen=True)
class Event:
    """One date of a policy; ``name`` tells it from the others of its bundle and stays the same."""

    name: str
    at: datetime
    summary: str
    description: str


def events_of(policy: Policy) -> Sequence[Event]:
    """Return the dates of a policy, earliest first; a lifted one has none."""
    if policy.lifted:
        return ()
    found = [
        Event(
            "deadline",
            policy.deadline,
            f"Deadline of {policy.name}",
            "From now on, or from its ring's start, a check that finds a banned app disables the managed apps.",
        ),
        *_reminders(policy),
        *_rings(policy),
        Event(
            "review",
            policy.review_at,
            f"Review of {policy.name} is due",
            "Until a reviewed policy is published, nothing new is disabled and nobody new is blocked.",
        ),
        Event(
            "end",
            policy.ends_at,
            f"End of {policy.name}",
            "From now on each phone is put back at its next check.",
        ),
    ]
    return sorted(found, key=lambda event: event.at)


def _reminders(policy: Policy) -> Iterator[Event]:
    for before in policy.reminders:
        hours = int(before.total_seconds()) // 3600
        yield Event(
            f"reminder-{hours}",
            policy.deadline - before,
            f"{length(before)} to the deadline of {policy.name}",
            "Remind whoever is not ready. Phones remind their owners by themselves, at each check before the deadline.",
        )


def _rings(policy: Policy) -> Iterator[Event]:
    for ring in rings_of(policy):
        yield Event(
            f"ring-{ring.number}",
            ring.starts_at,
            f"Ring {ring.number} of {policy.name} starts",
            f"Enforcing begins for {whom(ring)}.",
        )


def calendar_file(bundle: Bundle, published_at: datetime, host: str) -> bytes:
    """Return the file with the dates of a bundle: the same bytes whenever it is asked for."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Curfew//Curfew//EN", "CALSCALE:GREGORIAN"]
    for event in events_of(bundle.policy):
        lines += [
            "BEGIN:VEVENT",
            f"UID:bundle-{bundle.number}-{event.name}@{host}",
            f"DTSTAMP:{_utc(published_at)}",
            f"DTSTART:{_utc(event.at)}",
            f"SUMMARY:{_escaped(f'Curfew: {event.summary}')}",
            f"DESCRIPTION:{_escaped(event.description)}",
            # It takes up nobody's time.
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"]).encode()


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    for character in "\\;,":
        text = text.replace(character, f"\\{character}")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _folded(line: str) -> str:
    """Return a line in pieces of no more octets than allowed, none cut within a character."""
    pieces, room = [""], _LINE_OCTETS
    for character in line:
        octets = len(character.encode())
        if octets > room:
            # The space that begins the next line counts in it.
            pieces.append("")
            room = _LINE_OCTETS - 1
        pieces[-1] += character
        room -= octets
    return "\r\n ".join(pieces)
