"""What a technician, a log and a program each see of a run."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.live_table import LiveTable
from certs.terminal import show_table
from tests.check.office import OUTLOOK, Bench, Office
from tests.check.test_ledgers import _contradict

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
        assert len(bench.said.splitlines()) == len(STORY)
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

    told = capsys.readouterr().out
    assert address in told
    assert "Bundle :b: [red]" in told


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
