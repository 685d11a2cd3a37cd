"""Rules 1 and 2: a phone that could not be read whole starts nothing and lifts nothing, and says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import adbutils
import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.faults import Faults
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.limits import Limits
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

DENIED = "\nException occurred while dumping:\njava.lang.SecurityException: uid 2000 may not\n"
FAULTS: dict[str, Callable[[Faults], None]] = {
    "a dump cut with dumpsys' own line": lambda faults: faults.cut_dump_after(300),
    "a dump cut without a word": lambda faults: faults.cut_dump_after(300, timeout_line=False),
    "an exception instead of the banned app's dump": lambda f: f.refuse(
        "dumpsys", "package", TIKTOK, text=DENIED
    ),
    "an exception with exit code 0": lambda f: f.refuse("dumpsys", "user", text=DENIED, exit_code=0),
    "no list of users": lambda f: f.refuse("dumpsys", "user", text="Can't find service: user\n"),
    "no owners": lambda f: f.refuse("dumpsys", "device_policy", text="Permission Denial: no\n"),
    "empty answers": lambda f: f.refuse("dumpsys", text="", exit_code=0),
    "a phone that still boots": lambda f: f.still_booting(),
    "garbage": lambda f: f.answer_garbage(),
    "megabytes": lambda f: f.answer_megabytes(2),
    "a hang-up half-way": lambda f: f.hang_up_after_bytes(1500),
    "an adbd that dies": lambda f: f.die_in_mid_command(),
    "silence": lambda f: f.answer_nothing(),
}


@pytest.fixture(scope="module")
def phones(office: Office, bench: Bench) -> Iterator[tuple[VirtualPhone, VirtualPhone]]:
    """One phone that waits to be disabled, one that waits to be restored."""
    office.at(hours=3)
    with office.phone("tiktok-personal") as due, office.phone("tiktok-personal") as blocked:
        _, second = bench.provision_all(due, blocked)
        bench.check(second)
        blocked.model.uninstall(0, TIKTOK)
        yield due, blocked


@pytest.mark.parametrize("fault", FAULTS)
def test_a_phone_that_could_not_be_read_is_neither_disabled_nor_restored_and_reported(
    fault: str,
    enforcing: Office,
    bench: Bench,
    phones: tuple[VirtualPhone, VirtualPhone],
) -> None:
    limits = Limits(reading_s=0.5) if fault == "silence" else Limits()
    before = [_states(phone) for phone in phones]
    for phone in phones:
        FAULTS[fault](phone.faults)

    code, rows = bench.visit_within(limits)

    for phone in phones:
        phone.faults.clear()
    assert [_states(phone) for phone in phones] == before == [[0, 1], [3, 3]]
    assert [row["verdict"] for row in rows] == ["unreadable", "unreadable"]
    assert all(row["next_step"] and row["report_id"] and not row["done"] for row in rows), rows
    assert code == ExitCode.UNREADABLE
    assert not list(bench.station().spool_folder.glob("*.json"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("silence", "the phone answered nothing for 0.5 s; keep its screen on and check again"),
        ("a hang-up half-way", "the phone hung up; check the cable or network and check it again"),
    ],
)
def test_a_lost_answer_is_one_reason_which_tells_the_server_no_address(
    fault: str, reason: str, enforcing: Office, bench: Bench
) -> None:
    limits = Limits(reading_s=0.5) if fault == "silence" else Limits()
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        FAULTS[fault](phone.faults)

        _, [row] = bench.visit_within(limits, address)

    report = bench.last_report()
    assert report["report_id"] == row["report_id"]
    assert [told["detail"] for told in report["reasons"]] == [reason]
    assert address not in json.dumps(report)


def test_a_phone_on_a_cable_whose_answer_is_lost_keeps_its_serial_from_the_server(
    enforcing: Office, platform_adb: adbutils.AdbClient
) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("clean") as phone:
        bench.agent("devices")
        platform_adb.connect(f"127.0.0.1:{phone.port}", timeout=10)
        serial = f"127.0.0.1:{phone.port}"
        words = ("--consent", "agreed", "--label", "", "--holder", "h-1")
        assert bench.agent("provision", f"adb:{serial}", *words)[0] == 0
        phone.faults.die_in_mid_command()

        _, row = bench.row(f"adb:{serial}")

    # The row first: where no report could be written, it says why.
    assert row["verdict"] == "unreadable", row
    report = bench.last_report()
    assert report["verdict"] == "unreadable"
    assert serial not in json.dumps(report)


def test_without_a_fault_the_same_two_phones_are_disabled_and_restored(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as due, enforcing.phone("tiktok-personal") as blocked:
        _, second = bench.provision_all(due, blocked)
        bench.check(second)
        blocked.model.uninstall(0, TIKTOK)

        bench.check()

        assert [_states(due), _states(blocked)] == [[3, 3], [0, 1]]


def test_a_banned_app_seen_is_violating_though_another_package_cannot_be_read(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.faults.refuse("dumpsys", "package", "com.ss.android.ugc.trill", text=DENIED)

        code, row = bench.row(address)

        assert (row["verdict"], code) == ("violating", ExitCode.VIOLATING)
        assert _states(phone) == [3, 3]


def test_a_phone_that_answers_nothing_to_the_connection_is_not_reached_and_the_others_go_on(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as there, enforcing.phone("clean") as away:
        bench.provision_all(there, away)
        away.stop()

        code, rows = bench.check()

        assert sorted(row["verdict"] for row in rows) == ["not_reached", "violating"]
        assert code == ExitCode.NOT_REACHED
        assert _states(there) == [3, 3]


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]
