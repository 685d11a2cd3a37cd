"""What `dumpsys package` says of one package: read by key, never fooled by messages, never by a cut."""

from __future__ import annotations

from typing import Any

import pytest

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.packages import read_package
from agent_scripts.exchange.composing import composed
from agent_scripts.exchange.frame import read_frame
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageReading, PackageState
from tests.dialect.asking import NONCE, MakePhone, answer_of, cut, package, read, reading_from
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import (
    OUTLOOK,
    TIKTOK,
    TIKTOK_LITE,
    SampleApp,
    SamplePhone,
    SampleState,
    SampleUser,
    personal_phone,
)

DUMP = f"dumpsys-package-{TIKTOK}"
NAME = PackageName(TIKTOK)
BOTH = frozenset({UserNumber(0), UserNumber(10)})


def with_tiktok(phone: MakePhone, state: SampleState, api: int = 34, **kind: Any) -> FakePhone:
    """A phone with TikTok in user 0 in that state."""
    return phone(personal_phone(api).with_app(SampleApp(TIKTOK, {0: state}, **kind)))


def tiktok(fake: FakePhone) -> PackageReading:
    return package(read(fake, (NAME,)), TIKTOK)


def changed(fake: FakePhone, old: str, new: str) -> PackageReading:
    """Return the reading of TikTok after its dump was changed."""
    text = (fake.printed / DUMP).read_text()
    assert old in text
    fake.print(DUMP, text.replace(old, new, 1))
    return tiktok(fake)


def of_words(*lines: str) -> PackageReading:
    """Return the reading of cut lines."""
    return read_package(NAME, CutAnswer("it", lines, 0), BOTH)


GOOD = ("package", "pkgFlags user", "user 0 installed:true hidden:false suspended:false enabled:0")
USER_10 = "user 10 installed:false hidden:false suspended:false enabled:0"


@pytest.mark.parametrize("enabled", EnabledState)
def test_each_enabled_state_is_read(phone: MakePhone, enabled: EnabledState) -> None:
    reading = tiktok(with_tiktok(phone, SampleState(enabled=enabled.value)))

    assert reading.states[UserNumber(0)] == PackageState(True, enabled=enabled)


def test_hidden_and_suspended_are_read_beside_installed(phone: MakePhone) -> None:
    reading = tiktok(with_tiktok(phone, SampleState(hidden=True, suspended_by="a.b")))

    assert reading.states[UserNumber(0)] == PackageState(True, hidden=True, suspended=True)


@pytest.mark.parametrize(("caller", "ours"), [("shell:1000", True), ("shell:2000", True), ("com.a.b", False)])
def test_who_disabled_it_is_told_as_the_shell_or_another(phone: MakePhone, caller: str, ours: bool) -> None:
    reading = tiktok(with_tiktok(phone, SampleState(enabled=3, caller=caller)))

    assert reading.states[UserNumber(0)].disabled_by_shell is ours


@pytest.mark.parametrize("api", [35, 36])
def test_an_archived_app_is_not_installed(phone: MakePhone, api: int) -> None:
    reading = tiktok(with_tiktok(phone, SampleState(installed=False, archived=True), api))

    assert reading.states[UserNumber(0)] == PackageState(False, archived=True)


def test_an_app_both_installed_and_archived_is_unreadable(phone: MakePhone) -> None:
    assert "archived" in tiktok(with_tiktok(phone, SampleState(archived=True), 36)).unreadable


@pytest.mark.parametrize("api", [26, 31, 36])
@pytest.mark.parametrize("updated", [False, True])
def test_an_app_that_came_with_the_phone_says_so(phone: MakePhone, api: int, updated: bool) -> None:
    fake = with_tiktok(phone, SampleState(installed=False), api, system=True, updated=updated)

    reading = tiktok(fake)

    # The factory copy below `Hidden system packages:` is installed everywhere; its lines are no state.
    assert reading.system
    assert not reading.states[UserNumber(0)].installed


def test_bare_user_lines_of_other_sections_are_ignored(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState())
    text = (fake.printed / DUMP).read_text()
    assert "    User 10:\n" in text

    assert tiktok(fake).unreadable == ""


@pytest.mark.parametrize(
    "fields",
    [
        "enabled=0 suspended=false hidden=false installed=true",
        "installed=true newKey=7 hidden=false otherKey=a.b:c suspended=false enabled=0 last=x",
        "installed=true hidden=false suspended=false enabled=0 ",
        "installed=true hidden=false suspended=false enabled=0 odd words: here",
    ],
)
def test_fields_are_found_by_key_in_any_order_and_company(phone: MakePhone, fields: str) -> None:
    fake = with_tiktok(phone, SampleState())
    text = (fake.printed / DUMP).read_text()
    old = next(line for line in text.splitlines() if "User 0: " in line)
    fake.print(DUMP, text.replace(old, f"    User 0: {fields}"))

    assert tiktok(fake).states[UserNumber(0)] == PackageState(True)
    assert "odd" not in answer_of(fake).decode()


def test_a_field_name_is_compared_whole(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState())

    reading = changed(fake, "installed=true", "wasinstalled=false installed=true reinstalled=false")

    assert reading.states[UserNumber(0)].installed


@pytest.mark.parametrize("word", ["installed=true", "hidden=false", "suspended=false", "enabled=0"])
def test_a_missing_field_is_unreadable(phone: MakePhone, word: str) -> None:
    reading = changed(with_tiktok(phone, SampleState()), word, "x=1")

    assert f"no {word.split('=')[0]}=" in reading.unreadable or "no line for user 0" in reading.unreadable


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("installed=true", "installed=yes"),
        ("installed=true", "installed=truely"),
        ("installed=true", "installed="),
        ("hidden=false", "hidden=0"),
        ("suspended=false", "suspended=null"),
        ("enabled=0", "enabled=5"),
        ("enabled=0", "enabled=-1"),
        ("enabled=0", "enabled=00"),
    ],
)
def test_a_field_out_of_form_is_unreadable(phone: MakePhone, word: str, other: str) -> None:
    assert changed(with_tiktok(phone, SampleState()), word, other).unreadable != ""


@pytest.mark.parametrize("word", ["installed=true", "hidden=false", "suspended=false", "enabled=0"])
def test_a_doubled_field_is_unreadable(phone: MakePhone, word: str) -> None:
    assert "twice" in changed(with_tiktok(phone, SampleState()), word, f"{word} {word}").unreadable


def test_a_second_line_for_the_same_user_is_unreadable(phone: MakePhone) -> None:
    line = "    User 10: ceDataInode=1 installed=false hidden=false suspended=false enabled=0"

    reading = changed(with_tiktok(phone, SampleState()), "Queries:", f"{line}\n\nQueries:")

    assert reading.unreadable == "the dump gives user 10 two states"


def test_a_second_block_of_the_same_name_is_unreadable(phone: MakePhone) -> None:
    reading = changed(
        with_tiktok(phone, SampleState()), "\nQueries:", f"  Package [{TIKTOK}] (1):\n\nQueries:"
    )

    assert "2 times" in reading.unreadable


def test_the_block_of_a_longer_name_is_another_package(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState(installed=False))
    text = (fake.printed / DUMP).read_text()
    lite = personal_phone().with_app(SampleApp(TIKTOK_LITE, {0: SampleState()})).dumpsys_package(TIKTOK_LITE)
    block = lite.split("Packages:\n")[1].split("\nQueries:")[0]
    fake.print(DUMP, text.replace("\nQueries:", f"{block}\nQueries:"))

    reading = tiktok(fake)

    assert reading.unreadable == ""
    assert not reading.states[UserNumber(0)].installed


def test_dots_of_a_name_are_no_patterns(mksh: Shell) -> None:
    text = f"Unable to find package: {TIKTOK.replace('.', 'x')}\nPackages:\n  Package [com-zhiliaoapp-musically] (1):"

    assert cut(mksh, "cut_package", text) == ["other-package"]


@pytest.mark.parametrize("missing", [0, 10])
def test_a_user_without_a_line_is_unreadable(phone: MakePhone, missing: int) -> None:
    fake = with_tiktok(phone, SampleState())
    lines = (fake.printed / DUMP).read_text().splitlines(keepends=True)
    fake.print(DUMP, "".join(line for line in lines if not line.startswith(f"    User {missing}: ")))

    assert tiktok(fake).unreadable == f"the dump of {TIKTOK} has no line for user {missing}"


def test_a_line_for_a_user_the_phone_does_not_have_is_unreadable(phone: MakePhone) -> None:
    line = "    User 77: installed=false hidden=false suspended=false enabled=0"

    reading = changed(with_tiktok(phone, SampleState()), "\nQueries:", f"{line}\nQueries:")

    assert "user 77, whom the phone does not have" in reading.unreadable


def test_a_package_both_known_and_unknown_is_unreadable(phone: MakePhone) -> None:
    reading = changed(
        with_tiktok(phone, SampleState()), "Queries:", f"Unable to find package: {TIKTOK}\nQueries:"
    )

    assert "both" in reading.unreadable


def test_an_answer_about_another_package_is_unreadable(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState())
    fake.print(DUMP, f"Unable to find package: {TIKTOK_LITE}\n")

    assert tiktok(fake).unreadable != ""


def test_a_dump_that_ran_out_of_time_is_unreadable(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState())
    text = (fake.printed / DUMP).read_text()
    fake.print(DUMP, f"{text}\n*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***\n\n")

    assert "ten seconds" in tiktok(fake).unreadable


@pytest.mark.parametrize(
    ("stderr", "exit_code", "reason"),
    [
        ("Can't find service: package\n", 0, "service_missing"),
        ("Error with service 'package' while dumping: DEAD_OBJECT\n", 0, "service_failed"),
        ("Failed to read while dumping service package: I/O error\n", 0, "service_failed"),
        ("Permission Denial: can't dump package\n", 0, "permission"),
        (
            "Exception occurred while dumping:\njava.lang.NullPointerException: x\n\tat a.b\n",
            0,
            "service_failed",
        ),
        ("/system/bin/sh: dumpsys: inaccessible or not found\n", 127, "program_missing"),
        ("", 1, "exit code 1"),
        ("", 137, "exit code 137"),
    ],
)
def test_a_dump_that_failed_is_unreadable(phone: MakePhone, stderr: str, exit_code: int, reason: str) -> None:
    fake = with_tiktok(phone, SampleState())
    fake.print(DUMP, (fake.printed / DUMP).read_text(), stderr=stderr, exit_code=exit_code)

    assert reason in tiktok(fake).unreadable


def test_an_empty_dump_is_unreadable(phone: MakePhone) -> None:
    fake = with_tiktok(phone, SampleState())
    fake.print(DUMP, "")

    assert "0 times" in tiktok(fake).unreadable


def test_a_dump_that_does_not_tell_where_a_disabled_app_came_from_is_unreadable() -> None:
    lines = ("package", "user 0 installed:true hidden:false suspended:false enabled:3", USER_10)

    assert "came with the phone" in of_words(*lines).unreadable


@pytest.mark.parametrize(
    "lines",
    [
        ("package", "flags user", "pkgFlags system", *GOOD[2:], USER_10),
        (*GOOD, USER_10, "hidden-package"),
        ("package", "pkgFlags user", "pkgFlags user", *GOOD[2:], USER_10),
    ],
)
def test_a_dump_that_contradicts_itself_on_the_origin_is_unreadable(lines: tuple[str, ...]) -> None:
    assert of_words(*lines).unreadable != ""


def test_good_words_are_a_good_reading() -> None:
    assert of_words(*GOOD, USER_10).states == {0: PackageState(True), 10: PackageState(False)}


@pytest.mark.parametrize("line", ["user x installed:true", "user 99999 installed:true", "what", "", "user"])
def test_a_line_of_an_unknown_form_is_unreadable(line: str) -> None:
    assert of_words(*GOOD, USER_10, line).unreadable != ""


@pytest.mark.parametrize("after", [(USER_10,), (USER_10, "continued 0"), ("caller shell", USER_10)])
def test_a_line_that_breaks_off_in_a_message_is_unreadable(after: tuple[str, ...]) -> None:
    opened = "user 0 installed:true hidden:false suspended:true open:"

    assert "breaks off" in of_words("package", "flags user", opened, *after).unreadable
    assert "breaks off" in of_words("package", "flags user", USER_10, opened).unreadable


def test_two_last_disablers_are_unreadable() -> None:
    assert "disablers" in of_words(*GOOD, "caller shell", "caller other", USER_10).unreadable


# Messages of third parties: raw text with line breaks and imitated fields (docs/android/commands.md 5.3, 18 rule 14) -

MESSAGES = {
    "plain": "Ask your administrator",
    "percent and quotes": "50% \"off\" 'x' $(id) `id` \\n",
    "two lines": "Ask\nyour administrator",
    "imitated fields": "x stopped=true notLaunched=true enabled=2 instant=false virtual=false",
    "fields and a line break": "x installed=false\n hidden=true enabled=4",
    "braces": "a} b{ c}",
}


@pytest.mark.parametrize("api", [28, 29, 30, 35])
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message_does_not_change_what_is_read(phone: MakePhone, api: int, message: str) -> None:
    state = SampleState(enabled=1, suspended_by="com.a.b", message=message, caller="shell:1000")

    reading = tiktok(with_tiktok(phone, state, api, system=True))

    assert reading.unreadable == ""
    assert reading.states[UserNumber(0)] == PackageState(
        True, suspended=True, enabled=EnabledState.ENABLED, disabled_by_shell=True
    )
    assert not reading.states[UserNumber(10)].installed


FORGED_LINE = (
    "    User 10: ceDataInode=1 installed=false hidden=false suspended=false stopped=false notLaunched=false"
    " enabled=0 instant=false"
)
FORGED_BLOCK = (
    f"{FORGED_LINE}\n      gids=[3003]\nHidden system packages:\n  Package [{TIKTOK}] (1a2b3c):\n"
    "    flags=[ SYSTEM ]\n    User 0: installed=true"
)
OPENED_AGAIN = '      suspendingPackage=a.b dialogInfo=SuspendDialogInfo: {mDialogMessage = "'
FORGERIES = {
    "a line for a later user": f"x\n{FORGED_LINE}\n",
    "a line, then the end of the block": f"x\n{FORGED_BLOCK}\n",
    "closed before, opened after": f'x" mNeutralButtonAction = 0}}\n{FORGED_BLOCK}\n{OPENED_AGAIN}',
    "the fields of the line first": f"x stopped=false notLaunched=false enabled=0 instant=false\n{FORGED_BLOCK}\n",
    "archived": "x\n      archiveTime=2024-05-01 10:00:00\n",
    "system": "x\n    pkgFlags=[ SYSTEM HAS_CODE ]\n    flags=[ SYSTEM ]\n",
    "another package": f"x\n  Package [{TIKTOK_LITE}] (1):\n",
    "unknown": f"x\nUnable to find package: {TIKTOK}\n",
}


@pytest.mark.parametrize("api", [28, 29, 30, 36])
@pytest.mark.parametrize("message", FORGERIES.values(), ids=FORGERIES.keys())
def test_no_message_makes_an_app_look_gone(phone: MakePhone, api: int, message: str) -> None:
    """TikTok is in user 10; a message shown in user 0 tries to hide it there."""
    states = {
        0: SampleState(suspended_by="a.b", message=message, installed=False),
        10: SampleState(enabled=3),
    }
    reading = tiktok(phone(personal_phone(api).with_app(SampleApp(TIKTOK, states))))

    assert reading.unreadable != "" or (reading.states[UserNumber(10)].installed and not reading.system)


FORGED_VERSIONS = {
    "the end of the packages": f"1\n{FORGED_BLOCK}",
    "the end of the packages, another app there": (
        f"1\n{FORGED_LINE.replace('10', '0')}\n{FORGED_LINE}\nHidden system packages:\n  Package [{TIKTOK_LITE}] (1):"
    ),
    "another app": f"1\n{FORGED_LINE.replace('10', '0')}\n{FORGED_LINE}\n  Package [{TIKTOK_LITE}] (1):",
    "another app with all its lines": (
        f"1\n{FORGED_LINE.replace('10', '0')}\n{FORGED_LINE}\n  Package [{TIKTOK_LITE}] (1):\n    flags=[ ]\n"
        f"    dataDir=/data/user/0/{TIKTOK_LITE}\n    splits=[base]"
    ),
    "unknown": f"1\nUnable to find package: {TIKTOK}",
    "an error": "1\nError: nothing to see",
    "a state": f"1\n{FORGED_LINE}",
}


@pytest.mark.parametrize("api", [26, 30, 34, 36])
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("version", FORGED_VERSIONS.values(), ids=FORGED_VERSIONS.keys())
def test_no_version_name_makes_an_app_look_gone(
    phone: MakePhone, api: int, system: bool, version: str
) -> None:
    """An app chooses its version's name, a text with line breaks if it likes, above its own states."""
    app = SampleApp(TIKTOK, {0: SampleState(), 10: SampleState()}, system, updated=system, version=version)

    reading = tiktok(phone(personal_phone(api).with_app(app)))

    assert reading.unreadable != "" or [s.installed for s in reading.states.values()] == [True, True]


def test_an_updated_factory_app_with_a_plain_message_by_resource_is_read(phone: MakePhone) -> None:
    """A timer of the phone's own suspends with resource numbers, not with text: that is no reason to doubt."""
    fake = with_tiktok(phone, SampleState(suspended_by="com.a.b"), 34, system=True, updated=True)

    reading = changed(
        fake, "dialogInfo=null", "dialogInfo=SuspendDialogInfo: {mTitleResId = 0x7f0a mIconId = 0x1}"
    )

    assert reading.unreadable == ""
    assert reading.states[UserNumber(0)].suspended


# Cuts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", [26, 28, 30, 34, 36])
def test_no_cut_of_a_dump_makes_an_app_look_gone(
    tmp_path_factory: pytest.TempPathFactory, mksh: Shell, api: int
) -> None:
    """Even if Android cut a dump without saying so, at any byte: present stays present or becomes unreadable."""
    states = {
        0: SampleState(enabled=3, caller="shell:1000"),
        10: SampleState(),
        11: SampleState(installed=False),
    }
    sample = personal_phone(api).with_user(SampleUser(11, 0x1010, "profile.CLONE", parent=0))
    app = SampleApp(TIKTOK, states, system=True, updated=True)
    fake = FakePhone(tmp_path_factory.mktemp("cut"), sample.with_app(app), mksh)
    whole = (fake.printed / DUMP).read_bytes()
    start, end = whole.index(b"Packages:"), whole.index(b"Queries:")
    sizes = sorted({*range(0, len(whole), 197), *range(start, end, 17)})
    for size in sizes:
        (fake.printed / f"dumpsys-package-cut.{size}").write_bytes(whole[:size])
    asked = "\n".join(f"section {size} cut_package dumpsys package cut.{size}" for size in sizes)

    readings = cut_readings(fake, asked)

    numbers = frozenset(map(UserNumber, (0, 10, 11)))
    assert len(readings) == len(sizes)
    for answer in readings:
        reading = read_package(NAME, answer, numbers)
        assert reading.unreadable or (reading.known and reading.system), answer
        assert reading.unreadable or [s.installed for s in reading.states.values()] == [True, True, False]


def cut_readings(fake: FakePhone, asked: str) -> list[CutAnswer]:
    text = composed(NONCE, ("package",), (), f"many() {{\npattern {TIKTOK}\n{asked}\n}}\nframed many many")
    frame = read_frame(NONCE, "many", fake.run(text))
    assert frame.problem == ""
    return list(frame.sections.values())


def test_an_app_of_another_user_is_not_taken_for_this_one(phone: MakePhone) -> None:
    sample: SamplePhone = personal_phone().with_app(
        SampleApp(OUTLOOK, {0: SampleState(), 10: SampleState(enabled=2)})
    )

    states = package(reading_from(answer_of(phone(sample))), OUTLOOK).states

    assert (states[UserNumber(0)].enabled, states[UserNumber(10)].enabled) == (
        EnabledState.DEFAULT,
        EnabledState.DISABLED,
    )
