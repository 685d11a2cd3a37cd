"""On a healthy phone of any release and in any of the shells, everything is read and nothing is unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts import exchange
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageState, UserKind
from tests.dialect.asking import PACKAGES, MakePhone, answer_of, package, read, reading_from, user
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import (
    FOREIGN_ADMIN,
    FOREIGN_APP,
    OUTLOOK,
    OWNER,
    PERSON,
    RELEASES,
    SKYPE,
    TIKTOK,
    TIKTOK_LITE,
    SampleApp,
    SampleState,
    SampleUser,
    personal_phone,
)


@pytest.mark.parametrize("api", RELEASES)
def test_every_release_is_read_whole(phone: MakePhone, api: int) -> None:
    sample = personal_phone(api).with_app(SampleApp(TIKTOK, {0: SampleState()}))

    reading = read(phone(sample))

    assert reading.observation.unreadable == ()
    assert [(u.number, u.kind) for u in reading.observation.users] == [
        (0, UserKind.PERSONAL),
        (10, UserKind.WORK),
    ]
    assert user(reading, 10).owner == OWNER
    assert package(reading, TIKTOK).states == {0: PackageState(True), 10: PackageState(False)}
    assert not package(reading, TIKTOK_LITE).known
    assert package(reading, SKYPE).states[UserNumber(10)].enabled is EnabledState.ENABLED
    assert [p.unreadable for p in reading.observation.packages.values()] == [""] * len(PACKAGES)


@pytest.mark.parametrize("api", [26, 29, 34, 36])
def test_every_shell_gives_the_same_reading(any_shell: Shell, tmp_path: Path, api: int) -> None:
    message = "Talk to us:\n call 7 stopped=maybe"
    apps = SampleApp(
        TIKTOK,
        {0: SampleState(enabled=3, caller="shell:1000", suspended_by="a.b", message=message)},
        system=True,
    )
    fake = FakePhone(tmp_path, personal_phone(api).with_app(apps), any_shell)

    reading = read(fake)

    state = package(reading, TIKTOK).states[UserNumber(0)]
    assert (state.enabled, state.disabled_by_shell) == (EnabledState.DISABLED_BY_USER, True)
    assert package(reading, TIKTOK).system
    assert reading.facts is not None
    assert reading.facts.model == "Sample [One] 5G"
    assert reading.facts.boot_id
    assert reading.facts.phone_clock is not None


def test_what_the_phone_is_comes_from_its_properties(phone: MakePhone) -> None:
    facts = read(phone(personal_phone(33, manufacturer="samsung", virtual=True))).facts

    assert facts is not None
    assert (facts.manufacturer, facts.device, facts.serial) == ("samsung", "sample", "SAMPLE0001")
    assert (facts.release, facts.api_level, facts.patch_level) == ("13", 33, "2023-01-05")
    assert (facts.boot_state, facts.virtual, facts.is_samsung) == ("green", True, True)


def test_a_phone_is_virtual_only_if_it_says_so(phone: MakePhone) -> None:
    facts = read(phone(personal_phone())).facts

    assert facts is not None
    assert not facts.virtual


@pytest.mark.parametrize("api", [26, 30, 36])
def test_no_name_of_a_person_or_a_foreign_app_leaves_the_phone(phone: MakePhone, api: int) -> None:
    island = SampleUser(11, 0x1030, "profile.MANAGED", parent=0, owner=FOREIGN_APP)
    suspended = SampleState(
        suspended_by=FOREIGN_APP, message=f"{PERSON} says no", enabled=3, caller=f"{FOREIGN_APP}:0"
    )
    sample = (
        personal_phone(api)
        .with_user(island)
        .with_app(SampleApp(TIKTOK, {0: suspended}, system=True, updated=True))
    )

    answer = answer_of(phone(sample)).decode()

    for secret in (PERSON, *PERSON.split(), FOREIGN_APP, FOREIGN_ADMIN, "says no"):
        assert secret not in answer
    assert OWNER in answer


def test_an_owner_is_named_only_if_the_policy_lists_it(phone: MakePhone) -> None:
    island = SampleUser(11, 0x1030, "profile.MANAGED", parent=0, owner="com.oasisfeng.island")

    reading = read(phone(personal_phone().with_user(island)))

    assert (user(reading, 11).has_owner, user(reading, 11).owner) == (True, None)
    assert user(reading, 11).kind is UserKind.PERSONAL


def test_a_work_profile_under_an_owner_that_is_not_listed_is_personal(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    reading = reading_from(answer_of(fake))
    assert user(reading, 10).kind is UserKind.WORK

    other_owners = frozenset({PackageName("com.other.mdm")})
    question = exchange.ReadingQuestion(PACKAGES, other_owners)
    reading = question.parse(fake.run(question.command))

    assert user(reading, 10).kind is UserKind.PERSONAL


def test_a_fully_managed_phone_names_its_device_owner(phone: MakePhone) -> None:
    sample = personal_phone(device_owner=OWNER)
    sample = type(sample)(sample.api, (sample.users[0],), sample.apps, device_owner=OWNER)

    observation = read(phone(sample)).observation

    assert (observation.unreadable, observation.has_device_owner, observation.device_owner) == (
        (),
        True,
        OWNER,
    )


def test_a_foreign_device_owner_stays_unnamed(phone: MakePhone) -> None:
    observation = read(phone(personal_phone(device_owner="com.other.mdm"))).observation

    assert (observation.unreadable, observation.has_device_owner, observation.device_owner) == (
        (),
        True,
        None,
    )


@pytest.mark.parametrize("api", [34, 36])
def test_two_more_blanks_and_unknown_keys_change_nothing(phone: MakePhone, api: int) -> None:
    sample = personal_phone(api, indent="  ", extra_keys=True).with_app(
        SampleApp(TIKTOK, {10: SampleState()})
    )

    reading = read(phone(sample))

    assert {n: s.installed for n, s in package(reading, TIKTOK).states.items()} == {0: False, 10: True}
    assert package(reading, OUTLOOK).states[UserNumber(10)].enabled is EnabledState.DEFAULT


def test_nothing_is_asked_but_named_packages(phone: MakePhone) -> None:
    fake = phone(personal_phone())

    read(fake)

    assert fake.calls == ["pm list users"]
    assert fake.misuse == []


def test_a_reading_without_packages_and_owners_tells_what_the_phone_is(phone: MakePhone) -> None:
    question = exchange.ReadingQuestion((), ())
    reading = question.parse(phone(personal_phone()).run(question.command))

    assert reading.facts is not None
    assert reading.observation.unreadable == ()
    assert reading.observation.phone_id == exchange.UNKNOWN_PHONE
