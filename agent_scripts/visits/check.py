"""One check of one phone: read, judge, act, read back, and the report that stays (docs/design.md 4).

    read one exchange -> settle the ledger -> judge -> ledger on disk -> act in one exchange -> report on disk

Where the policy wants a script on the phone, reading collects its record, and `placing` sees to it at the end.

Everything that decides is elsewhere and pure; this module only keeps the order, which is what makes a pulled
cable or a killed process harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AgentError, OwnerDeclined, PhoneError, PhoneNotProvisioned
from agent_scripts.ledgers import lost, steps, unconfirmed
from agent_scripts.ledgers.pending import keep_unsettled, unsettled
from agent_scripts.ledgers.recalled import Recalled
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits import passing, placing
from agent_scripts.visits.outcomes import after_acting
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from policy.coverage import has_vanished
from policy.ledger import Ledger, LedgerEntry
from policy.ledger_merge import MergedLedger
from policy.names import PackageName, PhoneId
from policy.report import Consent
from policy.verdict import Action, ActionKind, Judgement, Reason, ReasonCode, Stage, Verdict

READ_TIMEOUT_S = 60.0
ACT_TIMEOUT_S = 90.0
ANSWER_MAX_BYTES = 1 << 20
"""A phone's cut answer is a few KiB; a mebibyte is far beyond any honest one."""


_NOT_JUDGED = Judgement(
    Stage.PAUSED,
    Verdict.UNREADABLE,
    False,
    (
        Reason(
            ReasonCode.PHONE_UNREADABLE,
            "no accepted bundle on this station: nothing was judged; connect it to its server",
        ),
    ),
)
"""What a station without a bundle can say. It starts nothing, and lifts nothing that another station started."""


async def check_phone(run: Run, connection: PhoneConnection, address: str) -> CheckRecord:
    """Check one phone and return the record of it; nothing due is left undone without being in the record.

    Raises `PhoneNotProvisioned` when neither the phone nor the station knows which phone it is, `OwnerDeclined`
    before anything is asked, and `PhoneError` when the phone could not be read and is not known, so that no
    report can be written about it.
    """
    known = run.station.phone_at(address)
    if known is not None and known.consent is Consent.DECLINED:
        raise OwnerDeclined(address)
    record = await visit(run, connection, address, _read_if_agreed, _judged)
    return await placing.tended(run, connection, record)


Read = Callable[[Run, PhoneConnection, str], Awaitable[exchange.Reading]]
Judge = Callable[[Run, exchange.Reading, Ledger], Judgement]


async def visit(
    run: Run,
    connection: PhoneConnection,
    address: str,
    read: Read,
    decide: Judge,
    reading: exchange.Reading | None = None,
) -> CheckRecord:
    """Read, judge and act; once more if somebody else acted since the reading, or Android refused for the moment.

    `reading` is what was read just now, if it was.
    """
    reading = reading or await read(run, connection, address)
    record = await _judge_and_act(run, connection, address, reading, decide)
    if record.met_somebody:
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
    if reading.observation.unreadable or reading.brief is not None:
        return record
    again = await _judge_and_act(run, connection, address, reading, decide)
    return replace(again, earlier=record)


async def _judge_and_act(
    run: Run, connection: PhoneConnection, address: str, reading: exchange.Reading, decide: Judge
) -> CheckRecord:
    phone = which_phone(run.station, reading, address)
    reading = _under_its_id(reading, phone.phone_id)
    memories = await memories_of(run, phone.phone_id, reading)
    agreed, held = _within_the_bundle(run, memories, reading)
    settled = steps.settled(agreed.ledger, reading.observation)
    judgement = decide(run, reading, settled)
    if not memories.server_asked:
        judgement = lost.without_new_disabling(judgement)
    ledger = memories.for_phone(_closed(run, reading, judgement, settled), agreed.ledger)
    waiting = steps.with_entries(unsettled(run.station, phone.phone_id, memories.marker), held)
    record = CheckRecord(
        address=address,
        phone=phone,
        reading=reading,
        judgement=judgement,
        ledger=ledger,
        contradictions=(
            *agreed.contradictions,
            *_forgotten(judgement, reading, memories),
            *_undecided(waiting, phone.phone_id, reading),
        ),
        unsettled=waiting,
        unread_for_now=passing.unread_for_now(run.bundle, reading),
    )
    if not _may_act(reading) or (held and reading.observation.unreadable):
        return replace(record, ledger=memories.station or ledger)
    to_report = memories.to_report_only(ledger, agreed, acting=bool(judgement.actions))
    if to_report is not None:
        return replace(record, ledger=to_report)

    kept = memories.station

    def keep(ledger: Ledger) -> None:
        nonlocal kept
        if held:
            keep_unsettled(run.station, phone.phone_id, waiting)
        on_station = memories.for_station(ledger, agreed.ledger)
        if on_station != kept:
            run.station.keep_ledger(phone.phone_id, on_station)
            kept = on_station

    if judgement.actions or ledger != memories.phone:
        return await _act(run, connection, record, keep)
    keep(ledger)
    return record


def _within_the_bundle(
    run: Run, memories: Recalled, reading: exchange.Reading
) -> tuple[MergedLedger, tuple[LedgerEntry, ...]]:
    """Return the ledger to act on, and what only the server remembers and the bundle does not let us touch."""
    agreed = memories.agreed(reading.observation)
    alone = unconfirmed.told_by_server_alone(memories, agreed.ledger)
    policy = run.bundle.policy if run.bundle else None
    held = unconfirmed.beyond_the_bundle(alone, policy, reading.observation)
    return replace(agreed, ledger=unconfirmed.without(agreed.ledger, held)), held


async def memories_of(run: Run, phone_id: PhoneId, reading: exchange.Reading) -> Recalled:
    """Return all that is remembered; the server is asked only where the phone itself remembers nothing.

    So the straight path costs no request.
    """
    marker, on_phone, on_station = reading.memory.marker, reading.memory.ledger, run.station.ledger(phone_id)
    if on_phone is not None or not marker:
        return Recalled(marker, on_phone, on_station, None)
    try:
        return Recalled(marker, None, on_station, await run.server_ledger(phone_id))
    except AgentError:
        return Recalled(marker, None, on_station, None, server_asked=False)


def _closed(run: Run, reading: exchange.Reading, judgement: Judgement, ledger: Ledger) -> Ledger:
    """Return the ledger after what was in vanished users is closed, and what is given up is remembered as such."""
    ledger = steps.without_vanished_users(ledger, reading.observation)
    if run.bundle is not None and ReasonCode.OWNER_ENABLES_AGAIN in {r.code for r in judgement.reasons}:
        return steps.given_up(ledger, reading.observation, run.bundle.number, run.time.now)
    return ledger


def _forgotten(judgement: Judgement, reading: exchange.Reading, memories: Recalled) -> tuple[str, ...]:
    """Return what a person has to decide because no ledger knows it; a damaged ledger may know, and is mended first."""
    if reading.memory.problem:
        return ()
    return lost.for_a_person(
        judgement,
        memories.all(),
        marker=memories.marker,
        api_level=reading.observation.api_level,
        server_asked=memories.server_asked,
    )


def _undecided(waiting: Ledger, phone_id: PhoneId, reading: exchange.Reading) -> tuple[str, ...]:
    """Return what a person has to decide of the server's word; on a phone not read well its places are not known."""
    if reading.observation.unreadable:
        return ()
    return unconfirmed.for_a_person(waiting, phone_id, reading.observation.api_level)


async def _read_if_agreed(run: Run, connection: PhoneConnection, address: str) -> exchange.Reading:
    reading = await read_phone(run, connection, address)
    if which_phone(run.station, reading, address).consent is Consent.DECLINED:
        raise OwnerDeclined(address)
    return reading


async def read_phone(
    run: Run, connection: PhoneConnection, address: str, packages: Sequence[PackageName] | None = None
) -> exchange.Reading:
    """Return what the phone shows, in one exchange, of `packages` or of all that the policy names.

    Where a part of Android is missing for the moment, as after a start, or the answer was cut, it is asked again a
    little later. Raises
    `PhoneError` only for a phone this station does not know.
    """
    return await run.patience.until(
        lambda reading: reading.is_final, lambda: _read_once(run, connection, address, packages)
    )


async def _read_once(
    run: Run, connection: PhoneConnection, address: str, packages: Sequence[PackageName] | None
) -> exchange.Reading:
    if packages is None:
        packages = run.bundle.policy.named_packages if run.bundle else ()
    owners = run.bundle.policy.owners if run.bundle else frozenset()
    known = run.station.phone_at(address)
    mark = exchange.new_mark()
    managed = (
        [app.package for app in run.bundle.policy.managed if app.package in packages] if run.bundle else []
    )
    collecting = None
    if run.bundle and run.bundle.policy.on_phone:
        collecting = exchange.Collecting(run.station.watch_mark(known.phone_id) if known else None)
    command = exchange.read_command(
        mark, packages, owners, dated=managed, collecting=collecting, if_marked=True
    )
    try:
        answer, lost = await connection.run(command, READ_TIMEOUT_S, ANSWER_MAX_BYTES), ""
    except PhoneError as error:
        if known is None:
            raise
        answer, lost = b"", str(error)
    reading = exchange.parse_reading(mark, answer, packages, owners, known.phone_id if known else None)
    if not lost:
        return reading
    # What was lost on the way is a fact about this check, and the reason a person needs to see first.
    spoilt = replace(reading.observation, unreadable=(lost, *reading.observation.unreadable))
    return replace(reading, observation=spoilt)


def which_phone(station: Station, reading: exchange.Reading, address: str) -> KnownPhone:
    """Return the phone that was read; raises `PhoneNotProvisioned` where neither it nor the station tells."""
    if reading.memory.phone_id is not None:
        phone = station.phone(reading.memory.phone_id)
        return phone or KnownPhone(reading.memory.phone_id, address=address, consent=Consent.AGREED)
    phone = station.phone_at(address)
    if phone is None or not reading.memory.problem:
        # It answered, and does not carry our mark: a new phone, or one that was reset to factory state.
        raise PhoneNotProvisioned(address)
    return phone


def _under_its_id(reading: exchange.Reading, phone_id: PhoneId) -> exchange.Reading:
    """Return the reading under the id that rings and exemptions know the phone by."""
    return replace(reading, observation=replace(reading.observation, phone_id=phone_id))


def _judged(run: Run, reading: exchange.Reading, ledger: Ledger) -> Judgement:
    if run.bundle is None:
        return _NOT_JUDGED
    return passing.judged(run.bundle, reading, ledger, run.moment)


def judged_for_restoring(run: Run, reading: exchange.Reading, ledger: Ledger) -> Judgement:
    """Return the verdict on the phone with nothing to be done but to put back all that `ledger` has open."""
    actions = tuple(
        Action(ActionKind.RESTORE, e.user, e.package, e.prior)
        for e in ledger.open_entries
        if not has_vanished(reading.observation, e.user, e.package)
    )
    return replace(_judged(run, reading, ledger), actions=actions)


def _may_act(reading: exchange.Reading) -> bool:
    """Whether the phone's own memory is there to write to; without it no change would be recorded."""
    return bool(reading.memory.marker) and not reading.memory.problem and reading.facts is not None


async def _act(
    run: Run, connection: PhoneConnection, record: CheckRecord, keep: Callable[[Ledger], None]
) -> CheckRecord:
    actions = record.judgement.actions
    number = run.bundle.number if run.bundle else 0
    seen = record.reading.observation
    ledger = steps.planned(record.ledger, actions, seen, number, run.time.now)
    keep(ledger)
    assert record.reading.facts is not None
    mark = exchange.new_mark()
    command = exchange.act_command(
        mark,
        actions,
        ledger,
        record.reading.memory.ledger_sha256,
        record.reading.facts.api_level,
        run.message,
    )
    try:
        answer = await connection.run(command, ACT_TIMEOUT_S, ANSWER_MAX_BYTES)
    except PhoneError as error:
        # The cable was pulled while acting: what happened is unknown until the next visit settles it.
        return replace(
            record, ledger=ledger, acting=exchange.parse_acting(mark, b"", actions, ledger), lost=str(error)
        )
    acting = exchange.parse_acting(mark, answer, actions, ledger)
    ledger = acting.ledger or ledger
    keep(ledger)
    judgement = after_acting(record.judgement, acting.outcomes)
    return replace(record, ledger=ledger, acting=acting, judgement=judgement)
