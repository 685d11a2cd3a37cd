"""Measures what putting a report on disk costs a station: CPU, and how often it waits for the disk, against the check.

The reports of one run with 128 phones, of checks recorded from a virtual phone in this very run, are signed and kept as
after a check. Beside them the checks themselves are made, from connecting to acting, of a daemon that answers from tape
(`checks_per_core`). The cases take turns; medians of the rounds. Flushes, of files and of folders, are counted where
the agent asks the system for them (`os.fsync`).
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from unittest.mock import patch

from agent_scripts.visits.report_keeping import keep_report
from agent_scripts.visits.report_writing import CheckRecord
from agent_scripts.visits.run import Run
from tests.benchmarks.checks_per_core import canned, check_by_agent
from tests.benchmarks.figures import Figure, in_turns, show
from tests.benchmarks.measured_station import folder_for_a_while, make_run, make_station
from tests.benchmarks.recording import record

ROUNDS = 9
_REPORTS = 128
_CASES = {"compliant": "pixel-14", "violating, two apps disabled": "tiktok-personal"}


def main() -> None:
    """Print CPU and flushes a report, and the ratio to the check that it is about."""
    with folder_for_a_while() as folder:
        run = make_run(make_station(folder / "station"))
        recorded = {
            name: asyncio.run(record(run, personality, folder / personality))
            for name, personality in _CASES.items()
        }
        with canned(folder, run.station.adb_keys, [tape for tape, _ in recorded.values()]) as ports:
            for (name, (_, done)), port in zip(recorded.items(), ports, strict=True):
                show([_compared(name, run, done, port)])


def _compared(name: str, run: Run, done: CheckRecord, port: int) -> Figure:
    flushes: list[float] = []
    cpu = in_turns(
        ROUNDS,
        {
            "report": lambda: _kept(run, done, flushes),
            "check": lambda: check_by_agent(run, port, [], report=False),
        },
    )
    return Figure(
        f"a report on disk, {name}",
        f"{cpu['report'] * 1e6:.0f} us CPU, {flushes[-1]:.2f} flushes",
        f"{cpu['report'] / cpu['check']:.2f} of the check ({cpu['check'] * 1e6:.0f} us)",
    )


def _kept(run: Run, done: CheckRecord, flushes: list[float]) -> float:
    """Keep the reports of one run and return the seconds of CPU for one."""
    # A run of its own: what is made once for a run is part of its cost.
    run = replace(run)
    with patch("os.fsync", wraps=os.fsync) as flushed:
        before = time.process_time()
        for _ in range(_REPORTS):
            keep_report(run, done, run.counters.take())
        used = (time.process_time() - before) / _REPORTS
    flushes.append(flushed.call_count / _REPORTS)
    for path in run.station.spool_folder.iterdir():
        path.unlink()
    return used


if __name__ == "__main__":
    main()
