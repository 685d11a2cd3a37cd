"""USB and wireless debugging as switches: adbd runs while one is on (docs/android/shell.md 14.1)."""

from __future__ import annotations

import socket

import pytest
from adb_shell.exceptions import AdbTimeoutError

from agent_scripts.virtual_phone import VirtualPhone
from tests.on_phone.bench import eventually
from tests.virtual_phone.conftest import Computer, PhoneMaker

OFF = "settings put global adb_enabled 0"


def listens(phone: VirtualPhone) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", phone.port)) == 0


def test_switched_off_adbd_dies_with_the_command_that_did_it_and_nothing_listens(
    phone: VirtualPhone, computer: Computer
) -> None:
    device = computer.connect(phone, timeout_s=5)

    # The library waits on after the connection has ended, so its own limit tells.
    with pytest.raises((OSError, AdbTimeoutError)):
        device.shell(f"{OFF}; echo alive", read_timeout_s=1)

    assert phone.model.data.settings["global"]["adb_enabled"] == "0"
    assert not listens(phone)


def test_or_it_answers_first_and_is_gone_when_the_computer_has_left(
    phone: VirtualPhone, computer: Computer
) -> None:
    phone.ends_debugging_at_once = False
    device = computer.connect(phone)

    assert device.shell(f"{OFF}; settings get global adb_enabled") == "0\n"
    device.close()

    eventually(lambda: not listens(phone), "adbd went on")


def test_the_owner_switches_it_on_again_at_the_same_port(phone: VirtualPhone, computer: Computer) -> None:
    phone.switch_debugging(usb=False)
    assert not listens(phone)

    phone.switch_debugging(usb=True)

    device = computer.connect(phone)
    assert device.shell("echo here") == "here\n"
    device.close()


@pytest.mark.parametrize(("kind", "goes_on"), [("pixel-14", True), ("pixel-8", False)])
def test_wireless_debugging_keeps_adbd_alive_from_android_11_on(
    make_phone: PhoneMaker, kind: str, goes_on: bool
) -> None:
    phone = make_phone(kind)

    phone.switch_debugging(usb=False, wireless=True)

    assert listens(phone) is goes_on


def test_a_phone_without_debugging_stays_so_over_a_restart_of_the_phone(make_phone: PhoneMaker) -> None:
    phone = make_phone()
    phone.switch_debugging(usb=False)

    phone.reboot()
    phone.stop()
    phone.start()

    assert not listens(phone)
