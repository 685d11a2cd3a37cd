"""Who owns phone and profiles: named only if listed, proved complete, never contradicting."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.owners import Owners, read_owners
from policy.names import PackageName
from tests.dialect.asking import OWNERS, cut, cut_all
from tests.phones.fake_phone import Shell
from tests.phones.samples import OWNER, SampleUser, personal_phone

MINE = PackageName(OWNER)


def owners(*lines: str) -> Owners:
    return read_owners(CutAnswer("owners", lines, 0), OWNERS)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("admins",), Owners()),
        (("profile 10", f"name {OWNER}", f"name {OWNER}", "admins", "admins"), Owners(profiles={10: MINE})),
        (("profile 11", "name -", "admins"), Owners(profiles={11: None})),
        (("device", f"name {OWNER}", "id 0", "admins"), Owners(True, MINE, 0)),
        (("device 0", f"name {OWNER}", "id 0", "admins"), Owners(True, MINE, 0)),
        (("device", f"name {OWNER}", "admins"), Owners(True, MINE)),
        (("device", "name -", "id 0", "admins"), Owners(True, None, 0)),
        (("device", f"name {OWNER}", "id 10", "admins"), Owners(True, MINE, 10)),
        (("device", "admins"), Owners()),
        (("device", "profile 10", f"name {OWNER}", "admins"), Owners(profiles={10: MINE})),
        (
            ("device", f"name {OWNER}", "id 0", "profile 10", f"name {OWNER}", "admins"),
            Owners(True, MINE, 0, {10: MINE}),
        ),
    ],
)
def test_owners_are_read_in_every_layout(lines: tuple[str, ...], found: Owners) -> None:
    assert owners(*lines) == found


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "ends before"),
        (("profile 10", f"name {OWNER}"), "ends before"),
        (("profile 10", "admins"), "0 names"),
        (("profile 10", f"name {OWNER}", "name -", "admins"), "2 names"),
        (("profile 10", "name -", "profile 10", "name -", "admins"), "twice"),
        (("device", "name -", "device", "name -", "admins"), "2 device owners"),
        (("device 0", "name -", "id 10", "admins"), "the users 0 and 10"),
        (("profile", "name -", "admins"), "twice"),
        (("profile x", "name -", "admins"), "no number"),
        (("name -", "admins"), "unknown form"),
        (("hello", "admins"), "unknown form"),
        (("admins", "profile 10"), "below"),
        (("profile 10", "name 7", "admins"), "no package"),
    ],
)
def test_owners_that_cannot_be_believed_are_unreadable(lines: tuple[str, ...], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        owners(*lines)


@pytest.mark.parametrize("exit_code", [1, 255, None])
def test_an_answer_that_failed_is_unreadable(exit_code: int | None) -> None:
    with pytest.raises(Unreadable):
        read_owners(CutAnswer("owners", ("admins",), exit_code), OWNERS)


@pytest.mark.parametrize("api", [26, 30, 33])
def test_no_cut_of_a_dump_takes_an_owner_away(any_shell: Shell, tmp_path: Path, api: int) -> None:
    sample = personal_phone(api, device_owner=OWNER).with_user(SampleUser(0, 0x13, "full.SYSTEM"))
    dump = sample.dumpsys_device_policy()
    end = dump.index("Enabled Device Admins")
    sizes = range(0, len(dump), 37)

    answers = cut_all(any_shell, tmp_path, "cut_owners", [dump[:size] for size in sizes], owners=[OWNER])

    for size, answer in zip(sizes, answers, strict=True):
        if size < end:
            with pytest.raises(Unreadable):
                read_owners(answer, OWNERS)
        elif "admins" in answer.lines:
            found = read_owners(answer, OWNERS)
            assert (found.has_device_owner, found.device_owner, found.profiles) == (True, MINE, {10: MINE})


def test_a_name_that_only_begins_like_a_listed_owner_is_foreign(mksh: Shell) -> None:
    dump = personal_phone(device_owner=f"{OWNER}.evil").dumpsys_device_policy()

    assert "name -" in cut(mksh, "cut_owners", dump, owners=[OWNER])[1]


@pytest.mark.parametrize(
    "last",
    [
        "Error while reading data for service device_policy: EPIPE",
        "Error with service 'device_policy' while dumping: DEAD_OBJECT",
    ],
)
def test_owners_of_a_service_that_died_are_unreadable_though_the_dump_looks_whole(
    any_shell: Shell, tmp_path: Path, last: str
) -> None:
    whole = personal_phone().dumpsys_device_policy()

    sound, died = cut_all(any_shell, tmp_path, "cut_owners", [whole, f"{whole}{last}\n"], owners=[OWNER])

    assert read_owners(sound, OWNERS).profiles == {10: MINE}
    with pytest.raises(Unreadable, match="service_failed"):
        read_owners(died, OWNERS)
