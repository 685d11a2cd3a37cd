"""The CPU time that a process and all below it have used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


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
