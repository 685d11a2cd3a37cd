"""What a technician, a log and a program each see of a run."""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.live_table import LiveTable
from agent_scripts.visits.row import Row
from certs.terminal import show_table
from tests.check.office import OUTLOOK, PROGRAMS, TIKTOK, Bench, Office
from tests.check.test_ledgers import _contradict
from tests.terminal import Terminal

STORY = (
    "clean",
    "tiktok-personal",
    "tiktok-work",
    "tiktok-clone",
    "samsung-secure-folder",
    "closed-work-profile",
    "fully-managed",
)


def test_json_is_one_line_per_phone_and_a_log_has_one_line_per_event(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with ExitStack() as stack:
        phones = [stack.enter_context(enforcing.phone(name)) for name in STORY]
        addresses = bench.provision_all(*phones)
        *each, count = bench.said.splitlines()
        assert len(each) == len(STORY)
        assert count == f"{len(STORY)} phones: {len(STORY)} provisioned."
        _, output = bench.agent("check", "--all", "--json")
        assert sorted(json.loads(line)["address"] for line in output.splitlines()) == sorted(addresses)
        _contradict(bench, addresses[1])

        _, table = bench.agent("check", "--all")

    events = bench.said.splitlines()
    assert sorted(line.split(": ")[0] for line in events) == sorted(addresses)
    assert f"pm default-state --user 10 {OUTLOOK}" in bench.said
    assert all(table.count(address) == 1 for address in addresses)


def test_whatever_is_wrong_with_a_phone_its_row_says_the_next_step(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with ExitStack() as stack:
        phones = [stack.enter_context(enforcing.phone(name)) for name in STORY]
        bench.provision_all(*phones)

        _, rows = bench.check()

    assert all(row["next_step"] or row["exit_code"] == ExitCode.COMPLIANT for row in rows)
    assert [row["next_step"] for row in rows if row["exit_code"] == ExitCode.COMPLIANT] == [""]


def test_an_address_that_looks_like_markup_stands_in_the_table_as_it_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = "adb:b:[red](2)"
    table = LiveTable("Bundle :b: [red]")
    table.rows = {address: None}
    show_table(table.table())
    table.rows = {address: Row(address, "", "", "violating", (), (), "[red]", ExitCode.VIOLATING)}

    show_table(table.table())

    told = capsys.readouterr().out
    assert told.count(address) == 2
    assert told.count("Bundle :b: [red]") == 2


def test_watching_two_rounds_checks_twice_with_the_policys_pause_between(
    enforcing: Office, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        monkeypatch.setattr("agent_scripts.commands.at_the_bench.time.sleep", pauses.append)

        code, output = bench.agent("watch", "--rounds", "2", "--json", address)

    assert code == ExitCode.COMPLIANT
    assert [json.loads(line)["address"] for line in output.splitlines()] == [address, address]
    assert len(pauses) == 1
    assert 3600 <= pauses[0] <= 4200


@contextmanager
def mixed_bench(office: Office, bench: Bench) -> Iterator[list[str]]:
    """Hold six phones: two that comply, two that do not, two that are switched off; in that order."""
    names = ("clean", "clean", "tiktok-personal", "closed-work-profile", "clean", "clean")
    with ExitStack() as stack:
        phones = [stack.enter_context(office.phone(name)) for name in names]
        addresses = bench.provision_all(*phones)
        for phone in phones[4:]:
            port = phone.port
            phone.stop()
            # Held, and deaf: no phone of another test may be met there.
            held = stack.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", port))
        yield addresses


MIXED = "6 phones: 2 not reached, 1 violating (not done), 1 violating, 2 compliant."


def test_at_80_columns_problems_come_first_no_name_is_split_and_a_count_ends_it(
    enforcing: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bench = enforcing.new_bench()
    with mixed_bench(enforcing, bench) as addresses:
        _, told = bench.agent("check", *addresses)

    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == MIXED
    headings = re.findall("^\u2502 (not reached|violating|compliant)", told, re.MULTILINE)
    assert headings == ["not reached", "violating", "violating", "compliant"]
    assert all(told.count(address) == 1 for address in addresses)
    assert told.count("does not answer") == 1
    assert told.index(addresses[4]) < told.index(addresses[5])
    assert all(name in told for name in (f"{TIKTOK} in user 0", OUTLOOK))


def test_a_log_tells_the_cause_of_phones_that_were_not_reached_once(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with mixed_bench(enforcing, bench) as addresses:
        bench.agent("check", *addresses)

    events = bench.said.splitlines()
    assert sorted(line.split(": ")[0] for line in events[:-1]) == sorted(addresses[:4])
    assert events[-1].startswith("2 phones not reached: The phone does not answer;")
    assert events[-1].endswith(f": {addresses[4]}, {addresses[5]}")


def test_a_terminal_shows_the_count_meanwhile_and_in_the_end_the_whole_table_once(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    # So low that the table does not fit: what is redrawn must leave nothing behind.
    terminal = Terminal(columns=80, rows=8)
    with mixed_bench(enforcing, bench) as addresses:
        command = [str(PROGRAMS / "curfew-agent"), *bench.command_line("check", *addresses)]

        code = terminal.run(command, os.environ)

    assert code == ExitCode.NOT_REACHED
    assert terminal.text.rstrip().splitlines()[-1] == MIXED
    assert {address: terminal.text.count(address) for address in addresses} == dict.fromkeys(addresses, 1), (
        terminal.text
    )
    assert terminal.text.count("Bundle ") == 1
    assert "of 6 done" not in terminal.text
    assert "0 of 6 done" in terminal.written
    assert "2 of 6 done: 2 not reached" in terminal.written


def test_phones_that_do_not_allow_the_station_yet_are_one_cause_with_a_count(
    enforcing: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bench = enforcing.new_bench()
    with ExitStack() as stack:
        phones = [stack.enter_context(enforcing.phone("clean")) for _ in range(7)]
        for phone in phones[:6]:
            phone.authorise_all = False
        addresses = [f"tcp:127.0.0.1:{phone.port}" for phone in phones]
        holders = itertools.chain(*(("--holder", f"h-{number}") for number in range(7)))

        code, output = bench.agent("provision", *addresses, *holders, "--consent", "agreed")

    assert (code, output) == (ExitCode.NOT_REACHED, "")
    assert bench.said.count("The phone does not know this station") == 1
    assert "6 phones" in bench.said
    places = [bench.said.index(address) for address in addresses[:6]]
    assert places == sorted(places)
    assert f"{addresses[6]}: provisioned as " in bench.said
    assert bench.said.splitlines()[-1] == "7 phones: 6 not provisioned, 1 provisioned."


def test_probing_many_tells_what_sets_them_apart_and_how_to_see_the_whole_of_one(
    enforcing: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bench = enforcing.new_bench()
    with mixed_bench(enforcing, bench) as addresses:
        code, told = bench.agent("probe", *addresses)

    assert code == ExitCode.NOT_REACHED
    assert max(map(len, told.splitlines())) <= 80
    assert told.splitlines()[-1] == "6 phones: 2 not reached, 1 closed, 3 open."
    assert all(told.count(address) == 1 for address in addresses)
    assert told.index("no_debugging_features") < told.index("3 phones")
    assert "`curfew-agent probe ADDRESS`" in bench.said


@pytest.mark.parametrize("columns", [60, 80])
def test_the_table_of_a_probe_is_whole_in_a_narrow_terminal(
    columns: int, enforcing: Office, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with enforcing.phone("closed-work-profile") as phone:
        address = bench.provision(phone)
        _, told = bench.agent("probe", address)
        _, line = bench.agent("probe", address, "--json")

    assert max(map(len, told.splitlines())) <= columns
    limits = json.loads(line)["probe"]["limits"]
    words = {word for limit in limits for word in f"{limit['sentence']} {limit['change']}".split()}
    assert {word for word in words if word not in told} == set()
