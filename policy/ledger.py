"""The state of each package before we touched it; what restoring replays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.errors import InvalidDocument
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState


class EntryState(Enum):
    """How far one change has come; written down before each step is taken."""

    INTENDED = "intended"
    DONE = "done"
    RESTORING = "restoring"
    RESTORED = "restored"
    GONE = "gone"
    """The user was removed from the phone, and what we had changed went with it."""


@dataclass(frozen=True)
class LedgerEntry:
    """One package of one user that we disabled or were about to, and the state to put back.

    ``prior`` is DEFAULT or ENABLED: other states are never touched, so never remembered.
    ``rounds`` counts how often it was disabled under its bundle: 1, and one more each time after somebody had
    enabled it again; one above the limit tells that we gave up (`policy.undo`).
    """

    user: UserNumber
    package: PackageName
    prior: EnabledState
    state: EntryState
    bundle_number: int
    # When disabling or restoring was planned, so a little before the act.
    at: datetime
    rounds: int = 1

    def __post_init__(self) -> None:
        """Refuse a prior state that restoring could not have come from."""
        if not self.prior.can_run:
            raise InvalidDocument(f"a ledger remembers only states 0 and 1, found {self.prior.value}")

    @property
    def is_open(self) -> bool:
        """Whether something of ours may still be in force on the phone."""
        # INTENDED is open too: a run that was killed after writing it down may have acted already.
        return self.state not in (EntryState.RESTORED, EntryState.GONE)


@dataclass(frozen=True)
class Ledger:
    """All entries of one phone, at most one per package and user.

    ``marker`` is the random marker that provisioning left on the phone; a factory reset takes it away and with it
    the meaning of every entry.
    """

    marker: str = ""
    entries: tuple[LedgerEntry, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two entries for one package and user: restoring would have to guess between them."""
        pairs = [(entry.user, entry.package) for entry in self.entries]
        if len(set(pairs)) != len(pairs):
            raise InvalidDocument("expected one ledger entry per package and user, found a double")

    def entry(self, user: UserNumber, package: PackageName) -> LedgerEntry | None:
        """Return the entry for that package and user, if there is one."""
        return next((e for e in self.entries if (e.user, e.package) == (user, package)), None)

    @property
    def open_entries(self) -> tuple[LedgerEntry, ...]:
        """The entries that still have to be restored one day."""
        return tuple(e for e in self.entries if e.is_open)

    def with_entry(self, entry: LedgerEntry) -> Ledger:
        """Return this ledger with `entry` in place of the one for the same package and user."""
        others = tuple(e for e in self.entries if (e.user, e.package) != (entry.user, entry.package))
        return Ledger(self.marker, (*others, entry))


def marker_sha256(marker: str) -> str:
    """Return the hash of a phone's marker: by it the server knows a marker that it was not told."""
    # Without a key or a salt: a marker has 128 random bits, which nobody can try.
    return hashlib.sha256(marker.encode()).hexdigest()
