"""Commands in the phone's shell as the old ``shell:`` service shows them (docs/android/stand-ins.md, "The shell")."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import TcpTimeoutException

from agent_scripts.virtual_phone import VirtualPhone
from tests.virtual_phone.conftest import PATIENCE_S, Computer, eventually, needs_android_shell

BACKGROUND = "/data/local/tmp/alive"


def exists(phone: VirtualPhone, path: str) -> bool:
    return phone.userland.host_path(path).exists()


def waiting_job(phone: VirtualPhone, device: AdbDeviceTcp, starter: str = "sh -c") -> Callable[[], bool]:
    """Start a job that writes BACKGROUND once it may, and say how to ask whether it is dead.

    The command ends only when the job lives, so that a job which never began is not taken for one that died.
    """
    told = f"echo $$ >{BACKGROUND}.pid; while [ ! -e {BACKGROUND}.go ]; do sleep 0.05; done; echo x >{BACKGROUND}"
    begun = f"until [ -s {BACKGROUND}.pid ]; do sleep 0.05; done"
    device.shell(f"{starter} '{told}' </dev/null >/dev/null 2>&1 & {begun}", read_timeout_s=PATIENCE_S)
    pid = phone.userland.host_path(f"{BACKGROUND}.pid").read_text().strip()
    return lambda: not Path(f"/proc/{pid}").exists()


@needs_android_shell
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("echo out; echo err >&2; exit 3", "out\nerr\n"),
        ("printf 'no newline'", "no newline"),
        ("nothere", "/system/bin/sh: nothere: inaccessible or not found\n"),
        ("nothere 2>/dev/null; echo $?", "127\n"),
        ("echo $((4000000000))", "-294967296\n"),
        ("echo $((010)) $((08))", "10 8\n"),
        ("echo 'a\\tb'; printf '%s\\n' 'a\\tb'", "a\tb\na\\tb\n"),
        ("cat <<END\nhere\nEND", "here\n"),
        ("pwd", "/\n"),
        ("cd /data/local/tmp && pwd", "/data/local/tmp\n"),
        ("id -u", "2000\n"),
        ("echo $TMPDIR", "/data/local/tmp\n"),
        ("umask", "000\n"),
        ("set -o pipefail; false | true; echo $?", "1\n"),
        ("command -v curl wget openssl; echo $?", "1\n"),
        ("echo x | tr x y; echo abc | cut -c2", "y\nb\n"),
        ("(flock -n 9 && echo locked) 9>/data/local/tmp/l", "locked\n"),
        ("timeout 0.1 sleep 5; echo $?", "124\n"),
        ("ls /data/local/tmp/nothing", "ls: /data/local/tmp/nothing: No such file or directory\n"),
    ],
)
def test_the_shell_answers_as_on_a_phone(device: AdbDeviceTcp, command: str, answer: str) -> None:
    assert device.shell(command) == answer


@needs_android_shell
def test_nothing_but_the_phones_own_programs_is_found(device: AdbDeviceTcp) -> None:
    assert device.shell("python3 -V; ssh -V; apt list") == "".join(
        f"/system/bin/sh: {name}: inaccessible or not found\n" for name in ("python3", "ssh", "apt")
    )


def test_a_command_of_70000_characters_passes(device: AdbDeviceTcp) -> None:
    assert device.shell(f"echo {'x' * 70_000} | wc -c") == "70001\n"


def test_a_large_answer_arrives_whole(device: AdbDeviceTcp) -> None:
    assert len(device.shell("seq 1 200000", decode=False)) == len("\n".join(map(str, range(1, 200_001)))) + 1


def test_files_of_the_phone_belong_to_uid_2000(device: AdbDeviceTcp) -> None:
    command = "mkdir -m 700 /data/local/tmp/d && stat -c '%u %a' /data/local/tmp/d && stat -c %U:%g /data/local/tmp/d"
    assert device.shell(command) == "2000 700\nshell:2000\n"


def test_what_a_script_creates_is_open_to_all_by_default(device: AdbDeviceTcp) -> None:
    assert device.shell("echo x >/data/local/tmp/f; stat -c %a /data/local/tmp/f") == "666\n"


@needs_android_shell
def test_each_phone_has_a_folder_of_its_own(make_phone, computer: Computer) -> None:  # type: ignore[no-untyped-def]
    first, second = computer.connect(make_phone()), computer.connect(make_phone())
    first.shell("echo mine >/data/local/tmp/f")
    assert second.shell("cat /data/local/tmp/f") == "cat: /data/local/tmp/f: No such file or directory\n"
    first.close()
    second.close()


def test_a_background_job_dies_with_its_command(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    is_dead = waiting_job(phone, device)
    assert eventually(is_dead)
    assert not exists(phone, BACKGROUND)


def test_a_job_deaf_to_hang_ups_in_its_own_session_lives_on(
    phone: VirtualPhone, device: AdbDeviceTcp
) -> None:
    waiting_job(phone, device, "trap '' HUP; setsid sh -c")
    device.close()
    phone.userland.host_path(f"{BACKGROUND}.go").touch()
    assert eventually(lambda: exists(phone, BACKGROUND))


def test_adbds_end_kills_even_such_a_job(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    is_dead = waiting_job(phone, device, "trap '' HUP; setsid sh -c")
    phone.reboot()
    assert eventually(is_dead)
    assert not exists(phone, BACKGROUND)


def test_a_background_job_that_keeps_its_output_holds_the_command(device: AdbDeviceTcp) -> None:
    with pytest.raises(TcpTimeoutException):
        device.shell("trap '' HUP; sleep 30 &", transport_timeout_s=0.3, read_timeout_s=0.3)


def test_after_a_command_past_its_limit_the_next_gets_its_own_answer(device: AdbDeviceTcp) -> None:
    with pytest.raises(TcpTimeoutException):
        device.shell("sleep 0.5; echo late", transport_timeout_s=0.2, read_timeout_s=0.2)
    assert device.shell("echo next") == "next\n"


def test_the_phones_clock_can_be_wrong(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.model.set_clock(-86_400)
    assert abs(int(device.shell("date +%s")) - (time.time() - 86_400)) < 30


def test_date_takes_its_options(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    phone.model.set_clock(3600)
    assert device.shell("date -u -d @0 '+%Y-%m-%d %H'") == "1970-01-01 00\n"


def test_boot_id_and_uptime_can_be_read(phone: VirtualPhone, device: AdbDeviceTcp) -> None:
    boot_id, uptime = device.shell(
        "cat /proc/sys/kernel/random/boot_id; read -r up rest </proc/uptime; echo $up"
    ).split()
    assert boot_id == phone.model.data.boot_id
    assert float(uptime) > 10_000


def test_a_reboot_ends_the_connection_and_renews_the_boot_id(phone: VirtualPhone, computer: Computer) -> None:
    device = computer.connect(phone)
    before = device.shell("cat /proc/sys/kernel/random/boot_id")
    phone.reboot()
    device.close()
    device = computer.connect(phone)
    after, uptime = device.shell("cat /proc/sys/kernel/random/boot_id /proc/uptime").splitlines()
    assert after != before.strip()
    assert float(uptime.split()[0]) < 60
    device.close()


def test_what_lies_in_the_temporary_folder_survives_a_reboot(phone: VirtualPhone, computer: Computer) -> None:
    device = computer.connect(phone)
    device.shell("echo kept >/data/local/tmp/f")
    phone.reboot()
    device.close()
    device = computer.connect(phone)
    assert device.shell("cat /data/local/tmp/f") == "kept\n"
    device.close()


def test_a_factory_reset_leaves_nothing(phone: VirtualPhone, computer: Computer) -> None:
    device = computer.connect(phone)
    device.shell("echo x >/data/local/tmp/f; pm disable-user --user 10 com.microsoft.office.outlook")
    phone.factory_reset()
    shown = (phone.userland.proc / "sys/kernel/random/boot_id").read_text().strip()
    assert shown == phone.model.data.boot_id
    device.close()
    phone.authorise(computer.key_line)
    device = computer.connect(phone)
    assert device.shell("ls /data/local/tmp") == ""
    assert phone.model.state(10, "com.microsoft.office.outlook").enabled == 0
    device.close()


def test_a_phone_started_where_hang_ups_are_ignored_hangs_up_all_the_same(
    phone: VirtualPhone, computer: Computer
) -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup; children inherit it
    try:
        device = computer.connect(phone)
        is_dead = waiting_job(phone, device)
        device.close()
    finally:
        signal.signal(signal.SIGHUP, ignored)

    assert eventually(is_dead)
