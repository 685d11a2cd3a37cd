"""A full disk at the station: nothing is done on the phone that is not written down first."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from agent_scripts.errors import DiskFull
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.durable_file import Step, witnesses
from agent_scripts.virtual_phone.phone import VirtualPhone
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


@contextmanager
def no_room_for_numbers() -> Iterator[None]:
    """Let the disk be full whenever report numbers are to be taken from it."""

    def witness(step: Step, path: Path) -> None:
        if step is Step.BEFORE and path.name == "counter":
            raise DiskFull(path)

    witnesses.append(witness)
    try:
        yield
    finally:
        witnesses.remove(witness)


def enabled(phone: VirtualPhone) -> list[int]:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)]


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
        assert enabled(phone) == expected
        code, row = bench.row(address)
        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert enabled(phone) == [3, 3]


def test_a_phone_whose_report_can_have_no_number_is_not_touched(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        before = enabled(phone)

        with no_room_for_numbers():
            code, row = bench.row(address)

        assert (code, enabled(phone)) == (ExitCode.NOT_REACHED, before)
        assert "the disk is full; free some space and run this again" in str(row)
        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert enabled(phone) == [3, 3]


def test_a_damaged_counter_is_told_before_the_phone_is_touched(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        before, counter = enabled(phone), bench.folder / "counter"
        last = counter.read_bytes()
        counter.write_bytes(b"")

        code, row = bench.row(address)

        assert (code, enabled(phone)) == (ExitCode.NOT_REACHED, before)
        assert "ask the server for the last one and write it there" in str(row)
        counter.write_bytes(last)
        assert bench.row(address)[0] == ExitCode.VIOLATING
