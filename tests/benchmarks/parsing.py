"""Measures how fast the station reads what phones answered, in MB of CPU time's second.

The answers are whole readings of sample phones, as the functions on the phone framed them. The ratio is against
Python's own splitting of the same bytes into lines: what reading costs at least.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

from tests.benchmarks.figures import Figure, in_turns, show
from tests.fuzz.target import framed, lines_of, read, seeds

_ROUNDS = 9
_TIMES = 40


def main() -> None:
    """Print the throughput of reading whole answers and of refusing cut ones."""
    answers = [framed(lines_of(seed)) for seed in seeds()]
    cut = [answer[: len(answer) * 9 // 10] for answer in answers]
    size = sum(map(len, answers)) * _TIMES / 1e6
    seconds = in_turns(
        _ROUNDS,
        {
            "whole": lambda: _cpu(lambda: [read(answer) for answer in answers]),
            "cut": lambda: _cpu(lambda: [read(answer) for answer in cut]),
            "split": lambda: _cpu(lambda: [answer.decode().split("\n") for answer in answers]),
        },
    )
    average = sum(map(len, answers)) // len(answers)
    for name, what in (("whole", f"answers of {average} bytes read"), ("cut", "cut answers refused")):
        rate = size / seconds[name]
        show(
            [
                Figure(
                    what,
                    f"{rate:.1f} MB/s",
                    f"splitting into lines takes {seconds['split'] / seconds[name]:.2f}",
                )
            ]
        )


def _cpu(work: Callable[[], object]) -> float:
    began = process_time()
    for _ in range(_TIMES):
        work()
    return process_time() - began


if __name__ == "__main__":
    main()
