"""The functions that run on the phone use only what every Android has, and know no verb that could do harm."""

from __future__ import annotations

import re
import subprocess
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from agent_scripts import exchange
from agent_scripts.exchange.composing import composed
from agent_scripts.exchange.phone_ledger import ledger_text
from policy.document import Message
from policy.ledger import Ledger
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.ready_made import ready_made_policy
from policy.verdict import Action, ActionKind
from tests.dialect.asking import MARKER, NONCE, PHONE_ID
from tests.phones.fake_phone import Shell

FOLDER = Path(str(files("agent_scripts.on_phone")))
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.sh"))

PROGRAMS_OF_ANDROID_8 = {
    *("cat", "cmd", "date", "dumpsys", "flock", "getprop", "grep", "head", "id", "mkdir", "mv", "pm"),
    *("printf", "sed", "sha256sum", "sleep", "stat", "sync"),
}
"""docs/android/commands.md 13.2; fsync is used where it exists. No awk before 9, no bc before 11, never curl."""

FORBIDDEN = (
    "uninstall",
    "clear",
    "hide",
    "suspend",
    "force-stop",
    "install",
    "remove-user",
    "settings",
    "reboot",
)


def code(name: str) -> str:
    """Return a script without its comments."""
    lines = (FOLDER / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("program", ["awk", "bc", "tr", "curl", "eval", "xargs", "date -d", "grep -P", "<<"])
def test_no_script_uses_what_some_android_lacks(name: str, program: str) -> None:
    assert not re.search(rf"(?<![A-Za-z0-9_.-]){re.escape(program)}(?![A-Za-z0-9_-])", code(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_uses_what_the_programs_of_android_8_get_wrong(name: str) -> None:
    """Seen with toybox 0.7.3: `s///` gives up on a group that matched nothing, and `head` knows only -n."""
    text = code(name)

    assert not re.search(r"\\\)\\\{0,|\\\)\*", text)
    assert "head -c" not in text


OF_DEBUGGING = re.compile(
    r"settings (?:get global adb_(?:wifi_)?enabled|put global adb_(?:wifi_)?enabled 0)$", re.M
)
"""All that is asked and changed of settings, each at the end of its line: debugging is read, or switched off."""


def test_debugging_is_read_or_switched_off_and_never_on() -> None:
    assert len(OF_DEBUGGING.findall(code("debugging.sh"))) == code("debugging.sh").count("settings") == 4
    assert [name for name in SCRIPTS if "settings" in code(name)] == ["debugging.sh"]


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("verb", FORBIDDEN)
def test_no_script_knows_a_verb_that_could_do_harm(name: str, verb: str) -> None:
    text = OF_DEBUGGING.sub("", code(name))
    words = set(re.findall(r"[a-z][a-z-]*", re.sub(r"suspendingPackage|suspended", "", text)))

    assert verb not in words


def test_the_only_place_that_changes_a_package_knows_three_verbs() -> None:
    text = code("act.sh")

    assert re.findall(r"(?:pm|cmd package) \S+", text) == ['pm "$1"', 'cmd package "$1"']
    assert "disable-user | default-state | enable) ;;" in text
    assert [code(name).count("cmd package") for name in SCRIPTS if name != "act.sh"] == [0] * (
        len(SCRIPTS) - 1
    )


def test_a_fourth_verb_is_refused(mksh) -> None:  # type: ignore[no-untyped-def]
    text = composed(
        NONCE, ("folder", "act"), ("api=34",), 'cmd() { echo ran "$@"; }\nset_state hide 0 a.b; echo $?'
    )

    assert mksh.run(text).decode().split() == ["1"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_clean_for_shellcheck(name: str) -> None:
    try:
        done = subprocess.run(["shellcheck", str(FOLDER / name)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    assert done.stdout == ""


def test_programs_missing_from_the_phone_would_be_noticed_here(mksh, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Nothing outside the list of Android 8 is on the PATH, and all three exchanges still come to their end."""
    few = tmp_path / "few"
    few.mkdir()
    for program in PROGRAMS_OF_ANDROID_8:
        there = Path(mksh.path) / program
        if there.exists():
            (few / program).symlink_to(there.resolve())
    folder = str(tmp_path / "curfew")
    ledger = Ledger(MARKER)

    few_programs = mksh.__class__("few", mksh.command, str(few))
    provisioning = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
    acting = exchange.ActingQuestion((), ledger, "", 34, None)

    provisioned, acted = (
        few_programs.run(question.command.replace(exchange.composing.FOLDER, folder))
        for question in (provisioning, acting)
    )

    assert provisioning.parse(provisioned).problem == ""
    assert acting.parse(acted).ledger == ledger


def test_a_ledger_that_did_not_come_whole_stops_the_acting(mksh, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Its sum is told apart from it: what is on disk must be what the station meant."""
    folder = str(tmp_path / "curfew")
    ledger = Ledger(MARKER)
    provisioning = exchange.ProvisioningQuestion(PHONE_ID, MARKER).command
    mksh.run(provisioning.replace(exchange.composing.FOLDER, folder))
    action = Action(ActionKind.DISABLE, UserNumber(0), PackageName("a.b"), EnabledState.DEFAULT)
    old_sum = sha256(ledger_text(ledger).encode()).hexdigest()
    question = exchange.ActingQuestion((action,), ledger, old_sum, 34, None)
    text = question.command.replace(exchange.composing.FOLDER, folder)

    acting = question.parse(mksh.run(text.replace(f"{old_sum} 'curfew", f"{'0' * 64} 'curfew")))

    assert [outcome.refusal for outcome in acting.outcomes] == [exchange.Refusal.LEDGER_NOT_WRITTEN]


@pytest.mark.parametrize(
    ("filter_name", "begin", "longest"), [("cut_folder", "=", 400), ("cut_script", "=a", 300)]
)
def test_a_line_longer_than_any_of_ours_does_not_leave_the_phone(
    any_shell: Shell, filter_name: str, begin: str, longest: int
) -> None:
    lines = [f"{begin}{'x' * length}" for length in (0, 255, longest, longest + 1)]
    call = f"section it {filter_name} printf '%s\\n' \"$@\""
    text = composed(NONCE, ("folder", "place"), (f"set -- {' '.join(lines)}",), call)

    assert any_shell.run(text).decode().splitlines()[1:-1] == lines[:3]


def test_an_exchange_fits_into_one_command() -> None:
    """60,000 characters pass through adbd (docs/android/stand-ins.md); the longest exchange has room to spare."""
    policy = ready_made_policy()
    actions = [
        Action(ActionKind.DISABLE, UserNumber(user), app.package, EnabledState.DEFAULT)
        for user in range(20)
        for app in policy.managed
    ]
    message = Message(*("x" * 500,) * 3)

    assert len(exchange.ReadingQuestion(policy.named_packages, policy.owners).command) < 20_000
    assert len(exchange.ActingQuestion(actions, Ledger(MARKER), "", 34, message).command) < 30_000


def test_equal_questions_make_equal_texts() -> None:
    packages = [PackageName("a.b"), PackageName("c.d"), PackageName("a.b")]
    owners = {PackageName("e.f"), PackageName("g.h")}

    assert (
        exchange.ReadingQuestion(packages, owners, nonce=NONCE).command
        == exchange.ReadingQuestion(packages[:2], sorted(owners), nonce=NONCE).command
    )
