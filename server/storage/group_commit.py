"""Requests that arrive together share one transaction, and so one wait for the disk.

Whoever hands work in gets a future and waits for it as he likes. Two threads take turns: each takes all that waits,
prepares it, and stores it in one go. While one waits for the disk the other prepares what comes meanwhile, so that a
group is as large as the load is, and work that comes alone waits for nobody (docs/decisions/0022).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

_THREADS = 2
_MOST = 32
"""Works in one group: more of them would keep locks for long and save next to nothing (docs/performance.md 3)."""

_REFUSED_VALUES = (SQLAlchemyError, ValueError, TypeError, ArithmeticError)
"""What a database and its driver raise for a value that they cannot take."""

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class _Part(Generic[Work, Outcome]):
    """One share of a group: what makes the work, and where its outcome goes."""

    prepare: Callable[[], Work]
    outcome: Future[Outcome]


class GroupCommit(Generic[Work, Outcome]):
    """Hands `store` the work of all that come together; it returns one outcome per work, in order.

    `store` must leave nothing behind when it raises. Work that it refuses for its content fails alone: the others of
    its group are stored without it, each by `store_alone`. Made once per process and database.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Work]], Sequence[Outcome]],
        store_alone: Callable[[Work], Outcome] | None = None,
    ) -> None:
        self._store = store
        self._store_alone = store_alone or (lambda work: store([work])[0])
        self._change = threading.Condition(threading.Lock())
        self._taken = self._stored = 0
        self._waiting: deque[_Part[Work, Outcome]] = deque()
        self._working = 0
        # Started at the first work: a fork has none of its parent's threads.
        self._threads = ThreadPoolExecutor(_THREADS, "group-commit")

    def submit(self, prepare: Callable[[], Work]) -> Future[Outcome]:
        """Return at once the outcome to come of what `prepare`, called by another thread, returns.

        The future raises what `prepare` raises, `StorageUnavailable` where nothing could be stored, or what
        `store_alone` raises for this work.
        """
        part = _Part[Work, Outcome](prepare, Future())
        with self._change:
            self._waiting.append(part)
            self._change.notify_all()
            # Those at work look for more before they rest, under this lock: none is left waiting.
            is_needed = self._working < _THREADS
            self._working += is_needed
        if is_needed:
            self._threads.submit(self._work)
        return part.outcome

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            number, group = taken
            prepared = _prepared(group)
            while more := self._more_before_turn(number, _MOST - len(prepared)):
                prepared += _prepared(more)
            with self._turn(number):
                if prepared:
                    self._store_together(prepared)

    def _take(self) -> tuple[int, Sequence[_Part[Work, Outcome]]] | None:
        """Return what waits, as a group with its number; None when this thread may rest."""
        with self._change:
            if not self._waiting:
                self._working -= 1
                return None
            self._taken += 1
            return self._taken, self._waiting_parts(_MOST)

    def _more_before_turn(self, number: int, room: int) -> Sequence[_Part[Work, Outcome]]:
        """Return what comes while the group before this one is being stored; nothing once it is this one's turn."""
        with self._change:
            self._change.wait_for(lambda: self._is_next(number) or (room > 0 and len(self._waiting) > 0))
            return () if self._is_next(number) else self._waiting_parts(room)

    def _waiting_parts(self, most: int) -> Sequence[_Part[Work, Outcome]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]

    def _is_next(self, number: int) -> bool:
        return self._stored == number - 1

    @contextmanager
    def _turn(self, number: int) -> Iterator[None]:
        # In the order in which they were taken: by a bare lock, one thread could keep the other waiting for ever.
        with self._change:
            self._change.wait_for(lambda: self._is_next(number))
        try:
            yield
        finally:
            with self._change:
                self._stored = number
                self._change.notify_all()

    def _store_together(self, prepared: Sequence[tuple[Future[Outcome], Work]]) -> None:
        try:
            outcomes = self._store([work for _, work in prepared])
        except _REFUSED_VALUES:
            # One of them is at fault: stored alone, each meets its own error only.
            for outcome, work in prepared:
                try:
                    outcome.set_result(self._store_alone(work))
                except BaseException as error:
                    outcome.set_exception(error)
        except BaseException as error:
            # Busy or full is so for all of them; and whatever else it is, who waits must not wait for ever.
            for outcome, _ in prepared:
                outcome.set_exception(error)
        else:
            for (outcome, _), stored in zip(prepared, outcomes, strict=True):
                outcome.set_result(stored)


def _prepared(group: Sequence[_Part[Work, Outcome]]) -> list[tuple[Future[Outcome], Work]]:
    """Return each part's work beside its outcome to come; those that fail have their outcome."""
    prepared = []
    for part in group:
        # Who asked may have gone meanwhile.
        if not part.outcome.set_running_or_notify_cancel():
            continue
        try:
            prepared.append((part.outcome, part.prepare()))
        except BaseException as error:
            part.outcome.set_exception(error)
    return prepared
