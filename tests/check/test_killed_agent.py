"""A real agent process is killed before and after every step of a check; the second run finishes the work."""

from __future__ import annotations

import asyncio
import signal

import pytest

from agent_scripts import exchange
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import Station
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState, Ledger
from tests.check.dying_agent import Dead, When, run_agent
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

KILLED = -signal.SIGKILL
both_sides = pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])


def check(bench: Bench, when: When = When.NEVER, number: int = 0) -> Dead:
    arguments = bench.command_line("check", "--all", "--json")
    return run_agent(arguments, bench.folder / "said", when, number)


def steps_of(bench: Bench) -> int:
    run = check(bench)
    assert run.exit_code in (0, 10), run.said
    return run.steps


def ledgers(bench: Bench, address: str) -> list[Ledger | None]:
    """Return the phone's, the station's and the server's ledger."""
    station = Station.open(bench.folder, story_clock=bench.office.story_clock)
    known = station.phone_at(address)
    assert known is not None

    async def read_phone() -> exchange.Reading:
        connection = await open_connection(PhoneAddress.parse(address), station.adb_keys)
        question = exchange.ReadingQuestion((), ())
        answer = await connection.run(question.command, 30, 1 << 20)
        await connection.close()
        return question.parse(answer)

    phones = asyncio.run(read_phone()).memory.ledger
    return [phones, station.ledger(known.phone_id), ServerClient(station).ledger(known.phone_id, "")]


def enabled(phone: VirtualPhone) -> dict[str, int]:
    return {package: int(phone.model.state(10, package).enabled) for package in (OUTLOOK, LYNC)}


def entries(ledger: Ledger | None) -> set[tuple[int, str, int, EntryState]]:
    assert ledger is not None
    return {(e.user, e.package, e.prior, e.state) for e in ledger.entries}


def assert_all_agree(bench: Bench, address: str, state: EntryState) -> None:
    phone_side, station_side, server_side = (entries(ledger) for ledger in ledgers(bench, address))
    assert {entry[3] for entry in phone_side} == {state}
    assert phone_side == station_side == server_side


@both_sides
def test_killed_while_disabling_at_any_step_the_second_run_finishes(enforcing: Office, when: When) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        bench = enforcing.new_bench()
        bench.provision(phone)
        count = steps_of(bench)
    print(f"disabling: {count} steps, killed {when.value} each")
    assert count >= 6
    for number in range(1, count + 1):
        with enforcing.phone("tiktok-personal") as phone:
            bench = enforcing.new_bench()
            address = bench.provision(phone)
            before = enabled(phone)
            assert check(bench, when, number).exit_code == KILLED
            second = bench.check()
            assert enabled(phone) == {OUTLOOK: 3, LYNC: 3}, (when, number, str(second))
            assert_all_agree(bench, address, EntryState.DONE)
            phone.model.uninstall(0, TIKTOK)
            second = bench.check()
            assert enabled(phone) == before, (when, number, str(second))


@both_sides
def test_killed_while_restoring_at_any_step_the_second_run_finishes(enforcing: Office, when: When) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        bench = enforcing.new_bench()
        bench.provision(phone)
        bench.check()
        phone.model.uninstall(0, TIKTOK)
        count = steps_of(bench)
    print(f"restoring: {count} steps, killed {when.value} each")
    assert count >= 6
    for number in range(1, count + 1):
        with enforcing.phone("tiktok-personal") as phone:
            bench = enforcing.new_bench()
            address = bench.provision(phone)
            before = enabled(phone)
            bench.check()
            assert enabled(phone) == {OUTLOOK: 3, LYNC: 3}
            phone.model.uninstall(0, TIKTOK)
            assert check(bench, when, number).exit_code == KILLED
            second = bench.check()
            assert enabled(phone) == before, (when, number, str(second))
            assert_all_agree(bench, address, EntryState.RESTORED)
