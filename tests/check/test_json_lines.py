"""What `--json` prints is what docs/json.md and its schema promise, from the real commands and virtual phones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbutils
import fastjsonschema
import pytest

from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.visits.deeds import Doing
from policy.probe import Owner, Reach
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "json-lines.schema.json").read_text())
KINDS = ("visit", "debugging", "probe", "provisioning", "device", "bench", "status", "trust")
is_valid = fastjsonschema.compile(SCHEMA)


def lines_of(bench: Bench, *arguments: str) -> list[dict[str, Any]]:
    """Run a command with `--json`, hold each line to the schema and the exit code to the lines, and return them."""
    code, output = bench.agent(*arguments, "--json")
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        is_valid(line)
    assert code == most_urgent(ExitCode(line["exit_code"]) for line in lines), (code, lines)
    return lines


def fields(of: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["definitions"][of]["properties"]
    return found


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every description of an object in a schema."""
    if isinstance(part, dict):
        if part.get("type") in ("object", ["object", "null"]):
            yield part
        for below in part.values():
            yield from objects(below)


def test_a_violating_phone_lists_each_app_found_and_each_deed_as_an_object(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)

        [line] = lines_of(bench, "check", address)

    assert line["found"] == [{"family": "tiktok", "package": TIKTOK, "user": 0}]
    told = {(deed["what"], deed["package"]): deed for deed in line["done"]}
    assert {key for key in told if key[0] == "disable"} == {("disable", OUTLOOK), ("disable", LYNC)}
    assert told["disable", OUTLOOK] == {
        "what": "disable",
        "result": "done",
        "package": OUTLOOK,
        "user": 10,
        "by": "station",
        "at": None,
        "until": None,
        "text": f"disabled {OUTLOOK} in user 10",
    }
    assert (line["verdict"], line["exit_code"]) == ("violating", ExitCode.VIOLATING)


def test_every_way_a_visit_ends_has_the_form_and_the_most_urgent_line_is_the_exit_code(
    enforcing: Office,
) -> None:
    bench = enforcing.new_bench()
    with (
        enforcing.phone("clean") as clean,
        enforcing.phone("tiktok-personal") as violating,
        enforcing.phone("closed-work-profile") as closed,
        enforcing.phone("tiktok-work") as unreadable,
        enforcing.phone("clean") as away,
    ):
        addresses = bench.provision_all(clean, violating, closed, unreadable, away)
        unreadable.faults.answer_garbage()
        away.stop()

        told = {line["address"]: line["exit_code"] for line in lines_of(bench, "check", "--all")}

        assert [told[address] for address in addresses] == [0, 10, 11, 12, 13]
        for words in (("restore", violating.port), ("watch", clean.port), ("unprovision", clean.port)):
            command, port = words
            more = ("--rounds", "1") if command == "watch" else ("--yes",)
            [line] = lines_of(bench, str(command), f"tcp:127.0.0.1:{port}", *more)
            assert line["kind"] == "visit"
        assert line["done"][-1]["what"] == "leave"


def test_what_the_phones_own_script_did_carries_its_times(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        assert {deed["what"] for deed in lines_of(at_desk, "check", address)[0]["done"]} == {"script"}

        [line] = lines_of(at_desk, "check", address)

    [watched] = [deed for deed in line["done"] if deed["what"] == "watch"]
    assert (watched["by"], watched["result"]) == ("phone", "running")
    assert watched["at"] <= watched["until"]


def test_the_line_of_a_phone_that_is_well_says_when_its_report_could_not_be_sent(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        with bench.without_server():
            [line] = lines_of(bench, "check", address)

        assert (line["verdict"], line["exit_code"]) == ("compliant", ExitCode.NOT_SENT)
        assert "`curfew-agent send`" in line["next_step"]
        assert lines_of(bench, "check", address)[0]["exit_code"] == ExitCode.COMPLIANT


def test_probing_tells_phones_that_were_not_reached_too(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("closed-work-profile") as phone, enforcing.phone("clean") as away:
        here, gone = bench.provision_all(phone, away)
        away.stop()

        told = {line["address"]: line for line in lines_of(bench, "probe", here, gone)}

    assert (told[here]["probe"]["reach"], told[here]["exit_code"]) == ("closed", ExitCode.COMPLIANT)
    assert (told[gone]["probe"], told[gone]["exit_code"]) == (None, ExitCode.NOT_REACHED)
    assert told[gone]["next_step"]


def test_provisioning_tells_id_and_promises_and_nothing_else_stands_on_stdout(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone, enforcing.phone("clean") as away:
        here, gone = (f"tcp:127.0.0.1:{each.port}" for each in (phone, away))
        away.stop()
        each = ("--holder", "h-1", "--label", "A-1", "--holder", "h-2", "--label", "A-2")

        told = {
            line["address"]: line
            for line in lines_of(bench, "provision", here, gone, "--consent", "agreed", *each)
        }

        known = bench.station().phone_at(here)
    assert known is not None
    assert (told[here]["phone_id"], told[here]["label"], told[here]["model"]) == (
        known.phone_id,
        "A-1",
        known.model,
    )
    assert told[here]["probe"]["reach"] == "open"
    assert (told[gone]["phone_id"], told[gone]["exit_code"]) == (None, ExitCode.NOT_REACHED)


def test_a_refusal_by_the_owner_is_a_line_and_leaving_the_phone_another(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)

        visit, refusal = lines_of(bench, "provision", address, "--holder", "h-1", "--consent", "declined")

    assert (visit["kind"], visit["verdict"]) == ("visit", "declined")
    assert (refusal["kind"], refusal["consent"], refusal["probe"]) == ("provisioning", "declined", None)
    assert refusal["phone_id"]


def test_devices_are_what_adb_sees_and_what_is_known_each_once(
    enforcing: Office, platform_adb: adbutils.AdbClient
) -> None:
    bench = enforcing.new_bench()
    assert lines_of(bench, "devices") == []
    with enforcing.phone("clean") as known, enforcing.phone("clean") as locked:
        address = bench.provision(known, label="A-1")
        locked.authorise_all = False
        platform_adb.connect(f"127.0.0.1:{locked.port}", timeout=10)

        told = {line["address"]: line for line in lines_of(bench, "devices")}

    assert (told[address]["state"], told[address]["label"], told[address]["consent"]) == (
        None,
        "A-1",
        "agreed",
    )
    unknown = told[f"adb:127.0.0.1:{locked.port}"]
    assert (unknown["state"], unknown["consent"]) == ("unauthorized", None)
    assert "tap Allow" in unknown["next_step"]


def test_an_empty_list_of_devices_says_what_to_do(
    enforcing: Office, platform_adb: adbutils.AdbClient
) -> None:
    code, output = enforcing.new_bench().agent("devices")

    assert code == ExitCode.COMPLIANT
    assert "Plug one in" in output
    assert "curfew-agent virtual-phone" in output


def test_the_status_tells_bundle_and_what_waits(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    [fresh] = lines_of(bench, "status")
    with enforcing.phone("clean") as phone:
        bench.provision(phone)
        with bench.without_server():
            bench.check()

        [line] = lines_of(bench, "status")

    assert (fresh["phones"], fresh["reports_waiting"]) == (0, 0)
    assert (line["phones"], line["reports_waiting"]) == (1, 1)
    assert (line["server"], line["demo"], line["time_problem"]) == (enforcing.url, True, "")
    assert line["bundle"] == enforcing.number


@pytest.mark.parametrize(
    "change",
    [{"found": TIKTOK}, {"done": ""}, {"exit_code": 1}, {"more": 1}, {"kind": "other"}, {"verdict": ""}],
)
def test_the_schema_refuses_what_is_not_promised(
    change: dict[str, Any], enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        [line] = lines_of(bench, "check", bench.provision(phone))

    with pytest.raises(fastjsonschema.JsonSchemaException):
        is_valid(line | change)


def test_the_schema_leaves_no_field_open_or_optional_and_knows_our_words() -> None:
    for described in objects(SCHEMA["definitions"]):
        assert described["additionalProperties"] is False
        assert set(described["required"]) == set(described["properties"])
    assert set(fields("deed")["what"]["enum"]) == {what.value for what in Doing}
    assert set(fields("promises")["reach"]["enum"]) == {reach.value for reach in Reach}
    assert set(SCHEMA["definitions"]["owner"]["enum"]) == {owner.value for owner in Owner}
    assert set(SCHEMA["definitions"]["exit_code"]["enum"]) == set(ExitCode)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_names_every_field_of_every_kind(kind: str) -> None:
    page = (DOCS / "json.md").read_text()
    [section] = re.findall(rf"^## `{kind}`.*?\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| `.*$", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    parts = {"visit": ("visit", "deed", "finding")}.get(kind, (kind,))
    below = [part for name in parts for part in objects(SCHEMA["definitions"][name])]
    described = {name for part in below for name in part["properties"]} - {"kind", "exit_code"}
    assert described <= named
    assert {row.split("`")[1] for row in rows} <= described
