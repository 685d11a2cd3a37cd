"""A rehearsal from what a report tells comes to what the station will judge, or says that it does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
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
    BEFORE,
    DEADLINE,
    DOUYIN,
    END,
    GONE,
    HERE,
    INTUNE,
    ISLAND,
    LATER,
    LITE,
    OURS,
    OUTLOOK,
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
        report_id="",
        station_id="",
        operator="",
        agent_version="",
        transport="",
        model="",
        manufacturer="",
        release="",
        patch_level="",
        boot_state="",
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


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases().flatmap(_with_answers_to_all), _DRAFTS, st.booleans(), _MOMENTS)
def test_under_other_rules_an_outcome_is_the_stations_or_unknown(
    case: Case, draft: Policy, acts: bool, at: object
) -> None:
    assume(case.fault is None or case.fault.value != "banned_unasked")
    done = checked(case.observation, case.policy, at=case.time.now, holding=case.ledger, acts=acts)

    found = rehearsed(done.report, draft, case.policy, at=at, fleet=case.bundle.fleet)

    event(found.outcome.value)
    assert found.outcome in (truth(done, Bundle(2, draft, case.bundle.fleet), at), Outcome.UNKNOWN)


TIKTOK_IN_0 = {TIKTOK: {U0: HERE}}
OUTLOOK_IN_10 = {OUTLOOK: {U10: HERE}}
VIOLATING = phone(PERSONAL, WORK, packages={**TIKTOK_IN_0, **OUTLOOK_IN_10})
CLEAN = phone(PERSONAL, WORK, packages=OUTLOOK_IN_10)
DOUYIN_TOO = policy(families=(*POLICY.families[:1], Family("douyin", (DOUYIN,))))


def test_a_phone_that_was_reminded_would_be_blocked_once_the_policy_is_enforced() -> None:
    report = checked(VIOLATING, at=BEFORE).report

    found = rehearsed(report, POLICY)

    assert found == Rehearsed(Outcome.BLOCKED, None, frozenset({TIKTOK}), frozenset({OUTLOOK}), frozenset())
    assert rehearsed(report, POLICY, at=BEFORE).outcome is Outcome.REMINDED


def test_what_a_check_has_disabled_stays_so_and_is_put_back_by_a_lift() -> None:
    report = checked(VIOLATING).report

    assert rehearsed(report, POLICY).outcome is Outcome.STAYS_BLOCKED
    lifted = rehearsed(report, policy(lifted=True))
    assert (lifted.outcome, lifted.restored) == (Outcome.RESTORED, frozenset({OUTLOOK}))
    assert rehearsed(report, POLICY, fleet=exempting()).outcome is Outcome.RESTORED
    assert rehearsed(report, policy(families=DOUYIN_TOO.families[1:])).cause is Cause.NOT_ASKED


def test_a_newly_banned_app_makes_a_clean_phone_unknown_and_a_violating_one_no_better() -> None:
    clean = rehearsed(checked(CLEAN).report, DOUYIN_TOO)

    assert (clean.outcome, clean.cause) == (Outcome.UNKNOWN, Cause.NOT_ASKED)
    assert rehearsed(checked(VIOLATING, at=BEFORE).report, DOUYIN_TOO).outcome is Outcome.BLOCKED


def test_a_lift_is_known_of_every_phone_whatever_it_bans_besides() -> None:
    lift = replace(DOUYIN_TOO, lifted=True)
    cut = replace(VIOLATING, unreadable=("the answer ended early",))

    assert rehearsed(checked(CLEAN).report, lift).outcome is Outcome.NOTHING
    held = checked(cut, holding=ledger(entry())).report
    assert rehearsed(held, lift).outcome is Outcome.RESTORED
    assert rehearsed(held, POLICY) == Rehearsed(Outcome.UNKNOWN, Cause.UNREADABLE)


def test_another_owner_leaves_known_only_the_phones_without_a_banned_app() -> None:
    fewer = policy(owners=frozenset({INTUNE}))

    assert rehearsed(checked(CLEAN).report, fewer).outcome is Outcome.NOTHING
    assert rehearsed(checked(VIOLATING, at=BEFORE).report, fewer).cause is Cause.NOT_ASKED
    beside = phone(
        PERSONAL, WORK, ISLAND, packages={TIKTOK: {ISLAND.number: PackageState(True, hidden=True)}}
    )
    assert rehearsed(checked(beside).report, policy(owners=POLICY.owners | {TEAMS})).cause is Cause.NOT_ASKED


def test_whether_an_app_that_came_with_the_phone_is_off_is_known_only_where_it_counted() -> None:
    off = PackageReading(
        TIKTOK, {U0: PackageState(True, enabled=EnabledState.DISABLED), U10: GONE}, system=True
    )
    seen = phone(PERSONAL, WORK, packages={TIKTOK: off, **OUTLOOK_IN_10})
    strict = policy(preinstalled_disabled_counts=False)

    assert rehearsed(checked(seen).report, strict).outcome is Outcome.BLOCKED
    assert rehearsed(checked(seen, strict).report, POLICY, strict).cause is Cause.NOT_ASKED
    assert rehearsed(checked(CLEAN, strict).report, POLICY, strict).outcome is Outcome.NOTHING


def test_whether_the_last_round_was_undone_by_an_update_is_not_guessed() -> None:
    third = replace(entry(), rounds=3)
    report = checked(VIOLATING, holding=ledger(third), acts=False).report

    assert rehearsed(report, POLICY, number=1).cause is Cause.NOT_ASKED
    # A newer bundle tries anew, whoever it was.
    assert rehearsed(report, POLICY, number=2).outcome is Outcome.BLOCKED


def test_a_managed_app_in_a_new_place_is_unknown_where_the_others_do_not_decide() -> None:
    everywhere = policy(managed=managed_in(*PlaceKind))
    alone = phone(PERSONAL, packages=TIKTOK_IN_0)

    assert rehearsed(checked(alone).report, everywhere).cause is Cause.NOT_ASKED
    assert rehearsed(checked(phone(PERSONAL)).report, everywhere).outcome is Outcome.NOTHING


@pytest.mark.parametrize(
    "changed",
    [{"judgement_version": 1}, {"bundle_number": 7}, {"ledger": Ledger()}, {"users": ()}],
    ids=["older rules", "unknown bundle", "no ledger", "no users"],
)
def test_a_report_that_cannot_be_judged_anew_is_unknown(changed: dict[str, object]) -> None:
    report = replace(checked(CLEAN).report, **changed)  # type: ignore[arg-type]
    picture = read_picture(picture_of(report))

    found = Rehearsal(Bundle(2, POLICY), LATER, {1: POLICY}).outcome(picture, PHONE)

    assert found.outcome is Outcome.UNKNOWN


def test_phones_that_differ_in_ids_and_times_alone_have_one_picture() -> None:
    first, second = checked(VIOLATING).report, checked(VIOLATING).report
    other = replace(second, report_id="another", checked_at=BEFORE, phone_skew_s=7, model="FP5")

    assert picture_of(first) == picture_of(other)
    assert picture_of(first) != picture_of(checked(CLEAN).report)


def test_a_policy_is_fully_enforced_with_its_last_ring_and_never_in_the_past() -> None:
    rings = (Ring(0.1, DEADLINE), Ring(1.0, DEADLINE + timedelta(days=2)))

    assert fully_enforced_at(policy(rings=rings), BEFORE) == DEADLINE + timedelta(days=2)
    assert fully_enforced_at(POLICY, LATER) == LATER


def test_a_ring_that_begins_only_when_the_measure_pauses_hides_nobody_whom_the_others_reach() -> None:
    review_at = DEADLINE + timedelta(days=1)
    rings = (Ring(0.9, DEADLINE), Ring(1.0, review_at + timedelta(days=2)))
    tried = policy(rings=rings, review_at=review_at)

    assert DEADLINE < fully_enforced_at(tried, BEFORE) < review_at
    assert fully_enforced_at(tried, review_at + timedelta(hours=1)) == review_at + timedelta(hours=1)
