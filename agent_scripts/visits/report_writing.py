"""From the record of one check to the report that is signed and kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from uuid import uuid4

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.exchange import Acting, ActionOutcome, DeviceFacts, Reading, Refusal, SpoolPosition
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.station_files.trusted_time import TrustedMoment
from agent_scripts.visits.outcomes import is_fine, kept_of, may_pass
from policy.document import JUDGEMENT_VERSION
from policy.ledger import Ledger
from policy.names import PackageName
from policy.observation import EnabledState, PackageState
from policy.report import CommandExit, Consent, Report, ReportedAction, ReportedApp, ReportedUser
from policy.verdict import ActionKind, Judgement, ManagedState, ReasonCode, Stage, Verdict
from policy.watched import Watched

_CONCURRENT_CHANGE = (Refusal.LEDGER_CHANGED, Refusal.BUSY)
HELD_BACK = frozenset((ReasonCode.CLOCK_UNTRUSTED, ReasonCode.BUNDLE_TOO_OLD, ReasonCode.LEDGER_MISSING))
"""Why the station itself does not do what the stage asks for."""
_NOT_TOLD = DeviceFacts("", "", "", "", "", 0, "", "", "", None, False)
"""Of a phone that did not even say what it is."""
_AGENT_VERSION = version("curfew")  # looked up in files: once a process, not once a report


@dataclass(frozen=True)
class CheckRecord:
    """All that one check saw, decided and did. ``lost`` tells why the acting exchange gave no answer.

    ``watched`` is what the phone's own script told, None where there is none; ``spool_position`` is what the station
    remembers of that once the report is on disk. ``leaving`` says why Curfew could not leave the phone as it was
    told to: empty if it did, None if it was not told. ``pending`` is what only the server remembers and a person
    has to decide: nothing is done about it, and the report still tells it, for the server must not forget.
    ``unread_for_now`` names managed apps that may be readable in a moment. ``earlier`` is the first try of this
    check, after which it waited, looked again and went on from there.
    """

    address: str
    phone: KnownPhone
    reading: Reading
    judgement: Judgement
    ledger: Ledger
    contradictions: tuple[str, ...] = ()
    acting: Acting | None = None
    lost: str = ""
    watched: Watched | None = None
    spool_position: SpoolPosition | None = None
    leaving: str | None = None
    pending: Ledger = Ledger()
    unread_for_now: frozenset[PackageName] = frozenset()
    earlier: CheckRecord | None = None

    @property
    def outcomes(self) -> tuple[ActionOutcome, ...]:
        """What became of each action, read back from the phone."""
        own = self.acting.outcomes if self.acting else ()
        return (*kept_of(self.earlier.outcomes, own), *own) if self.earlier else own

    @property
    def may_pass(self) -> bool:
        """Whether something was not done only because a part of Android was not there at the moment."""
        return any(may_pass(outcome) for outcome in self.outcomes)

    @property
    def met_concurrent_change(self) -> bool:
        """Whether nothing was done because somebody else acted on the phone since it was read."""
        return self.acting is not None and self.acting.refusal in _CONCURRENT_CHANGE

    @property
    def exit_code(self) -> ExitCode:
        """What this one phone contributes to the exit code of the run."""
        # The order is the meaning: a phone that is several of these is the first of them.
        if self.lost:
            return ExitCode.NOT_REACHED
        if self.leaving or (self.acting and self.acting.refusal):
            return ExitCode.NOT_DONE
        if self.contradictions or any(not is_fine(outcome) for outcome in self.outcomes) or self._left_undone:
            return ExitCode.NOT_DONE
        if self.judgement.verdict is Verdict.UNREADABLE and not self.was_only_restored:
            return ExitCode.UNREADABLE
        if self.memory_problem or (self.watched and self.watched.problem):
            return ExitCode.NOT_DONE
        if self.judgement.stage is Stage.LIFTED:
            return ExitCode.COMPLIANT
        if self.judgement.verdict is Verdict.VIOLATING and self.judgement.stage is not Stage.ENFORCE:
            return ExitCode.VIOLATING
        if self.judgement.verdict is Verdict.VIOLATING:
            # Violating is the lesser answer only if the station did all it may and every app it can reach is off.
            held_back = any(reason.code in HELD_BACK for reason in self.judgement.reasons)
            left = (held_back and self._still_runs) or bool(self.unread_for_now)
            reached = self.judgement.enforceable and not left
            return ExitCode.VIOLATING if reached else ExitCode.NOT_DONE
        return ExitCode.COMPLIANT

    @property
    def was_only_restored(self) -> bool:
        """Whether nothing but restoring was wanted of a phone whose owner declined, and it could be read for that."""
        return self.phone.consent is Consent.DECLINED and not self.reading.observation.unreadable

    @property
    def memory_problem(self) -> str:
        """Why our folder on a phone that was read well cannot be believed, so that nothing may be done there."""
        return "" if self.reading.observation.unreadable else self.reading.memory.problem

    @property
    def _still_runs(self) -> bool:
        return any(managed.state.enabled.can_run for managed in self.judgement.managed)

    @property
    def _left_undone(self) -> bool:
        """Whether actions were due and none could be tried, because the phone's memory was not usable."""
        return bool(self.judgement.actions) and self.acting is None


def report_of(
    record: CheckRecord,
    *,
    station_id: str,
    counter: int,
    operator: str,
    time: TrustedMoment,
    bundle_number: int,
) -> Report:
    """Return the report of one check. The skew is the phone's clock minus trusted time, in seconds."""
    facts, judgement = record.reading.facts or _NOT_TOLD, record.judgement
    report = Report(
        report_id=str(uuid4()),
        station_id=station_id,
        counter=counter,
        operator=operator,
        agent_version=_AGENT_VERSION,
        judgement_version=JUDGEMENT_VERSION,
        transport=PhoneAddress.parse(record.address).transport,
        virtual=facts.virtual,
        phone_id=record.phone.phone_id,
        consent=record.phone.consent,
        model=facts.model or record.phone.model,
        manufacturer=facts.manufacturer,
        release=facts.release,
        api_level=facts.api_level,
        patch_level=facts.patch_level,
        boot_state=facts.boot_state,
        bundle_number=bundle_number,
        stage=judgement.stage,
        checked_at=time.now,
        time_trusted=time.trusted,
        phone_skew_s=round((facts.phone_clock - time.now).total_seconds()) if facts.phone_clock else None,
        verdict=judgement.verdict,
        enforceable=judgement.enforceable,
    )
    return _with_what_was_seen_and_done(report, record)


def _with_what_was_seen_and_done(report: Report, record: CheckRecord) -> Report:
    judgement = record.judgement
    users = record.reading.observation.users
    ledger = _whole_ledger(record)
    return replace(
        report,
        reasons=tuple(replace(r, detail=_without_address(r.detail, record)) for r in judgement.reasons),
        users=tuple(ReportedUser(user.number, user.kind, user.open_to_shell) for user in users),
        findings=judgement.findings,
        managed=tuple(_reported_app(managed, record) for managed in judgement.managed),
        actions=tuple(_reported_action(outcome) for outcome in record.outcomes),
        commands=_commands(record),
        answers_sha256=_hash_of_answers(record),
        ledger=ledger,
        contradictions=record.contradictions,
        watched=_watched(record),
        # Proves that this station has met the phone; a ledger that is known proves it by its own.
        marker="" if ledger.marker else record.reading.memory.marker,
        # What only another ledger remembers was not put back here: such a phone is not done with.
        handed_back=record.leaving == "" and not ledger.open_entries,
    )


def _without_address(text: str, record: CheckRecord) -> str:
    """Return `text` as the server may know it: with a cable the address is the phone's serial (decision 0002)."""
    return text.replace(str(PhoneAddress.parse(record.address)), "the phone")


def _watched(record: CheckRecord) -> Watched | None:
    if record.watched is None:
        return None
    return replace(record.watched, problem=_without_address(record.watched.problem, record))


def _whole_ledger(record: CheckRecord) -> Ledger:
    """Return the phone's ledger and the pending decisions; where the phone has a word of its own, that one counts."""
    ledger = record.ledger
    # Also where the ledger is not known and has no marker: decisions alone must not pass for the phone's whole ledger.
    if ledger.marker != record.pending.marker:
        return ledger
    missing = (e for e in record.pending.entries if ledger.entry(e.user, e.package) is None)
    return Ledger(ledger.marker, (*ledger.entries, *missing))


def _commands(record: CheckRecord) -> tuple[CommandExit, ...]:
    earlier = _commands(record.earlier) if record.earlier else ()
    return (*earlier, *record.reading.commands, *(record.acting.commands if record.acting else ()))


def _hash_of_answers(record: CheckRecord) -> str:
    """Return one SHA-256 over all exchanges: that of the reading alone, or of their hashes in order."""
    hashes = [record.reading.answers_sha256]
    if record.earlier is not None:
        hashes.insert(0, _hash_of_answers(record.earlier))
    if record.acting is not None:
        hashes.append(record.acting.answers_sha256)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _reported_app(managed: ManagedState, record: CheckRecord) -> ReportedApp:
    before = _before(managed, record)
    for outcome in record.outcomes:
        acted_on = (outcome.action.user, outcome.action.package) == (managed.user, managed.package)
        if acted_on and outcome.action.kind is not ActionKind.NOTIFY:
            return ReportedApp(managed.user, managed.package, before, _enabled(outcome.after))
    return ReportedApp(managed.user, managed.package, before, before)


def _before(managed: ManagedState, record: CheckRecord) -> EnabledState:
    """Return the app's state before this check did anything: as the first try saw it."""
    seen = record.earlier.judgement.managed if record.earlier else ()
    pair = (managed.user, managed.package)
    return next((m.state.enabled for m in seen if (m.user, m.package) == pair), managed.state.enabled)


def _enabled(state: PackageState | None) -> EnabledState | None:
    return state.enabled if state is not None else None


def _reported_action(outcome: ActionOutcome) -> ReportedAction:
    action = outcome.action
    refusal = outcome.refusal.value if outcome.refusal else ""
    return ReportedAction(action.kind, action.user, action.package, outcome.result, refusal)
