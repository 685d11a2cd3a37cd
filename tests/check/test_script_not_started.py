"""A script that the policy wants and that does not watch is something left to do: in the row and the exit code."""

from __future__ import annotations

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import Bench, Office
from tests.check.phone_moments import at_exchange
from tests.check.test_on_phone import watched, watchers

PLACING = 2
"""The exchange after the reading of a compliant phone."""


def test_a_script_that_could_not_be_placed_is_not_done_until_a_later_check_has_started_it(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_exchange(phone, PLACING, lambda: phone.faults.hang_up_after_bytes(0))

        code, row = at_desk.row(address)

        assert (code, row["verdict"]) == (ExitCode.NOT_DONE, "compliant")
        assert "not started" in row["next_step"]
        assert "Check this phone again" in row["next_step"]
        assert watched(at_desk)["script"] == "not_running"
        assert at_desk.row(address)[0] == ExitCode.COMPLIANT
        assert len(watchers(phone)) == 1


def test_a_script_that_was_not_started_by_a_clock_that_is_not_trusted_is_not_done(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.off_by(minutes=30)

        code, row = at_desk.row(address)

        assert (code, row["verdict"]) == (ExitCode.NOT_DONE, "compliant")
        assert "clock is not trusted (this computer's clock is 30 minutes off; set it)" in row["next_step"]
        assert watchers(phone) == []
        at_desk.off_by(minutes=0)
        assert at_desk.row(address)[0] == ExitCode.COMPLIANT


def test_a_script_that_watches_needs_no_trusted_clock(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        at_desk.off_by(minutes=30)

        code, row = at_desk.row(address)

        assert (code, row["next_step"]) == (ExitCode.COMPLIANT, "")


@pytest.mark.parametrize(
    ("command", "expected"), [("check", ExitCode.NOT_DONE), ("restore", ExitCode.UNREADABLE)]
)
def test_a_script_that_should_be_gone_and_is_not_is_not_done(
    command: str, expected: ExitCode, watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        at_exchange(phone, PLACING, lambda: phone.faults.hang_up_after_bytes(0))

        code, row = _taking_away(watching, at_desk, phone, address, command)

        assert code == expected, "after restoring failed to take it away the lost phone cannot even be read"
        assert "not taken away" in row


def _taking_away(
    office: Office, bench: Bench, phone: VirtualPhone, address: str, command: str
) -> tuple[int, str]:
    if command == "restore":
        return bench.agent("restore", "--yes", "--json", address)
    office.publish(on_phone=False)
    try:
        return bench.agent("check", "--json", address)
    finally:
        office.publish(on_phone=True)
