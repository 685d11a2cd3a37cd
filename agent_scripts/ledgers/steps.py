"""How a ledger moves on: what the phone shows settles old entries, what is planned opens new ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from policy.coverage import has_vanished
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.observation import EnabledState, Observation, PackageState
from policy.undo import Undo, is_given_up, next_round, undo_of
from policy.verdict import Action, ActionKind


def settled(ledger: Ledger, observation: Observation) -> Ledger:
    """Return the ledger with interrupted steps decided by what the phone is now.

    A run that was killed leaves `intended` or `restoring`; only the phone knows whether the step happened.
    Entries that the phone gave no good answer for stay as they are.
    """
    for entry in ledger.open_entries:
        ledger = ledger.with_entry(_settle(entry, observation))
    return ledger


def _settle(entry: LedgerEntry, observation: Observation) -> LedgerEntry:
    state = _state_of(entry, observation)
    if state is None:
        return entry
    # State 3 alone is no proof of ours: whoever uses the phone can set it too, but then the last disabler is another.
    disabled_by_us = state.enabled is EnabledState.DISABLED_BY_USER and state.disabled_by_shell
    if entry.state in (EntryState.INTENDED, EntryState.RESTORING) and disabled_by_us:
        return replace(entry, state=EntryState.DONE)
    # `intended` and still able to run is not settled here: the entry stays open, so the next judgement sees that we
    # meant to, and disabling again keeps the same prior state.
    if entry.state is EntryState.RESTORING and state.enabled is entry.prior:
        return replace(entry, state=EntryState.RESTORED)
    # A `done` entry whose app runs again stays `done`: only then can `policy.undo` tell that somebody undid it.
    return entry


def _state_of(entry: LedgerEntry, observation: Observation) -> PackageState | None:
    reading = observation.packages.get(entry.package)
    if observation.unreadable or reading is None or reading.unreadable:
        return None
    # None too where the dump has no line for that user: whether the user is gone is for `has_vanished` to say.
    return reading.states.get(entry.user)


def disputed(remembered: Ledger | None, agreed: Ledger) -> tuple[LedgerEntry, ...]:
    """Return what one memory holds of entries that `agreed`, the merged ledger, had to leave out."""
    if remembered is None or remembered.marker != agreed.marker:
        return ()
    # What the merged ledger lacks, this memory holds and others contradict: merging drops nothing else.
    return tuple(e for e in remembered.entries if agreed.entry(e.user, e.package) is None)


def without_ended_disputes(
    remembered: Ledger | None, agreed: Ledger, observation: Observation
) -> Ledger | None:
    """Return a memory in which a dispute about an app that can run is closed: nothing is left to put back.

    That is how a person settles a dispute: by the command that was listed for it. A dispute about a user that
    is gone has settled itself.
    """
    for entry in disputed(remembered, agreed):
        state = _state_of(entry, observation)
        # Still disabled is still disputed: closing it there would lose the record of what is to be put back.
        if remembered is not None and state is not None and state.enabled.can_run:
            remembered = remembered.with_entry(replace(entry, state=EntryState.RESTORED))
        elif remembered is not None and has_vanished(observation, entry.user, entry.package):
            remembered = remembered.with_entry(replace(entry, state=EntryState.GONE))
    return remembered


def with_entries(ledger: Ledger, entries: Iterable[LedgerEntry]) -> Ledger:
    """Return the ledger one memory is to keep: on disputed entries each keeps its own word.

    The judgement must not use them, yet a person needs all of them until the dispute is settled.
    """
    for entry in entries:
        ledger = ledger.with_entry(entry)
    return ledger


def without_vanished_users(ledger: Ledger, observation: Observation) -> Ledger:
    """Return the ledger with what was in users that the phone no longer has closed as gone."""
    for entry in ledger.open_entries:
        if has_vanished(observation, entry.user, entry.package):
            ledger = ledger.with_entry(replace(entry, state=EntryState.GONE))
    return ledger


def given_up(ledger: Ledger, observation: Observation, bundle_number: int, now: datetime) -> Ledger:
    """Return the ledger that remembers what is no longer disabled under this bundle, whatever updates it."""
    for entry in ledger.open_entries:
        undo = _undo(entry, observation, now)
        if is_given_up(entry, undo, bundle_number):
            # `rounds` alone tells it: the entry stays open, with the prior state that restoring needs.
            ledger = ledger.with_entry(replace(entry, rounds=next_round(entry, undo, bundle_number)))
    return ledger


def _undo(entry: LedgerEntry, observation: Observation, now: datetime) -> Undo | None:
    state = _state_of(entry, observation)
    return undo_of(entry, state, now) if state is not None else None


def planned(
    ledger: Ledger, actions: Iterable[Action], observation: Observation, bundle_number: int, now: datetime
) -> Ledger:
    """Return the ledger as it must be on disk before `actions` are carried out.

    A DISABLE opens an entry, or counts another round on the open one if somebody undid it, and keeps its prior
    state: what somebody set in between is not what the phone was before us. A RESTORE turns its entry to
    `restoring`.
    """
    for action in actions:
        entry = ledger.entry(action.user, action.package)
        # A disabling without a prior state has nothing to go back to; the judgement never asks for one.
        if action.kind is ActionKind.DISABLE and action.prior is not None:
            undo = _undo(entry, observation, now) if entry is not None else None
            ledger = ledger.with_entry(_intended(action, action.prior, entry, undo, bundle_number, now))
        elif action.kind is ActionKind.RESTORE and entry is not None:
            ledger = ledger.with_entry(replace(entry, state=EntryState.RESTORING, at=now))
    return ledger


def _intended(
    action: Action,
    prior: EnabledState,
    entry: LedgerEntry | None,
    undo: Undo | None,
    bundle_number: int,
    now: datetime,
) -> LedgerEntry:
    if entry is not None and entry.is_open:
        # `prior` is not taken from the action: what the phone shows now is what somebody made of our own doing.
        rounds = next_round(entry, undo, bundle_number)
        return replace(entry, state=EntryState.INTENDED, bundle_number=bundle_number, at=now, rounds=rounds)
    # A closed entry is over: what the app is now is what it was before us, and rounds are counted anew.
    return LedgerEntry(action.user, action.package, prior, EntryState.INTENDED, bundle_number, now)
