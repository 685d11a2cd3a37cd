"""Rule 3: the report says what the phone is after acting; what the phone says of itself is not believed."""

from __future__ import annotations

from agent_scripts.exit_codes import ExitCode
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done

SUCCESS = f"Package {OUTLOOK} new state: disabled-user\n"
FAILURE = "\njava.lang.SecurityException: no\n"


def test_a_command_that_reports_success_and_changes_nothing_is_not_believed(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.faults.refuse("disable-user", OUTLOOK, text=SUCCESS, exit_code=0)

        code, row = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert f"NOT disabled: {OUTLOOK}" in told_done(row)
        assert f"disabled {LYNC}" in told_done(row)


def test_a_command_that_reports_failure_and_has_its_effect_is_believed_by_its_effect(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.faults.misreport("disable-user", text=FAILURE, exit_code=255)
        code, row = bench.row(address)
        assert (code, "NOT" in told_done(row)) == (ExitCode.VIOLATING, False)

        phone.model.uninstall(0, TIKTOK)
        phone.faults.misreport("default-state", text=FAILURE, exit_code=255)
        code, row = bench.row(address)

        assert (code, "NOT" in told_done(row)) == (ExitCode.COMPLIANT, False)
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]


def test_a_refused_restoring_is_said_and_done_at_the_next_visit(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.uninstall(0, TIKTOK)
        phone.faults.refuse("default-state", OUTLOOK, text=FAILURE)
        code, row = bench.row(address)
        assert (code, f"NOT restored: {OUTLOOK}" in told_done(row)) == (ExitCode.NOT_DONE, True)

        phone.faults.clear()
        code, _ = bench.row(address)

        assert code == ExitCode.COMPLIANT
        assert phone.model.state(10, OUTLOOK).enabled == 0
