"""The platform's own adb drives a virtual phone: authorise, shell v2, push, pull, disconnect."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent_scripts.virtual_phone import VirtualPhone
from tests.virtual_phone.conftest import PhoneMaker


def platform_adb() -> Path | None:
    spec = find_spec("adbutils")
    found = Path(spec.origin).parent / "binaries/adb" if spec and spec.origin else None
    return found if found and found.exists() else None


pytestmark = pytest.mark.skipif(
    platform_adb() is None, reason="the adbutils wheel of this platform ships no adb"
)


class Adb:
    """An adb with a home and a server of its own, so that tests never meet."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._home = home
        self._environment = {
            "HOME": str(home),
            "ANDROID_ADB_SERVER_PORT": str(port),
            "ADB_MDNS": "0",
            "PATH": os.defpath,
        }

    @property
    def key_line(self) -> str:
        return (self._home / ".android/adbkey.pub").read_text()

    def __call__(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        program = str(platform_adb())
        return subprocess.run(
            [program, *words],
            env=self._environment,
            input=stdin,
            capture_output=True,
            timeout=30,
            check=False,
        )


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    program = Adb(tmp_path_factory.mktemp("home"))
    program("start-server")
    yield program
    program("kill-server")


@pytest.fixture
def serial(adb: Adb, make_phone: PhoneMaker) -> Iterator[str]:
    """A phone that knows this adb, connected."""
    phone = make_phone("pixel-15", knows=False)
    phone.authorise(adb.key_line)
    address = f"127.0.0.1:{phone.port}"
    assert b"connected to" in adb("connect", address).stdout
    yield address
    adb("disconnect", address)


def test_an_unknown_adb_is_unauthorised_until_the_owner_taps_allow(adb: Adb, make_phone: PhoneMaker) -> None:
    phone = make_phone(knows=False)
    address = f"127.0.0.1:{phone.port}"
    assert b"failed to authenticate" in adb("connect", address).stdout
    assert f"{address}\tunauthorized".encode() in adb("devices").stdout
    phone.authorise(adb.key_line)
    assert adb("-s", address, "wait-for-device").returncode == 0
    assert adb("-s", address, "get-state").stdout == b"device\n"
    adb("disconnect", address)


def test_model_and_product_appear_in_the_list_of_devices(adb: Adb, serial: str) -> None:
    assert b"product:tokay model:Pixel_9 device:tokay" in adb("devices", "-l").stdout


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 1", 1), ("exit 3", 3), ("nothere", 127), ("kill -9 $$", 137)]
)
def test_exit_codes_come_through(adb: Adb, serial: str, command: str, code: int) -> None:
    assert adb("-s", serial, "shell", command).returncode == code


def test_stderr_stays_apart(adb: Adb, serial: str) -> None:
    ran = adb("-s", serial, "shell", "echo out; echo err >&2")
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")


def test_stdin_reaches_the_command(adb: Adb, serial: str) -> None:
    assert adb("-s", serial, "shell", "wc -c", stdin=b"x" * 100_000).stdout == b"100000\n"


def test_a_shell_without_a_command_reads_its_stdin(adb: Adb, serial: str) -> None:
    ran = adb("-s", serial, "shell", stdin=b"echo $((1 + 1))\nexit 4\n")
    assert (ran.stdout, ran.returncode) == (b"2\n", 4)


def test_a_shell_with_a_terminal_works(adb: Adb, serial: str) -> None:
    ran = adb("-s", serial, "shell", "-tt", "test -t 0 && echo terminal; exit 5")
    assert (ran.stdout.strip(), ran.returncode) == (b"terminal", 5)


def test_exec_out_is_binary_and_merges_stderr(adb: Adb, serial: str) -> None:
    assert adb("-s", serial, "exec-out", "printf 'a\\r\\nb'; echo c >&2").stdout == b"a\r\nbc\n"


def test_an_exception_reaches_stderr_with_255(adb: Adb, serial: str) -> None:
    ran = adb("-s", serial, "shell", "cmd package disable --user 10 com.microsoft.office.outlook")
    assert (ran.stdout, ran.returncode) == (b"", 255)
    assert ran.stderr.startswith(
        b"\nException occurred while executing 'disable':\n"
        b"java.lang.SecurityException: Shell cannot change component state for null to 2\n\tat "
    )


def test_a_file_goes_there_and_back(adb: Adb, serial: str, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(300_000))
    there.chmod(0o600)
    assert adb("-s", serial, "push", str(there), "/data/local/tmp/new/file").returncode == 0
    assert (
        adb("-s", serial, "shell", "stat -c '%u %a %s' /data/local/tmp/new/file").stdout
        == b"2000 666 300000\n"
    )
    assert adb("-s", serial, "pull", "/data/local/tmp/new/file", str(back)).returncode == 0
    assert back.read_bytes() == there.read_bytes()


def test_a_forbidden_push_and_an_absent_pull_say_why(adb: Adb, serial: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("x")
    push = adb("-s", serial, "push", str(there), "/system/app/x")
    assert b"remote couldn't create file: Permission denied" in push.stderr
    assert b"does not exist" in adb("-s", serial, "pull", "/data/local/tmp/absent", str(tmp_path)).stderr


def test_a_plain_background_job_survives_over_shell_v2(adb: Adb, serial: str) -> None:
    adb("-s", serial, "shell", "(sleep 0.2; echo x >/data/local/tmp/alive) </dev/null >/dev/null 2>&1 &")
    waiting = (
        "n=0; until [ -e /data/local/tmp/alive ] || [ $n -gt 40 ]; do sleep 0.05; n=$((n+1)); done; echo $n"
    )
    assert int(adb("-s", serial, "shell", waiting).stdout) <= 40


def test_root_is_refused_as_in_production_builds(adb: Adb, serial: str) -> None:
    assert adb("-s", serial, "root").stdout == b"adbd cannot run as root in production builds\n"


def test_disconnecting_takes_it_off_the_list(adb: Adb, serial: str) -> None:
    adb("disconnect", serial)
    assert serial.encode() not in adb("devices").stdout


def test_reboot_over_adb_restarts_the_phone(adb: Adb, make_phone: PhoneMaker) -> None:
    phone: VirtualPhone = make_phone(knows=False)
    phone.authorise(adb.key_line)
    address = f"127.0.0.1:{phone.port}"
    adb("connect", address)
    adb("-s", address, "reboot")
    assert phone.model.data.boots == 2
    adb("disconnect", address)
