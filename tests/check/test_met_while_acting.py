"""A check that meets the phone's script, or another station, between its reading and its acting looks again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.check.phone_moments import check_and_meet
from tests.check.test_killed_agent import assert_all_agree
from tests.on_phone.bench import WatchedPhone

LEDGER_FILE = "/data/local/tmp/curfew/ledger"


def states(phone: VirtualPhone) -> list[int]:
    return [int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)]


@pytest.fixture
def resting(watching: Office, at_desk: Bench) -> Iterator[tuple[str, WatchedPhone]]:
    """A phone that has its script, which acts only when it is told to."""
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        script = WatchedPhone(phone)
        script.curfew("stop")
        yield address, script


def test_what_the_script_disabled_meanwhile_is_read_again_and_counts_as_done(
    at_desk: Bench, resting: tuple[str, WatchedPhone]
) -> None:
    address, script = resting
    script.phone.model.install(0, TIKTOK)
    script.phone.commands.clear()

    row = check_and_meet(at_desk, address, lambda: script.curfew("once"))

    assert (row.exit_code, row.verdict) == (ExitCode.VIOLATING, "violating")
    assert "NOT" not in row.done_text
    assert states(script.phone) == [3, 3]
    assert {app["after"] for app in at_desk.last_report()["managed"]} == {3}
    assert_all_agree(at_desk, address, EntryState.DONE)


def test_what_the_script_restored_meanwhile_is_read_again_and_counts_as_done(
    at_desk: Bench, resting: tuple[str, WatchedPhone]
) -> None:
    address, script = resting
    before = states(script.phone)
    script.phone.model.install(0, TIKTOK)
    at_desk.row(address)
    script.curfew("stop")
    assert states(script.phone) == [3, 3]
    script.phone.model.uninstall(0, TIKTOK)

    row = check_and_meet(at_desk, address, lambda: script.curfew("once"))

    assert row.exit_code == ExitCode.COMPLIANT
    assert states(script.phone) == before
    assert_all_agree(at_desk, address, EntryState.RESTORED)


def test_what_another_station_did_meanwhile_is_gone_on_from(enforcing: Office) -> None:
    one, other = enforcing.new_bench(), enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = one.provision(phone)
        other.provision(phone)

        row = check_and_meet(one, address, lambda: other.row(address) and None)

        assert row.exit_code == ExitCode.VIOLATING
        assert states(phone) == [3, 3]
        assert_all_agree(one, address, EntryState.DONE)


def test_a_check_that_meets_somebody_twice_gives_up_and_says_what_to_do(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        before, meetings = states(phone), []

        def change_the_ledger() -> None:
            meetings.append(1)
            ledger = phone.userland.host_path(LEDGER_FILE)
            marker = ledger.read_text().split()[2]
            gone = f"entry 9{len(meetings)} {OUTLOOK} 0 gone 1 2026-01-01T00:00:00+00:00 1"
            ledger.write_text(f"curfew-ledger 1 {marker}\n{gone}\nend 1\n")

        row = check_and_meet(bench, address, change_the_ledger)

        assert len(meetings) == 2, "once more, not endlessly"
        assert row.exit_code == ExitCode.NOT_DONE
        assert "give the same command again" in row.next_step
        assert states(phone) == before
        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3]


def test_a_ledger_that_cannot_be_brought_to_the_phone_is_not_passed_over(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        ledger = phone.userland.host_path(LEDGER_FILE)
        ledger.unlink()
        ledger.with_name("ledger.new").mkdir()

        code, row = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert "free some storage" in row["next_step"]
