"""docs/design.md 5: an unknown rule refuses the bundle, and the refusal is a report of its own.

The station here is an older Curfew: a copy of its packages that lacks one rule, started as a program of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import certs.cli
from agent_scripts.exit_codes import ExitCode
from agent_scripts.server_link.client import ServerClient
from agent_scripts.server_link.refused_bundle import in_one_line, tell_refusal
from certs.errors import RuleUnknown
from tests.browser import Browser
from tests.check.office import Bench, Office
from tests.server.databases import Databases

ROOT = Path(__file__).resolve().parents[2]
RULE = "on_phone"
PASSWORD = "three unrelated words"


@pytest.fixture(scope="module")
def own_office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose next bundle no other test meets."""
    with Office.opened(tmp_path_factory.mktemp("refusing"), databases) as office:
        office.at(hours=3)
        office.server("person", "desk-1", "--role", "author", configured=True, typed=f"{PASSWORD}\n")
        yield office


@pytest.fixture(scope="module")
def older_curfew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the station's packages as they were before the rule was known."""
    folder = tmp_path_factory.mktemp("older")
    for package in ("policy", "certs", "agent_scripts"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    schema = folder / "policy" / "schemas" / "policy_document.py"
    known = schema.read_text().splitlines(keepends=True)
    older = [line for line in known if not line.startswith(f"    {RULE} = ")]
    assert len(older) == len(known) - 1
    schema.write_text("".join(older))
    return folder


@pytest.fixture(scope="module")
def before_debugging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same from before policies said what becomes of debugging."""
    folder = tmp_path_factory.mktemp("before-debugging")
    for package in ("policy", "certs", "agent_scripts"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    schema = folder / "policy" / "schemas" / "policy_document.py"
    known = schema.read_text()
    older = re.sub(r" {4}debugging_at_hand_back = Value\(\n.*?\n {4}\)\n", "", known, flags=re.DOTALL)
    assert known.count("\n") == older.count("\n") + 3
    schema.write_text(older)
    return folder


def publish_without_the_rule(office: Office) -> None:
    """Publish the newest policy again, under a new number and without the rule."""
    office.number += 1
    path = office.folder / "policy.json"
    document = json.loads(path.read_text()) | {"number": office.number}
    del document["rules"][RULE]
    path.write_text(json.dumps(document))
    key = str(office.trust / "keys" / "approver-1.pem")
    assert certs.cli.main(["sign", str(office.trust), str(path), "--key", key, "--yes"]) == 0
    assert certs.cli.main(["publish", str(office.trust)]) == 0
    office.server("publish", str(office.trust), configured=True)


def check_with(older: Path, bench: Bench) -> subprocess.CompletedProcess[str]:
    """Run ``curfew-agent check`` as the older Curfew has it."""
    command = [sys.executable, "-m", "agent_scripts.cli", *bench.command_line("check", "--all")]
    environment = {**os.environ, "PYTHONPATH": str(older), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=older, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_station_that_refuses_a_rule_says_so_on_the_admins_pages_until_it_is_updated(
    own_office: Office, older_curfew: Path
) -> None:
    publish_without_the_rule(own_office)
    bench, known = own_office.new_bench(), own_office.number
    with own_office.phone("tiktok-personal") as phone:
        bench.provision(phone)
        assert check_with(older_curfew, bench).returncode == ExitCode.VIOLATING
        browser = Browser(own_office.url, own_office.trust, "desk-1", PASSWORD)
        assert "refuse" not in browser.read("/bundles").lower()

        own_office.publish(on_phone=False)
        done = check_with(older_curfew, bench)

        assert done.returncode == ExitCode.VIOLATING, done.stderr
        assert f"refused: expected rules that this version knows, found rules.{RULE}" in done.stderr
        assert bench.last_report()["bundle_number"] == known
        bundles, stations, fleet = (browser.read(path) for path in ("/bundles", "/stations", "/"))
        assert "Refused by stations" in bundles
        assert "unknown rule" in bundles
        assert f"rules.{RULE}" in bundles
        assert "1 station</a>" in bundles
        assert f"refuses {known + 1}" in stations
        assert f"rules.{RULE}" in stations
        assert "1 station refuses" in fleet
        assert 'curfew_refusals_open{code="rule_unknown"} 1.0' in browser.read("/metrics")

        assert bench.check()[0] == ExitCode.VIOLATING

        assert bench.last_report()["bundle_number"] == known + 1
        for path in ("/bundles", "/stations", "/"):
            assert "refuse" not in browser.read(path).lower()


def test_only_a_policy_that_says_off_is_refused_by_a_station_from_before_that_rule(
    own_office: Office, before_debugging: Path
) -> None:
    bench = own_office.new_bench()
    with own_office.phone("tiktok-personal") as phone:
        bench.provision(phone)
        own_office.publish()
        check_with(before_debugging, bench)
        known = own_office.number
        assert bench.last_report()["bundle_number"] == known

        own_office.publish(debugging_at_hand_back="off")
        done = check_with(before_debugging, bench)

        assert (
            "refused: expected rules that this version knows, found rules.debugging_at_hand_back"
            in done.stderr
        )
        assert bench.last_report()["bundle_number"] == known
        assert bench.check()[0] == ExitCode.VIOLATING
        assert bench.last_report()["bundle_number"] == known + 1
    own_office.publish()


def test_a_server_that_says_no_to_the_refusal_does_not_fail_the_check(
    own_office: Office, older_curfew: Path
) -> None:
    publish_without_the_rule(own_office)
    bench = own_office.new_bench()
    with own_office.phone("tiktok-personal") as phone:
        bench.provision(phone)
        own_office.publish(on_phone=False)
        own_office.server("revoke", bench.station().station_id, configured=True)

        done = check_with(older_curfew, bench)

        assert "The server could not be told of it" in done.stderr
        assert "violating" in done.stdout
        assert done.returncode == ExitCode.VIOLATING


def test_a_server_that_is_away_when_it_is_to_be_told_costs_a_warning_only(own_office: Office) -> None:
    bench, said = own_office.new_bench(), list[str]()
    with bench.without_server():
        client = ServerClient(bench.station())
        tell_refusal(client, RuleUnknown("found rules.x"), 2, None, datetime.now(UTC), said.append)

    [warning] = said
    assert "the next run tries again" in warning


def test_signatures_that_ran_out_are_refused_until_they_are_renewed_though_the_bundle_stays_in_force(
    own_office: Office,
) -> None:
    own_office.publish()
    bench = own_office.new_bench()
    with own_office.phone("clean") as phone:
        bench.provision(phone)
        bench.check()
        own_office.at(hours=24 * 40)

        bench.check()

        assert bench.last_report()["bundle_number"] == own_office.number
        stations = Browser(own_office.url, own_office.trust, "desk-1", PASSWORD).read("/stations")
        assert f"refuses {own_office.number}" in stations
        assert ">expired<" in stations


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("found rules.x", "found rules.x"),
        ("two\nlines\x1b[2J", "two?lines?[2J"),
        ("half \ud800", "half ?"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 299 + "…"),
        ("", "no reason was given"),
    ],
)
def test_what_is_told_is_one_bounded_line(sentence: str, told: str) -> None:
    assert in_one_line(sentence) == told
