"""Who undid what we had disabled, as far as a phone tells, and when to stop doing it again. Pure.

Whoever enables an app leaves no name: Android keeps the last *disabler* only, and forgets even that one. An
update or a new installation puts the state back to default (docs/android/commands.md 6.3) and leaves its time. So an
undo is an update where the app is in the default state and was installed after we disabled it. Others are somebody's:
the phone's user in Settings, an app of the profile's owner, or another adb user. These cannot be told apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from policy.ledger import EntryState, LedgerEntry
from policy.observation import EnabledState, PackageState

ROUNDS_LIMIT = 3
"""How often one bundle disables an app that somebody enables again; then the mail side has to act."""


class Undo(Enum):
    """How an app that we had disabled came to run again."""

    BY_SOMEBODY = "by_somebody"
    BY_UPDATE = "by_update"


def undo_of(entry: LedgerEntry, state: PackageState, now: datetime) -> Undo | None:
    """Return how `entry` was undone, None if it was not, or was never carried out.

    Times are compared as ages, one by the phone's clock and one by trusted time, so that a phone whose clock is
    wrong is told rightly as long as nobody moves the clock in between.
    """
    # INTENDED and RESTORING are what a killed run left: the app may never have been off, and nobody is blamed.
    if entry.state is not EntryState.DONE or not state.installed or not state.enabled.can_run:
        return None
    ago = state.installed_ago
    # Below zero the app was installed in the phone's future: its clock was moved since, and its age proves nothing.
    if state.enabled is EnabledState.DEFAULT and ago is not None and timedelta(0) <= ago < now - entry.at:
        return Undo.BY_UPDATE
    return Undo.BY_SOMEBODY


def is_given_up(entry: LedgerEntry, undo: Undo | None, bundle_number: int) -> bool:
    """Whether an app that runs again stays on. An update does not count; a newer bundle tries anew."""
    if undo is None or entry.bundle_number < bundle_number:
        return False
    # At the limit only a person's enabling counts: an update may still be undone for the last time.
    return entry.rounds > ROUNDS_LIMIT or (entry.rounds == ROUNDS_LIMIT and undo is Undo.BY_SOMEBODY)


def next_round(entry: LedgerEntry, undo: Undo | None, bundle_number: int) -> int:
    """Return the ``rounds`` of an open entry whose app is about to be disabled, or given up, now."""
    if entry.bundle_number < bundle_number:
        return 1
    # One above the limit means "given up"; counting on would say nothing more.
    return min(entry.rounds + (undo is Undo.BY_SOMEBODY), ROUNDS_LIMIT + 1)
