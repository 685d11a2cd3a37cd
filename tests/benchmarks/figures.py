"""Figures as rows of a table, and the CPU time that a block used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median


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


@contextmanager
def cpu_used(by: Callable[[], float]) -> Iterator[list[float]]:
    """Yield a list that holds, after the block, the seconds by which `by` grew."""
    used: list[float] = []
    before = by()
    yield used
    used.append(by() - before)
