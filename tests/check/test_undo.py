"""Undo is noticed: who enabled an app again is told as far as the phone tells, and a fight ends after three rounds."""

from __future__ import annotations

import time

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import LedgerEntry
from policy.names import PackageName, UserNumber
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done


@pytest.fixture
def bench(enforcing: Office) -> Bench:
    """A station for each test: the clock runs on in each of them."""
    return enforcing.new_bench()


def test_an_app_that_the_phones_user_enabled_is_reported_and_disabled_again(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        enforcing.at(hours=4)
        phone.model.press_enable(10, OUTLOOK)

        code, row = bench.row(address)

        assert code == ExitCode.VIOLATING
        assert f"{OUTLOOK} in user 10 was enabled again by the phone's user or somebody else" in told_done(
            row
        )
        assert _undone(bench) == {"enabled_again": f"{OUTLOOK} in user 10"}
        assert _states(phone) == [3, 3]
        assert _entry(bench, address).rounds == 2


def test_an_app_that_an_update_reset_is_reported_as_such_disabled_again_and_restored_to_what_it_was(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        enforcing.at(hours=4)
        _update(phone, LYNC)
        assert _states(phone) == [3, 0]

        _, row = bench.row(address)

        assert f"{LYNC} in user 10 runs again because it was updated" in told_done(row)
        assert _undone(bench) == {"reset_by_update": f"{LYNC} in user 10"}
        assert _states(phone) == [3, 3]
        assert _entry(bench, address, LYNC).rounds == 1
        phone.model.uninstall(0, TIKTOK)
        bench.row(address)
        assert _states(phone) == [0, 1]


def test_on_a_phone_whose_clock_is_a_year_behind_an_update_is_told_all_the_same(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("pixel-11") as phone:
        phone.model.install(0, TIKTOK)
        phone.model.set_clock(-365 * 24 * 3600)
        address = bench.provision(phone)
        bench.row(address)
        enforcing.at(hours=4)
        _update(phone, OUTLOOK, clock_s=-365 * 24 * 3600)

        bench.row(address)

        assert _undone(bench) == {"reset_by_update": f"{OUTLOOK} in user 10"}


def test_after_three_rounds_an_app_that_is_enabled_every_time_is_left_on_and_handed_to_the_mail_side(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        for _ in range(3):
            bench.row(address)
            assert _states(phone) == [3, 3]
            phone.model.press_enable(10, OUTLOOK)

        for _ in range(2):
            code, row = bench.row(address)

            assert code == ExitCode.NOT_DONE
            assert "the mail side must block" in row["next_step"]
            assert _states(phone) == [1, 3]
            assert _undone(bench) == {"owner_enables_again": f"{OUTLOOK} in user 10"}
            assert not bench.last_report()["enforceable"]
        assert _entry(bench, address).rounds == 4


def test_what_was_given_up_is_not_fought_for_again_after_an_update(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        _give_up(bench, phone, address)
        enforcing.at(hours=4)
        _update(phone, OUTLOOK)

        code, _ = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert _states(phone) == [0, 3]


def test_a_newer_bundle_tries_again_what_was_given_up(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        _give_up(bench, phone, address)
        enforcing.publish()

        code, _ = bench.row(address)

        assert code == ExitCode.VIOLATING
        assert _states(phone) == [3, 3]
        assert _entry(bench, address).rounds == 1


def test_compliance_ends_the_count_and_leaves_the_app_as_it_was_enabled(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        _give_up(bench, phone, address)
        phone.model.uninstall(0, TIKTOK)
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert _states(phone) == [1, 1]
        assert not _entry(bench, address).is_open

        phone.model.install(0, TIKTOK)
        code, _ = bench.row(address)

        assert code == ExitCode.VIOLATING
        assert _states(phone) == [3, 3]
        assert _entry(bench, address).rounds == 1


def _give_up(bench: Bench, phone: VirtualPhone, address: str) -> None:
    for _ in range(3):
        bench.row(address)
        phone.model.press_enable(10, OUTLOOK)
    assert bench.row(address)[0] == ExitCode.NOT_DONE


def _update(phone: VirtualPhone, package: str, clock_s: int = 0) -> None:
    """Let the store update an app a minute ago by the phone's clock."""
    minute_ago_ms = int((time.time() + clock_s - 60) * 1000)
    phone.model.install(10, package, installed_ms=minute_ago_ms)


def _undone(bench: Bench) -> dict[str, str]:
    told = ("enabled_again", "reset_by_update", "owner_enables_again")
    return {r["code"]: r["detail"] for r in bench.last_report()["reasons"] if r["code"] in told}


def _entry(bench: Bench, address: str, package: str = OUTLOOK) -> LedgerEntry:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    ledger = station.ledger(known.phone_id)
    assert ledger is not None
    entry = ledger.entry(UserNumber(10), PackageName(package))
    assert entry is not None
    return entry


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]
