"""Two phones that say they are one: told with both addresses, never merged.

Makers sell phones that share a serial, and a copied image does, too. Who is provisioned under another phone's identity
would take its id, its ledger and its place on the mail side's list.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AgentError, ProvisioningFailed
from agent_scripts.exchange import Reading
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits.asking import ask
from agent_scripts.visits.run import Run

Connect = Callable[[str], AbstractAsyncContextManager[PhoneConnection]]


class Twins:
    """The identities met in one command, and where; ``connect`` opens a connection to an address."""

    def __init__(self, run: Run, connect: Connect) -> None:
        self._run = run
        self._connect = connect
        self._met: dict[str, str] = {}

    async def refuse(self, address: str, identity: str, reading: Reading) -> None:
        """Raise `ProvisioningFailed` where the phone at `address` is at another address, too."""
        # Claimed before anything is awaited: both of a pair may come here at the same time.
        other = self._met.setdefault(identity, address)
        if other == address:
            other = await self._elsewhere(address, identity, reading)
        if other != address:
            raise ProvisioningFailed(
                f"{address} and {other} say that they are one phone: the same make, model and serial (or label, where"
                f" there is no serial). Nothing was kept of {address}. For one phone, name one address; for"
                " two, give each a label of its own. Two with one serial cannot both be managed: tell your admin."
            )

    async def _elsewhere(self, address: str, identity: str, reading: Reading) -> str:
        """Return where the known phone of that identity still is, if that is another phone than the one read here."""
        phone_id = self._run.station.id_of_identity(identity)
        known = self._run.station.phone(phone_id) if phone_id else None
        # Its own mark says that it is the known phone, by whatever way it came here.
        if known is None or known.address in ("", address) or reading.memory.phone_id == known.phone_id:
            return address
        return known.address if await self._is_there(known) else address

    async def _is_there(self, known: KnownPhone) -> bool:
        try:
            async with self._connect(known.address) as connection:
                question = exchange.ReadingQuestion((), ())
                found = await ask(connection, question, self._run.limits.reading_s, self._run.limits)
        except AgentError:
            # Not there: the phone read here was reset, and is that one.
            return False
        return found.memory.phone_id == known.phone_id
