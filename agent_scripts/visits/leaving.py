"""Leaving phones: each is unprovisioned, its report sent, and then its debugging is left as it is to be.

A phone whose leaving was begun and not finished, by a station that was killed or a cable that was pulled, goes on from
where it was: what is done already is told as such and not done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from shlex import quote

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.station_files.latest_reports import LatestReports
from agent_scripts.station_files.leaving import Leaving, SaidBy, Wanted
from agent_scripts.station_files.station import Station
from agent_scripts.visits.handing_back import REVOKE, Ending, Found, HandedBack, found_where_left, hand_back
from agent_scripts.visits.json_lines import debugging_line, print_line
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from agent_scripts.visits.unprovision import forget_where_it_was, unprovision_phone
from agent_scripts.visits.visiting import Visitor, connected, say, send_waiting, visit_all, visit_phones
from policy.counted import counted
from policy.document import DebuggingAtHandBack


def leave_phones(
    visitor: Visitor, addresses: list[str], *, debugging_off: bool = False
) -> tuple[ExitCode, ExitCode]:
    """Unprovision all phones, send the reports, and then let those that were left have debugging as it is to be.

    Returns the exit code of leaving them and that of their debugging.
    """
    begun = asyncio.run(_left_before(visitor, addresses))
    for address, leaving in begun.items():
        say(f"{address}: {left_before(visitor.station, leaving)}")
        forget_where_it_was(visitor.station, leaving.phone_id)
    left = dict(begun)

    async def visit(run: Run, connection: PhoneConnection, address: str) -> CheckRecord:
        record = await unprovision_phone(run, connection, address, debugging_off=debugging_off)
        leaving = run.station.leavings.of(record.phone.phone_id)
        if record.leaving == "" and leaving is not None:
            left[address] = leaving
        return record

    others = [address for address in addresses if address not in begun]
    code = visit_phones(visitor, others, visit) if others else send_waiting(visitor.station)
    if debugging_off:
        left = {address: _off(leaving) for address, leaving in left.items()}
    # After all reports are on disk and sent, if they could be: no phone may be needed again for them.
    return code, asyncio.run(_end_all(visitor, left, begun))


def left_before(station: Station, leaving: Leaving) -> str:
    """Return that a phone was left before, and whether the server may not know."""
    report = LatestReports(station.folder).of(leaving.phone_id)
    told = f"Restored and left already, on {leaving.since:%Y-%m-%d at %H:%M} UTC."
    # To the second, as a report may tell it: an older one is of an earlier leaving.
    if (
        report is not None
        and report.handed_back
        and report.checked_at >= leaving.since.replace(microsecond=0)
    ):
        return told
    # Killed after the folder was gone and before the report was on disk: nothing proves it any more.
    return f"{told} No report of that is on this station: an admin retires the phone on its page."


def unfinished_leaving(station: Station) -> str:
    """Return in a sentence which phones were not finished with when they were left; empty where none is."""
    begun = station.leavings.all()
    if not begun:
        return ""
    labels = {phone.phone_id: phone.label for phone in station.phones()}
    names = ", ".join(labels.get(one.phone_id, "") or quote(one.address) for one in begun)
    them, address = ("it", quote(begun[0].address)) if len(begun) == 1 else ("them", "ADDRESS")
    return (
        f"{counted(len(begun), 'phone')} handed back, and not finished with: {names}. Plug {them} in here, or"
        f" `curfew-agent unprovision {address}` goes on."
    )


async def _left_before(visitor: Visitor, addresses: Collection[str]) -> dict[str, Leaving]:
    """Return those of the phones that were left before; nothing is asked where none was being left."""
    station, begun = visitor.station, dict[str, Leaving]()
    for leaving in station.leavings.all():
        known = station.phone_at(leaving.address)
        # Another phone was met there since.
        if leaving.address in addresses and (known is None or known.phone_id == leaving.phone_id):
            begun[leaving.address] = leaving

    async def is_left(address: str) -> bool:
        def connect() -> AbstractAsyncContextManager[PhoneConnection]:
            return connected(station, address, visitor.plain_tcp)

        try:
            limits = visitor.limits or Limits()
            return await found_where_left(station, begun[address], connect, limits) is Found.LEFT
        except PhoneError:
            # The visit tells it.
            return False

    found = await visit_all(begun, is_left)
    return {address: begun[address] for address, is_it in zip(begun, found, strict=True) if is_it}


def _off(leaving: Leaving) -> Leaving:
    """Return it stricter, where it was as found until now."""
    if leaving.wanted.debugging is DebuggingAtHandBack.OFF:
        return leaving
    return replace(leaving, wanted=Wanted(DebuggingAtHandBack.OFF, SaidBy.OPTION))


async def _end_all(visitor: Visitor, left: Mapping[str, Leaving], begun: Collection[str]) -> ExitCode:
    async def one(address: str) -> HandedBack:
        def connect() -> AbstractAsyncContextManager[PhoneConnection]:
            return connected(visitor.station, address, visitor.plain_tcp)

        return await hand_back(visitor.station, left[address], connect, visitor.limits or Limits())

    told = await visit_all(left, one)
    for phone in told:
        say(f"{phone.address}: {phone.sentence}")
        # Where nothing was to be done, nothing is told to a program either, unless it hears of the phone no other way.
        if visitor.as_json and (phone.ending is not Ending.LEFT or phone.address in begun):
            print_line(debugging_line(phone))
    if told:
        say(REVOKE)
    return most_urgent(phone.exit_code for phone in told)
