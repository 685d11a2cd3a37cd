"""`curfew-agent probe` and the probe that provisioning takes: what is shown, what is asked, what the server keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.personalities import CANARY_PERSON, PERSONALITIES
from tests.check.office import NAMED, Bench, Office


def probe(bench: Bench, *addresses: str) -> tuple[int, list[dict[str, Any]]]:
    code, output = bench.agent("probe", "--json", *addresses)
    return code, [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(
    ("personality", "reach", "places"),
    [
        ("clean", "open", [[10, "work_profile", True]]),
        ("closed-work-profile", "closed", [[10, "work_profile", False]]),
        ("fully-managed", "open", [[0, "managed_device", True]]),
        ("samsung-secure-folder", "open", [[10, "work_profile", True]]),
    ],
)
def test_a_probe_tells_each_place_and_whether_it_can_be_enforced(
    personality: str, reach: str, places: list[Any], enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone(personality) as phone:
        address = bench.provision(phone)

        code, [line] = probe(bench, address)

        assert (code, line["probe"]["reach"]) == (ExitCode.COMPLIANT, reach)
        assert [[p["user"], p["kind"], p["enforce"]] for p in line["probe"]["places"]] == places
        assert line["probe"]["api_level"] == PERSONALITIES[personality].api


def test_a_private_phone_has_no_place(enforcing: Office, bench: Bench) -> None:
    clean = PERSONALITIES["clean"]
    with enforcing.phone(replace(clean, people=clean.people[:1])) as phone:
        address = bench.provision(phone)

        assert probe(bench, address)[1][0]["probe"]["reach"] == "none"


def test_the_table_says_what_cannot_be_promised_and_what_would_change_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("closed-work-profile") as phone:
        address = bench.provision(phone)

        code, output = bench.agent("probe", address)

        assert code == ExitCode.COMPLIANT
        assert "the mail side would have to act" in output
        assert "no_debugging_features" in output
        assert CANARY_PERSON not in output


def test_a_probe_asks_about_named_apps_only_changes_nothing_and_sends_no_report(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        before = phone.model.to_json()
        phone.calls.clear()

        probe(bench, address)

        asked = {call[2] for call in phone.calls if call[:2] == ("dumpsys", "package")}
        assert asked == {*NAMED, "com.android.shell"}
        assert phone.model.to_json() == before
        assert not list((bench.folder / "spool").iterdir())


def test_a_phone_that_is_not_provisioned_is_asked_about_no_app(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        code, [line] = probe(bench, f"tcp:127.0.0.1:{phone.port}")

        assert (code, line["probe"]["reach"]) == (ExitCode.COMPLIANT, "open")
        assert not [call for call in phone.calls if {*NAMED} & set(call)]


def test_a_phone_whose_owner_declined_is_not_asked(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone, label="A-77")
        assert bench.agent("provision", "--consent", "declined", "--label", "A-77", "--holder", "h-1")[0] == 0
        phone.calls.clear()

        code, _ = bench.agent("probe", address)

        assert (code, list(phone.calls)) == (ExitCode.NOT_REACHED, [])


def test_a_phone_that_answers_garbage_is_unknown_and_one_that_is_away_does_not_cost_the_others_theirs(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone, enforcing.phone("clean") as odd:
        first, second = bench.provision_all(phone, odd)
        odd.faults.cut_dump_after(100)
        code, lines = probe(bench, first, second)
        assert code == ExitCode.UNREADABLE
        assert {line["address"]: line["probe"]["reach"] for line in lines} == {
            first: "open",
            second: "unknown",
        }
        odd.stop()

        code, lines = probe(bench, first, second)

        assert code == ExitCode.NOT_REACHED
        told = {line["address"]: (line["exit_code"], line["probe"] is not None) for line in lines}
        assert told == {first: (ExitCode.COMPLIANT, True), second: (ExitCode.NOT_REACHED, False)}


def test_provisioning_probes_first_shows_it_and_the_server_keeps_it(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("closed-work-profile") as phone:
        address = bench.provision(phone)

        assert bench.said.index("the mail side would have to act") < bench.said.index("provisioned as")
        known = bench.station().phone_at(address)
        assert known is not None
        query = "SELECT reach, probe FROM phone WHERE phone_id = :phone"
        [(reach, kept)] = enforcing.rows(query, phone=known.phone_id)
        assert reach == "closed"
        assert json.loads(kept)["places"][0]["open_to_shell"] is False


def test_a_company_owned_phone_is_told_from_a_personally_owned_one(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        assert probe(bench, address)[1][0]["probe"]["company_owned"] is False
        with phone.model.changing() as data:
            data.users[10].organization_owned = True

        assert probe(bench, address)[1][0]["probe"]["company_owned"] is True
