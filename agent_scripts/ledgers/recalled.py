"""What phone, station and server remember of one phone, and what each is to keep. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent_scripts.ledgers import steps
from policy.ledger import Ledger
from policy.ledger_merge import MergedLedger, merge_ledgers
from policy.observation import Observation


@dataclass(frozen=True)
class Recalled:
    """The three ledgers of one phone as they were found; None where there is none.

    ``marker`` is the phone's mark now. ``server_asked`` is False where the server's ledger was needed and could
    not be had. On an entry that the ledgers contradict each other about, each keeps its own word until a person
    has settled it: see `for_phone` and `for_station`.
    """

    marker: str
    phone: Ledger | None
    station: Ledger | None
    server: Ledger | None
    server_asked: bool = True

    def all(self) -> tuple[Ledger | None, ...]:
        """Return the ledgers in the order of whose word counts first."""
        return (self.phone, self.station, self.server)

    def agreed(self, seen: Observation) -> MergedLedger:
        """Return the ledger to act on, after disputes that a person has settled on the phone are closed."""
        merged = merge_ledgers(self.marker, *self.all())
        if not merged.contradictions:
            return merged
        settled = (steps.without_ended_disputes(memory, merged.ledger, seen) for memory in self.all())
        return merge_ledgers(self.marker, *settled)

    def for_phone(self, ledger: Ledger, agreed: Ledger) -> Ledger:
        """Return what the phone is to keep."""
        return steps.with_entries(ledger, steps.disputed(self.phone, agreed))

    def for_station(self, ledger: Ledger, agreed: Ledger) -> Ledger:
        """Return what the station is to keep."""
        return steps.with_entries(ledger, steps.disputed(self.station, agreed))

    def to_report_only(self, ledger: Ledger, agreed: MergedLedger, *, acting: bool) -> Ledger | None:
        """Return the ledger to report where none may be written now, and None where they may be.

        A ledger written while the phone's is gone would hide a contradiction from the next visit; and what the
        server knows must not be overwritten, here or by a report, by what this station happens to know.
        """
        if agreed.contradictions and self.phone is None:
            return steps.with_entries(ledger, steps.disputed(self.server, agreed.ledger))
        if not self.server_asked and not acting:
            return Ledger()
        return None
