"""What is typed at the desk is printed as a shell prints it, also where no process is started for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.next_steps.conftest import policy_file
from tests.next_steps.desk import Desk

SIGN = "curfew-certs sign 'my trust' policy.json --key 'my trust/keys/approver-1.pem'"


@pytest.mark.parametrize(
    ("command", "keys", "code"),
    [
        ("curfew-certs show 'my trust'", "", 0),
        (SIGN, "n\n", 1),
        ("curfew-server --config 'my server/server.env' migrate", "", 1),
        ("curfew-agent status", "", 2),
    ],
)
def test_a_command_prints_the_same_in_this_process_as_in_one_of_its_own(
    desk: Desk, trust: Path, command: str, keys: str, code: int
) -> None:
    policy_file(desk.folder / "policy.json")
    here = desk.runs(command, keys, code)
    desk.with_processes = True

    assert desk.runs(command, keys, code) == here


def test_what_is_more_than_a_plain_command_is_typed_into_bash(desk: Desk) -> None:
    assert desk.runs('curfew-certs init "no $LC_ALL" --demo >said && cat said | tail -n 1').startswith(
        "next: "
    )
    assert (desk.folder / "no C.UTF-8").is_dir()
