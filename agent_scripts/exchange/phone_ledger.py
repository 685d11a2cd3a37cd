"""The ledger's form on the phone: flat lines, which a shell without JSON can read and change.

curfew-ledger 1 MARKER
entry USER PACKAGE PRIOR STATE BUNDLE TIME ROUNDS
end COUNT
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from agent_scripts.dialect.errors import Unreadable
from policy.errors import PolicyError
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState

_HEAD = re.compile(r"curfew-ledger 1 ([0-9a-f]{0,64})", re.ASCII)
_ENTRY = re.compile(
    r"entry (?P<user>[0-9]{1,5}) (?P<package>\S{1,250}) (?P<prior>[01]) (?P<state>[a-z]{1,20})"
    r" (?P<bundle>[0-9]{1,9}) (?P<at>[0-9T:.+-]{1,40}) (?P<rounds>[0-9]{1,9})",
    re.ASCII,
)
MARKER = re.compile(r"[0-9a-f]{1,64}", re.ASCII)


def ledger_text(ledger: Ledger) -> str:
    """Return a ledger as the phone keeps it; two equal ledgers give the same text."""
    if ledger.marker and not MARKER.fullmatch(ledger.marker):
        raise ValueError("expected a marker of up to 64 hex digits")
    entries = [
        f"entry {e.user} {e.package} {e.prior.value} {e.state.value} {e.bundle_number}"
        f" {e.at.astimezone(UTC).isoformat()} {e.rounds}"
        for e in ledger.entries
    ]
    return "\n".join((f"curfew-ledger 1 {ledger.marker}", *entries, f"end {len(entries)}")) + "\n"


def parse_ledger(text: str) -> Ledger:
    """Return the ledger a phone keeps; raise `Unreadable` for one that was cut or changed by somebody."""
    lines = text.split("\n")
    head = _HEAD.fullmatch(lines[0])
    # Counted and ended: a file that lost its last lines would read as a ledger with less to put back.
    if not head or len(lines) < 3 or lines[-1] or lines[-2] != f"end {len(lines) - 3}":
        raise Unreadable("the phone's ledger is cut or of another form")
    entries = tuple(_entry(line) for line in lines[1:-2])
    try:
        return Ledger(head[1], entries)
    except PolicyError as error:
        raise Unreadable(f"the phone's ledger contradicts itself: {error}") from error


def _entry(line: str) -> LedgerEntry:
    found = _ENTRY.fullmatch(line)
    if not found:
        raise Unreadable("a line of the phone's ledger is of another form")
    try:
        at = datetime.fromisoformat(found["at"])
        # Two stations in two zones write into one ledger; a time without zone could not be ordered.
        if at.tzinfo is None:
            raise Unreadable("a time in the phone's ledger has no zone")
        return LedgerEntry(
            user=UserNumber(int(found["user"])),
            package=PackageName(found["package"]),
            prior=EnabledState(int(found["prior"])),
            state=EntryState(found["state"]),
            bundle_number=int(found["bundle"]),
            at=at.astimezone(UTC),
            rounds=int(found["rounds"]),
        )
    # OverflowError: near the calendar's ends a time with a zone has none in UTC.
    except (PolicyError, ValueError, OverflowError) as error:
        raise Unreadable(f"a line of the phone's ledger is impossible: {error}") from error
