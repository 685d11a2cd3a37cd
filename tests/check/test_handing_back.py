"""When a phone is handed back, debugging is as it was found, or off; what is said of it is what could be read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import AdbServerMissing, PhoneError, PhoneUnauthorised
from agent_scripts.exchange import Debugging, Switch
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.leaving import Leaving, SaidBy, Wanted
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.handing_back import REVOKE, Ending, hand_back, to_end
from agent_scripts.visits.limits import Limits
from agent_scripts.visits.visiting import connected
from policy.document import DebuggingAtHandBack
from policy.names import PhoneId
from tests.check.office import Bench, Office
from tests.check.test_json_lines import is_valid
from tests.check.test_on_phone import folder_of

ON, OFF, UNKNOWN = Switch.ON, Switch.OFF, Switch.UNKNOWN


def unprovision(bench: Bench, address: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Leave a phone; returns the exit code and what is told of its debugging under `--json`."""
    code, output = bench.agent("unprovision", address, "--yes", "--json", *options)
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        is_valid(line)
    return code, [line for line in lines if line["kind"] == "debugging"]


def switches(phone: VirtualPhone) -> tuple[str | None, str | None]:
    known = phone.model.data.settings["global"]
    return known.get("adb_enabled"), known.get("adb_wifi_enabled")


def puts(phone: VirtualPhone) -> list[str]:
    return [" ".join(call[2:]) for call in phone.calls if call[:2] == ("settings", "put")]


def test_what_was_found_on_is_left_on_and_the_technician_reads_how_the_key_is_ended(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)

        code, told = unprovision(bench, address)

        assert (code, told, puts(phone)) == (ExitCode.COMPLIANT, [], [])
        assert "Debugging is left as it is: USB on, wireless off." in " ".join(bench.said.split())
        assert REVOKE in " ".join(bench.said.split())


def test_a_phone_that_goes_away_as_told_is_not_said_to_have_been_read(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)

        code, [told] = unprovision(bench, address, "--debugging", "off")

        assert (code, told["ending"]) == (ExitCode.COMPLIANT, "gone")
        assert "went away and did not come back" in told["text"]
        assert switches(phone) == ("0", "0")
        assert not folder_of(phone).exists()
    assert bench.last_report()["handed_back"] is True, "it is told before the phone goes"


def test_a_phone_that_still_answers_is_read_back_as_off(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        phone.ends_debugging_at_once = False
        address = bench.provision(phone)

        code, [told] = unprovision(bench, address, "--debugging", "off")

        assert (code, told["ending"]) == (ExitCode.COMPLIANT, "off")
        assert switches(phone) == ("0", "0")


def test_wireless_debugging_that_was_off_when_the_phone_came_is_off_when_it_goes(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.switch_debugging(usb=True, wireless=True)
        # Provisioned anew in between: what was switched on since is not how it was found.
        bench.provision(phone)

        code, [told] = unprovision(bench, address)

        assert (code, told["ending"]) == (ExitCode.COMPLIANT, "off")
        assert (switches(phone), puts(phone)) == (("1", "0"), ["global adb_wifi_enabled 0"])


def test_with_both_on_both_go_off_in_one_act_that_its_own_end_does_not_keep_from_being_done(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.switch_debugging(usb=True, wireless=True)

        _, [told] = unprovision(bench, address, "--debugging", "off")

        assert (told["ending"], switches(phone)) == ("gone", ("0", "0"))
        assert puts(phone) == ["global adb_wifi_enabled 0", "global adb_enabled 0"]


def test_no_switch_is_left_behind_on_a_phone_from_before_wireless_debugging(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("pixel-8") as phone:
        address = bench.provision(phone)

        unprovision(bench, address, "--debugging", "off")

        assert (switches(phone), puts(phone)) == (("0", None), ["global adb_enabled 0"])


def test_a_maker_who_refuses_is_told_with_what_to_do(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("xiaomi-preinstalled") as phone:
        address = bench.provision(phone)

        code, [told] = unprovision(bench, address, "--debugging", "off")

        assert (code, told["ending"], switches(phone)[0]) == (ExitCode.NOT_DONE, "on", "1")
        assert "USB debugging (Security settings)" in told["text"]


def test_what_says_nothing_and_does_nothing_is_still_on(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.faults.refuse("settings", "put", text="", exit_code=0)

        code, [told] = unprovision(bench, address, "--debugging", "off")

        assert (code, told["ending"], told["text"][:27]) == (
            ExitCode.NOT_DONE,
            "on",
            "Debugging is still on. The ",
        )


def test_a_phone_that_could_not_be_left_keeps_its_debugging(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.restrict(10, "no_debugging_features")

        code, told = unprovision(bench, address, "--debugging", "off")

        assert (code, told, puts(phone)) == (ExitCode.NOT_DONE, [], [])
        assert folder_of(phone).exists()


def test_a_phone_whose_debugging_nobody_looked_at_is_left_as_it_is_and_that_is_said(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        phone.faults.refuse("settings", "get", text="cmd: Can't find service: settings", exit_code=20)
        address = bench.provision(phone)
        phone.faults.clear()

        code, told = unprovision(bench, address)

        assert (code, told, puts(phone)) == (ExitCode.COMPLIANT, [], [])
        assert "how it was found is not known here, so its owner switches it" in " ".join(bench.said.split())


@pytest.mark.parametrize(
    ("wanted", "now", "found", "ends"),
    [
        (DebuggingAtHandBack.OFF, Debugging(ON, OFF), Debugging(ON, OFF), (True, False)),
        (DebuggingAtHandBack.OFF, Debugging(UNKNOWN, UNKNOWN), Debugging(ON, OFF), (True, False)),
        (DebuggingAtHandBack.OFF, Debugging(OFF, ON), Debugging(OFF, ON), (False, True)),
        (DebuggingAtHandBack.OFF, Debugging(OFF, OFF), Debugging(ON, ON), (False, False)),
        (DebuggingAtHandBack.AS_FOUND, Debugging(ON, ON), Debugging(ON, OFF), (False, True)),
        (DebuggingAtHandBack.AS_FOUND, Debugging(ON, ON), Debugging(OFF, ON), (True, False)),
        (DebuggingAtHandBack.AS_FOUND, Debugging(OFF, OFF), Debugging(ON, ON), (False, False)),
        (DebuggingAtHandBack.AS_FOUND, Debugging(ON, ON), Debugging(UNKNOWN, UNKNOWN), (False, False)),
    ],
)
def test_only_what_is_on_goes_off_and_nothing_is_ever_switched_on(
    wanted: DebuggingAtHandBack, now: Debugging, found: Debugging, ends: tuple[bool, bool]
) -> None:
    assert to_end(wanted, now, found) == ends


@pytest.mark.parametrize(
    "error", [PhoneUnauthorised("not allowed any more"), AdbServerMissing("adb does not run")]
)
def test_a_phone_that_lets_nobody_in_or_could_not_be_looked_for_is_neither_off_nor_gone(
    enforcing: Office, bench: Bench, error: PhoneError
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        times = 0

        @asynccontextmanager
        async def connect() -> AsyncIterator[PhoneConnection]:
            nonlocal times
            times += 1
            if times > 1:
                raise error
            async with connected(bench.station(), address, False) as connection:
                yield connection

        off = Wanted(DebuggingAtHandBack.OFF, SaidBy.OPTION)
        leaving = Leaving(PhoneId.random(), address, "", datetime.now(UTC), Debugging(), off)
        told = asyncio.run(hand_back(bench.station(), leaving, connect, Limits()))

    assert (told.ending, told.exit_code, times) == (Ending.UNKNOWN, ExitCode.NOT_DONE, 4)
    assert f"could not be proved ({error})" in told.sentence
