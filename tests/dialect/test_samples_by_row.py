"""Every row of docs/android/commands.md that bears on us, on every release: right, or honestly unreadable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.owners import Owners, read_owners
from agent_scripts.dialect.refusal_wordings import classify
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageState, UserKind
from tests.dialect.asking import MakePhone, cut_all, package, read, user
from tests.phones.fake_phone import Shell
from tests.phones.rows import Row, all_rows, owner_lists
from tests.phones.samples import (
    OWNER,
    RELEASES,
    TIKTOK,
    SampleApp,
    SamplePhone,
    SampleState,
    SampleUser,
    personal_phone,
)

pytestmark = pytest.mark.sample
FROM_12 = [api for api in RELEASES if api >= 31]


@pytest.mark.parametrize("row", all_rows(), ids=str)
def test_what_a_command_says_has_its_meaning(row: Row) -> None:
    assert classify(row.text, row.exit_code) is row.refusal


# Chapter 3: users ----------------------------------------------------------------------------------------------------

NAMES = (
    "",
    " ",
    " Work  profile ",
    "null",
    "xxx",
    "Рабочий профиль",
    "a}b{c:d",
    "line\nbreak",
    "0:c13} running",
)


def people_of(api: int) -> dict[SampleUser, tuple[UserKind, bool]]:
    """Every kind of user that the release knows, with what it is and whether it runs (3.2, 3.3, 3.5, 16)."""
    new = api >= 30
    system = SampleUser(0, (0x4C13 if api >= 34 else 0xC13) if new else 0x13, "full.SYSTEM")
    work = SampleUser(10, 0x1030 if new else 0x30, "profile.MANAGED", parent=0, owner=OWNER)
    paused = replace(work, number=12, flags=work.flags | 0x80, running=False)
    kept = replace(work, number=13, flags=work.flags | 0x80)
    stopped = replace(work, number=14, running=False)
    foreign = replace(work, number=15, owner="com.oasisfeng.island")
    ownerless = replace(work, number=16, owner="")
    guest = SampleUser(17, 0x414 if new else 0x14, "full.GUEST", running=False)
    person = SampleUser(18, 0x412 if new else 0x12, "full.SECONDARY")
    second = SampleUser(19, 0x410 if new else 0x10, "full.SECONDARY")
    found = {
        system: (UserKind.PERSONAL, True),
        work: (UserKind.WORK, True),
        paused: (UserKind.WORK, False),
        stopped: (UserKind.WORK, False),
        foreign: (UserKind.PERSONAL, True),
        ownerless: (UserKind.PERSONAL, True),
        guest: (UserKind.OTHER, False),
        person: (UserKind.OTHER, True),
        second: (UserKind.OTHER, True),
    }
    if new:
        folder = SampleUser(150, 0x10061030, "profile.MANAGED", parent=0, closed=True)
        found[folder] = (UserKind.SECURE_FOLDER, True)
        found[SampleUser(151, 0x61010, "profile.CLONE", parent=0, closed=True)] = (
            UserKind.SECURE_FOLDER,
            True,
        )
        found[SampleUser(95, 0x20001010, "profile.CLONE", parent=0)] = (UserKind.CLONE, True)
    if api >= 31:
        found[SampleUser(20, 0x1010, "profile.CLONE", parent=0)] = (UserKind.CLONE, True)
    if api >= 34:
        found[kept] = (UserKind.WORK, True)
    if api >= 35:
        found[SampleUser(21, 0x1010, "profile.PRIVATE", parent=0)] = (UserKind.PRIVATE, True)
        locked = SampleUser(22, 0x1090, "profile.PRIVATE", parent=0, running=False)
        found[locked] = (UserKind.PRIVATE, False)
        found[SampleUser(23, 0x1010, "profile.COMMUNAL", parent=0)] = (UserKind.OTHER, True)
    return found


@pytest.mark.parametrize("api", RELEASES)
def test_every_kind_of_user_is_told(phone: MakePhone, api: int) -> None:
    people = people_of(api)
    named = [replace(u, name=NAMES[n % len(NAMES)]) for n, u in enumerate(people)]

    reading = read(phone(SamplePhone(api, tuple(named), manufacturer="samsung")), ())

    assert {u.number: (u.kind, u.running) for u in reading.observation.users} == {
        u.number: said for u, said in people.items()
    }
    closed = {u.number for u in reading.observation.users if not u.open_to_shell}
    assert closed == {u.number for u in people if u.closed}


def test_the_profile_of_a_driver_is_the_cars_work_profile(phone: MakePhone) -> None:
    users = (
        SampleUser(0, 0x813, "system.HEADLESS"),
        SampleUser(10, 0x412, "full.SECONDARY"),
        SampleUser(11, 0x410, "full.SECONDARY"),
        SampleUser(12, 0x1030, "profile.MANAGED", parent=10, owner=OWNER),
        SampleUser(13, 0x1030, "profile.MANAGED", parent=11, owner=OWNER),
    )

    reading = read(phone(SamplePhone(34, users)), ())

    assert [user(reading, n).kind for n in (10, 11, 12, 13)] == [
        UserKind.PERSONAL,
        UserKind.OTHER,
        UserKind.WORK,
        UserKind.OTHER,
    ]


# Chapter 5.3: states ---------------------------------------------------------------------------------------------

STATES = {
    "plain": (SampleState(), PackageState(True)),
    "gone": (SampleState(installed=False), PackageState(False)),
    "hidden": (SampleState(hidden=True), PackageState(True, hidden=True)),
    "by-us": (
        SampleState(enabled=3, caller="shell:1000"),
        PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True),
    ),
    "by-another": (
        SampleState(enabled=2, caller="com.example.dpc"),
        PackageState(True, enabled=EnabledState.DISABLED),
    ),
    "until-used": (SampleState(enabled=4), PackageState(True, enabled=EnabledState.DISABLED_UNTIL_USED)),
    "enabled": (SampleState(enabled=1), PackageState(True, enabled=EnabledState.ENABLED)),
    "suspended": (SampleState(suspended_by="com.android.shell"), PackageState(True, suspended=True)),
    "with-message": (
        SampleState(suspended_by="com.a.b", message="two\n  lines, enabled=2 stopped=true", enabled=1),
        PackageState(True, suspended=True, enabled=EnabledState.ENABLED),
    ),
}


@pytest.mark.parametrize("api", RELEASES)
@pytest.mark.parametrize(("line_end", "indent"), [("\n", ""), ("\r\n", "  ")], ids=["plain", "relayed"])
def test_every_state_is_read_in_the_layout_of_the_release(
    phone: MakePhone, api: int, line_end: str, indent: str
) -> None:
    sample = personal_phone(api, apps=(), indent=indent, extra_keys=bool(indent) and api >= 36)
    names = {word: PackageName(f"com.example.{word.replace('-', '_')}") for word in STATES}
    for word, (state, _) in STATES.items():
        sample = sample.with_app(SampleApp(names[word], {10: state}))
    if api >= 35:
        names["archived"] = PackageName("com.example.archived")
        sample = sample.with_app(SampleApp(names["archived"], {10: SampleState(False, archived=True)}))
    fake = phone(sample)
    for path in fake.printed.glob("dumpsys-*"):
        path.write_bytes(path.read_bytes().replace(b"\n", line_end.encode()))

    reading = read(fake, tuple(names.values()))

    for word, (_, wanted) in STATES.items():
        found = package(reading, names[word])
        assert (found.unreadable, found.states) == ("", {0: PackageState(False), 10: wanted}), word
    if api >= 35:
        assert package(reading, names["archived"]).states[UserNumber(10)].archived


# Chapter 10: owners --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", FROM_12)
def test_the_list_of_owners_is_cut_to_numbers(mksh: Shell, tmp_path: Path, api: int) -> None:
    lists = owner_lists(api)

    answers = cut_all(mksh, tmp_path, "cut_owner_list", [text for text, _ in lists.values()])

    assert [answer.lines for answer in answers] == [words for _, words in lists.values()]


DUMPED = {
    "none": ((), Owners()),
    "fully managed": (("device", "name -", "id 0"), Owners(True, None, 0)),
    "work profile": (("profile 10", "name -"), Owners(profiles={10: None})),
    "both": (("device", "name -", "id 0", "profile 10", "name -"), Owners(True, None, 0, {10: None})),
}


@pytest.mark.parametrize("api", FROM_12)
@pytest.mark.parametrize("dumped", DUMPED)
@pytest.mark.parametrize("listed", [*DUMPED, "header without content"])
def test_the_list_of_owners_stands_in_for_missing_administrators(api: int, dumped: str, listed: str) -> None:
    lines, wanted = DUMPED[dumped]
    dump, listing = CutAnswer("owners", lines, 0), CutAnswer("list", owner_lists(api)[listed][1], 0)

    if dumped == listed:
        assert read_owners(dump, frozenset(), listing) == wanted
    else:
        with pytest.raises(Unreadable, match="ends before"):
            read_owners(dump, frozenset(), listing)


@pytest.mark.parametrize("api", RELEASES)
def test_a_phone_without_a_list_of_administrators_is_asked_for_its_owners(phone: MakePhone, api: int) -> None:
    fake = phone(personal_phone(api))
    dump = (fake.printed / "dumpsys-device_policy").read_text()
    fake.print("dumpsys-device_policy", dump.split("  Enabled Device Admins")[0])
    if api >= 31:
        fake.print("list-owners", owner_lists(api)["work profile"][0])
    else:
        fake.print("list-owners", "", stderr="Unknown command: list-owners\n", exit_code=255)

    reading = read(fake, (PackageName(TIKTOK),))

    if api >= 31:
        assert user(reading, 10).kind is UserKind.WORK
    else:
        assert "administrators" in reading.observation.unreadable[0]


@pytest.mark.parametrize("api", RELEASES)
def test_each_kind_of_ownership_is_told(phone: MakePhone, api: int) -> None:
    alone = personal_phone(api).users[0]
    sample = personal_phone(api)

    fake = phone(sample)
    for sample_phone, device, profile in (
        (sample, False, True),
        (replace(sample, device_owner=OWNER), True, True),
        (replace(sample, users=(alone,), device_owner=OWNER), True, False),
        (replace(sample, users=(alone,)), False, False),
    ):
        fake.show(sample_phone)
        observation = read(fake, ()).observation
        assert observation.unreadable == ()
        assert (observation.has_device_owner, any(u.has_owner for u in observation.users)) == (
            device,
            profile,
        )
