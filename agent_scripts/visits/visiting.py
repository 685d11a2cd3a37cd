"""Many phones at once: connect, visit, keep the report, show the row, and send at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError, ServerError, StationError
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.patience import Patience
from agent_scripts.server_link.attempts import tell_attempts
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.attempts import Attempts
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.attempting import keep_failed, keep_missed
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.live_table import LiveTable
from agent_scripts.visits.report_keeping import keep_report, send_reports
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.row import Row, row_of, row_of_error
from agent_scripts.visits.run import Run, begin_run
from certs.terminal import tell
from policy.counted import counted

T = TypeVar("T")
Visit = Callable[[Run, PhoneConnection, str], Awaitable[CheckRecord]]
Warn = Callable[[str], None]

AT_ONCE = 64
"""Phones visited in parallel; a bench of a hundred phones then keeps one core busy, not a swarm of sockets."""


def say(text: str) -> None:
    """Tell the technician something that is not a result."""
    tell(text, err=True)


@dataclass(frozen=True)
class Visitor:
    """Who visits and how: the options that hold for every phone of one command."""

    station: Station
    operator: str
    plain_tcp: bool
    as_json: bool
    language: str
    limits: Limits | None = None


def visit_phones(visitor: Visitor, addresses: list[str], visit: Visit) -> ExitCode:
    """Visit all phones in parallel, send the reports, and return the most urgent exit code."""
    return asyncio.run(_visit_and_send(visitor, addresses, visit))


async def _visit_and_send(visitor: Visitor, addresses: list[str], visit: Visit) -> ExitCode:
    # One time and one bundle for all phones of the command: two of them must not be judged by different ones.
    run = await begin_run(visitor.station, visitor.operator, visitor.language, say, visitor.limits)
    table = LiveTable(title_of(run), visitor.as_json)

    async def one(address: str) -> ExitCode:
        # Before the visit: which phone is looked for, whoever is found there.
        known = visitor.station.phone_at(address)
        try:
            async with connected(visitor.station, address, visitor.plain_tcp, run.patience) as connection:
                # In threads, here and below: a slow disk must not hold up the exchanges of the other phones. Before the
                # visit: where no number is to be had, no report could be written of what was done.
                counter = await asyncio.to_thread(run.counters.take)
                record = await visit(run, connection, address)
            row = await asyncio.to_thread(kept, run, record, counter, known)
        except (PhoneError, StationError) as error:
            # A file of one phone that cannot be read or written must not cost the others their check.
            row = row_of_error(address, known.label if known else "", error)
            await asyncio.to_thread(keep_failed_visit, run, address, known, error)
        table.add(row)
        return row.exit_code

    sent = ExitCode.NOT_SENT
    try:
        with table.shown(addresses):
            # Rows first, sending last: a server that is away must not keep a technician from seeing what was done.
            codes = await visit_all(addresses, one)
        # Apart from each other: whether a row's report was sent has nothing to do with phones visited in vain.
        sent = await _send_reports(visitor.station)
        told = await _tell_attempts(visitor.station)
    finally:
        # Whatever ended the sending: rows that wait for it are told as not sent, and none is swallowed.
        table.sent(sent)
        # Last of all, where eyes are when a command ends.
        table.tell_count()
    return most_urgent([*codes, sent, told])


def kept(run: Run, record: CheckRecord, counter: int, known: KnownPhone | None) -> Row:
    """Put the report of a visit on disk and return what a technician reads of it; `known` was looked for there."""
    row = row_of(record, keep_report(run, record, counter))
    keep_missed(run, record.address, known, record.phone.phone_id)
    return row


def keep_failed_visit(
    run: Run, address: str, known: KnownPhone | None, error: Exception, warn: Warn = say
) -> None:
    """Keep that a known phone was visited in vain; where not even that can be kept, `warn` is told."""
    try:
        keep_failed(run, address, known, error)
    except StationError as unkept:
        # The row tells of the phone all the same, and the others go on.
        warn(f"{address}: that it was visited in vain could not be kept: {unkept}")


async def visit_all(addresses: Iterable[str], visit: Callable[[str], Awaitable[T]]) -> list[T]:
    """Run `visit` for all addresses in parallel, within bounds, and return the results in the order given."""
    # Made here, in the loop that uses it; more phones at once would starve each other's silence limits.
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(address: str) -> T:
        async with gate:
            return await visit(address)

    return list(await asyncio.gather(*(gated(address) for address in addresses)))


@asynccontextmanager
async def connected(
    station: Station, address: str, plain_tcp: bool, patience: Patience | None = None
) -> AsyncIterator[PhoneConnection]:
    """Hold a connection to the phone at `address` for the length of the block."""
    connection = await open_connection(
        PhoneAddress.parse(address), station.adb_keys, plain_tcp=plain_tcp, patience=patience
    )
    try:
        yield connection
    finally:
        await connection.close()


def send_waiting(station: Station) -> ExitCode:
    """Send what waits on this station; reports that cannot go now stay where they are."""
    return asyncio.run(send_from(station))


async def send_from(station: Station, warn: Warn = say) -> ExitCode:
    """Send what waits on this station, and tell `warn` what could not go."""
    return most_urgent([await _send_reports(station, warn), await _tell_attempts(station, warn)])


async def _tell_attempts(station: Station, warn: Warn = say) -> ExitCode:
    """Tell the server which phones were visited in vain; what cannot go now waits."""
    waiting = len(Attempts(station.folder).waiting())
    if not waiting:
        return ExitCode.COMPLIANT
    try:
        refused = await asyncio.to_thread(tell_attempts, station, ServerClient(station))
    except ServerError as error:
        warn(
            f"The server does not know yet of {counted(waiting, 'phone')} visited in vain: {error}."
            " `curfew-agent send` tells it later."
        )
        return ExitCode.NOT_SENT
    for line in refused:
        warn(line)
    return ExitCode.COMPLIANT


async def _send_reports(station: Station, warn: Warn = say) -> ExitCode:
    # Counted before: what was set aside while sending is told apart from what still waits.
    waiting = len(Spool(station.spool_folder).waiting())
    if not waiting:
        return ExitCode.COMPLIANT
    try:
        result = await send_reports(station)
    except ServerError as error:
        warn(
            f"{counted(waiting, 'report stays', 'reports stay')} on this station: {error}."
            " `curfew-agent send` sends them later."
        )
        return ExitCode.NOT_SENT
    if result.left:
        warn(
            f"{counted(result.left, 'report stays', 'reports stay')} on this station: {result.problem}."
            " `curfew-agent send` sends them later."
        )
    for line in (*result.set_aside, *result.alarms):
        warn(line)
    return ExitCode.NOT_SENT if result.left or result.set_aside else ExitCode.COMPLIANT


def title_of(run: Run) -> str:
    """Return by which bundle and at what time the phones of a command are judged."""
    if run.bundle is None:
        return "No accepted bundle: nothing is judged, restoring works"
    trust = "" if run.time.trusted else f"; clock not trusted ({run.time.why}), nothing new is disabled"
    return f"Bundle {run.bundle.number} at {run.time.now:%Y-%m-%d %H:%M} UTC{trust}"
