"""With -v a command tells its steps on stderr, and never a secret, a person or an app that nobody named."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from agent_scripts.virtual_phone.package_surroundings import CANARY_APP
from agent_scripts.virtual_phone.personalities import CANARY_PERSON
from tests.check.office import PROGRAMS, Bench, Office


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    for name in ("agent_scripts", "certs", "server"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


def events(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def test_a_check_tells_its_steps_in_their_order(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)

        code, _ = bench.agent("-v", "check", address)

    told = [event["event"] for event in events(bench.said)]
    assert code == 10
    assert told == ["run begun", "connected to phone", "report kept", "reports sent"]


def test_twice_it_tells_each_exchange_and_each_request(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)

        bench.agent("-vv", "check", address)

    told = events(bench.said)
    exchanges = [event for event in told if event["event"] == "exchange ended"]
    assert [event["phone"] for event in exchanges] == [address] * 2, "it read, and it acted"
    assert {event["outcome"] for event in exchanges} == {"answered"}
    assert ("GET", "/api/v1/status", 200) in [
        (event["method"], event["path"], event["status"])
        for event in told
        if event["event"] == "server answered"
    ]


def test_an_exchange_that_was_lost_is_told_too(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.faults.hang_up_after_bytes(1500)

        bench.agent("-vv", "check", address)

    assert [e["outcome"] for e in events(bench.said) if e["event"] == "exchange ended"] == ["lost"]


def test_without_it_nothing_of_that_is_said(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        bench.agent("check", bench.provision(phone))

    assert events(bench.said) == []


def test_no_log_tells_a_secret_a_person_or_an_app_that_nobody_named(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = f"tcp:127.0.0.1:{phone.port}"
        said = ""
        for words in (
            (
                "provision",
                address,
                "--consent",
                "agreed",
                "--holder",
                "holder-of-a-phone",
                "--label",
                "tag-7",
            ),
            ("check", address),
            ("unprovision", "--yes", address),
        ):
            assert bench.agent("-vv", *words)[0] in (0, 10)
            said += bench.said

    told = json.dumps(events(said))
    secrets = [
        (bench.folder / name).read_text().strip() for name in ("organisation.key", "station.key", "adbkey")
    ]
    assert len(events(said)) > 20
    for secret in (*secrets, *(line for text in secrets for line in text.splitlines() if len(line) > 30)):
        assert secret not in told
    for private in ("holder-of-a-phone", CANARY_APP, CANARY_PERSON, "Authorization"):
        assert private not in told


@pytest.mark.parametrize("command", ["curfew-certs", "curfew-server", "curfew-agent"])
def test_every_command_takes_it(command: str) -> None:
    shown = subprocess.run(
        [PROGRAMS / command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )

    assert "-v, --verbose" in shown.stdout


def test_what_others_said_cannot_paint_the_terminal_from_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from certs.logs import Log, _write_to_stderr

    _write_to_stderr(1)
    Log("agent_scripts.x").info("a", said="\x1b[2J\u202e\n")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert json.loads(line)["said"] == "\x1b[2J\u202e\n"
