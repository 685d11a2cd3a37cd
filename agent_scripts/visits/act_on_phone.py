"""Acting on one phone: the ledger on the station's disk first, then one exchange, then what it showed."""

from __future__ import annotations

from dataclasses import replace

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError
from agent_scripts.ledgers import steps
from agent_scripts.ledgers.kept import StationLedger
from agent_scripts.visits.outcomes import after_acting
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run


def may_act(reading: exchange.Reading) -> bool:
    """Whether the phone's own memory is there to write to; without it no change would be recorded."""
    return bool(reading.memory.marker) and not reading.memory.problem and reading.facts is not None


async def act(
    run: Run, connection: PhoneConnection, record: CheckRecord, on_station: StationLedger
) -> CheckRecord:
    """Return the record after its actions were tried, and its ledger written to phone and station."""
    # The judgement's order is kept: what is restored comes first, and the notice last, when it is known what was done.
    actions = record.judgement.actions
    number = run.bundle.number if run.bundle else 0
    seen, memory = record.reading.observation, record.reading.memory
    ledger = steps.planned(record.ledger, actions, seen, number, run.time.now)
    # Before the phone is told anything: killed from here on, the next visit knows what may have happened (rule 5).
    on_station.keep(ledger)
    assert record.reading.facts is not None
    # The phone acts only if its ledger still is the one that was read: two stations never act on one reading.
    question = exchange.ActingQuestion(
        actions,
        ledger,
        memory.ledger_sha256,
        record.reading.facts.api_level,
        run.message_for(record.reading.facts.language),
    )
    try:
        answer = await connection.run(question.command, run.limits.acting_s, run.limits.answer_bytes)
    except PhoneError as error:
        # The cable was pulled while acting: what happened is unknown until the next visit settles it.
        return replace(record, ledger=ledger, acting=question.parse(b""), lost=str(error))
    acting = question.parse(answer)
    # The phone's says `done`. Where it was not shown the intentions stay, and the next visit settles them.
    ledger = acting.ledger or ledger
    on_station.keep(ledger)
    judgement = after_acting(record.judgement, acting.outcomes)
    return replace(record, ledger=ledger, acting=acting, judgement=judgement)
