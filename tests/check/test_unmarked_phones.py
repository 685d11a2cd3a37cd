"""A phone that does not carry our mark is asked for our own folder and for nothing else: nobody agreed to more."""

from __future__ import annotations

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.check.office import OUTLOOK, Bench, Office

FOLDER = "/data/local/tmp/curfew"
COMMANDS = [("check",), ("restore", "--yes"), ("unprovision", "--yes")]


def test_a_check_of_a_phone_that_nobody_provisioned_asks_for_nothing(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        code, row = bench.row(f"tcp:127.0.0.1:{phone.port}")

        assert (code, "curfew-agent provision" in row["next_step"]) == (ExitCode.NOT_REACHED, True)
        assert list(phone.calls) == [], "no service of Android was asked anything"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("how", ["reset", "folder removed", "id lost"])
def test_nor_of_one_that_lost_our_mark(
    how: str, command: tuple[str, ...], enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        lose(phone, how)
        phone.calls.clear()

        code, _ = bench.agent(*command, address)

        assert code == ExitCode.NOT_REACHED
        assert f"curfew-agent provision {address}" in bench.said
        assert list(phone.calls) == []


def test_nor_with_the_phones_own_script_in_the_policy(watching: Office, at_desk: Bench) -> None:
    with watching.phone("tiktok-personal") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        phone.factory_reset()
        phone.calls.clear()

        assert at_desk.row(address)[0] == ExitCode.NOT_REACHED
        assert list(phone.calls) == []


def test_a_probe_of_it_says_what_can_be_promised_and_asks_about_no_app(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        assert bench.agent("probe", address)[0] == ExitCode.COMPLIANT
        assert ("dumpsys", "package", OUTLOOK) in phone.calls
        lose(phone, "folder removed")
        phone.calls.clear()

        code, output = bench.agent("probe", address)

        assert (code, "every place is open to adb" in output) == (ExitCode.COMPLIANT, True)
        asked = {call[2] for call in phone.calls if call[:2] == ("dumpsys", "package")}
        assert asked == {"com.android.shell"}


def test_a_folder_that_others_may_write_to_is_not_taken_for_a_phone_without_our_mark(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        phone.userland.host_path(FOLDER).chmod(0o777)

        code, row = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert "open to other apps" in row["next_step"]
        assert "provision the phone again" in row["next_step"]


def lose(phone: VirtualPhone, how: str) -> None:
    folder = phone.userland.host_path(FOLDER)
    if how == "reset":
        phone.factory_reset()
    elif how == "id lost":
        (folder / "phone_id").unlink()
    else:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
