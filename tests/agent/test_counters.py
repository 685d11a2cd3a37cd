"""Report numbers in blocks: none twice, whatever ends a process, and a copied folder still meets its original."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_scripts.errors import DiskFull
from agent_scripts.station_files.counters import Counters
from agent_scripts.station_files.durable_file import Step, witnesses
from agent_scripts.station_files.station import Station
from tests.agent.conftest import MakeStation


class Folder:
    """The last number of a folder, which can be copied."""

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def reserve(self, count: int) -> range:
        self.last += count
        return range(self.last - count + 1, self.last + 1)

    def run_of(self, reports: int) -> list[int]:
        counters = Counters(self.reserve)
        return [counters.take() for _ in range(reports)]


def test_a_run_of_one_phone_takes_one_number() -> None:
    folder = Folder()

    assert [folder.run_of(1) for _ in range(3)] == [[1], [2], [3]]


def test_a_run_of_many_phones_takes_them_in_order_and_writes_seldom(make_station: MakeStation) -> None:
    station, written = make_station(), list[Path]()
    counters = Counters(station.reserve_counters)

    def witness(step: Step, path: Path) -> None:
        if step is Step.AFTER:
            written.append(path)

    witnesses.append(witness)
    try:
        taken = [counters.take() for _ in range(128)]
    finally:
        witnesses.remove(witness)

    assert taken == list(range(1, 129))
    assert [path.name for path in written] == ["counter"] * 9


@given(st.integers(1, 1000))
def test_a_run_leaves_fewer_numbers_unused_than_it_used_and_never_a_whole_block(reports: int) -> None:
    folder = Folder()

    folder.run_of(reports)

    assert folder.last - reports < min(reports, 32)


def test_threads_of_one_run_get_different_numbers(make_station: MakeStation) -> None:
    counters = Counters(make_station().reserve_counters)

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: counters.take(), range(200)))

    assert sorted(taken) == list(range(1, 201))


def test_a_disk_that_was_full_costs_no_number_and_no_second_use() -> None:
    folder, full = Folder(), [False]

    def reserve(count: int) -> range:
        if full[0]:
            raise DiskFull(Path("counter"))
        return folder.reserve(count)

    counters = Counters(reserve)
    first, full[0] = counters.take(), True
    with pytest.raises(DiskFull):
        counters.take()
    full[0] = False

    assert [first, *(counters.take() for _ in range(4))] == [1, 2, 3, 4, 5]


def test_a_process_killed_around_any_reservation_never_leads_to_a_number_used_twice(
    make_station: MakeStation,
) -> None:
    """Take ten numbers, killed before or after the n-th durable write for every n, again and again in one folder."""
    station = make_station()
    program = """
import os, signal, sys
from pathlib import Path
from agent_scripts.station_files import durable_file
from agent_scripts.station_files.counters import Counters
from agent_scripts.station_files.station import Station
left = int(sys.argv[2])
def witness(step, path):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
counters = Counters(Station.open(Path(sys.argv[1])).reserve_counters)
durable_file.witnesses.append(witness)
for _ in range(10):
    print(counters.take(), flush=True)
"""
    used, ends = list[int](), list[int]()
    for killed_at in range(1, 100):
        command = [sys.executable, "-c", program, str(station.folder), str(killed_at)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        used += map(int, run.stdout.split())
        ends.append(run.returncode)
        if run.returncode == 0:
            break

    assert len(ends) == 9, "ten numbers are blocks of 1, 2, 4 and 8: 4 changes, each with two sides"
    assert len(set(used)) == len(used) == 32, "0, 0, 1, 1, 3, 3, 7, 7 and 10"
    assert station.reserve_counters(1)[0] > max(used)


def test_two_copies_of_a_folder_use_one_number_twice_with_their_first_reports(
    make_station: MakeStation,
) -> None:
    station = make_station()
    Counters(station.reserve_counters).take()
    copied = Station.open(shutil.copytree(station.folder, station.folder.with_name("copied")))

    first, second = (Counters(one.reserve_counters).take() for one in (station, copied))

    assert first == second == 2


@given(st.integers(1, 100), st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 100))
def test_a_folder_copied_while_a_run_goes_on_is_met_by_its_next_block(
    before: int, by_copy: list[int], after: int
) -> None:
    folder = Folder()
    going_on = Counters(folder.reserve)
    for _ in range(before):
        going_on.take()
    copied = Folder(folder.last)
    left = folder.last - before
    theirs = {number for reports in by_copy for number in copied.run_of(reports)}

    ours = set(islice(_all_of(going_on), left + after))

    assert before + left + 1 in ours & theirs


def _all_of(counters: Counters) -> Iterator[int]:
    while True:
        yield counters.take()
