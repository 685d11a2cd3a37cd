"""A station says before its disk is full that it will be, on a real file system that is nearly full."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.room import REPORT_BYTES, REPORT_FILES, little_room, reports_that_fit
from tests.check.office import Bench, Office

SAID = "is nearly full: it has room for about"


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory over `folder`; skipped where that is not allowed."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def moved(bench: Bench, disk: Path) -> None:
    """Let the station live on `disk` from now on."""
    shutil.copytree(bench.folder, disk / "station")
    bench.folder = disk / "station"


def test_a_station_whose_disk_is_nearly_full_says_so_before_it_checks_and_in_its_status(
    enforcing: Office, tmp_path: Path
) -> None:
    bench = enforcing.new_bench()
    with small_disk(tmp_path / "disk", "size=3m") as disk, enforcing.phone("clean") as phone:
        moved(bench, disk)
        address = bench.provision(phone)

        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert SAID in " ".join(bench.said.split())

        _, output = bench.agent("status", "--json")
        assert SAID in json.loads(output)["disk_problem"]
        assert "nearly full" in bench.agent("status")[1]


def test_a_station_with_room_says_nothing_of_it(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        bench.row(bench.provision(phone))

    assert "nearly full" not in bench.said
    assert json.loads(bench.agent("status", "--json")[1])["disk_problem"] == ""


def test_free_files_count_as_free_bytes_do_and_many_phones_want_more_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", f"size=64m,nr_inodes={REPORT_FILES * 120}") as disk:
        assert 100 <= reports_that_fit(disk) <= 120
        assert little_room(disk, 0) == ""
        assert "121 should fit" in little_room(disk, 121)


def test_a_visit_leaves_no_more_on_disk_than_is_reckoned_with(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        before = on_disk(bench.folder)
        with bench.without_server():
            bench.row(address)

    grown_bytes, grown_files = (after - was for after, was in zip(on_disk(bench.folder), before, strict=True))
    assert 0 < grown_bytes <= REPORT_BYTES
    assert 0 < grown_files <= REPORT_FILES


def on_disk(folder: Path) -> tuple[int, int]:
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(max(file.st_blocks * 512, file.st_size) for file in files), len(files)
