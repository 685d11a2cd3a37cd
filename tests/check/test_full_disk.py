"""A full disk at the station: nothing is done on the phone that is not written down first."""

from __future__ import annotations

import resource
import subprocess
from functools import partial

import pytest

from agent_scripts.exit_codes import ExitCode
from tests.check.office import LYNC, OUTLOOK, PROGRAMS, Bench, Office

NO_LEDGER, NO_REPORT = 250, 2000
"""Bytes that a file may have: enough for the clock and the counter; enough for a ledger, not for a report."""


def check_with_room_for(bench: Bench, size: int, address: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAMS / "curfew-agent"), *bench.command_line("check", "--json", address)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
    )


@pytest.mark.parametrize(("size", "expected"), [(NO_LEDGER, [0, 1]), (NO_REPORT, [3, 3])])
def test_a_ledger_without_room_stops_the_acting_and_a_report_without_room_is_made_up_for(
    size: int, expected: list[int], enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as other, enforcing.phone("tiktok-personal") as phone:
        first, address = bench.provision_all(other, phone)
        bench.row(first)

        run = check_with_room_for(bench, size, address)

        assert "the disk is full; free some space and run this again" in run.stdout
        assert run.returncode == ExitCode.NOT_REACHED
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == expected
        code, row = bench.row(address)
        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [3, 3]
