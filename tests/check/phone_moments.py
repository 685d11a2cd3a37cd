"""What happens to a phone at a chosen moment: the n-th command that reaches it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.adb.phone_connection import LONGEST_EXCHANGE_S, PhoneConnection
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.report_keeping import keep_report
from agent_scripts.visits.row import Row, row_of
from agent_scripts.visits.run import Run, begin_run
from tests.check.office import Bench

READING, ACTING = 1, 2
"""The exchanges of one check, in their order."""


class _Commands(deque[str]):
    """The commands as a phone notes them, telling somebody about one of them before it runs."""

    def __init__(self, number: int, then: Callable[[], object]) -> None:
        super().__init__()
        self._number = number
        self._then = then

    def append(self, command: str) -> None:
        super().append(command)
        if len(self) == self._number:
            self._then()


def at_exchange(phone: VirtualPhone, number: int, then: Callable[[], object]) -> None:
    """Do `then` once, when the `number`-th command from now on has arrived and before it runs."""
    phone.commands = _Commands(number, then)


class _Meeting:
    """A connection on which somebody else comes to the phone before each acting exchange."""

    def __init__(self, connection: PhoneConnection, before_acting: Callable[[], object]) -> None:
        self._connection = connection
        self._before_acting = before_acting
        self.push, self.pull, self.close = connection.push, connection.pull, connection.close

    async def run(
        self, command: str, timeout_s: float, max_bytes: int, longest_s: float = LONGEST_EXCHANGE_S
    ) -> bytes:
        if "framed act act" in command:
            # In a thread: a phone made of software must be able to answer both.
            await asyncio.to_thread(self._before_acting)
        return await self._connection.run(command, timeout_s, max_bytes, longest_s)


def check_and_meet(bench: Bench, address: str, before_acting: Callable[[], object]) -> Row:
    """Check a phone while somebody else acts on it before each of our own acting exchanges; returns the row."""
    return check_within(bench, address, wrapped=lambda connection: _Meeting(connection, before_acting))


def check_within(
    bench: Bench,
    address: str,
    run: Callable[[Run], Run] = lambda run: run,
    wrapped: Callable[[PhoneConnection], PhoneConnection] = lambda connection: connection,
) -> Row:
    """Check one phone in a run and over a connection that a test may change, send the report, return the row."""
    station = bench.station()

    async def check() -> Row:
        here = run(await begin_run(station, "tests", "en", print))
        connection = await open_connection(PhoneAddress.parse(address), station.adb_keys)
        try:
            counter = here.counters.take()
            record = await check_phone(here, wrapped(connection), address)
        finally:
            await connection.close()
        return row_of(record, keep_report(here, record, counter))

    row = asyncio.run(check())
    bench.agent("send")
    return row
