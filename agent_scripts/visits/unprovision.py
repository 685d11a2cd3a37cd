"""Unprovisioning: everything is put back, the script ends, and no trace of Curfew stays on the phone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError, PlaceholderSerial
from agent_scripts.exchange import Debugging, DeviceFacts, Switch
from agent_scripts.station_files.leaving import Leaving, SaidBy, Wanted
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.asking import ask
from agent_scripts.visits.judging import judged_for_leaving
from agent_scripts.visits.read_phone import read_phone
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.restore import restore_phone
from agent_scripts.visits.run import Run
from policy.document import Bundle, DebuggingAtHandBack
from policy.names import PhoneId
from policy.report import Consent


async def unprovision_phone(
    run: Run, connection: PhoneConnection, address: str, *, debugging_off: bool = False
) -> CheckRecord:
    """Restore, withdraw the script, remove our folder and read back that it is gone.

    The record's `leaving` says why something had to stay: the folder goes only when its ledger has nothing open,
    for it is the first memory of what is to be put back. The station keeps its own ledger and forgets the address,
    unless the owner declined: the address is how later checks know that nothing may be asked there.

    Debugging comes after this, for it may end the connection (`handing_back`). What is to be done about it, by the
    policy or because `debugging_off` was ordered, is on disk before the phone is left. Raises as `restore_phone` does.
    """
    record = await restore_phone(run, connection, address, judged_for_leaving)
    problem = _not_yet(record)
    if not problem:
        wanted = wanted_of(run.bundle, debugging_off=debugging_off)
        leaving = noted(run.station, record.phone, address, run.time.now, wanted, record.reading.facts)
        await asyncio.to_thread(run.station.leavings.keep, leaving)
        problem = await _leave(run, connection, address)
    if not problem:
        forget_where_it_was(run.station, record.phone.phone_id)
    return replace(record, leaving=problem)


def forget_where_it_was(station: Station, phone_id: PhoneId) -> None:
    """Take a phone that was left off the list of those that are visited, unless its owner declined."""
    known = station.phone(phone_id)
    if known is not None and known.address and known.consent is Consent.AGREED:
        station.forget_address(known)


def wanted_of(bundle: Bundle | None, *, debugging_off: bool) -> Wanted:
    """Return how debugging is to be left: as the policy says, and off where that is ordered besides.

    An order can only be stricter: a policy that says off was signed for.
    """
    if bundle is not None and bundle.policy.debugging_at_hand_back is DebuggingAtHandBack.OFF:
        return Wanted(DebuggingAtHandBack.OFF, SaidBy.POLICY, bundle.number)
    if debugging_off:
        return Wanted(DebuggingAtHandBack.OFF, SaidBy.OPTION)
    return Wanted(said_by=SaidBy.POLICY, bundle=bundle.number) if bundle else Wanted()


def noted(
    station: Station,
    phone: KnownPhone,
    address: str,
    now: datetime,
    wanted: Wanted | None = None,
    facts: DeviceFacts | None = None,
) -> Leaving:
    """Return what is to be on disk before the phone is left: how its debugging was found, and is to be left.

    Without `wanted` that is still to be found out. `facts` tell who another station's phone is.
    """
    identity = phone.identity
    if not identity and facts is not None:
        try:
            identity = station.phone_identity(facts.manufacturer, facts.device, facts.serial, phone.label)
        except PlaceholderSerial:
            # It cannot be known again, so nothing goes on from here for it.
            identity = ""
    before = station.leavings.of(phone.phone_id)
    # The phone's own record lacks it once the address is forgotten.
    found = before.found if before is not None and not phone.usb_debugging else found_at_first(phone)
    return Leaving(phone.phone_id, address, identity, now, found, wanted or Wanted())


def found_at_first(phone: KnownPhone) -> Debugging:
    """Return how debugging was found when the phone was provisioned; unknown where nobody looked."""
    told = (phone.usb_debugging, phone.wireless_debugging)
    usb, wireless = (Switch(word) if word in ("on", "off") else Switch.UNKNOWN for word in told)
    return Debugging(usb, wireless)


def _not_yet(record: CheckRecord) -> str:
    """Return why the folder must stay after this restoring, nothing if it may go."""
    if record.lost:
        return record.lost
    if record.reading.memory.problem:
        return record.reading.memory.problem
    if record.contradictions:
        return "a person must decide first what an app was before us"
    if record.watched is not None and record.watched.problem:
        return f"the phone's own script was {record.watched.problem}"
    return ""


async def _leave(run: Run, connection: PhoneConnection, address: str) -> str:
    try:
        # Once more: restoring has changed the ledger, and the phone is left only by the sum of the one it has now.
        reading = await read_phone(run, connection, address, packages=())
        memory = reading.memory
        if memory.problem:
            return memory.problem
        if memory.ledger is not None and memory.ledger.open_entries:
            apps = ", ".join(f"{e.package} in user {e.user}" for e in memory.ledger.open_entries)
            return f"not everything is put back yet ({apps})"
        question = exchange.LeavingQuestion(memory.ledger_sha256)
        handled = await ask(connection, question, run.limits.acting_s, run.limits)
    except PhoneError as error:
        return str(error)
    if handled.problem or handled.left:
        return handled.problem or f"these stay on the phone: {', '.join(handled.left)}"
    return ""
