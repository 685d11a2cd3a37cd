"""What a probe says of every kind of phone: what can be promised, what cannot, and which setting would change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent_scripts.dialect.device import DeviceFacts
from agent_scripts.exchange import PhoneMemory, Reading
from agent_scripts.visits.probe import probe
from policy.document import ManagedApp, PlaceKind, Policy
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, PackageState, User, UserKind
from policy.probe import Limit, LimitCode, Owner, Probe, Reach
from policy.ready_made import ready_made_policy
from policy.schemas import dump_probe, load_probe

PHONE = PhoneId("1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11")
INTUNE = PackageName("com.microsoft.windowsintune.companyportal")
OUTLOOK = PackageName("com.microsoft.office.outlook")
POLICY = replace(ready_made_policy(), owners=frozenset({INTUNE}))
U0, U10 = UserNumber(0), UserNumber(10)
PERSONAL = User(U0, UserKind.PERSONAL)
WORK = User(U10, UserKind.WORK, has_owner=True, owner=INTUNE)
ISLAND = User(U10, UserKind.PERSONAL, has_owner=True)
HERE = PackageState(installed=True)


def reading(*users: User, maker: str = "Google", api: int = 34, **parts: Any) -> Reading:
    facts = DeviceFacts(maker, "Model X", "x", "S1", "14", api, "2024-06-05", "green", "", None, False)
    return Reading(facts, PhoneMemory(), Observation(PHONE, api, users, **parts), (), "")


def probed(*users: User, under: Policy | None = POLICY, **parts: Any) -> Probe:
    return probe(reading(*users, **parts), under)


def limit(found: Probe, code: LimitCode) -> Limit:
    [limit] = [limit for limit in found.limits if limit.code is code]
    return limit


def codes(found: Probe) -> set[LimitCode]:
    return {limit.code for limit in found.limits}


def outlook(state: PackageState = HERE, **parts: Any) -> dict[PackageName, PackageReading]:
    return {OUTLOOK: PackageReading(OUTLOOK, {U0: PackageState(installed=False), U10: state}, **parts)}


class TestPlaces:
    def test_an_open_work_profile_can_be_enforced_and_restored(self) -> None:
        found = probed(PERSONAL, WORK)

        assert found.reach is Reach.OPEN
        [place] = found.places
        assert (place.user, place.kind, place.enforce, place.restore) == (
            10,
            PlaceKind.WORK_PROFILE,
            True,
            True,
        )
        assert [user.owner for user in found.users] == [Owner.NONE, Owner.POLICY]
        assert not [limit for limit in found.limits if limit.hinders]

    def test_a_closed_work_profile_can_neither_and_the_owners_setting_would_change_it(self) -> None:
        found = probed(PERSONAL, replace(WORK, open_to_shell=False))

        assert found.reach is Reach.CLOSED
        [place] = found.places
        assert (place.enforce, place.restore) == (False, False)
        closed = limit(found, LimitCode.PLACE_CLOSED)
        assert closed.hinders
        assert "must drop no_debugging_features" in closed.change
        assert closed.source == "docs/android/commands.md 9"

    def test_a_fully_managed_phone_is_a_place_whose_owner_may_switch_adb_off(self) -> None:
        found = probed(PERSONAL, has_device_owner=True, device_owner=INTUNE, device_owner_user=U0)

        assert found.reach is Reach.OPEN
        assert [place.kind for place in found.places] == [PlaceKind.MANAGED_DEVICE]
        assert found.device_owner is Owner.POLICY
        assert LimitCode.OWNER_MAY_CLOSE in codes(found)

    def test_a_phone_under_a_foreign_device_owner_has_no_place(self) -> None:
        found = probed(PERSONAL, has_device_owner=True)

        assert (found.reach, found.device_owner) == (Reach.NONE, Owner.OTHER)
        assert {LimitCode.NO_PLACE, LimitCode.FOREIGN_OWNER} <= codes(found)

    def test_a_profile_of_another_owner_is_no_place_and_the_policy_could_list_its_owner(self) -> None:
        found = probed(PERSONAL, ISLAND)

        assert found.reach is Reach.NONE
        assert found.users[1].owner is Owner.OTHER
        assert "add its owner to the policy" in limit(found, LimitCode.FOREIGN_OWNER).change

    def test_a_private_phone_has_nothing_to_enforce(self) -> None:
        found = probed(PERSONAL)

        assert (found.reach, found.places) == (Reach.NONE, ())

    def test_user_0_is_a_place_only_where_the_policy_says_so(self) -> None:
        managed = (ManagedApp(OUTLOOK, frozenset({PlaceKind.USER_0})),)

        found = probed(PERSONAL, under=replace(POLICY, managed=managed))

        assert [place.kind for place in found.places] == [PlaceKind.USER_0]

    @pytest.mark.parametrize("owned", [True, False])
    def test_a_work_profile_says_whose_the_phone_is(self, owned: bool) -> None:
        found = probed(PERSONAL, WORK, company_owned=owned)

        assert found.company_owned is owned
        assert (LimitCode.OWNER_MAY_CLOSE in codes(found)) is owned

    def test_up_to_android_10_a_device_owner_beside_a_work_profile_tells_that(self) -> None:
        assert probed(PERSONAL, WORK, api=28, has_device_owner=True).company_owned is True
        assert probed(PERSONAL, WORK, api=28).company_owned is False

    def test_a_phone_that_does_not_tell_whose_it_is_is_not_guessed(self) -> None:
        assert probed(PERSONAL, WORK).company_owned is None
        assert probed(PERSONAL).company_owned is None


class TestUnknown:
    def test_an_unreadable_phone_is_unknown_with_its_reason(self) -> None:
        found = probed(unreadable=("the answer has no end",))

        assert (found.reach, found.places) == (Reach.UNKNOWN, ())
        assert "the answer has no end" in limit(found, LimitCode.UNREADABLE).sentence

    def test_a_phone_that_did_not_say_what_it_is_is_unknown(self) -> None:
        nothing = Reading(None, PhoneMemory(), Observation(PHONE, 0, unreadable=("nothing",)), (), "")

        found = probe(nothing, POLICY)

        assert (found.reach, found.model, codes(found)) == (Reach.UNKNOWN, "", {LimitCode.UNREADABLE})

    def test_without_an_accepted_bundle_users_are_told_and_places_are_unknown(self) -> None:
        found = probed(PERSONAL, WORK, under=None)

        assert (found.reach, len(found.users)) == (Reach.UNKNOWN, 2)
        assert "connect this station to the server" in limit(found, LimitCode.NO_POLICY).change


class TestApps:
    @pytest.mark.parametrize("state", [EnabledState.DISABLED, EnabledState.DISABLED_UNTIL_USED])
    def test_an_app_that_others_switched_off_cannot_be_promised(self, state: EnabledState) -> None:
        found = probed(PERSONAL, WORK, packages=outlook(replace(HERE, enabled=state)))

        assert not found.places[0].enforce
        assert limit(found, LimitCode.NOT_OURS_TO_SWITCH).hinders
        assert found.reach is Reach.OPEN

    @pytest.mark.parametrize("maker", ["Xiaomi", "vivo", "POCO"])
    def test_some_makers_refuse_to_disable_what_came_with_the_phone(self, maker: str) -> None:
        found = probed(PERSONAL, WORK, maker=maker, packages=outlook(system=True))

        assert not found.places[0].enforce
        assert LimitCode.SYSTEM_APP_REFUSED in codes(found)

    def test_these_makers_disable_what_was_installed(self) -> None:
        assert probed(PERSONAL, WORK, maker="Xiaomi", packages=outlook()).places[0].enforce

    def test_other_makers_disable_what_came_with_the_phone(self) -> None:
        assert probed(PERSONAL, WORK, maker="samsung", packages=outlook(system=True)).places[0].enforce

    def test_an_app_that_could_not_be_read_cannot_be_promised(self) -> None:
        packages = {OUTLOOK: PackageReading(OUTLOOK, unreadable="the dump ran out of time")}

        found = probed(PERSONAL, WORK, packages=packages)

        assert not found.places[0].enforce
        assert "ran out of time" in limit(found, LimitCode.PACKAGE_UNREADABLE).sentence

    def test_an_app_that_is_not_there_hinders_nothing(self) -> None:
        assert (
            probed(PERSONAL, WORK, packages={OUTLOOK: PackageReading(OUTLOOK, known=False)}).places[0].enforce
        )


class TestToKnow:
    @pytest.mark.parametrize(
        ("api", "expected"),
        [
            (28, {LimitCode.NO_NOTIFICATIONS}),
            (29, {LimitCode.KEY_EXPIRES}),
            (30, {LimitCode.KEY_EXPIRES, LimitCode.WIRELESS, LimitCode.OWNER_MAY_PROTECT}),
            (36, {LimitCode.KEY_EXPIRES, LimitCode.WIRELESS, LimitCode.OWNER_MAY_PROTECT}),
            (
                37,
                {
                    LimitCode.KEY_EXPIRES,
                    LimitCode.WIRELESS,
                    LimitCode.OWNER_MAY_PROTECT,
                    LimitCode.NEWER_RELEASE,
                },
            ),
        ],
    )
    def test_each_release_brings_its_own(self, api: int, expected: set[LimitCode]) -> None:
        assert codes(probed(PERSONAL, WORK, api=api)) == expected | {LimitCode.UPDATE_RESETS}

    def test_xiaomi_asks_for_a_switch_of_its_own(self) -> None:
        found = probed(PERSONAL, WORK, maker="Xiaomi")

        assert "USB debugging (Security settings)" in limit(found, LimitCode.SECURITY_SETTINGS).change
        assert LimitCode.SECURITY_SETTINGS not in codes(probed(PERSONAL, WORK, maker="samsung"))

    def test_a_paused_profile_changes_nothing(self) -> None:
        found = probed(PERSONAL, replace(WORK, running=False))

        assert found.places[0].enforce
        assert "changes nothing" in limit(found, LimitCode.NOT_RUNNING).sentence

    def test_a_secure_folder_is_closed_and_read_all_the_same(self) -> None:
        folder = User(UserNumber(150), UserKind.SECURE_FOLDER, has_owner=True, open_to_shell=False)

        found = probed(PERSONAL, WORK, folder)

        assert found.reach is Reach.OPEN
        assert "User 150" in limit(found, LimitCode.USER_CLOSED).sentence
        assert LimitCode.FOREIGN_OWNER not in codes(found)


@pytest.mark.parametrize(
    "found",
    [
        probed(PERSONAL, replace(WORK, open_to_shell=False, running=False), maker="Xiaomi", api=37),
        probed(PERSONAL, ISLAND, has_device_owner=True),
        probed(unreadable=("x" * 600,)),
        probed(PERSONAL, WORK, under=None),
        probed(PERSONAL, WORK, packages=outlook(replace(HERE, installed_ago=timedelta(1)), system=True)),
    ],
    ids=["closed", "foreign", "unreadable", "no bundle", "apps"],
)
def test_every_probe_can_be_sent_and_names_a_source_for_each_sentence(found: Probe) -> None:
    assert load_probe(dump_probe(found)) == found
    assert all(limit.source and limit.sentence.count("\n") == 0 for limit in found.limits)
