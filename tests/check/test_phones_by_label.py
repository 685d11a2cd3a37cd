"""A phone that is known is named by its label, too, in every command that takes addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from tests.check.office import Bench, Office


def lines_of(bench: Bench, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, output = bench.agent(*arguments, "--json")
    return code, [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("probe",),
        ("watch", "--rounds", "1"),
        ("restore", "--yes"),
        ("provision", "--holder", "h-1", "--consent", "agreed"),
        ("unprovision", "--yes"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_takes_the_label_of_a_known_phone(
    command: tuple[str, ...], enforcing: Office, bench: Bench
) -> None:
    label = f"A {command[0]}"
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone, label=label)

        code, [line] = lines_of(bench, *command, label)

    assert (code, line["address"]) == (ExitCode.COMPLIANT, address)


def test_an_owner_declines_under_the_label_of_the_phone(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone, label="A-30")

        code, lines = lines_of(bench, "provision", "A-30", "--holder", "h-1", "--consent", "declined")

    assert code == ExitCode.COMPLIANT
    assert [(line["kind"], line["address"]) for line in lines] == [
        ("visit", address),
        ("provisioning", address),
    ]


def test_a_phone_named_by_label_and_by_address_is_visited_once(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone, label="A-31")

        assert bench.row("A-31")[1]["address"] == address
        assert len(bench.check("A-31", address)[1]) == 1
        code, _ = bench.agent(
            *("provision", "A-31", address, "--holder", "h-1", "--holder", "h-2", "--consent", "agreed")
        )

    assert (code, f"found {address} twice" in bench.said) == (ExitCode.WRONG_USE, True)


def test_a_label_of_two_phones_is_refused_with_both_addresses(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as one, enforcing.phone("clean") as other:
        addresses = bench.provision_all(one, other, label="A-32")
        one.calls.clear()
        other.calls.clear()

        code, _ = bench.agent("check", "A-32")

        assert not [*one.calls, *other.calls]
    assert code == ExitCode.WRONG_USE
    assert all(address in bench.said for address in addresses)


def test_a_label_that_nobody_has_or_that_leads_nowhere_says_what_to_do(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        bench.provision(phone, label="A-33")
        assert bench.agent("unprovision", "A-33", "--yes")[0] == ExitCode.COMPLIANT

    told = {}
    for label in ("A-33", "A-34"):
        assert bench.agent("check", label)[0] == ExitCode.WRONG_USE
        told[label] = bench.said
    assert "no address that this station knows" in told["A-33"]
    assert 'the label of a phone known here, found "A-34"' in told["A-34"]


def test_a_label_that_looks_like_an_address_is_one(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone, enforcing.phone("clean") as named:
        there = f"tcp:127.0.0.1:{named.port}"
        bench.provision(phone, label=there)

        assert bench.row(there)[1]["address"] == there


def test_a_station_whose_phones_all_declined_says_so_and_unprovision_speaks_of_no_all(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    assert bench.agent("provision", "--label", "A-1", "--holder", "h-1", "--consent", "declined")[0] == 0

    assert bench.agent("check", "--all")[0] == ExitCode.WRONG_USE
    assert "no phone whose owner agreed" in bench.said
    assert bench.agent("unprovision", "--yes")[0] == ExitCode.WRONG_USE
    assert "by its label" in bench.said
    assert "--all" not in bench.said
