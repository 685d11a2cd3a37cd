"""The frame shows every loss; no output of a phone can forge it; nothing ever raises."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_scripts import exchange
from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.owners import read_owners
from agent_scripts.dialect.packages import read_package
from agent_scripts.dialect.refusal_wordings import classify
from agent_scripts.dialect.users import read_users
from agent_scripts.exchange.frame import read_frame
from policy.ledger import Ledger
from policy.names import PackageName, UserNumber
from tests.dialect.asking import NONCE, OWNERS, PACKAGES, PHONE_ID, MakePhone, answer_of, reading_from
from tests.phones.fake_phone import FakePhone, Shell
from tests.phones.samples import TIKTOK, SampleApp, SampleState, SampleUser, personal_phone

GOOD = f"""\
1:{NONCE} curfew read 1
2:{NONCE} open users
3:header 0 c13
4:{NONCE} exit users 0
5:{NONCE} end
"""


@pytest.fixture(scope="module")
def whole_answer(tmp_path_factory: pytest.TempPathFactory, shells) -> bytes:  # type: ignore[no-untyped-def]
    """The answer of a phone with TikTok, disabled by its user, in user 10 and the clone."""
    sample = personal_phone(35).with_user(SampleUser(11, 0x1010, "profile.CLONE", parent=0))
    app = SampleApp(TIKTOK, {10: SampleState(enabled=3), 11: SampleState()}, system=True)
    shell: Shell = shells("mksh-toybox")
    return answer_of(FakePhone(tmp_path_factory.mktemp("whole"), sample.with_app(app), shell))


def test_a_whole_answer_is_taken_apart() -> None:
    frame = read_frame(NONCE, "read", GOOD.encode())

    assert frame.problem == ""
    assert frame.sections == {"users": CutAnswer("users", ("header 0 c13",), 0)}


def test_carriage_returns_of_old_shells_are_accepted() -> None:
    assert read_frame(NONCE, "read", GOOD.replace("\n", "\r\n").encode()).problem == ""


def test_words_before_the_beginning_and_after_the_end_are_passed_over() -> None:
    answer = f"WARNING: linker: libx.so\nhello\n{GOOD}\nphone:/ $ "

    assert read_frame(NONCE, "read", answer.encode()).problem == ""


def test_no_cut_of_an_answer_leaves_anything_readable(whole_answer: bytes) -> None:
    """Cut at any byte, an answer tells nothing: neither gone nor present, no owner, no memory."""
    last = whole_answer.rindex(b"end") + len(b"end")
    for size in range(last):
        reading = reading_from(whole_answer[:size])
        assert reading.observation.unreadable, size
        assert reading.observation.users == ()
        assert all(p.unreadable and not p.states for p in reading.observation.packages.values())
        assert (reading.facts, reading.memory.ledger, bool(reading.memory.problem)) == (None, None, True)
    assert reading_from(whole_answer[:last]).observation.unreadable == ()


def test_every_cut_behind_the_first_line_is_known_for_a_cut(whole_answer: bytes) -> None:
    """Also within a line's number: what was cut is asked for once more."""
    first, last = whole_answer.index(b"\n") + 1, whole_answer.rindex(b"end")
    assert all(read_frame(NONCE, "read", whole_answer[:size]).cut for size in range(first, last))


def test_no_line_can_be_lost_from_an_answer(whole_answer: bytes) -> None:
    lines = whole_answer.splitlines(keepends=True)
    for lost in range(len(lines)):
        answer = b"".join(lines[:lost] + lines[lost + 1 :])
        assert reading_from(answer).observation.unreadable, lines[lost]


def test_no_line_can_be_doubled_in_an_answer(whole_answer: bytes) -> None:
    lines = whole_answer.splitlines(keepends=True)
    for doubled in range(len(lines)):
        answer = b"".join([*lines[: doubled + 1], *lines[doubled:]])
        assert reading_from(answer).observation.unreadable, lines[doubled]


def test_a_cut_answer_tells_how_far_the_phone_came(whole_answer: bytes) -> None:
    at = whole_answer.index(b"open owners") + 11
    reading = reading_from(whole_answer[: at + 1])

    assert "while it ran owners" in reading.observation.unreadable[0]
    assert reading.commands[-1].command == "owners"
    assert reading.commands[-1].exit_code is None
    assert dict.fromkeys(c.exit_code for c in reading.commands[:-1]) == {0: None}


def test_an_empty_answer_is_unreadable() -> None:
    assert reading_from(b"").observation.unreadable == (
        "the phone answered nothing; reconnect it and check again",
    )


def test_an_answer_to_another_exchange_is_unreadable(whole_answer: bytes) -> None:
    reading = exchange.ReadingQuestion(PACKAGES, OWNERS, PHONE_ID, nonce=exchange.new_nonce()).parse(
        whole_answer
    )

    assert "something else" in reading.observation.unreadable[0]


def test_an_answer_of_another_kind_is_unreadable(whole_answer: bytes) -> None:
    assert (
        exchange.ActingQuestion((), Ledger(), "", 34, None, nonce=NONCE).parse(whole_answer).complete is False
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("open users", "open"),
        ("open users", "open a b"),
        ("exit users 0", "exit other 0"),
        ("exit users 0", "exit users"),
        ("exit users 0", "exit users -1"),
        ("exit users 0", "exit users 0 0"),
        ("3:header 0 c13", f"3:{NONCE} open users"),
        ("3:header 0 c13", f"3:{NONCE} end"),
        ("4:", "04:"),
        ("4:", "4 :"),
        ("5:", "6:"),
        (f"5:{NONCE} end", f"5:{NONCE} end 5"),
        (f"2:{NONCE} open users", "2:text outside of a command"),
        ("curfew read 1", "curfew read 2"),
    ],
)
def test_a_frame_out_of_form_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    assert read_frame(NONCE, "read", GOOD.replace(old, new, 1).encode()).problem != ""


def test_an_answer_that_goes_on_after_its_end_is_refused() -> None:
    assert "after its end" in read_frame(NONCE, "read", (GOOD + GOOD).encode()).problem


def test_a_command_asked_twice_in_one_answer_is_refused() -> None:
    again = "".join(f"{n}:{NONCE} {w}\n" for n, w in ((5, "open users"), (6, "exit users 0"), (7, "end")))
    answer = GOOD.replace(f"5:{NONCE} end\n", again)

    assert "framed" in read_frame(NONCE, "read", answer.encode()).problem


def test_output_that_imitates_the_frame_is_not_believed(phone: MakePhone) -> None:
    """Another mark is just text: a phone cannot know the one of this exchange beforehand."""
    other = "f" * 32
    fake = phone(personal_phone().with_app(SampleApp(TIKTOK, {0: SampleState()})))
    forged = f"{other} exit package:{TIKTOK} 0\n9:{other} end\nUnable to find package: {TIKTOK}\n"
    name = f"dumpsys-package-{TIKTOK}"
    fake.print(name, forged + (fake.printed / name).read_text())

    assert "both" in reading_from(answer_of(fake)).observation.packages[PackageName(TIKTOK)].unreadable


def test_a_phone_that_answers_garbage_is_unreadable(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    for name in (
        "getprop",
        "dumpsys-user",
        "pm-list-users",
        "dumpsys-device_policy",
        f"dumpsys-package-{TIKTOK}",
    ):
        fake.print(name, bytes(range(256)) * 40)

    assert reading_from(answer_of(fake)).observation.unreadable != ()


@pytest.mark.parametrize("name", ["getprop", "dumpsys-user", "pm-list-users", "dumpsys-device_policy"])
def test_a_command_that_says_nothing_makes_the_phone_unreadable(phone: MakePhone, name: str) -> None:
    fake = phone(personal_phone())
    fake.print(name, "")

    assert len(reading_from(answer_of(fake)).observation.unreadable) == 1


@pytest.mark.parametrize("name", ["getprop", "dumpsys-user", "pm-list-users", "dumpsys-device_policy"])
def test_a_command_that_fails_makes_the_phone_unreadable(phone: MakePhone, name: str) -> None:
    fake = phone(personal_phone())
    fake.print(name, (fake.printed / name).read_text(), exit_code=255)

    assert "exit code 255" in reading_from(answer_of(fake)).observation.unreadable[0]


@pytest.mark.parametrize(
    "name", ["dumpsys-user", "dumpsys-device_policy", "dumpsys-package-com.android.shell"]
)
def test_a_dump_that_ran_out_of_time_makes_the_phone_unreadable(phone: MakePhone, name: str) -> None:
    fake = phone(personal_phone())
    text = (fake.printed / name).read_text()
    fake.print(name, f"{text}\n*** SERVICE 'x' DUMP TIMEOUT (10000ms) EXPIRED ***\n")

    assert "ten seconds" in reading_from(answer_of(fake)).observation.unreadable[0]


def test_a_missing_program_is_named(tmp_path: Path, mksh: Shell) -> None:
    fake = FakePhone(tmp_path, personal_phone(), mksh)
    (fake.programs / "dumpsys").unlink()

    assert "program_missing" in reading_from(answer_of(fake)).observation.unreadable[0]


def test_without_boot_id_and_clock_a_phone_is_still_read(phone: MakePhone) -> None:
    fake = phone(personal_phone())
    fake.replace_program("date", "#!/bin/sh\necho no clock here\n")

    reading = reading_from(answer_of(fake))

    assert reading.observation.unreadable == ()
    assert reading.facts is not None
    assert reading.facts.phone_clock is None


@pytest.mark.parametrize("value", ["", "x", "34x", "-1", "3 4", "9999"])
def test_without_an_api_level_a_phone_is_unreadable(phone: MakePhone, value: str) -> None:
    fake = phone(personal_phone())
    fake.print("getprop", personal_phone().getprop().replace("sdk]: [34]", f"sdk]: [{value}]"))

    reading = reading_from(answer_of(fake))

    assert reading.facts is None
    assert "API level" in reading.observation.unreadable[0]


# Noise: whatever the words, no reader raises anything but Unreadable, and none calls noise a gone app -------------

WORDS = st.sampled_from(
    [
        "package",
        "other-package",
        "user 0 installed:true hidden:false suspended:false enabled:0",
        "user 10 installed:false hidden:false suspended:false enabled:0",
        "user 10 installed:false",
        "user 0 open:",
        "user 0 installed:true open: hidden:false suspended:true",
        "continued 0",
        "unknown",
        "hidden-package",
        "hidden-user 0",
        "message",
        "flags system",
        "pkgFlags user",
        "archived",
        "caller shell",
        "timeout",
        "error x",
        "header 0 c13 running",
        "header 10 1030 parent~0",
        "header 10 1030 partial~",
        "open 10",
        "tail 1030 running",
        "type android.os.usertype.profile.MANAGED",
        "owned true",
        "restrictions effective",
        "restrictions other",
        "no_debugging_features",
        "device",
        "device 0",
        "profile 10",
        f"name {min(OWNERS)}",
        "name -",
        "id 0",
        "admins",
    ]
)
LINES = st.lists(st.one_of(WORDS, st.text(max_size=30)), max_size=25).map(tuple)
NUMBERS = frozenset(map(UserNumber, (0, 10)))


@given(lines=LINES)
@settings(max_examples=400)
def test_noise_is_never_a_gone_app(lines: tuple[str, ...]) -> None:
    reading = read_package(PackageName(TIKTOK), CutAnswer("it", lines, 0), NUMBERS)

    if not reading.unreadable and not reading.known:
        assert set(lines) <= {"unknown", "hidden-package", "hidden-user 0", "message"} | ignorable(lines)
    if not reading.unreadable and reading.known:
        assert lines.count("package") == 1
        assert reading.states.keys() == NUMBERS


def ignorable(lines: tuple[str, ...]) -> set[str]:
    return {
        line
        for line in lines
        if line.split(" ")[0] in ("flags", "pkgFlags", "archived", "caller", "continued", "other-package")
    }


@given(dump=LINES, listing=LINES, policy=LINES)
@settings(max_examples=300)
def test_noise_about_users_and_owners_is_unreadable_or_whole(
    dump: tuple[str, ...], listing: tuple[str, ...], policy: tuple[str, ...]
) -> None:
    with suppress(Unreadable):
        owners = read_owners(CutAnswer("owners", policy, 0), OWNERS)
        answers = CutAnswer("users", dump, 0), CutAnswer("list", listing, 0)
        users, _ = read_users(*answers, NUMBERS, owners, api_level=34, samsung=False)
        assert [user.number for user in users] == [0, 10]


@given(noise=st.binary(max_size=400), before=st.booleans())
def test_noise_is_never_a_reading(noise: bytes, before: bool) -> None:
    answer = noise + GOOD.encode() if before else GOOD.encode()[:-5] + noise

    for reading in (reading_from(noise), reading_from(answer)):
        assert reading.observation.unreadable
        assert all(package.unreadable for package in reading.observation.packages.values())
    assert not exchange.ActingQuestion((), Ledger(), "", 34, None, nonce=NONCE).parse(noise).complete
    assert exchange.ProvisioningQuestion(PHONE_ID, "ab").parse(noise).problem


@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3))
@settings(max_examples=300)
def test_a_changed_byte_never_turns_present_into_gone(
    whole_answer: bytes, flips: list[tuple[int, int]]
) -> None:
    """Not that TCP would change a byte; but no single word carries a verdict by its absence."""
    answer = bytearray(whole_answer)
    for at, value in flips:
        answer[at % len(answer)] = value

    observation = reading_from(bytes(answer)).observation

    package = observation.packages[PackageName(TIKTOK)]
    present = {n for n, s in package.states.items() if s.installed}
    assert observation.unreadable or package.unreadable or present == {10, 11}


@given(text=st.text(), exit_code=st.one_of(st.none(), st.integers(0, 255)))
def test_classifying_never_raises(text: str, exit_code: int | None) -> None:
    classify(text, exit_code)
