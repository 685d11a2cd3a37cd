"""Files that survive: whole or not at all, private, and the old one intact when the disk is full."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_scripts.errors import DiskFull, WriteFailed
from agent_scripts.station_files.durable_file import (
    Step,
    held_alone,
    make_folder,
    move_durably,
    remove_durably,
    witnesses,
    write_durably,
)
from certs.durable import clear_leftovers


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_holds_the_bytes_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"

    write_durably(path, b"content")

    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["ledger.json"]


def test_writing_again_replaces_the_whole_file_and_its_open_mode(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_bytes(b"a much longer old content")
    path.chmod(0o644)

    write_durably(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_made_here_lets_nobody_else_in(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@contextmanager
def at_most_bytes_a_file(limit: int) -> Iterator[None]:
    """Let this process write no file beyond `limit`, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_file_that_does_not_fit_leaves_the_old_one_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    write_durably(path, b"old")

    with at_most_bytes_a_file(1000), pytest.raises(DiskFull, match="free some space"):
        write_durably(path, b"x" * 5000)

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["ledger.json"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a tiny disk needs the right to mount; the file size limit above covers the same branch")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk_leaves_the_old_file_too(tiny_disk: Path) -> None:
    path = tiny_disk / "ledger.json"
    write_durably(path, b"old")

    with pytest.raises(DiskFull):
        write_durably(path, b"x" * 100_000)

    assert path.read_bytes() == b"old"
    assert names(tiny_disk) == ["ledger.json"]


def test_a_folder_that_is_not_there_is_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="No such file"):
        write_durably(tmp_path / "gone" / "ledger.json", b"x")


def test_a_removed_file_may_be_removed_again(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_durably(path, b"x")

    remove_durably(path)
    remove_durably(path)

    assert names(tmp_path) == []


def test_moving_never_overwrites_what_lies_there(tmp_path: Path) -> None:
    aside = make_folder(tmp_path / "aside")
    for content in (b"first", b"second", b"third"):
        write_durably(tmp_path / "report.json", content)
        move_durably(tmp_path / "report.json", aside)

    found = {path.name: path.read_bytes() for path in aside.iterdir()}
    assert found == {"report.json": b"first", "report.2.json": b"second", "report.3.json": b"third"}


def test_witnesses_hear_of_every_change_before_and_after(tmp_path: Path) -> None:
    heard: list[tuple[Step, str, bool]] = []
    path = tmp_path / "report.json"

    def witness(step: Step, changed: Path) -> None:
        heard.append((step, changed.name, path.exists()))

    witnesses.append(witness)
    try:
        write_durably(path, b"x")
        remove_durably(path)
    finally:
        witnesses.remove(witness)

    assert heard == [
        (Step.BEFORE, "report.json", False),
        (Step.AFTER, "report.json", True),
        (Step.BEFORE, "report.json", True),
        (Step.AFTER, "report.json", False),
    ]


def test_what_a_killed_process_left_half_written_is_cleared_and_the_living_keep_theirs(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".ledger.json.{ended.pid}-1.part").write_bytes(b"half")
    mine = tmp_path / f".ledger.json.{os.getpid()}-1.part"
    mine.write_bytes(b"half")

    clear_leftovers(tmp_path)

    assert names(tmp_path) == [mine.name]


def test_two_cannot_be_in_the_same_block_at_once(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", list[str]()
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with held_alone(path):
            order.append("second")

    with held_alone(path):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
