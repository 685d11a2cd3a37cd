"""A policy says what becomes of debugging at hand-back: by the command, by withdrawn consent, and at the bench."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.leaving import SaidBy, Wanted
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.handing_back import REVOKE
from agent_scripts.visits.unprovision import wanted_of
from policy.document import Bundle, DebuggingAtHandBack
from tests.check.office import Bench, Office
from tests.check.test_handing_back import puts, switches, unprovision
from tests.check.test_json_lines import is_valid
from tests.check.test_on_phone import folder_of
from tests.policy.bench import policy
from tests.server.databases import Databases

OFF, AS_FOUND = DebuggingAtHandBack.OFF, DebuggingAtHandBack.AS_FOUND


@pytest.fixture(scope="module")
def strict(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office an hour after the deadline whose policy switches debugging off."""
    with Office.opened(tmp_path_factory.mktemp("strict"), databases) as office:
        office.publish(debugging_at_hand_back="off")
        office.at(hours=3)
        yield office


@pytest.fixture(scope="module")
def desk(strict: Office) -> Bench:
    return strict.new_bench()


def provisioned(bench: Bench, phone: VirtualPhone, label: str) -> str:
    address = f"tcp:127.0.0.1:{phone.port}"
    named = ("--label", label, "--holder", f"k-{label}", "--consent", "agreed")
    assert bench.agent("provision", address, *named)[0] == ExitCode.COMPLIANT
    return address


def declined_at_the_bench(bench: Bench, folder: Path, address: str, label: str) -> tuple[int, list[Any]]:
    path = folder / "declined.csv"
    path.write_text(f"address,label,holder,consent\n{address},{label},k-{label},declined\n")
    words = ("bench", "--once", "--json", "--no-cables", "--batch", str(path), address)
    code, output = bench.agent(*words)
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        is_valid(line)
    return code, lines


@pytest.mark.parametrize(
    ("says", "ordered", "wanted"),
    [
        (OFF, False, Wanted(OFF, SaidBy.POLICY, 7)),
        (OFF, True, Wanted(OFF, SaidBy.POLICY, 7)),
        (AS_FOUND, False, Wanted(AS_FOUND, SaidBy.POLICY, 7)),
        (AS_FOUND, True, Wanted(OFF, SaidBy.OPTION)),
        (None, False, Wanted(AS_FOUND, SaidBy.NOBODY)),
        (None, True, Wanted(OFF, SaidBy.OPTION)),
    ],
)
def test_the_stricter_of_policy_and_order_counts(
    says: DebuggingAtHandBack | None, ordered: bool, wanted: Wanted
) -> None:
    bundle = Bundle(7, policy(debugging_at_hand_back=says)) if says else None

    assert wanted_of(bundle, debugging_off=ordered) == wanted


def test_debugging_goes_off_without_an_order_and_it_is_told_who_said_so(strict: Office, desk: Bench) -> None:
    with strict.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = desk.provision(phone)

        code, [told] = unprovision(desk, address)

        assert (code, told["ending"], switches(phone)) == (ExitCode.COMPLIANT, "off", ("0", "0"))
        assert (told["wanted"], told["said_by"], told["bundle"]) == ("off", "policy", strict.number)
        assert told["text"].endswith(f"read back as off. Bundle {strict.number} says off.")
        assert "Then it switches debugging off." in " ".join(desk.said.split()), "before it is agreed to"


def test_an_old_bundle_and_no_server_do_not_keep_it_from_going_off(strict: Office) -> None:
    bench = strict.new_bench()
    with strict.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = bench.provision(phone)
        strict.at(hours=24 * 20)
        try:
            with bench.without_server():
                code, [told] = unprovision(bench, address)
        finally:
            strict.at(hours=3)

    assert (code, told["ending"], told["said_by"]) == (ExitCode.NOT_SENT, "off", "policy")


def test_without_an_accepted_bundle_it_is_left_as_found_and_that_is_said(strict: Office, desk: Bench) -> None:
    bench = strict.new_bench()
    with strict.phone("clean") as phone:
        address = desk.provision(phone)
        with bench.without_server():
            _, told = unprovision(bench, address)

        assert (told, puts(phone), folder_of(phone).exists()) == ([], [], False)
        assert "No bundle is accepted here, so it is as found." in " ".join(bench.said.split())


def test_consent_that_is_withdrawn_by_the_command_ends_debugging_too(strict: Office, desk: Bench) -> None:
    with strict.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = provisioned(desk, phone, "L-withdrawn")

        code, output = desk.agent(
            *("provision", address, "--consent", "declined", "--holder", "k-L-withdrawn", "--json")
        )

        lines = [json.loads(line) for line in output.splitlines()]
        for line in lines:
            is_valid(line)
        assert (code, [line["kind"] for line in lines]) == (
            ExitCode.COMPLIANT,
            ["visit", "debugging", "provisioning"],
        )
        assert (lines[1]["ending"], switches(phone)) == ("off", ("0", "0"))


def test_a_phone_that_goes_away_when_its_owner_withdrew_at_the_bench_is_done_and_says_so(
    strict: Office, desk: Bench, tmp_path: Path
) -> None:
    with strict.phone("clean") as phone:
        address = provisioned(desk, phone, "L-bench")

        code, lines = declined_at_the_bench(desk, tmp_path, address, "L-bench")

        last = lines[-1]
        assert (code, last["verdict"], last["debugging"]) == (ExitCode.COMPLIANT, "declined", "gone")
        assert (switches(phone), folder_of(phone).exists()) == (("0", "0"), False)
        assert "went away and did not come back" in last["next_step"]
        assert f"Bundle {strict.number} says off." in last["next_step"]
        assert REVOKE in " ".join(desk.said.split())


def test_one_that_refuses_needs_a_hand_and_goes_on_when_it_is_plugged_in_again(
    strict: Office, desk: Bench, tmp_path: Path
) -> None:
    with strict.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = provisioned(desk, phone, "L-refuses")
        phone.faults.refuse("settings", "put", text="", exit_code=0)

        code, lines = declined_at_the_bench(desk, tmp_path, address, "L-refuses")

        last = lines[-1]
        assert (code, last["debugging"], last["needs_hand"]) == (ExitCode.NOT_DONE, "on", True)
        assert f"`curfew-agent unprovision {address}` tries again." in last["next_step"]
        phone.faults.clear()

        code, lines = declined_at_the_bench(desk, tmp_path, address, "L-refuses")

        assert (code, lines[-1]["verdict"], lines[-1]["debugging"]) == (
            ExitCode.COMPLIANT,
            "declined",
            "off",
        )
        assert switches(phone) == ("0", "0")


def test_a_phone_that_is_checked_at_the_bench_keeps_its_debugging(
    strict: Office, desk: Bench, tmp_path: Path
) -> None:
    with strict.phone("clean") as phone:
        address = provisioned(desk, phone, "L-checked")

        code, output = desk.agent("bench", "--once", "--json", "--no-cables", address)

        last = json.loads(output.splitlines()[-1])
        assert (code, last["verdict"], last["debugging"]) == (ExitCode.COMPLIANT, "compliant", None)
        assert puts(phone) == []


def test_without_the_server_the_phone_is_put_back_at_once_and_its_debugging_ends_when_that_was_told(
    strict: Office, tmp_path: Path
) -> None:
    bench = strict.new_bench()
    with strict.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = provisioned(bench, phone, "L-away")
        with bench.without_server():
            assert declined_at_the_bench(bench, tmp_path, address, "L-away")[0] == ExitCode.NOT_REACHED
        assert (folder_of(phone).exists(), puts(phone)) == (False, [])

        code, lines = declined_at_the_bench(bench, tmp_path, address, "L-away")

        assert (code, lines[-1]["verdict"], lines[-1]["debugging"]) == (
            ExitCode.COMPLIANT,
            "declined",
            "off",
        )
        assert "Restored and left already" in lines[-1]["next_step"]
