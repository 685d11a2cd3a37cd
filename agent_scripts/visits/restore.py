"""Restoring by order: everything that any ledger remembers of a phone is put back, whatever the policy says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.exchange import Reading
from agent_scripts.ledgers.recalled import recall
from agent_scripts.visits import placing
from agent_scripts.visits.check import Judge, visit
from agent_scripts.visits.judging import judged_for_restoring
from agent_scripts.visits.read_phone import read_phone, which_phone
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from policy.ledger import Ledger
from policy.report import Consent
from policy.verdict import Judgement, Reason, ReasonCode, Verdict
from policy.watched import Watched


async def restore_phone(
    run: Run, connection: PhoneConnection, address: str, judge: Judge = judged_for_restoring
) -> CheckRecord:
    """Put back everything that any ledger remembers for this phone, and return the record of it.

    Needs neither server nor valid trust (docs/design.md rule 9), nor consent: it takes back what we did. Of a phone
    whose owner declined only the apps that a ledger names are read, and what its script noted is left unsaid.
    The phone's own script goes first, or it would disable again at once. `judge` says what is due. Raises
    `PhoneNotProvisioned` and `PhoneError` as `check_phone` does.
    """
    reading = await _read(run, connection, address)
    phone = which_phone(run.station, reading, address)
    decide = judge if phone.consent is Consent.AGREED else partial(_not_asked, judge)
    # Without a script, or where it cannot be handled, the reading made just now is still good.
    if not (reading.has_script and placing.can_be_handled(reading)):
        return await visit(run, connection, address, _read, decide, reading)
    told = await placing.withdrawn(run, connection, phone.phone_id, reading)
    # Read anew: until it ended the script may have acted, and what it wrote to the ledger counts.
    record = await visit(run, connection, address, _read, decide)
    # What the script noted of the apps was not agreed to; that it is gone is no fact about them.
    if phone.consent is Consent.DECLINED:
        told = replace(told, watched=Watched(told.watched.script, problem=told.watched.problem))
    return replace(record, watched=told.watched, spool_position=told.position)


async def _read(run: Run, connection: PhoneConnection, address: str) -> Reading:
    """Return a reading of all that may be asked; of a phone nobody knows here, who it is comes first."""
    known = run.station.phone_at(address)
    if known is not None and known.consent is Consent.AGREED:
        return await read_phone(run, connection, address)
    reading = await read_phone(run, connection, address, packages=())
    # Another station's phone counts as agreed: provisioning leaves the marker only where the owner agreed.
    phone = which_phone(run.station, reading, address)
    if phone.consent is Consent.AGREED:
        return await read_phone(run, connection, address)
    recalled = await recall(run.station, run.server_ledger, phone.phone_id, reading.memory)
    named = recalled.packages_to_read(run.policy)
    return await read_phone(run, connection, address, packages=sorted(named)) if named else reading


def _not_asked(judge: Judge, run: Run, reading: Reading, ledger: Ledger) -> Judgement:
    """Return what is to be put back, and no verdict: nothing was asked about the banned apps."""
    judgement = judge(run, reading, ledger)
    reason = Reason(
        ReasonCode.PHONE_UNREADABLE, "the owner declined, so nothing was asked about the banned apps"
    )
    return Judgement(judgement.stage, Verdict.UNREADABLE, False, (reason,), actions=judgement.actions)
