"""What phone, station and server remember of one phone, and what waits there for a person: as it was found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent_scripts.errors import AgentError
from agent_scripts.exchange import PhoneMemory
from agent_scripts.ledgers.pending import pending_decisions
from agent_scripts.station_files.station import Station
from policy.document import Policy
from policy.ledger import Ledger
from policy.names import PackageName, PhoneId

AskServer = Callable[[PhoneId, str], Awaitable[Ledger | None]]
"""Brings the ledger of the last report on the phone that shows this marker, None where there is none; raises
`AgentError`."""


@dataclass(frozen=True)
class Recalled:
    """The three ledgers of one phone as they were found; None where there is none.

    ``marker`` is the phone's mark now. ``server_asked`` is False where the server's ledger was needed and could
    not be had. ``pending`` are entries of the server's that a person has to decide about, from earlier visits.
    """

    marker: str
    phone: Ledger | None
    station: Ledger | None
    server: Ledger | None
    server_asked: bool = True
    pending: Ledger = Ledger()

    def all(self) -> tuple[Ledger | None, ...]:
        """Return the ledgers in the order of whose word counts first."""
        return (self.phone, self.station, self.server)

    def packages_to_read(self, policy: Policy | None) -> frozenset[PackageName]:
        """Return the apps that the ledgers name; of the server's only those that the bundle manages.

        Asking about an app tells whether it is there, so a stolen server must not choose what is asked.
        """
        # Without a bundle nothing is managed, so the server's word alone has nothing asked.
        managed = {app.package for app in policy.managed} if policy is not None else set()
        own = (entry for ledger in (self.phone, self.station) if ledger for entry in ledger.entries)
        servers = self.server.entries if self.server is not None else ()
        return frozenset(
            (*(e.package for e in own), *(e.package for e in servers if e.package in managed)),
        )


async def recall(station: Station, ask_server: AskServer, phone_id: PhoneId, memory: PhoneMemory) -> Recalled:
    """Return all that is remembered of a phone whose own folder holds `memory`.

    The server is asked only where the phone remembers nothing, so the straight path costs no request. Without a
    marker every ledger is void (`policy.ledger_merge`), so nobody is asked for one.
    """
    marker, on_station = memory.marker, station.ledger(phone_id)
    pending = pending_decisions(station, phone_id, marker)
    if memory.ledger is not None or not marker:
        return Recalled(marker, memory.ledger, on_station, None, pending=pending)
    try:
        on_server = await ask_server(phone_id, marker)
    except AgentError:
        # Kept apart from a server that knows of no ledger: only that answer lets something new be disabled.
        return Recalled(marker, None, on_station, None, server_asked=False, pending=pending)
    return Recalled(marker, None, on_station, on_server, pending=pending)
