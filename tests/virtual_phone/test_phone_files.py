"""Files to and from a virtual phone over ``sync:`` (docs/android/stand-ins.md, "push" and "pull")."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from adb_shell.adb_device import AdbDeviceTcp
from adb_shell.exceptions import AdbCommandFailureException, PushFailedError

from agent_scripts.virtual_phone import VirtualPhone

DATA = os.urandom(200_000)
PLACE = "/data/local/tmp/file"


def test_a_pushed_file_comes_back_byte_for_byte(device: AdbDeviceTcp) -> None:
    device.push(BytesIO(DATA), PLACE)
    back = BytesIO()
    device.pull(PLACE, back)
    assert back.getvalue() == DATA


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [(0o600, "666"), (0o644, "666"), (0o700, "777"), (0o755, "777"), (0o400, "444"), (0o770, "777")],
)
def test_push_widens_modes(device: AdbDeviceTcp, sent: int, arrived: str) -> None:
    device.push(BytesIO(b"x"), PLACE, st_mode=stat.S_IFREG | sent)
    assert device.shell(f"stat -c %a {PLACE}").strip() == arrived


def test_a_pushed_script_runs(device: AdbDeviceTcp) -> None:
    device.push(BytesIO(b'echo "$1 from $0"\n'), "/data/local/tmp/script.sh")
    assert device.shell("sh /data/local/tmp/script.sh hello") == "hello from /data/local/tmp/script.sh\n"


def test_push_makes_missing_folders(device: AdbDeviceTcp) -> None:
    device.push(BytesIO(b"x"), "/data/local/tmp/new/folder/file")
    assert device.shell("cat /data/local/tmp/new/folder/file") == "x"


@pytest.mark.parametrize(
    "path", ["/system/bin/sh", "/data/local/tmp/../../system/x", "/data/local/tmpx", "/x"]
)
def test_push_to_a_forbidden_place_fails_and_the_connection_lives_on(device: AdbDeviceTcp, path: str) -> None:
    with pytest.raises(PushFailedError, match="create file: Permission denied"):
        device.push(BytesIO(DATA), path)
    assert device.shell("echo alive") == "alive\n"


def test_pull_of_an_absent_file_fails_and_the_connection_lives_on(device: AdbDeviceTcp) -> None:
    with pytest.raises(AdbCommandFailureException, match="No such file or directory"):
        device.pull("/data/local/tmp/absent", BytesIO())
    assert device.shell("echo alive") == "alive\n"


def test_a_path_cannot_leave_the_phones_folder(
    phone: VirtualPhone, device: AdbDeviceTcp, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not on the phone")
    with pytest.raises(AdbCommandFailureException):
        device.pull("/" + "../" * 30 + str(outside), BytesIO())


def test_stat_and_list_tell_size_and_mode(device: AdbDeviceTcp) -> None:
    device.push(BytesIO(b"12345"), PLACE, mtime=1_700_000_000)
    assert device.stat(PLACE) == (stat.S_IFREG | 0o777, 5, 1_700_000_000)
    entries = device.list("/data/local/tmp")
    assert [(entry.filename, entry.size) for entry in entries] == [(b"file", 5)] or [
        bytes(entry.filename) for entry in entries
    ] == [b"file"]


def test_what_is_not_there_has_no_mode(device: AdbDeviceTcp) -> None:
    assert device.stat("/data/local/tmp/absent") == (0, 0, 0)
    assert device.list("/data/local/tmp/absent") == []
