"""Every program that a phone is ever asked to run is one that every release has, called with what all of them take."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from agent_scripts import exchange
from agent_scripts.exchange.composing import functions
from agent_scripts.exchange.watch_script import watch_script
from agent_scripts.virtual_phone import VirtualPhone
from policy.ledger import Ledger
from tests.on_phone.bench import MARKER, PHONE_ID, WORK_POLICY
from tests.phone_words.invocations import PROGRAMS, objections_to_call
from tests.phone_words.life import MESSAGE, TIME, Life
from tests.phone_words.recording import Call, Recording
from tests.phone_words.shell_texts import objections_to_shell, without_literals
from tests.phone_words.spots import PARTS, SPOT, all_spots, filter_functions, with_spots
from tests.virtual_phone.conftest import needs_android_shell

NONCE = "0123456789abcdef" * 2
BUILT_IN = {"[", "test", "echo", "kill", "true", "false", "pwd", "sh"}
"""Programs of the same names are not what a phone's shell runs; `sh` is the shell."""
INSTEAD = {program.fallback.split()[-1] for program in PROGRAMS.values() if program.fallback}
"""Programs that run only where a release lacks another."""
COMMAND = r"(?m)(?:^|[;&|({{]|\$\(|\b(?:then|do|else|if|until|while)\s|!)\s*{}(?=[\s;)]|$)"
"""Where a program's name is one: at the beginning of a command."""


@dataclass(frozen=True)
class Lived:
    """What one phone was asked to run in all its life, and what it could have run."""

    calls: list[Call]
    programs: frozenset[str]

    @property
    def called(self) -> set[str]:
        return {call.words[0] for call in self.calls}


@pytest.fixture(scope="module", params=["pixel-8", "tiktok-personal"])
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with VirtualPhone(request.param, tmp_path_factory.mktemp("recorded")) as phone:
        programs = frozenset(path.name for path in phone.userland.programs.iterdir())
        recording = Recording(phone)
        Life(phone, with_spots).whole()
        yield Lived(recording.calls, programs)


@needs_android_shell
def test_every_call_is_one_that_every_release_takes(lived: Lived) -> None:
    assert sorted({why for call in lived.calls for why in objections_to_call(call.words)}) == []


@needs_android_shell
def test_every_filter_of_the_scripts_was_among_the_calls(lived: Lived) -> None:
    assert all_spots() - {call.spot for call in lived.calls} == set()


@needs_android_shell
def test_every_program_in_the_scripts_was_among_the_calls(lived: Lived) -> None:
    text = without_literals("\n".join(map(functions, PARTS)))
    text = re.sub(r"(?m)^[\w*| ]+\) ", "", text)  # the words of a case are no programs
    own = set(re.findall(r"(?m)^(\w+)\(\)", text))
    named = {name for name in lived.programs - own if re.search(COMMAND.format(re.escape(name)), text)}

    framework = {"cmd", "dumpsys", "getprop", "pm"}
    assert framework | {"sed", "stat", "date"} <= named
    assert named - BUILT_IN - framework - lived.called <= INSTEAD
    assert lived.called <= set(PROGRAMS)
    # grep's expressions are as easily wrong as sed's: its row waits for whoever uses it again.
    unused = set(PROGRAMS) - {"sh", "grep"} - INSTEAD - lived.called
    assert unused & lived.programs == set(), "rows that nothing needs"


def test_every_function_that_cuts_an_answer_has_a_filter_that_is_watched_for() -> None:
    of_functions = {spot.partition(":")[0] for spot in all_spots()}

    assert filter_functions() - of_functions == {"cut_foreign_owners"}, (
        "the one that is made of the shell alone"
    )


def test_no_filter_is_started_where_its_spot_cannot_be_told() -> None:
    text = "\n".join(map(functions, PARTS))

    assert len(re.findall(r"\b(?:sed|grep) ", text)) == len(all_spots()) == with_spots(text).count(f"{SPOT}=")


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.fallback])
def test_a_program_that_some_releases_lack_is_followed_by_what_they_do_instead(name: str) -> None:
    text = "\n".join(map(functions, PARTS))
    lines = [line for line in text.splitlines() if re.search(COMMAND.format(name), line)]

    assert lines
    assert [line for line in lines if PROGRAMS[name].fallback not in line] == []


def test_a_part_of_a_second_is_never_slept_without_a_second_instead() -> None:
    text = "\n".join(map(functions, PARTS))

    assert re.findall(r"sleep 0\..*", text) == ["sleep 0.1 2>/dev/null || sleep 1; }"]


def composed_texts() -> dict[str, str]:
    """Return every text that is sent to a phone's shell, or left there."""
    packages, owners = WORK_POLICY.named_packages, WORK_POLICY.owners
    dated, collecting = packages[:1], exchange.Collecting(None)
    return {
        "read": exchange.ReadingQuestion(
            packages, owners, dated=dated, collecting=collecting, if_marked=True, nonce=NONCE
        ).command,
        "act": exchange.ActingQuestion((), Ledger(MARKER), "", 34, MESSAGE, nonce=NONCE).command,
        "provision": exchange.ProvisioningQuestion(PHONE_ID, MARKER, nonce=NONCE).command,
        "number": exchange.NumberQuestion(14, nonce=NONCE).command,
        "screen": exchange.ScreenQuestion(nonce=NONCE).command,
        "debugging": exchange.DebuggingQuestion(nonce=NONCE).command,
        "end debugging": exchange.EndingDebuggingQuestion(usb=True, wireless=True, nonce=NONCE).command,
        "place": exchange.PlacingQuestion(b"", TIME, nonce=NONCE).command,
        "withdraw": exchange.WithdrawingQuestion(None, nonce=NONCE).command,
        "leave": exchange.LeavingQuestion("", nonce=NONCE).command,
        "script": watch_script().decode(),
    }


@pytest.mark.parametrize("name", composed_texts())
def test_every_text_for_a_phones_shell_is_of_posix(name: str) -> None:
    assert objections_to_shell(composed_texts()[name]) == []


@pytest.mark.parametrize("name", composed_texts())
def test_shellcheck_finds_nothing_beyond_posix_in_the_texts_as_they_are_sent(name: str) -> None:
    words = ["shellcheck", "--shell=sh", "--format=json", "-"]
    try:
        done = subprocess.run(
            words, input=composed_texts()[name], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")

    beyond_posix = [found for found in json.loads(done.stdout) if 3000 <= found["code"] < 4000]

    assert [(found["line"], found["message"]) for found in beyond_posix] == []
