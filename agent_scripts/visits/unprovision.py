"""Unprovisioning: everything is put back, the script ends, and no trace of Curfew stays on the phone."""

from __future__ import annotations

from dataclasses import replace

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError
from agent_scripts.visits.asking import ask
from agent_scripts.visits.judging import judged_for_leaving
from agent_scripts.visits.read_phone import read_phone
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.restore import restore_phone
from agent_scripts.visits.run import Run
from policy.report import Consent


async def unprovision_phone(run: Run, connection: PhoneConnection, address: str) -> CheckRecord:
    """Restore, withdraw the script, remove our folder and read back that it is gone.

    The record's `leaving` says why something had to stay: the folder goes only when its ledger has nothing open,
    for it is the first memory of what is to be put back. The station keeps its own ledger and forgets the address,
    unless the owner declined: the address is how later checks know that nothing may be asked there. Raises as
    `restore_phone` does.
    """
    record = await restore_phone(run, connection, address, judged_for_leaving)
    problem = _not_yet(record)
    if not problem:
        problem = await _leave(run, connection, address)
    if not problem:
        known = run.station.phone(record.phone.phone_id)
        if known is not None and known.consent is Consent.AGREED:
            run.station.forget_address(known)
    return replace(record, leaving=problem)


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
