"""Rules 8 and 9: with doubtful time or old trust nothing new is disabled; restoring and reporting need neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.server.databases import Databases


@contextmanager
def two_phones(office: Office, bench: Bench) -> Iterator[tuple[VirtualPhone, VirtualPhone, list[str]]]:
    """Lend one phone that is due to be disabled and one that is due to be restored."""
    with office.phone("tiktok-personal") as due, office.phone("tiktok-personal") as blocked:
        addresses = bench.provision_all(due, blocked)
        bench.check(addresses[1])
        blocked.model.uninstall(0, TIKTOK)
        yield due, blocked, addresses


def assert_restored_and_nothing_disabled(
    due: VirtualPhone, blocked: VirtualPhone, rows: list[dict[str, object]], why: str
) -> None:
    assert [_states(due), _states(blocked)] == [[0, 1], [0, 1]]
    violating = next(row for row in rows if row["verdict"] == "violating")
    assert str(violating["next_step"]).startswith("Nothing new was disabled: ")
    assert why in str(violating["next_step"])
    assert violating["exit_code"] == ExitCode.NOT_DONE


@pytest.mark.parametrize("minutes", [6, -6])
def test_with_a_clock_six_minutes_off_nothing_new_is_disabled_and_what_is_due_is_restored(
    minutes: int, enforcing: Office
) -> None:
    bench = enforcing.new_bench()
    with two_phones(enforcing, bench) as (due, blocked, _):
        bench.off_by(minutes=minutes)

        code, rows = bench.check()

        assert code == ExitCode.NOT_DONE
        assert_restored_and_nothing_disabled(due, blocked, rows, "clock is not trusted")
        assert bench.last_report()["time_trusted"] is False


def test_with_a_clock_behind_a_time_already_seen_nothing_new_is_disabled(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with two_phones(enforcing, bench) as (due, blocked, _), bench.without_server():
        bench.off_by(hours=-1)

        _, rows = bench.check()

        assert_restored_and_nothing_disabled(due, blocked, rows, "clock is not trusted")


def test_offline_beyond_the_limit_nothing_new_is_disabled_and_what_is_due_is_restored(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    with two_phones(enforcing, bench) as (due, blocked, _):
        with bench.without_server():
            bench.off_by(hours=73)
            code, rows = bench.check()
            assert code == ExitCode.NOT_DONE
            assert_restored_and_nothing_disabled(due, blocked, rows, "not confirmed for too long")
            assert len(list(bench.station().spool_folder.glob("*.json"))) == 2

        bench.clock = None
        enforcing.at(hours=77)
        assert bench.check()[0] == ExitCode.VIOLATING
        assert not list(bench.station().spool_folder.glob("*.json"))
        assert _states(due) == [3, 3]


def test_offline_within_the_limit_enforcement_goes_on(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.check(address)
        phone.model.press_enable(10, OUTLOOK)
        with bench.without_server():
            bench.check(address)

        assert _states(phone) == [3, 3]


def test_with_expired_approvals_restoring_and_reporting_go_on_and_nothing_new_is_disabled(
    tmp_path: Path, databases: Databases
) -> None:
    with Office.opened(tmp_path, databases) as office:
        office.publish(ends_at=office.utc(days=90), review_at=office.utc(days=80))
        office.at(hours=3)
        bench = office.new_bench()
        with two_phones(office, bench) as (due, blocked, _):
            office.at(hours=24 * 40)

            code, rows = bench.check()

            assert "refused" in bench.said
            assert code == ExitCode.NOT_DONE
            assert_restored_and_nothing_disabled(due, blocked, rows, "not confirmed for too long")
            assert bench.last_report()["stage"] == "enforce"


def test_past_the_end_everything_is_restored_by_time_alone(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        with bench.without_server():
            bench.off_by(hours=24 * 34)

            code, row = bench.row(address)

        assert (code, row["exit_code"]) == (ExitCode.NOT_SENT, ExitCode.NOT_SENT)
        assert _states(phone) == [0, 1]


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]
