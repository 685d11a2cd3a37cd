"""A virtual phone misbehaves on demand, each way ordered in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import AdbTimeoutError, TcpTimeoutException

from agent_scripts.virtual_phone import VirtualPhone
from tests.virtual_phone.conftest import Computer, eventually

PID = "/data/local/tmp/pid"
OUTLOOK = "com.microsoft.office.outlook"
LOST = (TcpTimeoutException, AdbTimeoutError, OSError)


def ask(device: AdbDeviceTcp, command: str, limit_s: float = 5) -> str:
    return str(device.shell(command, transport_timeout_s=limit_s, read_timeout_s=limit_s))


def test_it_hangs_up_in_the_middle_of_a_packet(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.hang_up_after_bytes(100)
    with pytest.raises(LOST):
        ask(device, f"dumpsys package {OUTLOOK}", 0.5)


def test_after_hanging_up_it_takes_new_connections(
    phone: VirtualPhone, device: AdbDeviceTcp, computer: Computer
) -> None:
    phone.faults.hang_up_after_bytes(0)
    with pytest.raises(LOST):
        ask(device, "echo x", 0.3)
    again = computer.connect(phone)
    assert again.shell("echo x") == "x\n"
    again.close()


def test_it_answers_garbage(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.answer_garbage()
    assert b"<<garbage>>" in device.shell("pm list users", decode=False)
    assert not phone.calls


def test_it_answers_megabytes(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.answer_megabytes(3)
    assert len(device.shell("pm list users", decode=False)) == 3 * 1024 * 1024


def test_it_answers_nothing(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.answer_nothing()
    with pytest.raises(TcpTimeoutException):
        ask(device, "pm list users", 0.3)


def test_it_cuts_dumps_with_the_line_of_a_slow_dump(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.cut_dump_after(500)
    answer = ask(device, f"dumpsys package {OUTLOOK}")
    assert answer[500:] == "\n*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***\n\n"


def test_it_cuts_dumps_without_a_word(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.cut_dump_after(500, timeout_line=False)
    assert len(ask(device, f"dumpsys package {OUTLOOK}")) == 500


def test_it_is_slow(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.slow(0.3)
    before = time.monotonic()
    assert ask(device, "echo x") == "x\n"
    assert time.monotonic() - before >= 0.3


def test_it_refuses_in_a_makers_words(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    text = "\nException occurred while executing 'disable-user':\njava.lang.SecurityException: no root permission\n"
    phone.faults.refuse("disable-user", OUTLOOK, text=text)
    assert ask(device, f"pm disable-user --user 10 {OUTLOOK}; echo $?") == f"{text}255\n"
    assert phone.model.state(10, OUTLOOK).enabled == 0


def test_a_refusal_concerns_only_what_it_names(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.refuse("disable-user", OUTLOOK, text="no\n")
    assert "new state: disabled-user" in ask(device, "pm disable-user --user 10 com.microsoft.office.lync15")


def test_it_is_still_booting(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.still_booting()
    answer = ask(device, "cmd package list packages; echo $?")
    assert answer == "cmd: Failure calling service package: Failed transaction (2147483646)\n254\n"


def test_it_starts_for_some_commands_and_then_has_its_services(
    phone: VirtualPhone, device: AdbDeviceTcp
) -> None:
    phone.faults.starting(2)
    assert ask(device, "pm list users; echo $?") == "cmd: Can't find service: package\n20\n"
    assert ask(device, "dumpsys user; getprop ro.build.version.sdk").startswith("Can't find service: user\n3")
    assert "UserInfo{0:" in ask(device, "pm list users")


def test_its_service_dies_at_the_end_of_a_dump_and_the_exit_code_is_0(
    phone: VirtualPhone, device: AdbDeviceTcp
) -> None:
    last = "Error with service 'package' while dumping: DEAD_OBJECT"
    phone.faults.lose_service("package", text=last, after=1, times=1)
    whole = ask(device, f"dumpsys package {OUTLOOK}")
    assert ask(device, f"dumpsys package {OUTLOOK} 2>/dev/null; echo $?") == f"{whole}0\n"
    assert ask(device, f"dumpsys package {OUTLOOK}") == whole
    phone.faults.lose_service("user", text=last)
    assert all(last in ask(device, "dumpsys user") for _ in range(3))


def test_it_closes_streams_as_they_are_opened_and_then_takes_one(
    phone: VirtualPhone, device: AdbDeviceTcp
) -> None:
    phone.faults.stand_by(1)
    with pytest.raises(LOST):
        ask(device, "echo x", 0.3)
    assert not phone.commands
    assert ask(device, "echo x") == "x\n"


def test_it_puts_bytes_into_its_okays(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.delay_acks()
    assert ask(device, "echo x") == "x\n"


def test_it_dies_in_mid_command(phone: VirtualPhone, device: AdbDeviceTcp, computer: Computer) -> None:
    phone.faults.die_in_mid_command()
    with pytest.raises(LOST):
        ask(device, f"echo $$ >{PID}; echo begun; sleep 60; pm disable-user --user 10 {OUTLOOK}", 0.5)
    assert eventually(lambda: bool(phone.userland.host_path(PID).read_text()))
    pid = phone.userland.host_path(PID).read_text().strip()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists()), "its shell goes on"
    assert phone.model.state(10, OUTLOOK).enabled == 0
    again = computer.connect(phone)
    assert again.shell("echo back") == "back\n"
    again.close()


def test_it_behaves_again_when_faults_are_cleared(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.faults.answer_garbage()
    phone.faults.clear()
    assert ask(device, "echo x") == "x\n"
