"""Output of real phones, posted in public, through the filters that run on the phone and the readers behind them.

The captures live outside the repository (`CURFEW_CAPTURES`). Many are parts of an output, so parts are read here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.packages import read_package
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageState
from tests.dialect.asking import cut
from tests.phones.fake_phone import Shell


def output(captures: Path, number: str) -> str:
    (path,) = captures.glob(f"{number}-*.txt")
    text = path.read_text("utf-8").split("\n---\n", 1)[1]
    return text.replace("# [...]\n", "")  # marks what the collector left out


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        ("a-001", ["header 0 c13 running", "header 11 1030 running", "header 151 10061030 running"]),
        ("a-002", ["header 0 c13 running", "header 10 404"]),
        ("a-003", ["header 0 4c13 running", "header 12 1030 running", "header 150 10061030 running"]),
        ("a-004", ["header 0 4c13 running", "header 95 20001010 running", "header 150 61010 running"]),
        ("a-005", ["header 0 4c13 running", "header 150 10061030 running"]),
        ("a-009", ["header 0 4c13 running", "error Error"]),
        ("a-011", ["header 0 813 running", "header 10 412 running"]),
        ("a-014", ["header 0 13 running", "header 10 11 running", "header 11 10 running"]),
    ],
)
def test_captured_lists_of_users(captures: Path, any_shell: Shell, number: str, lines: list[str]) -> None:
    found = cut(any_shell, "cut_user_list", output(captures, number))

    assert [line[: len(wanted)] for line, wanted in zip(found, lines, strict=True)] == lines


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        ("a-006", ["header 10 1030 parent~0", "type android.os.usertype.profile.MANAGED"]),
        ("a-007", ["header 0 4c13", "header 10 1030 parent~0", "header 11 1090 parent~0"]),
        ("a-008", ["header 11 1090 parent~0", "type android.os.usertype.profile.PRIVATE"]),
        ("a-012", ["header 10 412", "type android.os.usertype.full.SECONDARY"]),
        ("a-013", ["owned true", "restrictions own"]),
    ],
)
def test_captured_dumps_of_users(captures: Path, any_shell: Shell, number: str, lines: list[str]) -> None:
    assert cut(any_shell, "cut_users", output(captures, number)) == lines


@pytest.mark.parametrize(
    ("number", "owner", "lines"),
    [
        ("e-012", "com.afwsamples.testdpc", ["device 0", "name com.afwsamples.testdpc", "id 0"]),
        ("e-013", "com.afwsamples.testdpc", ["profile 10", "name com.afwsamples.testdpc"]),
        ("e-013", "com.other", ["profile 10", "name -"]),
        (
            "e-014",
            "com.respondent.pro",
            ["device", "name com.respondent.pro", "name com.respondent.pro", "id 0", "admins"],
        ),
    ],
)
def test_captured_owners(captures: Path, any_shell: Shell, number: str, owner: str, lines: list[str]) -> None:
    assert cut(any_shell, "cut_owners", output(captures, number), owners=[owner]) == lines


def reading_of(shell: Shell, captures: Path, number: str, package: str):  # type: ignore[no-untyped-def]
    lines = tuple(cut(shell, "cut_package", output(captures, number), package))
    return read_package(PackageName(package), CutAnswer("it", lines, 0))


def test_a_captured_dump_of_android_11(captures: Path, any_shell: Shell) -> None:
    reading = reading_of(any_shell, captures, "c-001", "com.google.android.gms")

    assert reading.states == {0: PackageState(True), 10: PackageState(True)}


def test_captured_lines_of_two_packages_without_headings_are_unreadable(
    captures: Path, any_shell: Shell
) -> None:
    """The capture went through somebody's filter: user 0 has two lines and nothing tells them apart."""
    assert reading_of(any_shell, captures, "c-002", "com.google.android.gms").unreadable != ""


def test_captured_lines_of_a_newer_android_carry_unknown_keys(captures: Path, any_shell: Shell) -> None:
    lines = output(captures, "c-002").splitlines()
    text = "\n".join(["  Package [com.google.android.gms] (1):", *lines[:3]])

    found = tuple(cut(any_shell, "cut_package", text, "com.google.android.gms"))
    reading = read_package(PackageName("com.google.android.gms"), CutAnswer("it", found, 0))

    assert {n: s.enabled for n, s in reading.states.items()} == {
        0: EnabledState.ENABLED,
        10: EnabledState.DEFAULT,
    }


def test_a_captured_suspension_by_root_in_user_22(captures: Path, any_shell: Shell) -> None:
    """Bare lines for users 22 and 999 follow further down and are no states."""
    reading = reading_of(any_shell, captures, "c-004", "mark.via")

    assert reading.states == {0: PackageState(False), 22: PackageState(True, suspended=True)}


def test_a_captured_excerpt_without_enabled_states_is_unreadable(captures: Path, any_shell: Shell) -> None:
    reading = reading_of(any_shell, captures, "c-005", "com.example.crossprofile")

    assert "user 10 has no enabled=" in reading.unreadable


def test_a_captured_answer_for_an_unknown_package(captures: Path, any_shell: Shell) -> None:
    reading = reading_of(any_shell, captures, "c-007", "app.zippie.companion")

    assert (reading.unreadable, reading.known) == ("", False)


def test_no_captured_name_of_a_person_passes_the_filters(captures: Path, any_shell: Shell) -> None:
    for path in sorted(captures.glob("a-*.txt")):
        text = path.read_text("utf-8").split("\n---\n", 1)[1]
        for name in ("cut_users", "cut_user_list"):
            left = "\n".join(cut(any_shell, name, text))
            for person in (
                "MY-NAME",
                "Arbeitsprofil",
                "UserName",
                "Firstname",
                "Lastname",
                "Driver",
                "ulangch",
            ):
                assert person not in left, path.name


def test_a_captured_list_of_properties(captures: Path, any_shell: Shell) -> None:
    found = cut(any_shell, "cut_properties", output(captures, "f-001"))

    assert "property ro.build.version.sdk 23" in found
    assert not [line for line in found if "dpi" in line]


@pytest.mark.parametrize("number", ["b-001", "d-002", "d-008", "f-005"])
def test_a_captured_exception_is_cut_to_its_first_lines(
    captures: Path, any_shell: Shell, number: str
) -> None:
    found = cut(any_shell, "cut_verb", output(captures, number))

    assert [line.split(":")[0] for line in found] == [
        found[0].split(":")[0],
        "said java.lang." + ("IllegalArgumentException" if number == "f-005" else "SecurityException"),
    ]
    assert found[0].startswith("said Exception occurred while executing")


def test_users_of_every_capture_have_possible_numbers(captures: Path, any_shell: Shell) -> None:
    for path in sorted(captures.glob("a-*.txt")):
        for line in cut(any_shell, "cut_user_list", path.read_text("utf-8")):
            if line.startswith("header"):
                assert UserNumber(int(line.split(" ")[1])) >= 0
