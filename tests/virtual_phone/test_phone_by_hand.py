"""A phone that somebody holds: what its owner types, and a stand-in where Android's shell is missing."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.command import Holder, serve_by_hand
from agent_scripts.virtual_phone.errors import PhoneCannotStart
from agent_scripts.virtual_phone.keys import public_key
from agent_scripts.virtual_phone.personalities import PERSONALITIES
from agent_scripts.virtual_phone.userland import AnswerFilter, Userland
from tests.virtual_phone.conftest import Computer

APP = "com.example.app"


@pytest.fixture
def heard() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def owner(phone: VirtualPhone, heard: io.StringIO) -> Holder:
    return Holder(phone, heard)


def test_the_owner_allows_a_computer_that_asks(
    phone: VirtualPhone, owner: Holder, heard: io.StringIO, stranger: Computer
) -> None:
    phone.key_offered(stranger.key_line.encode())
    owner.obey(["allow"])
    assert 'Type "allow"' in heard.getvalue()
    device = stranger.connect(phone)
    assert device.shell("echo in") == "in\n"
    device.close()


def test_allowing_nobody_says_what_to_do(owner: Holder, heard: io.StringIO) -> None:
    owner.obey(["allow"])
    assert heard.getvalue() == "no computer asks; connect first, then allow\n"


def test_the_owner_installs_removes_and_enables(
    phone: VirtualPhone, owner: Holder, heard: io.StringIO
) -> None:
    owner.obey([f"install 0 {APP}", f"enable 0 {APP}", f"remove 0 {APP}"])
    assert heard.getvalue().splitlines() == [
        f"{APP} in user 0: installed=True enabled=0",
        f"{APP} in user 0: installed=True enabled=1",
        f"{APP} in user 0: installed=False enabled=0",
    ]


def test_a_slip_is_explained_and_the_phone_goes_on(owner: Holder, heard: io.StringIO) -> None:
    owner.obey([f"install 77 {APP}", f"remove 0 {APP}", "dance", "", f"dance 0 {APP}"])
    lines = heard.getvalue()
    assert "this phone has no user 77" in lines
    assert f"{APP} is not installed for user 0" in lines
    assert lines.count("What the phone's owner can do:") == 2


def test_what_a_computer_calls_itself_or_says_on_the_phone_cannot_paint_the_terminal(
    owner: Holder, heard: io.StringIO
) -> None:
    owner.computer_asks("QUJD evil\x1b[2J\u202e")
    owner.notice_shown("Curfew\x1b[1m", "gone\rforever")

    assert "\x1b" not in heard.getvalue()
    assert "Allow USB debugging for evil\\x1b[2J\\u202e?" in heard.getvalue()
    assert "The phone shows: Curfew\\x1b[1m: gone\\rforever" in heard.getvalue()


def test_quitting_ends_the_reading_of_lines(owner: Holder) -> None:
    assert owner.obey(["quit", "dance"])
    assert not owner.obey([])


def test_an_unknown_model_is_one_sentence_and_exit_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert serve_by_hand("nokia-3310", 0, tmp_path) == 1
    assert capsys.readouterr().err.startswith("error: no ready-made phone is called 'nokia-3310'")


@pytest.mark.parametrize("line", ["", "not base64!", "AAAA", "QUJD user@host"])
def test_what_is_no_adb_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="adb"):
        public_key(line)


def test_a_useless_key_leaves_the_phone_well(phone: VirtualPhone, computer: Computer) -> None:
    phone.authorise_all = True
    phone.key_offered(b"nonsense\0")
    device = computer.connect(phone)
    assert device.shell("echo well") == "well\n"
    device.close()


def only(folder: Path, *programs: str) -> str:
    """A PATH with nothing but these programs."""
    folder.mkdir()
    for program in programs:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed")
        (folder / program).symlink_to(found)
    return str(folder)


def test_without_mksh_a_phone_runs_on_busybox_and_says_so_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, computer: Computer
) -> None:
    monkeypatch.setenv("PATH", only(tmp_path / "bin", "busybox", "setsid", "flock"))
    with caplog.at_level(logging.WARNING):
        phone = VirtualPhone("pixel-14", tmp_path / "phone")
    assert "busybox, which is no Android shell" in caplog.text
    phone.authorise(computer.key_line)
    with phone:
        device = computer.connect(phone)
        command = "cmd package disable-user --user 10 com.microsoft.office.outlook; echo $?; stat -c %u /data/local/tmp"
        assert (
            device.shell(command)
            == "Package com.microsoft.office.outlook new state: disabled-user\n0\n2000\n"
        )
        lock = "cd /data/local/tmp; ( flock -n 9; echo $? ) 9>lock"
        assert device.shell(lock) == "0\n", "Debian's busybox has no flock"
        device.close()


def test_without_any_shell_a_phone_names_the_packages_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", only(tmp_path / "bin", "setsid"))
    with pytest.raises(PhoneCannotStart, match="install the packages mksh, toybox"):
        VirtualPhone("pixel-14", tmp_path / "phone")


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        ("cat /data/local/tmp/f", "cat ROOT/data/local/tmp/f"),
        ("x=/data/local/tmp; ls $x>/sdcard/l", "x=ROOT/data/local/tmp; ls $x>ROOT/sdcard/l"),
        ("cat /proc/uptime /proc/self/stat", "cat ROOT/proc/uptime /proc/self/stat"),
        ("/system/bin/sh -c true", "ROOT/system/bin/sh -c true"),
        ("cat $r/data/local/tmp /x/data/local/tmp", "cat $r/data/local/tmp /x/data/local/tmp"),
        ("ls /data/local/tmpfs /data/local", "ls /data/local/tmpfs /data/local"),
    ],
)
def test_only_the_phones_own_paths_are_rewritten(phone: VirtualPhone, typed: str, run: str) -> None:
    userland: Userland = phone.userland
    assert userland.rewrite(typed.encode()).decode() == run.replace("ROOT", str(userland.root))


@given(
    st.lists(st.sampled_from([b"/a/root", b"/data", b"E: ", b"/a", b"/", b"x", b"\n", b"/a/ro"])),
    st.integers(1, 5),
)
def test_the_folders_prefix_never_gets_out_however_the_answer_is_cut(words: list[bytes], size: int) -> None:
    whole = b"".join(words)
    at_once, in_pieces = AnswerFilter(b"/a/root"), AnswerFilter(b"/a/root")
    expected = at_once.feed(whole) + at_once.rest()
    pieces = [whole[n : n + size] for n in range(0, len(whole), size)]
    assert b"".join(in_pieces.feed(piece) for piece in pieces) + in_pieces.rest() == expected


def test_the_model_list_names_every_ready_made_phone(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve_by_hand("list", 0, None) == 0

    assert capsys.readouterr().out.split() == list(PERSONALITIES)
