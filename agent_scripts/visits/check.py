"""One check of one phone: read, recall, reconcile, judge, keep, act, report (docs/design.md 4).

    read one exchange -> reconcile the ledgers -> judge -> ledger on disk -> act in one exchange -> report on disk

Where the policy wants a script on the phone, reading collects its record, and `placing` sees to it at the end.

Everything that decides is elsewhere and pure; this module only keeps the order, which is what makes a pulled
cable or a killed process harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import OwnerDeclined, PhoneError, StationError
from agent_scripts.exchange import Reading
from agent_scripts.ledgers import lost, steps, unconfirmed
from agent_scripts.ledgers.kept import StationLedger
from agent_scripts.ledgers.recalled import recall
from agent_scripts.ledgers.reconciled import Reconciled, reconcile
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.visits import placing
from agent_scripts.visits.act_on_phone import act, may_act
from agent_scripts.visits.judging import judged, unread_for_now
from agent_scripts.visits.read_phone import read_if_agreed, under_its_id, which_phone
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from policy.ledger import Ledger
from policy.report import Consent
from policy.verdict import Judgement, ReasonCode


async def check_phone(run: Run, connection: PhoneConnection, address: str) -> CheckRecord:
    """Check one phone and return the record of it; nothing due is left undone without being in the record.

    Raises `PhoneNotProvisioned` when neither the phone nor the station knows which phone it is, `OwnerDeclined`
    before anything is asked, and `PhoneError` when the phone could not be read and is not known, so that no
    report can be written about it.
    """
    # By the address, before anything is asked; whom the phone itself names is looked at once it was read.
    known = run.station.phone_at(address)
    if known is not None and known.consent is Consent.DECLINED:
        raise OwnerDeclined(address)
    record = await visit(run, connection, address, read_if_agreed, judged)
    return await placing.tended(run, connection, record)


Read = Callable[[Run, PhoneConnection, str], Awaitable[Reading]]
Judge = Callable[[Run, Reading, Ledger], Judgement]


async def visit(
    run: Run,
    connection: PhoneConnection,
    address: str,
    read: Read,
    decide: Judge,
    reading: Reading | None = None,
) -> CheckRecord:
    """Read, judge and act; once more after a concurrent change, or where Android refused for the moment.

    `reading` is what was read just now, if it was.
    """
    reading = reading or await read(run, connection, address)
    record = await _judge_and_act(run, connection, address, reading, decide)
    # Once, not until it works: two stations that keep meeting each other are for a person to see.
    if record.met_concurrent_change:
        return await _judge_and_act(run, connection, address, await read(run, connection, address), decide)
    if record.may_pass and run.patience.pauses_s:
        await asyncio.sleep(run.patience.pauses_s[0])
        return await _once_more(run, connection, address, record, read, decide)
    return record


async def _once_more(
    run: Run, connection: PhoneConnection, address: str, record: CheckRecord, read: Read, decide: Judge
) -> CheckRecord:
    """Return the record of a second try, judged anew from what the phone shows now; the first where it cannot be read.

    Nothing is repeated as such: what was done after all shows in the reading, and the ledger knows the rest.
    """
    try:
        reading = await read(run, connection, address)
    except PhoneError:
        return record
    # A reading with gaps tells less than the first one did, and would be judged in its place.
    if reading.observation.unreadable or reading.brief is not None:
        return record
    try:
        again = await _judge_and_act(run, connection, address, reading, decide)
    except StationError:
        # The first try has acted, and its report must be written all the same.
        return record
    return replace(again, earlier=record)


async def _judge_and_act(
    run: Run, connection: PhoneConnection, address: str, reading: Reading, decide: Judge
) -> CheckRecord:
    phone = which_phone(run.station, reading, address)
    reading = under_its_id(reading, phone.phone_id)
    recalled = await recall(run.station, run.server_ledger, phone.phone_id, reading.memory)
    reconciled = reconcile(recalled, run.policy, reading.observation)
    judgement = decide(run, reading, reconciled.ledger)
    # After judging, not before: what this station remembers is given back all the same.
    if not recalled.server_asked:
        judgement = lost.without_new_disabling(judgement)
    ledger = reconciled.for_phone(_closed(run, reading, judgement, reconciled.ledger))
    record = _record(run, address, phone, reading, reconciled, judgement, ledger)

    # With entries of the server's aside, an unreadable phone could not be told from one that needs them.
    if not may_act(reading) or (reconciled.unconfirmed and reading.observation.unreadable):
        # What the station knew before is reported: nothing of this visit is written down, here or on the phone.
        return replace(record, ledger=recalled.station or ledger)
    to_report = reconciled.to_report_only(ledger, acting=bool(judgement.actions))
    if to_report is not None:
        return replace(record, ledger=to_report)
    on_station = StationLedger(run.station, phone.phone_id, reconciled)
    # The phone's ledger is written even without an action: it may have lost it, or closed entries of vanished users.
    if judgement.actions or ledger != recalled.phone:
        return await act(run, connection, record, on_station)
    on_station.keep(ledger)
    return record


def _closed(run: Run, reading: Reading, judgement: Judgement, ledger: Ledger) -> Ledger:
    """Return the ledger after what was in vanished users is closed, and what is given up is remembered as such."""
    ledger = steps.without_vanished_users(ledger, reading.observation)
    if run.bundle is not None and ReasonCode.OWNER_ENABLES_AGAIN in {r.code for r in judgement.reasons}:
        return steps.given_up(ledger, reading.observation, run.bundle.number, run.time.now)
    return ledger


def _record(
    run: Run,
    address: str,
    phone: KnownPhone,
    reading: Reading,
    reconciled: Reconciled,
    judgement: Judgement,
    ledger: Ledger,
) -> CheckRecord:
    """Return the record of a visit before it acts, with a line for a person per thing that only a person can decide."""
    forgotten: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    if not reading.memory.problem:  # a damaged ledger may know, and is mended first
        forgotten = lost.for_a_person(judgement, reconciled.recalled, reading.observation.api_level)
    if not reading.observation.unreadable:  # else its places are not known
        undecided = unconfirmed.for_a_person(
            reconciled.pending, phone.phone_id, reading.observation.api_level
        )
    return CheckRecord(
        address=address,
        phone=phone,
        reading=reading,
        judgement=judgement,
        ledger=ledger,
        contradictions=(*reconciled.contradictions, *forgotten, *undecided),
        pending=reconciled.pending,
        unread_for_now=unread_for_now(run.bundle, reading),
    )
