"""What holds on every phone, tried on thousands of generated ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.coverage import has_vanished
from policy.judgement import judge
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.stage import is_held, stage_of
from policy.verdict import NOTICE_POSTER, ActionKind, Judgement, ReasonCode, Stage, Verdict
from tests.policy.bench import BANNED, HERE, MANAGED, PERSONAL, PHONE, TIKTOK, actions, disabled, phone
from tests.policy.generated import (
    WHOLE,
    Case,
    Fault,
    cases,
    expected_verdict,
    managed_in_use,
    place_users,
    violations,
)

many = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thousands = settings(
    max_examples=2200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def judgement_of(case: Case) -> Judgement:
    return judge(case.bundle, case.observation, case.ledger, case.time)


@thousands
@given(cases(), st.sampled_from([1, 2, 3, 4]))
def test_a_hold_only_takes_disabling_away(case: Case, held_ring: int) -> None:
    free = judgement_of(case)

    held = judge(case.bundle, case.observation, case.ledger, case.time, held_ring)

    assert replace(held, actions=(), reasons=()) == replace(free, actions=(), reasons=())
    assert [reason for reason in held.reasons if reason.code is not ReasonCode.RING_HELD] == list(
        free.reasons
    )
    if not is_held(case.policy, case.observation.phone_id, held_ring):
        assert held == free
        return
    assert not disabled(held)
    # The notice that tells of what was disabled goes with it, and nothing else does.
    told = {ActionKind.DISABLE, ActionKind.NOTIFY} if disabled(free) else {ActionKind.DISABLE}
    assert held.actions == tuple(action for action in free.actions if action.kind not in told)


def is_exempt(case: Case) -> bool:
    return any(case.time.now < exemption.until for exemption in case.bundle.fleet.exemptions)


def test_each_verdict_is_met_often_enough_to_prove_something() -> None:
    met: Counter[Verdict] = Counter()

    @thousands
    @given(cases())
    def meet(case: Case) -> None:
        judgement = judgement_of(case)
        assert ReasonCode.JUDGEMENT_FAILED not in {reason.code for reason in judgement.reasons}
        met[judgement.verdict] += 1

    meet()

    assert met.total() >= 2000
    assert all(met[verdict] >= 0.15 * met.total() for verdict in Verdict), met


@many
@given(cases(faulty=False))
def test_a_phone_that_answered_well_gets_the_verdict_its_truth_asks_for(case: Case) -> None:
    judgement = judgement_of(case)

    assert judgement.verdict is expected_verdict(case.policy, case.truth)
    assert {(f.user, f.package) for f in judgement.findings} == violations(case.policy, case.truth)
    assert {(m.user, m.package) for m in judgement.managed} == managed_in_use(case.policy, case.truth)


@many
@given(cases())
def test_a_spoiled_answer_never_turns_a_verdict_into_its_opposite(case: Case) -> None:
    judgement = judgement_of(case)

    truth = expected_verdict(case.policy, case.truth)
    if case.fault is Fault.MANAGED_UNREADABLE and violations(case.policy, case.truth):
        # The ban is seen to be broken, and that the managed apps are gone was not: nothing excuses the phone.
        assert judgement.verdict is Verdict.VIOLATING or not managed_in_use(case.policy, case.truth)
    else:
        assert judgement.verdict in (truth, Verdict.UNREADABLE)
    if case.fault in WHOLE:
        assert judgement.verdict is Verdict.UNREADABLE


@many
@given(cases())
def test_only_what_may_be_disabled_is(case: Case) -> None:
    judgement = judgement_of(case)

    if not disabled(judgement):
        return
    assert judgement.stage is Stage.ENFORCE
    assert judgement.verdict is Verdict.VIOLATING
    assert not is_exempt(case)
    assert case.time.trusted
    assert 0 <= case.time.bundle_age.total_seconds() <= case.policy.offline_limit.total_seconds()
    for action in actions(judgement, ActionKind.DISABLE):
        state = case.truth.packages[action.package].states[action.user]
        held = case.ledger.entry(action.user, action.package)
        user = case.observation.user(action.user)
        assert (action.user, action.package) in managed_in_use(case.policy, case.truth)
        assert user is not None
        assert user.open_to_shell
        assert state.enabled in (EnabledState.DEFAULT, EnabledState.ENABLED)
        assert action.prior is (held.prior if held is not None and held.is_open else state.enabled)


@many
@given(cases(faulty=False))
def test_all_that_must_be_disabled_is(case: Case) -> None:
    judgement = judgement_of(case)

    fresh = 0 <= case.time.bundle_age.total_seconds() <= case.policy.offline_limit.total_seconds()
    if judgement.stage is Stage.ENFORCE and case.time.trusted and fresh and not is_exempt(case):
        expected = {
            (user, package)
            for user, package in managed_in_use(case.policy, case.truth)
            if case.truth.packages[PackageName(package)].states[UserNumber(user)].enabled
            <= EnabledState.ENABLED
            and any(u.number == user and u.open_to_shell for u in case.truth.users)
        }
        wanted = expected if expected_verdict(case.policy, case.truth) is Verdict.VIOLATING else set()
        assert set(disabled(judgement)) == wanted


@many
@given(cases())
def test_what_is_restored_is_exactly_what_the_ledger_holds_and_the_rules_give_back(case: Case) -> None:
    judgement = judgement_of(case)

    gives_all = (
        judgement.verdict is Verdict.COMPLIANT
        or judgement.stage in (Stage.LIFTED, Stage.REMIND)
        or is_exempt(case)
    )
    managed = {(user, package) for user in place_users(case.policy, case.truth) for package in MANAGED}
    expected = set()
    for held in case.ledger.entries:
        reading = case.observation.packages.get(held.package)
        state = reading.states.get(held.user) if reading and case.fault not in WHOLE else None
        off = state if state is not None and state.enabled >= EnabledState.DISABLED else None
        theirs = off is not None and not (
            off.enabled is EnabledState.DISABLED_BY_USER and off.disabled_by_shell
        )
        dropped = (held.user, held.package) not in managed and case.observation.user(held.user) is not None
        due = gives_all or (judgement.verdict is Verdict.VIOLATING and dropped)
        vanished = has_vanished(case.observation, held.user, held.package)
        if held.is_open and due and not theirs and not vanished:
            expected.add((held.user, held.package, held.prior))
    found = [(a.user, a.package, a.prior) for a in actions(judgement, ActionKind.RESTORE)]
    assert set(found) == expected
    assert len(found) == len(expected)


@many
@given(cases())
def test_an_unreadable_phone_starts_nothing_and_lifts_nothing(case: Case) -> None:
    judgement = judgement_of(case)

    if judgement.verdict is Verdict.UNREADABLE:
        assert not judgement.enforceable
        assert not actions(judgement, ActionKind.DISABLE)
        assert {a.package for a in actions(judgement, ActionKind.NOTIFY)} <= {NOTICE_POSTER}
        if judgement.stage in (Stage.ENFORCE, Stage.PAUSED) and not is_exempt(case):
            assert judgement.actions == ()


@many
@given(cases())
def test_no_spot_is_both_disabled_and_restored_and_nothing_is_done_twice(case: Case) -> None:
    done = [(action.user, action.package) for action in judgement_of(case).actions]

    assert len(set(done)) == len(done)


@many
@given(cases())
def test_only_banned_apps_that_were_found_are_told_of_or_that_all_is_back(case: Case) -> None:
    judgement = judgement_of(case)

    told = actions(judgement, ActionKind.NOTIFY)
    reminded = (
        judgement.stage is Stage.REMIND and judgement.verdict is Verdict.VIOLATING and not is_exempt(case)
    )
    in_force = judgement.stage in (Stage.ENFORCE, Stage.PAUSED) and not is_exempt(case)
    if reminded or disabled(judgement):
        expected = {f.package for f in judgement.findings}
    elif actions(judgement, ActionKind.RESTORE) and not (in_force and judgement.verdict is Verdict.VIOLATING):
        expected = {NOTICE_POSTER}
    else:
        expected = set()
    assert {a.package for a in told} == expected
    assert all((a.user, a.prior) == (0, None) and a.package in {*BANNED, NOTICE_POSTER} for a in told)


@many
@given(cases())
def test_the_stage_is_told_by_policy_and_time_alone(case: Case) -> None:
    assert judgement_of(case).stage is stage_of(case.policy, PHONE, case.time.now)


@many
@given(cases())
def test_the_same_inputs_give_the_same_judgement(case: Case) -> None:
    assert judgement_of(case) == judgement_of(case)


anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.integers(),
    st.text(),
    st.binary(),
    st.lists(st.none()),
    st.dictionaries(st.text(), st.none()),
)


@many
@given(cases(), anything, st.integers(0, 3))
def test_garbage_in_any_argument_is_unreadable_and_does_nothing(
    case: Case, garbage: Any, position: int
) -> None:
    arguments: list[Any] = [case.bundle, case.observation, case.ledger, case.time]
    arguments[position] = garbage

    judgement = judge(*arguments)

    assert judgement.verdict is Verdict.UNREADABLE
    assert judgement.actions == ()
    assert not judgement.enforceable
    assert [reason.code for reason in judgement.reasons] == [ReasonCode.JUDGEMENT_FAILED]


@many
@given(cases(), anything, st.sampled_from(["users", "packages", "phone_id", "device_owner", "unreadable"]))
def test_garbage_inside_an_observation_never_raises_nor_disables(case: Case, garbage: Any, part: str) -> None:
    broken = phone(PERSONAL, packages={TIKTOK: {PERSONAL.number: HERE}})
    object.__setattr__(broken, part, garbage)

    judgement = judge(case.bundle, broken, case.ledger, case.time)

    assert isinstance(judgement, Judgement)
    assert not disabled(judgement)


def test_every_fault_is_a_fault_of_its_own() -> None:
    assert set(WHOLE) < set(Fault)
