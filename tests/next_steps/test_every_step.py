"""Every next step that a message or a page names is typed by a test of this folder, or it says why none can."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from certs.typed_options import as_typed_here, forget_options, remember_options
from tests.next_steps.advice import Advice, advised_steps, commands_in
from tests.next_steps.desk import TYPED

NOT_TYPED = {
    Advice("agent_scripts/adb/adb_shell_phone.py", "adb pair HOST:PORT"): "needs a phone that shows a code",
    Advice(
        "server/errors.py", "curfew-server --config SERVER.env check"
    ): "needs a report that was damaged on disk; tests/server/test_stored_envelopes.py damages one",
    **dict.fromkeys(
        (
            Advice("server/templates/blocks.html", "curfew-agent provision ADDRESS --holder REFERENCE"),
            Advice("server/templates/owner_requests.html", "curfew-agent receipt LABEL"),
            Advice("server/templates/phone.html", "curfew-agent unprovision ADDRESS"),
            Advice("server/templates/timeline.html", "curfew-agent check --all"),
        ),
        "a page of the server tells it, a technician types it at a station: test_steps_of_the_agent.py does",
    ),
    Advice(
        "server/templates/timeline.html", "curfew-server verify-purge"
    ): "needs a purge, and its certificate: tests/server/test_purging.py has both",
    Advice(
        "server/commands/proposing.py", "curfew-certs approve {…}/drafts/{…} --key KEY --trust FOLDER"
    ): "needs a proposal and a key of its approvers: tests/server/test_approve_command.py has both",
    Advice("agent_scripts/adb/adb_shell_phone.py", "pip install 'curfew[usb]'"): "asks a package index",
}


def test_every_next_step_is_typed_by_a_test_or_says_why_not() -> None:
    for file in Path(__file__).parent.glob("test_steps_of_*.py"):
        import_module(f"tests.next_steps.{file.stem}")
    told = set(advised_steps())
    print(f"{len(told & TYPED)} of {len(told)} next steps are typed")
    assert sorted(map(str, told - TYPED - NOT_TYPED.keys())) == [], "nobody types these"
    assert sorted(map(str, (TYPED | NOT_TYPED.keys()) - told)) == [], "nobody tells these any more"
    assert len(told) > 60


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("it is missing; run: curfew-agent check --all", ["curfew-agent check --all"]),
        ("Make one with `curfew-server token NAME`; send it", ["curfew-server token NAME"]),
        ("the folder curfew-certs made", []),
        ("adb sees no phone", []),
        ("others can read it; run: chmod 600 'a b'", ["chmod 600 'a b'"]),
        (
            "next: curfew-server --config 'a b' publish x.",
            ["curfew-server --config 'a b' publish x"],
        ),
    ],
)
def test_a_command_is_found_in_a_message(text: str, commands: list[str]) -> None:
    assert commands_in(text) == commands


def test_what_stood_before_the_command_is_told_again() -> None:
    remember_options("curfew-agent", "--station", "a\\b 'c'")
    try:
        told = as_typed_here("run `curfew-agent check --all`, or curfew-agent --station NEW enrol CODE")
    finally:
        forget_options()
    assert told.startswith("run `curfew-agent --station 'a\\b '\"'\"'c'\"'\"'' check --all`")
    assert told.endswith("or curfew-agent --station NEW enrol CODE")
    assert as_typed_here("curfew-agent check") == "curfew-agent check"
