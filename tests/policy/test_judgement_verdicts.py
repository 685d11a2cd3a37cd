"""When a phone is compliant, violating or unreadable, and whether enforcing could reach it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from policy.document import Family, PlaceKind
from policy.judgement import judge
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, PackageState, User, UserKind
from policy.verdict import Reason, ReasonCode, Verdict
from tests.policy.bench import (
    DOUYIN,
    ENABLED,
    GONE,
    HERE,
    INTUNE,
    ISLAND,
    LATER,
    LITE,
    LYNC,
    OURS,
    OUTLOOK,
    PERSONAL,
    TIKTOK,
    U0,
    U10,
    U11,
    U150,
    WORK,
    codes,
    disabled,
    entry,
    judged,
    ledger,
    managed_in,
    phone,
    policy,
    reading,
)

OUTLOOK_AT_WORK = {OUTLOOK: {U10: HERE}}
OFF_STATES = [EnabledState.DISABLED, EnabledState.DISABLED_BY_USER, EnabledState.DISABLED_UNTIL_USED]
NO_MANAGED_APP: dict[PackageName, dict[UserNumber, PackageState]] = {OUTLOOK: {}, LYNC: {}}


def test_a_phone_without_banned_apps_is_compliant() -> None:
    judgement = judged(phone(PERSONAL, WORK, packages=OUTLOOK_AT_WORK))

    assert judgement.verdict is Verdict.COMPLIANT
    assert judgement.enforceable
    assert codes(judgement) == {ReasonCode.BANNED_APP_GONE}


@pytest.mark.parametrize("user", [PERSONAL, WORK, ISLAND], ids=lambda user: str(int(user.number)))
def test_a_banned_app_violates_in_whichever_user_it_is(user: User) -> None:
    judgement = judged(phone(PERSONAL, WORK, ISLAND, packages={**OUTLOOK_AT_WORK, LITE: {user.number: HERE}}))

    assert judgement.verdict is Verdict.VIOLATING
    assert [(f.family, f.user, f.package) for f in judgement.findings] == [("tiktok", user.number, LITE)]
    assert ReasonCode.BANNED_APP_PRESENT in codes(judgement)


@pytest.mark.parametrize("kind", [UserKind.PRIVATE, UserKind.CLONE, UserKind.SECURE_FOLDER, UserKind.OTHER])
def test_a_kind_of_user_counts_exactly_when_the_policy_counts_it(kind: UserKind) -> None:
    seen = phone(
        PERSONAL,
        WORK,
        User(U150, kind, open_to_shell=False),
        packages={**OUTLOOK_AT_WORK, TIKTOK: {U150: HERE}},
    )

    assert judged(seen).verdict is Verdict.VIOLATING
    assert judged(seen, policy(kinds=frozenset(UserKind) - {kind})).verdict is Verdict.COMPLIANT


def test_a_profile_of_another_owner_counts_as_personal() -> None:
    seen = phone(PERSONAL, WORK, ISLAND, packages={**OUTLOOK_AT_WORK, TIKTOK: {U11: HERE}})

    assert judged(seen, policy(kinds=frozenset({UserKind.PERSONAL}))).verdict is Verdict.VIOLATING


def test_the_work_profile_does_not_count_where_the_policy_leaves_it_out() -> None:
    seen = phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U10: HERE}})

    assert judged(seen, policy(kinds=frozenset({UserKind.PERSONAL}))).verdict is Verdict.COMPLIANT


def test_a_family_switched_off_bans_nothing_and_need_not_be_read() -> None:
    seen = phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, DOUYIN: {U0: HERE}})

    assert judged(seen).verdict is Verdict.COMPLIANT


def test_a_package_of_two_families_is_found_for_the_active_one_alone() -> None:
    shared = policy(families=(Family("on", (TIKTOK,)), Family("off", (TIKTOK, DOUYIN), active=False)))

    judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: HERE}}), shared)

    assert [finding.family for finding in judgement.findings] == ["on"]


@pytest.mark.parametrize(
    "state", [GONE, PackageState(installed=True, archived=True)], ids=["not installed", "archived"]
)
def test_an_app_that_cannot_be_opened_from_its_user_is_gone(state: PackageState) -> None:
    judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: state}}))

    assert judgement.verdict is Verdict.COMPLIANT


def test_an_app_that_our_own_owner_hides_in_its_place_is_gone() -> None:
    hidden = replace(HERE, hidden=True)

    in_a_profile = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U10: hidden}}))
    on_a_device = judged(
        phone(
            PERSONAL,
            packages={OUTLOOK: {U0: HERE}, TIKTOK: {U0: hidden}},
            has_device_owner=True,
            device_owner=INTUNE,
        )
    )

    assert [in_a_profile.verdict, on_a_device.verdict] == [Verdict.COMPLIANT] * 2


@pytest.mark.parametrize(
    ("user", "number"), [(PERSONAL, U0), (ISLAND, U11), (User(U11, UserKind.OTHER), U11)]
)
def test_an_app_that_its_user_hides_by_island_or_hail_is_present_and_said_to_be_hidden(
    user: User, number: UserNumber
) -> None:
    users = (PERSONAL, WORK) if user is PERSONAL else (PERSONAL, WORK, user)

    judgement = judged(
        phone(*users, packages={**OUTLOOK_AT_WORK, TIKTOK: {number: replace(HERE, hidden=True)}})
    )

    assert judgement.verdict is Verdict.VIOLATING
    [why] = [r.detail for r in judgement.reasons if r.code is ReasonCode.BANNED_APP_PRESENT]
    assert why == f"{TIKTOK} in user {number}, hidden there by its own user: not removed"


@pytest.mark.parametrize(("what", "number"), [("hidden", U10), ("archived", U0)])
def test_an_app_set_aside_is_recorded(what: str, number: UserNumber) -> None:
    state = replace(HERE, hidden=what == "hidden", archived=what == "archived")

    judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {number: state}}))

    assert f"{TIKTOK}: {what} in user {number}" in [reason.detail for reason in judgement.reasons]


class TestHeadless:
    """Nobody lives in user 0 of these tablets and cars; the first person, and the device owner, are in another."""

    FIRST = User(U11, UserKind.PERSONAL)
    BOTH_APPS: ClassVar = {TIKTOK: {U11: HERE}, OUTLOOK: {U11: HERE}}

    def tablet(self, **parts: Any) -> Observation:
        return phone(PERSONAL, self.FIRST, packages=self.BOTH_APPS, main_user=U11, **parts)

    def test_a_device_owners_place_is_the_user_it_is_in(self) -> None:
        seen = self.tablet(has_device_owner=True, device_owner=INTUNE, device_owner_user=U11)

        judgement = judged(seen)

        assert (judgement.verdict, judgement.enforceable) == (Verdict.VIOLATING, True)
        assert disabled(judgement) == [(11, OUTLOOK)]

    def test_the_owner_of_the_first_person_has_its_place_there_too(self) -> None:
        owned = User(U11, UserKind.PERSONAL, has_owner=True, owner=INTUNE)

        judgement = judged(phone(PERSONAL, owned, packages=self.BOTH_APPS, main_user=U11))

        assert disabled(judgement) == [(11, OUTLOOK)]

    def test_managed_apps_are_not_gone_where_the_phone_does_not_tell_which_user_the_owner_is_in(self) -> None:
        seen = self.tablet(has_device_owner=True, device_owner=INTUNE, device_owner_user=None)

        judgement = judged(seen)

        assert ReasonCode.MANAGED_APPS_GONE not in codes(judgement)
        assert (judgement.verdict, judgement.enforceable) == (Verdict.VIOLATING, False)
        assert disabled(judgement) == []
        assert "the phone does not tell which user its owner is in" in [r.detail for r in judgement.reasons]

    def test_where_user_0_counts_as_a_place_it_is_the_first_persons_user_that_does(self) -> None:
        judgement = judged(self.tablet(), policy(managed=managed_in(PlaceKind.USER_0)))

        assert disabled(judgement) == [(11, OUTLOOK)]

    def test_user_0_is_no_place_while_a_listed_owner_is_in_a_user_that_is_none(self) -> None:
        odd = User(U150, UserKind.SECURE_FOLDER, has_owner=True, owner=INTUNE)
        seen = phone(PERSONAL, odd, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}})

        judgement = judged(seen, policy(managed=managed_in(PlaceKind.USER_0)))

        assert (judgement.verdict, judgement.enforceable) == (Verdict.VIOLATING, False)
        assert disabled(judgement) == []

    def test_an_owner_in_a_user_the_phone_did_not_name_spoils_the_answer(self) -> None:
        seen = phone(PERSONAL, has_device_owner=True, device_owner=INTUNE, device_owner_user=U11)

        assert judged(seen).verdict is Verdict.UNREADABLE


def test_a_suspended_app_is_present() -> None:
    state = PackageState(installed=True, suspended=True)

    assert (
        judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: state}})).verdict
        is Verdict.VIOLATING
    )


@pytest.mark.parametrize("enabled", OFF_STATES)
def test_an_installed_app_switched_off_by_its_user_is_present(enabled: EnabledState) -> None:
    state = PackageState(installed=True, enabled=enabled)

    assert (
        judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: state}})).verdict
        is Verdict.VIOLATING
    )


@pytest.mark.parametrize("enabled", OFF_STATES)
def test_a_preinstalled_copy_switched_off_is_gone_unless_the_policy_says_otherwise(
    enabled: EnabledState,
) -> None:
    users = (PERSONAL, WORK)
    copy = reading(TIKTOK, users, {U0: PackageState(installed=True, enabled=enabled)}, system=True)
    seen = phone(*users, packages={**OUTLOOK_AT_WORK, TIKTOK: copy})

    assert judged(seen).verdict is Verdict.COMPLIANT
    assert judged(seen, policy(preinstalled_disabled_counts=False)).verdict is Verdict.VIOLATING


@pytest.mark.parametrize("enabled", [EnabledState.DEFAULT, EnabledState.ENABLED])
def test_a_preinstalled_copy_that_can_run_is_present(enabled: EnabledState) -> None:
    users = (PERSONAL, WORK)
    copy = reading(TIKTOK, users, {U0: PackageState(installed=True, enabled=enabled)}, system=True)

    assert judged(phone(*users, packages={**OUTLOOK_AT_WORK, TIKTOK: copy})).verdict is Verdict.VIOLATING


def test_a_package_unknown_to_the_phone_is_gone_everywhere() -> None:
    unknown = PackageReading(TIKTOK, known=False)

    assert (
        judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: unknown})).verdict
        is Verdict.COMPLIANT
    )


class TestUnreadable:
    def test_a_spoiled_answer_is_unreadable_even_if_it_shows_a_banned_app(self) -> None:
        judgement = judged(
            phone(
                PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: HERE}}, unreadable=("answer cut",)
            )
        )

        assert judgement.verdict is Verdict.UNREADABLE
        assert [(r.code, r.detail) for r in judgement.reasons] == [
            (ReasonCode.PHONE_UNREADABLE, "answer cut")
        ]
        assert not judgement.enforceable
        assert judgement.findings == ()
        assert judgement.managed == ()

    def test_a_package_that_was_not_answered_for_is_unreadable(self) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages=OUTLOOK_AT_WORK, without=[LITE]))

        assert judgement.verdict is Verdict.UNREADABLE
        assert codes(judgement) == {ReasonCode.PACKAGE_UNREADABLE}
        assert not judgement.enforceable

    @pytest.mark.parametrize(
        "bad",
        [
            PackageReading(LITE, {U0: GONE, U10: GONE}, unreadable="exception text"),
            PackageReading(TIKTOK, {U0: GONE, U10: GONE}),
            PackageReading(LITE, {U0: GONE, U10: GONE}, known=False),
        ],
        ids=["refused", "about another package", "unknown yet with states"],
    )
    def test_a_reading_that_cannot_be_relied_on_is_unreadable(self, bad: PackageReading) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, LITE: bad}))

        assert judgement.verdict is Verdict.UNREADABLE

    def test_states_in_a_refused_reading_prove_nothing(self) -> None:
        bad = PackageReading(LITE, {U0: HERE, U10: GONE}, unreadable="exception text")

        judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, LITE: bad}))

        assert judgement.verdict is Verdict.UNREADABLE
        assert judgement.findings == ()

    def test_a_counting_user_without_a_line_is_unreadable(self) -> None:
        partial = PackageReading(LITE, {U0: GONE})

        judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, LITE: partial}))

        assert judgement.verdict is Verdict.UNREADABLE
        assert codes(judgement) == {ReasonCode.USER_MISSING}

    def test_a_user_that_does_not_count_needs_no_line(self) -> None:
        partial = PackageReading(LITE, {U0: GONE, U10: GONE})
        seen = phone(PERSONAL, WORK, User(U11, UserKind.CLONE), packages={**OUTLOOK_AT_WORK, LITE: partial})

        assert judged(seen, policy(kinds=frozenset(UserKind) - {UserKind.CLONE})).verdict is Verdict.COMPLIANT

    def test_one_banned_app_seen_outweighs_another_unread(self) -> None:
        judgement = judged(
            phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: HERE}}, without=[LITE])
        )

        assert judgement.verdict is Verdict.VIOLATING
        assert ReasonCode.PACKAGE_UNREADABLE in codes(judgement)

    def test_a_phone_that_named_no_user_0_is_unreadable(self) -> None:
        judgement = judged(phone(WORK, packages=OUTLOOK_AT_WORK))

        assert judgement.verdict is Verdict.UNREADABLE
        assert judgement.reasons == (Reason(ReasonCode.USER_MISSING, "the phone named no user 0"),)

    def test_a_phone_of_which_nothing_was_read_is_not_said_to_have_named_no_user(self) -> None:
        judgement = judged(replace(phone(), unreadable=("the phone hung up",)))

        assert judgement.reasons == (Reason(ReasonCode.PHONE_UNREADABLE, "the phone hung up"),)

    def test_an_empty_answer_is_unreadable_and_never_compliant(self) -> None:
        assert judged(phone()).verdict is Verdict.UNREADABLE

    def test_a_user_named_twice_is_unreadable(self) -> None:
        assert judged(phone(PERSONAL, WORK, WORK, packages=OUTLOOK_AT_WORK)).verdict is Verdict.UNREADABLE

    def test_an_owner_named_by_a_profile_without_owner_is_unreadable(self) -> None:
        contradicting = User(U10, UserKind.WORK, has_owner=False, owner=INTUNE)

        assert judged(phone(PERSONAL, contradicting)).verdict is Verdict.UNREADABLE

    def test_a_device_owner_named_by_a_phone_without_one_is_unreadable(self) -> None:
        assert judged(phone(PERSONAL, device_owner=INTUNE)).verdict is Verdict.UNREADABLE

    def test_a_banned_app_in_a_user_the_phone_did_not_list_is_unreadable(self) -> None:
        odd = PackageReading(TIKTOK, {U0: GONE, U10: GONE, U11: HERE})

        judgement = judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: odd}))

        assert judgement.verdict is Verdict.UNREADABLE
        assert codes(judgement) == {ReasonCode.USER_MISSING}

    def test_a_line_without_the_app_for_an_unlisted_user_is_no_contradiction(self) -> None:
        extra = PackageReading(TIKTOK, {U0: GONE, U10: GONE, U11: GONE})

        assert (
            judged(phone(PERSONAL, WORK, packages={**OUTLOOK_AT_WORK, TIKTOK: extra})).verdict
            is Verdict.COMPLIANT
        )

    def test_garbage_is_unreadable_and_says_that_the_judgement_failed(self) -> None:
        judgement = judge(None, None, None, None)  # type: ignore[arg-type]

        assert judgement.verdict is Verdict.UNREADABLE
        assert codes(judgement) == {ReasonCode.JUDGEMENT_FAILED}
        assert judgement.actions == ()
        assert not judgement.enforceable

    def test_a_time_without_zone_is_garbage_too(self) -> None:
        judgement = judged(phone(PERSONAL, WORK), at=LATER.replace(tzinfo=None))

        assert codes(judgement) == {ReasonCode.JUDGEMENT_FAILED}

    def test_reasons_keep_the_phones_words_short(self) -> None:
        judgement = judged(phone(PERSONAL, unreadable=("x" * 10_000,)))

        assert len(judgement.reasons[0].detail) == 300


class TestTwoWaysToComply:
    def test_the_banned_app_may_stay_once_every_managed_app_is_gone(self) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, **NO_MANAGED_APP}))

        assert judgement.verdict is Verdict.COMPLIANT
        assert ReasonCode.MANAGED_APPS_GONE in codes(judgement)
        assert [finding.package for finding in judgement.findings] == [TIKTOK]

    @pytest.mark.parametrize("state", [replace(HERE, hidden=True), replace(HERE, archived=True), GONE])
    def test_a_managed_app_is_gone_when_hidden_archived_or_not_installed(self, state: PackageState) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: state}}))

        assert judgement.verdict is Verdict.COMPLIANT

    @pytest.mark.parametrize("enabled", OFF_STATES)
    def test_a_managed_app_that_is_merely_off_is_not_gone(self, enabled: EnabledState) -> None:
        state = replace(HERE, enabled=enabled)

        judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: state}}))

        assert judgement.verdict is Verdict.VIOLATING

    def test_one_managed_app_left_in_a_place_is_enough_to_violate(self) -> None:
        judgement = judged(
            phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {}, LYNC: {U10: HERE}})
        )

        assert judgement.verdict is Verdict.VIOLATING

    def test_a_managed_app_that_was_not_read_is_not_gone(self) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}}, without=[OUTLOOK]))

        assert judgement.verdict is Verdict.VIOLATING
        assert ReasonCode.PACKAGE_UNREADABLE in codes(judgement)
        assert not judgement.enforceable

    def test_a_managed_app_without_a_line_for_its_place_is_not_gone(self) -> None:
        partial = PackageReading(OUTLOOK, {U0: GONE})

        judgement = judged(phone(PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: partial}))

        assert judgement.verdict is Verdict.VIOLATING
        assert not judgement.enforceable

    def test_managed_apps_gone_outweigh_a_banned_app_that_was_not_read(self) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages=NO_MANAGED_APP, without=[TIKTOK]))

        assert judgement.verdict is Verdict.COMPLIANT

    def test_managed_apps_outside_the_places_do_not_matter(self) -> None:
        judgement = judged(
            phone(PERSONAL, ISLAND, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE, U11: HERE}})
        )

        assert judgement.verdict is Verdict.COMPLIANT
        assert ReasonCode.MANAGED_APPS_GONE in codes(judgement)

    def test_no_work_profile_is_no_way_to_comply_on_a_managed_device(self) -> None:
        judgement = judged(
            phone(
                PERSONAL,
                packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}},
                has_device_owner=True,
                device_owner=INTUNE,
            )
        )

        assert judgement.verdict is Verdict.VIOLATING

    def test_no_work_profile_is_no_way_to_comply_where_user_0_is_a_place(self) -> None:
        under = policy(managed=managed_in(PlaceKind.WORK_PROFILE, PlaceKind.USER_0))

        judgement = judged(phone(PERSONAL, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U0: HERE}}), under)

        assert judgement.verdict is Verdict.VIOLATING

    def test_a_work_profile_that_dropped_out_of_the_list_is_no_way_to_comply(self) -> None:
        left_over = PackageReading(OUTLOOK, {U0: GONE, U10: HERE})

        judgement = judged(
            phone(PERSONAL, packages={TIKTOK: {U0: HERE}, OUTLOOK: left_over}), holding=ledger(entry())
        )

        assert judgement.verdict is Verdict.VIOLATING
        assert not judgement.enforceable
        assert judgement.actions == ()

    def test_a_policy_that_manages_nothing_gives_no_second_way(self) -> None:
        judgement = judged(phone(PERSONAL, packages={TIKTOK: {U0: HERE}}), policy(managed=()))

        assert judgement.verdict is Verdict.VIOLATING


class TestEnforceable:
    closed = replace(WORK, open_to_shell=False)

    def test_a_running_managed_app_in_a_closed_place_is_not_enforceable(self) -> None:
        judgement = judged(phone(PERSONAL, self.closed, packages={**OUTLOOK_AT_WORK, TIKTOK: {U0: HERE}}))

        assert judgement.verdict is Verdict.VIOLATING
        assert not judgement.enforceable
        assert ReasonCode.PLACE_CLOSED in codes(judgement)
        assert disabled(judgement) == []

    def test_an_app_of_ours_in_a_place_closed_since_is_not_enforceable(self) -> None:
        judgement = judged(
            phone(PERSONAL, self.closed, packages={OUTLOOK: {U10: OURS}, TIKTOK: {U0: HERE}}),
            holding=ledger(entry()),
        )

        assert not judgement.enforceable
        assert ReasonCode.PLACE_CLOSED in codes(judgement)

    def test_a_closed_place_whose_apps_cannot_run_needs_no_reaching(self) -> None:
        off = replace(HERE, enabled=EnabledState.DISABLED)

        judgement = judged(phone(PERSONAL, self.closed, packages={OUTLOOK: {U10: off}, TIKTOK: {U0: HERE}}))

        assert judgement.enforceable

    def test_a_closed_user_that_is_no_place_needs_no_reaching(self) -> None:
        folder = User(U150, UserKind.SECURE_FOLDER, open_to_shell=False)
        packages = {OUTLOOK: {U10: HERE, U150: HERE}, TIKTOK: {U150: HERE}}

        judgement = judged(phone(PERSONAL, WORK, folder, packages=packages))

        assert judgement.verdict is Verdict.VIOLATING
        assert judgement.enforceable
        assert disabled(judgement) == [(10, OUTLOOK)]

    def test_the_open_place_is_enforced_though_another_is_closed(self) -> None:
        second = User(U11, UserKind.WORK, has_owner=True, owner=INTUNE, open_to_shell=False)
        packages = {OUTLOOK: {U10: replace(HERE, enabled=ENABLED), U11: HERE}, TIKTOK: {U0: HERE}}

        judgement = judged(phone(PERSONAL, WORK, second, packages=packages))

        assert disabled(judgement) == [(10, OUTLOOK)]
        assert not judgement.enforceable
