"""One ledger out of all that is remembered: what to judge on, what a person decides, what each memory keeps. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent_scripts.ledgers import steps, unconfirmed
from agent_scripts.ledgers.recalled import Recalled
from policy.document import Policy
from policy.ledger import Ledger, LedgerEntry
from policy.ledger_merge import MergedLedger, merge_ledgers
from policy.observation import Observation


@dataclass(frozen=True)
class Reconciled:
    """What the memories of one phone come to, beside what it shows.

    ``ledger`` is what to judge on: interrupted steps are decided by what the phone shows, and what is disputed or
    not confirmed is left out, for what to put back is not ours to guess. ``contradictions`` has a line for a person
    per dispute. ``unconfirmed`` are the server's entries that this visit may not touch, ``pending`` all of them that
    wait for a decision.

    On a disputed entry each memory keeps its own word until a person has settled it: `for_phone`, `for_station`.
    """

    recalled: Recalled
    merged: Ledger
    ledger: Ledger
    contradictions: tuple[str, ...]
    unconfirmed: tuple[LedgerEntry, ...]
    pending: Ledger

    def for_phone(self, ledger: Ledger) -> Ledger:
        """Return what the phone is to keep where `ledger` is what counts."""
        return steps.with_entries(ledger, steps.disputed(self.recalled.phone, self.merged))

    def for_station(self, ledger: Ledger) -> Ledger:
        """Return what the station is to keep where `ledger` is what counts."""
        return steps.with_entries(ledger, steps.disputed(self.recalled.station, self.merged))

    def to_report_only(self, ledger: Ledger, *, acting: bool) -> Ledger | None:
        """Return the ledger to report where none may be written now, and None where they may be.

        A ledger written while the phone's is gone would hide a contradiction from the next visit; and what the
        server knows must not be overwritten, here or by a report, by what this station happens to know.
        """
        if self.contradictions and self.recalled.phone is None:
            # The server keeps its own word too: the report's ledger takes the place of the one that it has.
            return steps.with_entries(ledger, steps.disputed(self.recalled.server, self.merged))
        # Before acting a ledger is written whatever could be asked, or a killed run would leave no trace (rule 5).
        if not self.recalled.server_asked and not acting:
            # Without a marker it is the report's word for "not known": the server goes on with the newest that has one.
            return Ledger()
        return None


def reconcile(recalled: Recalled, policy: Policy | None, seen: Observation) -> Reconciled:
    """Return the ledger to judge on, and everything beside it.

    The order matters: disputes that a person has ended come first, or they would be listed for ever; what the server
    alone tells goes out before the phone's state settles the rest, or settling would make it ours.
    """
    agreed = _agreed(recalled, seen)
    alone = unconfirmed.told_by_server_alone(recalled, agreed.ledger)
    held = unconfirmed.beyond_the_bundle(alone, policy, seen)
    merged = unconfirmed.without(agreed.ledger, held)
    return Reconciled(
        recalled=recalled,
        merged=merged,
        ledger=steps.settled(merged, seen),
        contradictions=agreed.contradictions,
        unconfirmed=held,
        pending=steps.with_entries(recalled.pending, held),
    )


def _agreed(recalled: Recalled, seen: Observation) -> MergedLedger:
    merged = merge_ledgers(recalled.marker, *recalled.all())
    if not merged.contradictions:
        return merged
    ended = (steps.without_ended_disputes(ledger, merged.ledger, seen) for ledger in recalled.all())
    return merge_ledgers(recalled.marker, *ended)
