"""Figures as rows of a table, and the CPU time that processes used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, its value with unit, and against what, as a ratio."""

    measure: str
    value: str
    ratio: str = ""

    def __str__(self) -> str:
        return f"| {self.measure} | {self.value} | {self.ratio} |"


def show(figures: Sequence[Figure]) -> None:
    """Print one table row per figure."""
    for figure in figures:
        print(figure, flush=True)


def in_turns(rounds: int, cases: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Run all cases in turn, `rounds` times after one round to warm up, and return the median of each."""
    for case in cases.values():
        case()
    seen: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            seen[name].append(case())
    return {name: median(values) for name, values in seen.items()}


def cpu_of_tree(process_id: int) -> float:
    """Return the seconds of CPU that a process, its threads and its children, ended ones too, have used.

    Fields 14 to 17 of ``/proc/PID/stat`` (proc_pid_stat(5)), in clock ticks: measure for a second or so at least.
    """
    # The second field is a name in parentheses that may hold blanks.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK_S + sum(map(cpu_of_tree, _children(process_id)))


def _children(process_id: int) -> Iterator[int]:
    for listing in Path(f"/proc/{process_id}/task").glob("*/children"):
        yield from map(int, listing.read_text().split())


@contextmanager
def cpu_used(by: Callable[[], float]) -> Iterator[list[float]]:
    """Yield a list that holds, after the block, the seconds by which `by` grew."""
    used: list[float] = []
    before = by()
    yield used
    used.append(by() - before)
