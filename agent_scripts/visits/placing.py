"""The script that stays on the phone: what is due for it after a check, and how it gets there and away again.

What a phone has is told in the reading exchange already, record and all. Only where something is missing, old,
changed or not running, one more exchange follows: the right script is pushed beside the old one if need be, every
file's owner, mode and SHA-256 are verified, the plan is handed over, and the script is started with trusted time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from agent_scripts import exchange
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError
from agent_scripts.exchange import PhoneScript, Reading, SpoolPosition
from agent_scripts.exchange.phone_script import script_sum
from agent_scripts.exchange.watch_script import watch_script
from agent_scripts.visits.asking import ask
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from policy.errors import PlanImpossible
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.plain_text import printable
from policy.plan import Plan, plan_of, plan_text
from policy.stage import is_held
from policy.verdict import Stage
from policy.watched import ScriptState, Watched

TIME_TOLERANCE = timedelta(minutes=2)
"""A script whose time differs more from the station's trusted time is started anew with that."""

_RENEWED_AFTER = 4
"""A plan is renewed when a quarter of the time is over for which the station's word is good."""


@dataclass(frozen=True)
class Told:
    """What the script told, and what the station remembers of that once the report is on disk."""

    watched: Watched
    position: SpoolPosition | None

    def with_problem(self, problem: str) -> Told:
        """Return this with why the script does not do all it should."""
        return replace(self, watched=replace(self.watched, problem=printable(problem)[:300]))

    def now(self, state: ScriptState) -> Told:
        """Return this with what became of the script."""
        return replace(self, watched=replace(self.watched, script=state))


@dataclass(frozen=True)
class Due:
    """What has to be done for the script to watch by the right plan; `plan` is empty if the phone has it."""

    push: bool
    plan: bytes


def is_wanted(run: Run, record: CheckRecord) -> bool:
    """Whether the policy wants a script on this phone: until the ban is lifted and everything is back."""
    if run.bundle is None or not run.bundle.policy.on_phone:
        return False
    # After a lift the script stays while something is off: it may be the one that puts it back first.
    return record.judgement.stage is not Stage.LIFTED or bool(record.ledger.open_entries)


def can_be_handled(reading: Reading) -> bool:
    """Whether our folder on the phone was read and is believed; only then anything is put there or run."""
    return reading.facts is not None and not reading.memory.problem and bool(reading.memory.marker)


async def tended(run: Run, connection: PhoneConnection, record: CheckRecord) -> CheckRecord:
    """Return the record with what the script told, after seeing to it that it watches, or is taken away."""
    reading, phone_id = record.reading, record.phone.phone_id
    # Without a bundle nothing is taken away either: whether a script is wanted is not known.
    if not can_be_handled(reading) or run.bundle is None:
        return record
    # Not where the phone was lost: taking it away needs exchanges, and the next visit finds it as it is.
    if not is_wanted(run, record) and reading.has_script and not record.lost:
        return _with(record, await withdrawn(run, connection, phone_id, reading))
    told = _told(run, phone_id, reading)
    if told is None and not is_wanted(run, record):
        return record
    # Wanted and never there: the report says so, or the pages could not tell it from a phone without this policy.
    told = told or Told(Watched(ScriptState.NOT_RUNNING), None)
    # The cable was pulled while acting: what the script told is kept, and placing waits for the next visit.
    if record.lost or not is_wanted(run, record):
        return _with(record, told)
    script = reading.script or PhoneScript()
    expected, problem = _plan_for(run, record)
    due = what_is_due(script, expected, run)
    if due is None:
        return _with(record, told.with_problem(problem))
    refused = _hindrance(run, script, due, problem) or await _place(run, connection, due)
    if refused:
        undone = "not renewed" if script.running else "not started"
        return _with(record, told.with_problem(f"{undone}: {refused}"))
    return _with(record, told.with_problem(problem).now(ScriptState.STARTED))


def _hindrance(run: Run, script: PhoneScript, due: Due, no_plan: str) -> str:
    """Return why the script must not be started now, nothing if it may."""
    if not run.time.trusted:
        # The script believes the time it is started with until the next visit, so a doubtful one is not handed on.
        return f"this station's clock is not trusted ({run.time.why})"
    if not due.plan and script.plan is None:
        return f"there is no plan for it ({no_plan})"
    return ""


async def withdrawn(run: Run, connection: PhoneConnection, phone_id: PhoneId, reading: Reading) -> Told:
    """Return the last of the script's record after it was ended and its files were removed from the phone."""
    # Kept for the case that nothing more comes: what was read before stands in the report at least.
    before = _told(run, phone_id, reading) or Told(Watched(ScriptState.NOT_RUNNING), None)
    try:
        # A changed script must not be run to end itself: ours takes its place first, and ends whatever runs.
        if not (reading.script and reading.script.is_ours):
            await connection.push(watch_script(), exchange.PUSHED_SCRIPT)
        question = exchange.WithdrawingQuestion(run.station.spool_position(phone_id))
        handled = await ask(connection, question, run.limits.placing_s, run.limits)
    except PhoneError as error:
        return before.with_problem(f"not taken away: {error}")
    # Read once more after it ended: lines that it wrote in between would be lost with its files.
    last = _told(run, phone_id, replace(reading, script=handled.script)) or before
    if handled.problem:
        return last.with_problem(f"not taken away: {handled.problem}")
    # The position goes with the record it counts in: a new script begins at line 1.
    return replace(last.now(ScriptState.REMOVED), position=None)


def what_is_due(script: PhoneScript, expected: Plan | None, run: Run) -> Due | None:
    """Return what the script needs, None if it watches as it should.

    A plan from a newer bundle, or made later, is left alone: another station was there.
    """
    plan = b""
    if expected is not None and _is_outdated(script, expected, run):
        plan = plan_text(expected)
    on_time = script.now is not None and abs(script.now - run.now_for_phone()) <= TIME_TOLERANCE
    # A station that doubts its own clock leaves a script with another time alone.
    right_time = not run.time.trusted or (script.time_trusted and on_time)
    if script.is_ours and script.running and right_time and not plan:
        return None
    # By the sum and not by a version: a file that somebody changed on the phone has the right version, too.
    return Due(push=script.script_sha256 != script_sum(), plan=plan)


def _is_outdated(script: PhoneScript, expected: Plan, run: Run) -> bool:
    there = script.plan
    if there is None:
        return True
    # Ordered by bundle, exemptions, then time: two stations with the same bundle must not replace each other's plans
    # for ever, so an equal one is left alone.
    ours = (expected.bundle, expected.fleet, expected.made_at)
    if ours <= (there.bundle, there.fleet, there.made_at):
        return False
    # Equal but for its times, and those say nothing new: the text that the phone must have is known to the byte.
    same = plan_text(replace(expected, made_at=there.made_at, valid_until=there.valid_until))
    # The phone has leave to disable, and its ring is held since.
    if _is_held(run, expected.phone_id) and there.valid_until > expected.valid_until:
        return True
    limit = run.bundle.policy.offline_limit if run.bundle else timedelta(0)
    renewed = expected.valid_until - there.valid_until > limit.total_seconds() / _RENEWED_AFTER
    return renewed or sha256(same).hexdigest() != script.plan_sha256


def _plan_for(run: Run, record: CheckRecord) -> tuple[Plan | None, str]:
    """Return the plan this visit would make, and why there is none."""
    if run.bundle is None or run.accepted is None:
        return None, "no accepted bundle"
    reading, policy = record.reading, run.bundle.policy
    try:
        plan = plan_of(
            run.bundle,
            record.phone.phone_id,
            reading.observation,
            # Without entries: the script has the phone's own ledger, and the plan must be the same at every visit.
            Ledger(reading.memory.marker),
            run.time.now,
            # Counted from the server's confirmation, not from today: placing must not prolong what offline allows.
            _leave_until(run, run.accepted.confirmed_at + policy.offline_limit, record.phone.phone_id),
            run.language_for(reading.facts.language if reading.facts else ""),
        )
        plan_text(plan)  # one that is too long for the phone's script is none
        return plan, ""
    except PlanImpossible as error:
        return None, f"no new plan: {error}"


def _leave_until(run: Run, confirmed_until: datetime, phone_id: PhoneId) -> datetime:
    """Return until when the script may disable: not at all while the phone's ring is held."""
    return min(run.time.now, confirmed_until) if _is_held(run, phone_id) else confirmed_until


def _is_held(run: Run, phone_id: PhoneId) -> bool:
    return run.policy is not None and is_held(run.policy, phone_id, run.held_ring)


async def _place(run: Run, connection: PhoneConnection, due: Due) -> str:
    """Return why the script does not watch now; nothing if it does."""
    try:
        if due.push:
            # The folder was closed when it was read a moment ago, and only uid 2000 could open it again.
            await connection.push(watch_script(), exchange.PUSHED_SCRIPT)
        question = exchange.PlacingQuestion(due.plan, run.now_for_phone())
        return (await ask(connection, question, run.limits.placing_s, run.limits)).problem
    except PhoneError as error:
        # Told and not raised: the check itself is done, and its report must go out.
        return str(error)


def _told(run: Run, phone_id: PhoneId, reading: Reading) -> Told | None:
    """Return what the record that was read tells beyond what this station has; None where there never was one."""
    known, script = run.station.spool_position(phone_id), reading.script
    # No record, though one was known: it was taken away or never came back, and the place in it is kept for the report.
    if script is None or not script.lines:
        return None if known is None else Told(Watched(ScriptState.NOT_RUNNING), known)
    running_until = script.now if script.running else None
    found = exchange.collected(script.lines, reading.memory.marker, known, run.time.now, running_until)
    watched = found.watched
    if script.problem:
        watched = replace(watched, damage=(*watched.damage, printable(script.problem)[:300])[:20])
    return Told(watched, found.position)


def _with(record: CheckRecord, told: Told) -> CheckRecord:
    return replace(record, watched=told.watched, spool_position=told.position)
