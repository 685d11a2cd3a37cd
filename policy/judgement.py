"""The verdict on one phone and what follows from it: pure, and an answer for any inputs (docs/design.md 4).

The order of what is decided: stage, verdict, enforceability, then restoring, disabling and telling. Each
restraint is one line of `_may_disable` or `_must_restore`, so that each can be broken, and tested, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from policy.coverage import Coverage, cover, has_vanished, managed_pairs, state_of
from policy.document import Bundle
from policy.ledger import Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Notice, Observation, PackageState
from policy.stage import is_held, stage_of
from policy.undo import Undo, is_given_up, undo_of
from policy.verdict import (
    NOTICE_POSTER,
    Action,
    ActionKind,
    EvaluationTime,
    Finding,
    Judgement,
    ManagedState,
    Reason,
    ReasonCode,
    Stage,
    Verdict,
)

_UNDONE = {
    Undo.BY_SOMEBODY: ReasonCode.ENABLED_AGAIN,
    Undo.BY_UPDATE: ReasonCode.RESET_BY_UPDATE,
}
# Notifications land in user 0 whoever they are for (docs/android/commands.md 12.1).
_NOTIFIED_USER = UserNumber(0)
NOTHING_IS_ASKED = (Action(ActionKind.NOTIFY, _NOTIFIED_USER, NOTICE_POSTER),)
"""One word to the owner that nothing is off, or asked of them, any more: it replaces the notice that said so."""


@dataclass(frozen=True)
class _Case:
    """All that one judgement rests on."""

    bundle: Bundle
    observation: Observation
    ledger: Ledger
    time: EvaluationTime
    stage: Stage
    exempt: bool
    held: bool
    coverage: Coverage

    def open_entry(self, app: ManagedState) -> LedgerEntry | None:
        entry = self.ledger.entry(app.user, app.package)
        return entry if entry is not None and entry.is_open else None

    def undo(self, app: ManagedState) -> Undo | None:
        entry = self.open_entry(app)
        return undo_of(entry, app.state, self.time.now) if entry is not None else None

    def is_given_up(self, app: ManagedState) -> bool:
        entry = self.open_entry(app)
        return entry is not None and is_given_up(entry, self.undo(app), self.bundle.number)

    def is_closed(self, number: UserNumber) -> bool:
        user = self.observation.user(number)
        return user is None or not user.open_to_shell


def judge(
    bundle: Bundle,
    observation: Observation,
    ledger: Ledger,
    time: EvaluationTime,
    held_ring: int | None = None,
) -> Judgement:
    """Return the judgement on one phone; never raises, whatever it is given.

    Nothing new is disabled on phones of ring `held_ring` and of those behind it: the server holds them (decision 0026).
    All else is as without it.

    A mistake of our own becomes `unreadable` with JUDGEMENT_FAILED and no actions: it starts nothing, lifts
    nothing, and is seen.
    """
    try:
        return _judge(bundle, observation, ledger, time, held_ring)
    except Exception as error:  # the one place where anything at all must become a verdict
        # The error's class alone: its text may quote what the phone answered, and reasons travel in reports.
        reason = Reason(ReasonCode.JUDGEMENT_FAILED, type(error).__name__)
        return Judgement(Stage.PAUSED, Verdict.UNREADABLE, enforceable=False, reasons=(reason,))


def _judge(
    bundle: Bundle, observation: Observation, ledger: Ledger, time: EvaluationTime, held_ring: int | None
) -> Judgement:
    case = _Case(
        bundle,
        observation,
        ledger,
        time,
        stage=stage_of(bundle.policy, observation.phone_id, time.now),
        exempt=bundle.fleet.exempts(observation.phone_id, time.now),
        held=is_held(bundle.policy, observation.phone_id, held_ring),
        coverage=cover(bundle.policy, observation),
    )
    # In this order: what is restored must not depend on what may be disabled, or a restraint would keep apps off.
    verdict, reasons = _verdict(case)
    out_of_reach = (*_out_of_reach(case), *_given_up(case, verdict))
    restore = _must_restore(case, verdict)
    disable, restraints = _may_disable(case, verdict)
    notify = _notices(case, verdict, restore, disable)
    return Judgement(
        stage=case.stage,
        verdict=verdict,
        enforceable=verdict is not Verdict.UNREADABLE and not out_of_reach,
        reasons=(*reasons, *out_of_reach, *_foreign_states(case), *_vanished(case), *restraints),
        findings=case.coverage.findings,
        managed=case.coverage.managed,
        actions=(*restore, *disable, *notify),
    )


def _verdict(case: _Case) -> tuple[Verdict, tuple[Reason, ...]]:
    coverage = case.coverage
    if coverage.spoiled:
        return Verdict.UNREADABLE, coverage.spoiled
    present = tuple(_presence(case, finding) for finding in coverage.findings)
    beside = (*present, *coverage.gaps, *coverage.set_aside)
    # Before the findings: who has no managed app complies with the banned one on the phone (rule 7).
    # Under a policy that manages nothing "gone" is true of every phone, so it proves nothing there.
    if case.bundle.policy.managed and coverage.managed_apps_are_gone:
        return Verdict.COMPLIANT, (Reason(ReasonCode.MANAGED_APPS_GONE), *beside)
    if coverage.findings:
        return Verdict.VIOLATING, beside
    # After the findings: an app that was seen is there, whatever else could not be read.
    if coverage.gaps:
        return Verdict.UNREADABLE, beside
    return Verdict.COMPLIANT, (Reason(ReasonCode.BANNED_APP_GONE), *beside)


def _presence(case: _Case, finding: Finding) -> Reason:
    """Return that a banned app is there; said of a hidden one, which its owner may take for gone."""
    state = state_of(case.observation, finding.user, finding.package)
    hidden = ", hidden there by its own user: not removed" if state is not None and state.hidden else ""
    return Reason(ReasonCode.BANNED_APP_PRESENT, f"{finding.package} in user {finding.user}{hidden}")


def _out_of_reach(case: _Case) -> tuple[Reason, ...]:
    """Return why disabling could not reach every managed app in use."""
    # An app that somebody else keeps off needs no reach: neither disabling nor restoring it is ours to do.
    shut = {
        app.user
        for app in case.coverage.managed
        if case.is_closed(app.user) and (app.state.enabled.can_run or case.open_entry(app) is not None)
    }
    return (
        *(
            Reason(ReasonCode.PLACE_CLOSED, f"user {number} is closed to the shell")
            for number in sorted(shut)
        ),
        *case.coverage.managed_gaps,
    )


def _given_up(case: _Case, verdict: Verdict) -> tuple[Reason, ...]:
    """Return what is no longer disabled because somebody enabled it again after each of our rounds."""
    # PAUSED too: what the mail side blocked before a missed review stays blocked (server/fleet/blocks.py).
    if verdict is not Verdict.VIOLATING or case.stage not in (Stage.ENFORCE, Stage.PAUSED) or case.exempt:
        return ()
    return tuple(
        Reason(ReasonCode.OWNER_ENABLES_AGAIN, f"{app.package} in user {app.user}")
        for app in case.coverage.managed
        if case.is_given_up(app)
    )


def _foreign_states(case: _Case) -> tuple[Reason, ...]:
    """Return the states that somebody else set, in managed apps and in what our ledger holds: left alone."""
    pairs = {(app.user, app.package): app.state for app in case.coverage.managed}
    for entry in case.ledger.open_entries:
        state = _state_seen(case, entry)
        if state is not None:
            pairs[entry.user, entry.package] = state
    return tuple(
        Reason(
            ReasonCode.NO_MEMORY
            if is_unremembered(state, case.ledger, user, package)
            else ReasonCode.NOT_OURS,
            f"{package} in user {user} is in state {int(state.enabled)}",
        )
        for (user, package), state in sorted(pairs.items(), key=lambda item: item[0])
        if _is_foreign(state, case.ledger.entry(user, package))
    )


def is_unremembered(state: PackageState, ledger: Ledger, user: UserNumber, package: PackageName) -> bool:
    """Whether the shell switched an app off and no entry tells whether that was us: a person has to decide.

    Every adb user leaves the mark that we leave (docs/android/commands.md 6.3), so it proves nothing.
    """
    off = state.enabled is EnabledState.DISABLED_BY_USER and state.disabled_by_shell
    return off and ledger.entry(user, package) is None


def _vanished(case: _Case) -> tuple[Reason, ...]:
    """Return what was lost with a user that is no longer on the phone: nothing is left to put back there."""
    return tuple(
        Reason(ReasonCode.USER_GONE, f"{entry.package} in user {entry.user}")
        for entry in case.ledger.open_entries
        if has_vanished(case.observation, entry.user, entry.package)
    )


def _state_seen(case: _Case, entry: LedgerEntry) -> PackageState | None:
    """Return the state read for a ledger entry; None when it, or the whole observation, cannot be relied on."""
    return None if case.coverage.spoiled else state_of(case.observation, entry.user, entry.package)


def _is_foreign(state: PackageState, entry: LedgerEntry | None) -> bool:
    if state.enabled.can_run:
        return False
    # Neither proves it alone: every adb user leaves the shell's mark, and somebody may have set another state
    # since the entry was written.
    ours = entry is not None and entry.is_open
    return not (ours and state.enabled is EnabledState.DISABLED_BY_USER and state.disabled_by_shell)


def _must_restore(case: _Case, verdict: Verdict) -> tuple[Action, ...]:
    """Return what has to be put back. Needs neither trusted time nor a fresh bundle (rule 9).

    Under a lift an unreadable phone is restored too: the acting step reads each package again before it
    touches it. An app that the policy no longer manages in a user is given back at once; a user that the
    phone did not list may be a place all the same.
    """
    all_of_it = _gives_all_back(case, verdict)
    # What could not be read ends nothing (rule 1), not even for an app that the policy has dropped.
    if verdict is Verdict.UNREADABLE and not all_of_it:
        return ()
    pairs = managed_pairs(case.bundle.policy, case.observation)
    actions = []
    for entry in sorted(case.ledger.open_entries, key=lambda entry: (entry.user, entry.package)):
        seen = _state_seen(case, entry)
        # Not seen is restored all the same where all is: the phone looks at each app once more before it acts.
        if seen is not None and _is_foreign(seen, entry):
            continue
        if has_vanished(case.observation, entry.user, entry.package):
            continue
        # A user that the phone did not list may be a place; calling it unmanaged would give back too early.
        unmanaged = (entry.user, entry.package) not in pairs and case.observation.user(entry.user) is not None
        if all_of_it or unmanaged:
            actions.append(Action(ActionKind.RESTORE, entry.user, entry.package, entry.prior))
    return tuple(actions)


def _gives_all_back(case: _Case, verdict: Verdict) -> bool:
    # REMIND too: a deadline that was moved into the future must give back what the old one took.
    # PAUSED is missing on purpose: a late review stops new disabling, and gives a violating phone nothing back.
    return verdict is Verdict.COMPLIANT or case.stage in (Stage.LIFTED, Stage.REMIND) or case.exempt


def _may_disable(case: _Case, verdict: Verdict) -> tuple[tuple[Action, ...], tuple[Reason, ...]]:
    """Return what may be disabled now, and what holds us back."""
    restraints = [Reason(ReasonCode.EXEMPT)] if case.exempt else []
    if case.stage is not Stage.ENFORCE or verdict is not Verdict.VIOLATING:
        return (), tuple(restraints)
    if not case.time.trusted:
        restraints.append(Reason(ReasonCode.CLOCK_UNTRUSTED))
    # Below zero as well: the clock was set back behind the moment when the bundle was confirmed.
    if not timedelta(0) <= case.time.bundle_age <= case.bundle.policy.offline_limit:
        restraints.append(Reason(ReasonCode.BUNDLE_TOO_OLD, f"not confirmed for {case.time.bundle_age}"))
    if case.held:
        restraints.append(Reason(ReasonCode.RING_HELD))
    running = [app for app in case.coverage.managed if app.state.enabled.can_run]
    # Told although a restraint may hold us back: that somebody enabled an app is news in any case.
    again = tuple(
        Reason(_UNDONE[undo], f"{app.package} in user {app.user}")
        for app in running
        if (undo := case.undo(app)) is not None and not case.is_given_up(app)
    )
    # After all of them were asked: a technician reads every restraint, not the first alone.
    if restraints:
        return (), (*restraints, *again)
    # What is off already needs nothing; what is off by somebody else stays theirs.
    due = [app for app in running if not case.is_closed(app.user) and not case.is_given_up(app)]
    return tuple(_disabling(case, app) for app in due), again


def _disabling(case: _Case, app: ManagedState) -> Action:
    # Enabled again by somebody: what restoring puts back is still the state before we first came.
    entry = case.open_entry(app)
    prior = app.state.enabled if entry is None else entry.prior
    return Action(ActionKind.DISABLE, app.user, app.package, prior)


def _notices(
    case: _Case, verdict: Verdict, restore: Sequence[Action], disable: Sequence[Action]
) -> tuple[Action, ...]:
    # Later than REMIND the owner is told of a ban only when something is newly disabled, not again at every check.
    reminded = case.stage is Stage.REMIND and verdict is Verdict.VIOLATING and not case.exempt
    if reminded or disable:
        return _notifications(case.coverage)
    # What is given back for another reason leaves the others off, and the notice of that standing.
    back = bool(restore) and _gives_all_back(case, verdict)
    # Not before the deadline by itself: of a phone that could not be read, what it was reminded of may hold.
    over = verdict is Verdict.COMPLIANT or case.stage is Stage.LIFTED or case.exempt
    if back or (over and asks_something(case.observation.told)):
        return NOTHING_IS_ASKED
    return ()


def asks_something(told: Notice | None) -> bool:
    """Whether a notice tells its reader to do something, so that it has to be replaced once nothing is asked."""
    return told in (Notice.REMIND, Notice.DISABLED)


def _notifications(coverage: Coverage) -> tuple[Action, ...]:
    packages = sorted({finding.package for finding in coverage.findings})
    return tuple(Action(ActionKind.NOTIFY, _NOTIFIED_USER, package) for package in packages)
