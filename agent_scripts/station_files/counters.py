"""Report numbers, taken from the station's disk in blocks: one durable write for several reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

_BLOCK_MAX = 32
"""How many reports of another process at most can get a higher number before one of this block is used."""


class Counters:
    """The report numbers of one run, from any thread, each handed out once; what is left over nobody ever uses.

    Blocks grow from one number (1, 2, 4, …), so that a run hands out more numbers than it leaves. The first of a
    block is used at once: two copies of a station's folder therefore meet in the first one that both take, as if each
    number were taken alone, and the server notices.
    """

    def __init__(self, reserve: Callable[[int], range]) -> None:
        """Take numbers with `reserve`, which never returns one twice (`Station.reserve_counters`)."""
        self._reserve = reserve
        self._alone = threading.Lock()
        self._size = 1
        self._left: Iterator[int] = iter(())

    def take(self) -> int:
        """Return a number that no report has; raises what `reserve` raises."""
        with self._alone:
            counter = next(self._left, None)
            if counter is None:
                block = iter(self._reserve(self._size))
                counter = next(block)
                self._left, self._size = block, min(2 * self._size, _BLOCK_MAX)
            return counter
