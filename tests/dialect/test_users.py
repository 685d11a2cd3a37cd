"""Who the users of a phone are: their kinds, whatever their names, and every contradiction as unreadable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.kinds import UserFacts, kind_of
from agent_scripts.dialect.owners import Owners
from agent_scripts.dialect.refusal_wordings import classify
from agent_scripts.dialect.users import read_users
from agent_scripts.exchange import Reading
from policy.names import UserNumber
from policy.observation import UserKind
from tests.dialect.asking import MakePhone, cut, read, user
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import (
    OWNER,
    TIKTOK,
    SampleApp,
    SamplePhone,
    SampleState,
    SampleUser,
    personal_phone,
)

TYPE = "android.os.usertype."


def read_people(fake: FakePhone) -> Reading:
    """Return a reading that asks for no apps: these tests are about users."""
    return read(fake, ())


@pytest.mark.parametrize(
    ("facts", "samsung", "kind"),
    [
        (UserFacts(0, 0x4C13, f"{TYPE}full.SYSTEM"), False, UserKind.PERSONAL),
        (UserFacts(0, 0x813, f"{TYPE}system.HEADLESS"), False, UserKind.PERSONAL),
        (UserFacts(0, 0x13), False, UserKind.PERSONAL),
        (UserFacts(10, 0x1030, f"{TYPE}profile.MANAGED", 0, owner_listed=True), False, UserKind.WORK),
        (UserFacts(22, 0x10B0, f"{TYPE}profile.MANAGED", 0, owner_listed=True), False, UserKind.WORK),
        (UserFacts(10, 0x1030, f"{TYPE}profile.MANAGED", owner_listed=True), False, UserKind.WORK),
        (UserFacts(10, 0x30, owner_listed=True), False, UserKind.WORK),
        (UserFacts(10, 0x30), False, UserKind.PERSONAL),
        (UserFacts(10, 0x1030, f"{TYPE}profile.MANAGED", 0), False, UserKind.PERSONAL),
        (UserFacts(12, 0x1030, f"{TYPE}profile.MANAGED", 11, owner_listed=True), False, UserKind.OTHER),
        (UserFacts(150, 0x10061030, f"{TYPE}profile.MANAGED", 0, closed=True), True, UserKind.SECURE_FOLDER),
        (UserFacts(151, 0x61010, f"{TYPE}profile.CLONE", 0, closed=True), True, UserKind.SECURE_FOLDER),
        (UserFacts(150, 0x10061030, f"{TYPE}profile.MANAGED", 0, True, True), True, UserKind.SECURE_FOLDER),
        (UserFacts(150, 0x1030, f"{TYPE}profile.MANAGED", 0, True, True), True, UserKind.SECURE_FOLDER),
        (UserFacts(160, 0x1030, f"{TYPE}profile.MANAGED", 0, closed=True), True, UserKind.SECURE_FOLDER),
        (UserFacts(150, 0x1030, f"{TYPE}profile.MANAGED", 0, True, True), False, UserKind.WORK),
        (UserFacts(161, 0x10061030, f"{TYPE}profile.MANAGED", 0, closed=True), True, UserKind.SECURE_FOLDER),
        (UserFacts(150, 0x10061030), True, UserKind.SECURE_FOLDER),
        (UserFacts(95, 0x20001010, f"{TYPE}profile.CLONE", 0), True, UserKind.CLONE),
        (UserFacts(95, 0x20001010), True, UserKind.CLONE),
        (UserFacts(95, 0x1030, f"{TYPE}profile.MANAGED", 0, owner_listed=True), False, UserKind.WORK),
        (UserFacts(999, 0x30), False, UserKind.CLONE),
        (UserFacts(998, 0x1030, f"{TYPE}profile.MANAGED", 0), False, UserKind.CLONE),
        (UserFacts(11, 0x1010, f"{TYPE}profile.CLONE", 0), False, UserKind.CLONE),
        (UserFacts(11, 0x1010, "com.maker.usertype.profile.DUAL", 0), False, UserKind.CLONE),
        (UserFacts(11, 0x1090, f"{TYPE}profile.PRIVATE", 0), False, UserKind.PRIVATE),
        (UserFacts(11, 0x1010, f"{TYPE}profile.COMMUNAL", 0), False, UserKind.OTHER),
        (UserFacts(11, 0x414, f"{TYPE}full.GUEST"), False, UserKind.OTHER),
        (UserFacts(11, 0x412, f"{TYPE}full.SECONDARY"), False, UserKind.OTHER),
        (UserFacts(10, 0x14), False, UserKind.OTHER),
        (UserFacts(10, 0x11), False, UserKind.OTHER),
    ],
)
def test_a_kind_is_told_by_type_owner_parent_and_makers_marks(
    facts: UserFacts, samsung: bool, kind: UserKind
) -> None:
    assert kind_of(facts, samsung=samsung) is kind


def test_a_secure_folder_is_never_a_work_profile(phone: MakePhone) -> None:
    folder = SampleUser(
        150,
        0x10061030,
        "profile.MANAGED",
        name="Secure Folder",
        parent=0,
        owner="com.samsung.knox",
        closed=True,
    )

    reading = read_people(phone(personal_phone(34, manufacturer="samsung").with_user(folder)))

    assert user(reading, 150).kind is UserKind.SECURE_FOLDER
    assert not user(reading, 150).open_to_shell
    assert user(reading, 10).kind is UserKind.WORK


@pytest.mark.parametrize("api", [26, 33, 34])
def test_a_user_under_no_debugging_features_is_closed(phone: MakePhone, api: int) -> None:
    sample = personal_phone(api)
    closed = SampleUser(10, sample.users[1].flags, "profile.MANAGED", parent=0, owner=OWNER, closed=True)

    reading = read_people(phone(sample.with_user(closed)))

    assert not user(reading, 10).open_to_shell
    assert user(reading, 0).open_to_shell


def test_a_restriction_of_guests_closes_nobody(phone: MakePhone) -> None:
    # The sample's dump ends with `Guest restrictions:` and no_debugging_features under it.
    assert user(read_people(phone(personal_phone())), 10).open_to_shell


def test_a_user_that_is_not_started_is_not_running(phone: MakePhone) -> None:
    paused = SampleUser(10, 0x10B0, "profile.MANAGED", parent=0, owner=OWNER, running=False)

    assert not user(read_people(phone(personal_phone().with_user(paused))), 10).running


@pytest.mark.parametrize("api", [26, 30, 36])
@pytest.mark.parametrize(
    "name",
    [
        "",
        "null",
        " blanks at both ends ",
        "a:b}c{d",
        "UserInfo{77:x:1030} running",
        "x} serialNo=5 isPrimary=true parentId=0",
        "x:1030} serialNo=99 isPrimary=false parentId=0",
        "工作资料",
        "個人\t用",
        "two\nlines",
        "three\n\nlines\n",
        "A:13} running\n\tUserInfo{77:Fake:1030",
        "A\n\tUserInfo{77:Fake:1030} running\nB",
        "A\n  UserInfo{77:Fake:1030} serialNo=77 parentId=0\n    Type: android.os.usertype.full.GUEST\nB",
        "A\n    Type: android.os.usertype.profile.PRIVATE\n    no_debugging_features\nB",
        "*** SERVICE 'user' DUMP TIMEOUT (10000ms) EXPIRED ***",
        "java.lang.SecurityException: no",
    ],
)
def test_no_name_breaks_or_fools_the_reading(phone: MakePhone, api: int, name: str) -> None:
    sample = personal_phone(api)
    sample = sample.with_user(SampleUser(10, sample.users[1].flags, "profile.MANAGED", name, 0, owner=OWNER))

    reading = read_people(phone(sample))

    assert [(u.number, u.kind) for u in reading.observation.users] == [
        (0, UserKind.PERSONAL),
        (10, UserKind.WORK),
    ]
    assert user(reading, 10).open_to_shell
    assert user(reading, 10).running


@pytest.mark.parametrize("api", [29, 34])
@pytest.mark.parametrize("number", [0, 10, 11])
@pytest.mark.parametrize(
    "name",
    [
        "x}\n\tUserInfo{0:Owner:c13} running",
        "A\n  UserInfo{0:Fake:13} serialNo=0 isPrimary=true\n\tUserInfo{0:Fake:13} running\nB",
        "A\n  UserInfo{10:Fake:414} serialNo=10 isPrimary=false\n    Type: android.os.usertype.full.GUEST\nB",
        "A\n  UserInfo{11:Fake:414} serialNo=11 isPrimary=false\n    Type: android.os.usertype.full.GUEST\nB",
        "A\n\tUserInfo{11:Fake:414} running\n\tUserInfo{10:Fake:414} running\nB",
        "A\n\tUserInfo{10:x\n\tUserInfo{11:x",
    ],
)
def test_a_name_that_imitates_users_of_the_phone_is_seen_through(
    phone: MakePhone, api: int, number: int, name: str
) -> None:
    sample = personal_phone(api)
    sample = sample.with_user(SampleUser(11, 0x1030 if api >= 30 else 0x30, "profile.MANAGED", parent=0))
    named = next(u for u in sample.users if u.number == number)

    reading = read_people(phone(sample.with_user(replace(named, name=name))))

    assert reading.observation.unreadable == ()
    kinds = [(u.number, u.kind) for u in reading.observation.users]
    assert kinds == [(0, UserKind.PERSONAL), (10, UserKind.WORK), (11, UserKind.PERSONAL)]


def test_a_name_that_leaves_two_readings_is_unreadable_never_believed(phone: MakePhone) -> None:
    """The name of user 10 closes its own line, tells a guest in the place of user 11, and opens a line again."""
    detail = "    Type: android.os.usertype.{}\n    Effective restrictions:\n      none\n"
    name = (
        "A:1030} serialNo=10 isPrimary=false parentId=0\n"
        + detail.format("profile.MANAGED")
        + "  UserInfo{11:Fake:414} serialNo=11 isPrimary=false\n"
        + detail.format("full.GUEST")
        + "  UserInfo{12:rest"
    )
    private = SampleUser(11, 0x1090, "profile.PRIVATE", parent=0)
    sample = personal_phone().with_user(private)

    reading = read_people(
        phone(sample.with_user(SampleUser(10, 0x1030, "profile.MANAGED", name, 0, owner=OWNER)))
    )

    assert reading.observation.unreadable != ()


def test_a_name_full_of_users_does_not_keep_the_station_busy() -> None:
    """Without a limit, the ways to read this would be more than there are seconds."""
    numbers = frozenset(map(UserNumber, range(20)))
    lines = tuple(f"header {number} c13" for number in [*range(19, -1, -1), *range(19)] * 40)
    answer = CutAnswer("users", lines, 0)

    with pytest.raises(Unreadable):
        read_users(answer, answer, numbers, Owners(), api_level=34, samsung=False)


@pytest.mark.parametrize("tag", [" <partial>", " <pre-created>"])
def test_users_still_being_made_are_left_out(phone: MakePhone, tag: str) -> None:
    unfinished = SampleUser(12, 0x410, "full.SECONDARY", tags=tag)

    reading = read_people(phone(personal_phone().with_user(unfinished)))

    assert [u.number for u in reading.observation.users] == [0, 10]
    assert user(reading, 10).kind is UserKind.WORK


def test_a_user_being_removed_still_counts(phone: MakePhone) -> None:
    sample = personal_phone()
    fake = phone(sample.with_user(SampleUser(11, 0x1010, "profile.CLONE", parent=0)))
    dump = (fake.printed / "dumpsys-user").read_text()
    fake.print("dumpsys-user", dump.replace("serialNo=11", "serialNo=11 <removing> "))

    assert user(read_people(fake), 11).kind is UserKind.CLONE


def test_a_user_whose_effective_restrictions_are_not_computed_is_told_by_its_own(phone: MakePhone) -> None:
    closed = SampleUser(10, 0x1030, "profile.MANAGED", parent=0, owner=OWNER, closed=True)
    fake = phone(personal_phone(34).with_user(closed))
    dump = (fake.printed / "dumpsys-user").read_text()
    head, last = dump.rsplit("Effective restrictions:\n", 1)
    fake.print("dumpsys-user", f"{head}Effective restrictions:\n      null\n{last.split('features', 1)[1]}")

    assert not user(read_people(fake), 10).open_to_shell


def spoilt(
    phone: MakePhone, name: str, old: str, new: str, sample: SamplePhone | None = None
) -> tuple[str, ...]:
    """Return what is unreadable after a text was changed."""
    fake = phone(sample or personal_phone())
    text = (fake.printed / name).read_text()
    assert old in text
    fake.print(name, text.replace(old, new))
    return read_people(fake).observation.unreadable


def test_a_user_missing_from_the_dump_is_unreadable(phone: MakePhone) -> None:
    reasons = spoilt(phone, "dumpsys-user", "  UserInfo{10:", "  Userinfo{10:")

    assert reasons == ("dumpsys user does not name user 10",)


def test_a_user_missing_from_the_list_is_unreadable(phone: MakePhone) -> None:
    reasons = spoilt(phone, "pm-list-users", "\tUserInfo{10:Work profile:1030} running\n", "")

    assert reasons == ("pm list users does not name user 10",)


def test_a_user_that_only_the_packages_know_is_unreadable(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    shell_app = SampleApp("com.android.shell", {0: SampleState(), 10: SampleState(), 11: SampleState()})
    three = personal_phone().with_user(SampleUser(11, 0x1010, "profile.CLONE", parent=0))
    fake.print(
        "dumpsys-package-com.android.shell", three.with_app(shell_app).dumpsys_package("com.android.shell")
    )

    assert read_people(fake).observation.unreadable == ("dumpsys user does not name user 11",)


def test_a_user_that_the_packages_do_not_know_is_unreadable(phone: MakePhone) -> None:
    fake = phone(personal_phone().with_user(SampleUser(11, 0x1010, "profile.CLONE", parent=0)))
    two = personal_phone()
    fake.print("dumpsys-package-com.android.shell", two.dumpsys_package("com.android.shell"))

    assert "packages do not know" in read_people(fake).observation.unreadable[0]


def test_flags_that_differ_between_dump_and_list_are_unreadable(phone: MakePhone) -> None:
    reasons = spoilt(phone, "pm-list-users", ":1030} running", ":1010} running")

    assert reasons == ("dumpsys user and pm list users disagree on the flags of user 10",)


def test_a_profile_paused_between_two_commands_is_no_contradiction(phone: MakePhone) -> None:
    assert spoilt(phone, "pm-list-users", ":1030} running", ":10b0}") == ()


def test_a_second_type_is_unreadable(phone: MakePhone) -> None:
    line = "    Type: android.os.usertype.profile.MANAGED\n"

    assert "2 types" in spoilt(phone, "dumpsys-user", line, line * 2)[0]


def test_a_user_without_type_is_unreadable_from_android_11(phone: MakePhone) -> None:
    line = "    Type: android.os.usertype.profile.MANAGED\n"

    assert "0 types" in spoilt(phone, "dumpsys-user", line, "")[0]


def test_a_user_without_effective_restrictions_is_unreadable(phone: MakePhone) -> None:
    assert "restrictions" in spoilt(phone, "dumpsys-user", "    Effective restrictions:\n", "")[0]


def test_an_owner_that_only_one_source_names_is_unreadable(phone: MakePhone) -> None:
    reasons = spoilt(phone, "dumpsys-user", "Has profile owner: true", "Has profile owner: false")

    assert "disagree on whether user 10 has an owner" in reasons[0]


def test_owners_of_a_clone_may_be_told_by_one_source_alone(phone: MakePhone) -> None:
    """Makers handle the owners of their own spaces as they like; no place of ours depends on it."""
    fake = phone(
        personal_phone().with_user(SampleUser(95, 0x20001010, "profile.CLONE", parent=0, owner="com.a"))
    )
    fake.print("dumpsys-device_policy", personal_phone().dumpsys_device_policy())

    assert user(read_people(fake), 95).has_owner


@pytest.mark.parametrize(("flags", "kind"), [(0x1010, UserKind.CLONE), (0x410, UserKind.OTHER)])
def test_a_type_of_the_maker_is_told_by_its_flags(phone: MakePhone, flags: int, kind: UserKind) -> None:
    fake = phone(personal_phone().with_user(SampleUser(11, flags, "odd", parent=0)))

    assert user(read_people(fake), 11).kind is kind


def test_a_profile_owner_of_an_ordinary_tablet_is_no_work_profile(phone: MakePhone) -> None:
    tablet = SamplePhone(28, (SampleUser(0, 0x13, "", owner="com.maker.parents"),))

    reading = read_people(phone(tablet))

    assert (user(reading, 0).kind, user(reading, 0).has_owner) == (UserKind.PERSONAL, True)


def test_the_banned_app_is_found_in_every_kind_of_user(phone: MakePhone) -> None:
    numbers = (0, 10, 11, 95, 150)
    sample = personal_phone(34, manufacturer="samsung")
    for extra in (
        SampleUser(11, 0x1090, "profile.PRIVATE", parent=0, running=False),
        SampleUser(95, 0x20001010, "profile.CLONE", parent=0),
        SampleUser(150, 0x10061030, "profile.MANAGED", parent=0, closed=True),
    ):
        sample = sample.with_user(extra)

    reading = read(phone(sample.with_app(SampleApp(TIKTOK, {number: SampleState() for number in numbers}))))

    states = next(p for p in reading.observation.packages.values() if p.package == TIKTOK).states
    assert {n: s.installed for n, s in states.items()} == dict.fromkeys(numbers, True)
    assert [u.kind for u in reading.observation.users][2:] == [
        UserKind.PRIVATE,
        UserKind.CLONE,
        UserKind.SECURE_FOLDER,
    ]


@pytest.mark.parametrize("filter_name", ["cut_users", "cut_user_list"])
def test_no_part_of_a_name_leaves_the_phone_as_an_error(any_shell: Shell, filter_name: str) -> None:
    name = "\n".join(
        (
            "A",
            "Error: Secret Name",
            "Security exception: Secret Name",
            "java.lang.SecurityException: Secret Name",
            "cmd: Secret Name",
            "Can't find service: Secret Name",
            "sh: Secret Name: not found",
            "Secret Name: inaccessible or not found",
            "Error with service 'Secret' while dumping: Secret Name",
            "Error while reading data for service Secret: SECRET_NAME",
            "Failed to read while dumping service Secret: Secret Name",
            "Secret Name, is the system running?",
            "No shell command implementation, Secret Name",
            "B",
        )
    )

    left = cut(any_shell, filter_name, f"  UserInfo{{10:{name}:1030}} serialNo=10 isPrimary=false\n")

    assert "error Error" in left
    assert not [line for line in left if "Secret" in line]


@pytest.mark.parametrize("filter_name", ["cut_users", "cut_user_list"])
@pytest.mark.parametrize(
    "last",
    [
        "Error with service 'user' while dumping: DEAD_OBJECT",
        "Error while reading data for service user: EPIPE",
        "Failed to read while dumping service user: I/O error",
        "Error: Could not access the Package Manager.  Is the system running?",
    ],
)
def test_users_of_a_service_that_died_are_an_error_that_passes(
    any_shell: Shell, filter_name: str, last: str
) -> None:
    line = (
        "UserInfo{0:Owner:c13} serialNo=0" if filter_name == "cut_users" else "UserInfo{0:Owner:c13} running"
    )

    *_, error = cut(any_shell, filter_name, f"  {line}\n{last}\n")

    refusal = classify(error.removeprefix("error "), 0)
    assert error.startswith("error ")
    assert refusal is not None
    assert refusal.is_brief


def test_a_user_who_is_called_like_an_error_is_a_user(any_shell: Shell) -> None:
    name = "Error with service 'package' while dumping: DEAD_OBJECT"

    assert cut(any_shell, "cut_user_list", f"\tUserInfo{{10:{name}:1030}} running\n") == [
        "header 10 1030 running"
    ]
