"""A rehearsal from what a report tells comes to what the station will judge, or says that it does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from agent_scripts.ledgers.steps import without_vanished_users
from policy.document import Bundle, Family, Fleet, ManagedApp, PlaceKind, Policy, Ring
from policy.judgement import judge
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName
from policy.observation import EnabledState, Observation, PackageReading, PackageState, UserKind
from policy.picture import picture_of, read_picture
from policy.rehearsal import Cause, Outcome, Rehearsal, Rehearsed, fully_enforced_at
from policy.report import Consent, Report, ReportedApp, ReportedUser
from policy.verdict import Action, ActionKind, EvaluationTime, Judgement, Stage, Verdict
from tests.policy.bench import (
    BANNED,
    BEFORE,
    CLOUDDPC,
    DEADLINE,
    DOUYIN,
    END,
    GONE,
    HERE,
    INTUNE,
    ISLAND,
    LATER,
    LITE,
    LYNC,
    MANAGED,
    MARKER,
    OUTLOOK,
    OURS,
    PERSONAL,
    PHONE,
    POLICY,
    TIKTOK,
    U0,
    U10,
    WORK,
    entry,
    exempting,
    ledger,
    managed_in,
    phone,
    policy,
)
from tests.policy.generated import HOUR, Case, cases

TEAMS = PackageName("com.microsoft.teams")


@dataclass(frozen=True)
class Checked:
    """A phone after a check: what it is and remembers now, and what the report says of it."""

    phone: Observation
    ledger: Ledger
    report: Report


def checked(
    seen: Observation,
    under: Policy = POLICY,
    *,
    at: object = LATER,
    holding: Ledger | None = None,
    number: int = 1,
    acts: bool = True,
    fleet: Fleet | None = None,
) -> Checked:
    """Check a phone as a station does: judge it, act, and report what it is then."""
    held = holding or ledger()
    judgement = judge(Bundle(number, under, fleet or Fleet()), seen, held, EvaluationTime(at))  # type: ignore[arg-type]
    held = without_vanished_users(held, seen)
    now = seen
    for action in judgement.actions if acts else ():
        now, held = _done(now, held, action, number)
    return Checked(now, held, _report(seen, now, judgement, held, number))


def _done(seen: Observation, held: Ledger, action: Action, number: int) -> tuple[Observation, Ledger]:
    reading = seen.packages.get(action.package)
    if action.kind is ActionKind.NOTIFY or reading is None or action.user not in reading.states:
        return seen, held
    state = reading.states[action.user]
    known = held.entry(action.user, action.package)
    if action.kind is ActionKind.DISABLE:
        state = replace(state, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True)
        rounds = known.rounds if known else 1
        done = LedgerEntry(
            action.user,
            action.package,
            action.prior or EnabledState(0),
            EntryState.DONE,
            number,
            LATER,
            rounds,
        )
    else:
        assert known is not None
        assert action.prior is not None
        state = replace(state, enabled=action.prior, disabled_by_shell=False)
        done = replace(known, state=EntryState.RESTORED)
    states = {**reading.states, action.user: state}
    packages = {**seen.packages, action.package: replace(reading, states=states)}
    return replace(seen, packages=packages), held.with_entry(done)


def _report(seen: Observation, now: Observation, judgement: Judgement, held: Ledger, number: int) -> Report:
    def after(app_user: object, package: PackageName) -> EnabledState:
        return now.packages[package].states[app_user].enabled  # type: ignore[index]

    return Report(
        **dict.fromkeys(
            ("report_id", "station_id", "operator", "agent_version", "transport", "model"), "told elsewhere"
        ),
        **dict.fromkeys(("manufacturer", "release", "patch_level", "boot_state"), ""),
        counter=1,
        judgement_version=2,
        virtual=False,
        phone_id=PHONE,
        consent=Consent.AGREED,
        api_level=33,
        bundle_number=number,
        stage=judgement.stage,
        checked_at=LATER,
        time_trusted=True,
        phone_skew_s=None,
        verdict=judgement.verdict,
        enforceable=judgement.enforceable,
        reasons=judgement.reasons,
        users=tuple(ReportedUser(user.number, user.kind, user.open_to_shell) for user in seen.users),
        findings=judgement.findings,
        managed=tuple(
            ReportedApp(m.user, m.package, m.state.enabled, after(m.user, m.package))
            for m in judgement.managed
        ),
        ledger=held,
    )


def rehearsed(
    report: Report,
    draft: Policy,
    under: Policy = POLICY,
    *,
    at: object = LATER,
    fleet: Fleet | None = None,
    number: int = 2,
) -> Rehearsed:
    picture = read_picture(picture_of(report))
    bundle = Bundle(number, draft, fleet or Fleet())
    return Rehearsal(bundle, at, {report.bundle_number: under}).outcome(picture, PHONE)  # type: ignore[arg-type]


def truth(checked: Checked, draft: Bundle, at: object) -> Outcome:
    """What a station does that sees the phone itself, told from its judgement alone."""
    judgement = judge(draft, checked.phone, checked.ledger, EvaluationTime(at))  # type: ignore[arg-type]
    kinds = {action.kind for action in judgement.actions}
    restores, disables = ActionKind.RESTORE in kinds, ActionKind.DISABLE in kinds
    if draft.fleet.exempts(PHONE, at):  # type: ignore[arg-type]
        return Outcome.RESTORED if restores else Outcome.EXEMPT
    if judgement.verdict is Verdict.VIOLATING and judgement.stage in (Stage.ENFORCE, Stage.PAUSED):
        if judgement.stage is Stage.ENFORCE and not judgement.enforceable:
            return Outcome.NOT_ENFORCEABLE
        if disables:
            return Outcome.BLOCKED
        entries = {(e.user, e.package) for e in checked.ledger.open_entries}
        ours = any(
            m.state == replace(OURS, suspended=m.state.suspended)
            for m in judgement.managed
            if (m.user, m.package) in entries
        )
        return Outcome.STAYS_BLOCKED if ours else Outcome.RESTORED if restores else Outcome.NOTHING
    if restores:
        return Outcome.RESTORED
    if judgement.stage is Stage.LIFTED:
        return Outcome.NOTHING
    return {
        Verdict.COMPLIANT: Outcome.NOTHING,
        Verdict.VIOLATING: Outcome.REMINDED,
        Verdict.UNREADABLE: Outcome.UNKNOWN,
    }[judgement.verdict]


_MOMENTS = st.sampled_from([BEFORE, LATER, LATER, LATER, END - HOUR, END])


@settings(max_examples=600)
@given(cases(), st.booleans(), _MOMENTS)
def test_the_same_rules_later_come_to_what_the_station_judges_then(
    case: Case, acts: bool, at: object
) -> None:
    assume(case.fault is None or case.fault.value != "banned_unasked")
    done = checked(case.observation, case.policy, at=case.time.now, holding=case.ledger, acts=acts)

    found = rehearsed(done.report, case.policy, case.policy, at=at, fleet=case.bundle.fleet)

    event(found.outcome.value)
    assert found.outcome in (truth(done, Bundle(2, case.policy, case.bundle.fleet), at), Outcome.UNKNOWN)
    if case.fault is None:
        assert found.outcome is not Outcome.UNKNOWN or found.cause is Cause.NOT_ASKED


_FOREIGN_FAMILY = Family("douyin", (DOUYIN,))
_DRAFTS = st.sampled_from(
    [
        replace(
            POLICY,
            families=families,
            managed=managed,
            kinds=kinds,
            owners=owners,
            preinstalled_disabled_counts=off,
        )
        for families in (
            (Family("tiktok", (TIKTOK,)),),
            (Family("tiktok", (TIKTOK, LITE)),),
            (Family("tiktok", (TIKTOK, LITE)), _FOREIGN_FAMILY),
        )
        for managed in (
            POLICY.managed,
            POLICY.managed[:1],
            (*POLICY.managed, ManagedApp(TEAMS, frozenset(PlaceKind))),
            managed_in(*PlaceKind),
            managed_in(PlaceKind.WORK_PROFILE),
        )
        for kinds in (
            frozenset(UserKind),
            frozenset({UserKind.PERSONAL}),
            frozenset({UserKind.PERSONAL, UserKind.WORK}),
        )
        for owners in (POLICY.owners, POLICY.owners, frozenset({INTUNE}), frozenset())
        for off in (True, True, False)
    ]
)
_NEVER_ASKED = st.sampled_from([GONE, HERE, OURS, PackageState(True, enabled=EnabledState.DISABLED)])


@st.composite
def _with_answers_to_all(draw: st.DrawFn, case: Case) -> Case:
    """The same phone, which would also answer about what only a draft asks for."""
    more = {
        package: PackageReading(package, {user.number: draw(_NEVER_ASKED) for user in case.observation.users})
        for package in (DOUYIN, TEAMS)
    }
    seen = replace(case.observation, packages={**case.observation.packages, **more})
    return replace(case, observation=seen)


@settings(max_examples=2000)
@given(cases().flatmap(_with_answers_to_all), _DRAFTS, st.booleans(), _MOMENTS)
def test_under_other_rules_an_outcome_is_the_stations_or_unknown(
    case: Case, draft: Policy, acts: bool, at: object
) -> None:
    assume(case.fault is None or case.fault.value != "banned_unasked")
    done = checked(case.observation, case.policy, at=case.time.now, holding=case.ledger, acts=acts)

    found = rehearsed(done.report, draft, case.policy, at=at, fleet=case.bundle.fleet)

    event(found.outcome.value)
    assert found.outcome in (truth(done, Bundle(2, draft, case.bundle.fleet), at), Outcome.UNKNOWN)
