"""What is disabled, and every restraint that keeps it from being so, each broken alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from policy.document import PlaceKind, Policy, Ring
from policy.ledger import EntryState
from policy.names import PackageName, PhoneId
from policy.observation import EnabledState, Observation, PackageState, User, UserKind
from policy.verdict import Action, ActionKind, ReasonCode, Stage, Verdict
from tests.policy.bench import (
    BEFORE,
    DEADLINE,
    DEFAULT,
    ENABLED,
    END,
    HERE,
    INTUNE,
    ISLAND,
    LATER,
    LITE,
    LYNC,
    OURS,
    OUTLOOK,
    PERSONAL,
    REVIEW,
    TIKTOK,
    U0,
    U10,
    U11,
    U150,
    WORK,
    actions,
    codes,
    disabled,
    entry,
    exempting,
    judged,
    ledger,
    managed_in,
    phone,
    policy,
)

VIOLATING = phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: HERE}})


def with_outlook(state: PackageState) -> Observation:
    return phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: state}})


def test_after_the_deadline_every_managed_app_of_a_violating_phone_is_disabled_and_its_state_remembered() -> (
    None
):
    both = {OUTLOOK: {U10: HERE}, LYNC: {U10: replace(HERE, enabled=ENABLED)}}

    judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, **both}))

    assert actions(judgement, ActionKind.DISABLE) == [
        Action(ActionKind.DISABLE, U10, LYNC, ENABLED),
        Action(ActionKind.DISABLE, U10, OUTLOOK, DEFAULT),
    ]


def test_the_owner_is_told_of_each_banned_app_once_when_something_is_disabled() -> None:
    packages = {TIKTOK: {U0: HERE, U10: HERE}, LITE: {U10: HERE}, OUTLOOK: {U10: HERE}}

    judgement = judged(phone(PERSONAL, WORK, packages=packages))

    assert actions(judgement, ActionKind.NOTIFY) == [
        Action(ActionKind.NOTIFY, U0, TIKTOK),
        Action(ActionKind.NOTIFY, U0, LITE),
    ]


def test_nobody_is_told_again_while_nothing_new_is_disabled() -> None:
    assert judged(with_outlook(OURS), holding=ledger(entry())).actions == ()


def test_before_the_deadline_the_owner_is_reminded_and_nothing_is_disabled() -> None:
    judgement = judged(VIOLATING, at=BEFORE)

    assert judgement.stage is Stage.REMIND
    assert judgement.actions == (Action(ActionKind.NOTIFY, U0, TIKTOK),)


@pytest.mark.parametrize("at", [REVIEW, END])
def test_nobody_is_reminded_once_the_measure_is_paused_or_over(at: datetime) -> None:
    assert judged(VIOLATING, at=at).actions == ()


def test_a_phone_that_complies_by_giving_up_its_managed_apps_is_left_in_peace() -> None:
    seen = phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}})

    assert judged(seen).actions == ()
    assert judged(seen, at=BEFORE).actions == ()


def test_a_compliant_phone_is_not_reminded() -> None:
    assert judged(phone(PERSONAL, WORK, packages={OUTLOOK: {U10: HERE}}), at=BEFORE).actions == ()


class TestRestraints:
    @pytest.mark.parametrize(
        ("under", "at", "stage"),
        [
            (policy(), BEFORE, Stage.REMIND),
            (policy(), REVIEW, Stage.PAUSED),
            (policy(), END, Stage.LIFTED),
            (policy(lifted=True), LATER, Stage.LIFTED),
            (policy(rings=(Ring(1.0, LATER + timedelta(seconds=1)),)), LATER, Stage.REMIND),
        ],
        ids=["before the deadline", "review missed", "past its end", "lifted", "before its ring"],
    )
    def test_nothing_is_disabled_outside_enforcement(self, under: Policy, at: datetime, stage: Stage) -> None:
        judgement = judged(VIOLATING, under, at=at)

        assert judgement.stage is stage
        assert judgement.verdict is Verdict.VIOLATING
        assert disabled(judgement) == []

    def test_nothing_is_disabled_on_a_compliant_phone(self) -> None:
        assert judged(phone(PERSONAL, WORK, packages={OUTLOOK: {U10: HERE}})).actions == ()

    def test_nothing_is_disabled_on_an_unreadable_phone(self) -> None:
        judgement = judged(replace(VIOLATING, unreadable=("timeout",)))

        assert judgement.verdict is Verdict.UNREADABLE
        assert judgement.actions == ()

    def test_nothing_is_disabled_on_an_exempt_phone(self) -> None:
        judgement = judged(VIOLATING, fleet=exempting())

        assert judgement.actions == ()
        assert ReasonCode.EXEMPT in codes(judgement)

    def test_an_exempt_phone_is_not_reminded(self) -> None:
        assert judged(VIOLATING, at=BEFORE, fleet=exempting()).actions == ()

    def test_the_exemption_of_another_phone_changes_nothing(self) -> None:
        assert disabled(judged(VIOLATING, fleet=exempting(PhoneId.random()))) == [(10, OUTLOOK)]

    def test_an_exemption_ends_at_its_time(self) -> None:
        assert disabled(judged(VIOLATING, fleet=exempting(until=LATER))) == [(10, OUTLOOK)]
        assert disabled(judged(VIOLATING, fleet=exempting(until=LATER + timedelta(seconds=1)))) == []

    def test_nothing_is_disabled_by_an_untrusted_clock(self) -> None:
        judgement = judged(VIOLATING, trusted=False)

        assert judgement.actions == ()
        assert ReasonCode.CLOCK_UNTRUSTED in codes(judgement)

    def test_nothing_is_disabled_under_a_bundle_older_than_the_offline_limit(self) -> None:
        judgement = judged(VIOLATING, bundle_age=timedelta(hours=72, seconds=1))

        assert judgement.actions == ()
        assert ReasonCode.BUNDLE_TOO_OLD in codes(judgement)

    def test_a_bundle_exactly_as_old_as_the_offline_limit_still_enforces(self) -> None:
        assert disabled(judged(VIOLATING, bundle_age=timedelta(hours=72))) == [(10, OUTLOOK)]

    def test_nothing_is_disabled_under_a_bundle_from_the_future(self) -> None:
        assert judged(VIOLATING, bundle_age=timedelta(seconds=-1)).actions == ()

    def test_enforcement_begins_with_the_very_second_of_the_deadline(self) -> None:
        assert disabled(judged(VIOLATING, at=DEADLINE)) == [(10, OUTLOOK)]


class TestPlaces:
    def test_outlook_in_an_island_profile_is_never_touched(self) -> None:
        packages = {TIKTOK: {U0: HERE}, OUTLOOK: {U10: HERE, U11: HERE}}

        judgement = judged(phone(PERSONAL, WORK, ISLAND, packages=packages))

        assert disabled(judgement) == [(10, OUTLOOK)]

    def test_outlook_in_user_0_of_a_private_phone_is_never_touched(self) -> None:
        everywhere = policy(managed=managed_in(PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE))

        judgement = judged(phone(PERSONAL, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}}), everywhere)

        assert judgement.actions == ()

    def test_outlook_in_user_0_beside_a_work_profile_is_never_touched(self) -> None:
        everywhere = policy(managed=managed_in(*PlaceKind))

        judgement = judged(
            phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE, U10: HERE}}), everywhere
        )

        assert disabled(judgement) == [(10, OUTLOOK)]

    def test_outlook_on_a_phone_managed_by_somebody_else_is_never_touched(self) -> None:
        seen = phone(PERSONAL, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}}, has_device_owner=True)

        assert judged(seen, policy(managed=managed_in(*PlaceKind))).actions == ()

    def test_a_profile_whose_owner_is_not_listed_is_no_place(self) -> None:
        assert judged(VIOLATING, policy(owners=frozenset({PackageName("com.example.dpc")}))).actions == ()

    @pytest.mark.parametrize("kind", [kind for kind in UserKind if kind is not UserKind.WORK])
    def test_only_a_work_profile_can_be_a_place_whatever_its_owner(self, kind: UserKind) -> None:
        odd = User(U150, kind, has_owner=True, owner=INTUNE)

        judgement = judged(phone(PERSONAL, odd, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U150: HERE}}))

        assert judgement.actions == ()

    def test_a_managed_device_is_enforced_in_user_0_alone(self) -> None:
        second = User(U11, UserKind.OTHER)
        packages = {TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE, U11: HERE}}

        judgement = judged(
            phone(PERSONAL, second, packages=packages, has_device_owner=True, device_owner=INTUNE)
        )

        assert disabled(judgement) == [(0, OUTLOOK)]

    def test_user_0_of_a_private_phone_is_enforced_only_where_the_policy_says_so(self) -> None:
        seen = phone(PERSONAL, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}})

        assert disabled(judged(seen, policy(managed=managed_in(PlaceKind.USER_0)))) == [(0, OUTLOOK)]
        assert disabled(judged(seen, policy(managed=managed_in(PlaceKind.WORK_PROFILE)))) == []

    def test_an_app_is_touched_only_in_the_places_named_for_it(self) -> None:
        both = phone(
            PERSONAL,
            WORK,
            packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE, U10: HERE}},
            has_device_owner=True,
            device_owner=INTUNE,
        )

        assert disabled(judged(both, policy(managed=managed_in(PlaceKind.WORK_PROFILE)))) == [(10, OUTLOOK)]
        assert disabled(judged(both, policy(managed=managed_in(PlaceKind.MANAGED_DEVICE)))) == [(0, OUTLOOK)]

    def test_a_package_that_is_not_managed_is_never_touched(self) -> None:
        teams = PackageName("com.microsoft.teams")
        seen = phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: HERE}, teams: {U10: HERE}})

        assert {package for _, package in disabled(judged(seen))} == {OUTLOOK}


class TestStates:
    @pytest.mark.parametrize(
        "enabled", [EnabledState.DISABLED, EnabledState.DISABLED_BY_USER, EnabledState.DISABLED_UNTIL_USED]
    )
    def test_a_state_that_somebody_else_set_is_left_alone_and_named(self, enabled: EnabledState) -> None:
        judgement = judged(with_outlook(replace(HERE, enabled=enabled)))

        assert judgement.actions == ()
        assert ReasonCode.NOT_OURS in codes(judgement)

    def test_a_shell_mark_alone_does_not_make_a_state_ours(self) -> None:
        judgement = judged(with_outlook(OURS))

        assert judgement.actions == ()
        assert ReasonCode.NO_MEMORY in codes(judgement)

    def test_what_we_disabled_stays_as_it_is(self) -> None:
        judgement = judged(with_outlook(OURS), holding=ledger(entry()))

        assert judgement.actions == ()
        assert ReasonCode.NOT_OURS not in codes(judgement)

    def test_a_suspended_managed_app_is_disabled_all_the_same(self) -> None:
        assert disabled(judged(with_outlook(replace(HERE, suspended=True)))) == [(10, OUTLOOK)]

    @pytest.mark.parametrize("prior", [DEFAULT, ENABLED])
    def test_an_app_enabled_again_is_disabled_again_and_its_first_state_kept(
        self, prior: EnabledState
    ) -> None:
        now_enabled = replace(HERE, enabled=ENABLED)

        judgement = judged(with_outlook(now_enabled), holding=ledger(entry(prior=prior)))

        assert actions(judgement, ActionKind.DISABLE) == [Action(ActionKind.DISABLE, U10, OUTLOOK, prior)]
        assert ReasonCode.ENABLED_AGAIN in codes(judgement)

    @pytest.mark.parametrize("state", [EntryState.INTENDED, EntryState.RESTORING])
    def test_an_interrupted_act_is_taken_up_and_blames_nobody(self, state: EntryState) -> None:
        judgement = judged(with_outlook(replace(HERE, enabled=ENABLED)), holding=ledger(entry(state=state)))

        assert actions(judgement, ActionKind.DISABLE) == [Action(ActionKind.DISABLE, U10, OUTLOOK, DEFAULT)]
        assert ReasonCode.ENABLED_AGAIN not in codes(judgement)

    def test_after_a_restore_the_present_state_is_the_one_to_remember(self) -> None:
        judgement = judged(
            with_outlook(replace(HERE, enabled=ENABLED)), holding=ledger(entry(state=EntryState.RESTORED))
        )

        assert actions(judgement, ActionKind.DISABLE) == [Action(ActionKind.DISABLE, U10, OUTLOOK, ENABLED)]
        assert ReasonCode.ENABLED_AGAIN not in codes(judgement)

    def test_enabled_again_is_said_even_while_nothing_may_be_disabled(self) -> None:
        judgement = judged(with_outlook(HERE), holding=ledger(entry()), trusted=False)

        assert judgement.actions == ()
        assert ReasonCode.ENABLED_AGAIN in codes(judgement)
