"""Requests that arrive together share one transaction, and so one wait for the disk.

The first thread that finds nobody at work leads: it takes all that wait, does it in one go, wakes the others with
their outcomes, and hands the lead to whoever came meanwhile. Before it begins it waits, at most a window, for those
still preparing and until as many have come as the last time. A thread that was alone and still is does not wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from server.errors import StorageUnavailable

WINDOW_S = 0.005
"""How long a leader waits for the others of its group (docs/performance.md 3)."""

_REFUSED_VALUES = (SQLAlchemyError, ValueError, TypeError, ArithmeticError)
"""What a database and its driver raise for a value that they cannot take."""

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


class _Part(Generic[Work, Outcome]):
    """One thread's share of a group."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.woken = threading.Event()
        self.leads = False
        # Both None: nothing was decided for this part. So `store` must not return None for a work.
        self.outcome: Outcome | None = None
        self.error: StorageUnavailable | None = None


class GroupCommit(Generic[Work, Outcome]):
    """Hands `store` the work of all threads that come together; it returns one outcome per work, in order.

    `store` must leave nothing behind when it raises. Made once per process and database.
    """

    def __init__(
        self, store: Callable[[Sequence[Work]], Sequence[Outcome]], window_s: float = WINDOW_S
    ) -> None:
        self._store = store
        self._window_s = window_s
        self._change = threading.Condition(threading.Lock())
        self._coming = 0
        self._waiting: list[_Part[Work, Outcome]] = []
        self._led = False
        self._usual = 1

    def run(self, prepare: Callable[[], Work]) -> Outcome:
        """Return the outcome of what `prepare` returns, once it is stored.

        Work that `store` refuses with an error fails alone: the others of its group are stored without it.
        """
        # It counts as coming until it has joined: in between, a leader would find nobody to wait for.
        with self._on_its_way():
            part = self._join(prepare())
        # Woken for one of two reasons: a leader has settled it, or it is the next to lead.
        if not part.leads:
            part.woken.wait()
        if part.leads:
            self._lead()
        if part.error is not None:
            raise part.error
        # Nothing was decided for this part: the group failed for one of its works, so each goes alone.
        return self._store([part.work])[0] if part.outcome is None else part.outcome

    @contextmanager
    def _on_its_way(self) -> Iterator[None]:
        with self._change:
            self._coming += 1
        try:
            yield
        finally:
            with self._change:
                # Also where preparing fails, or leaders would wait their whole window for a thread that never comes.
                self._coming -= 1
                if self._all_here():
                    # One is enough: only the leader waits for this condition.
                    self._change.notify()

    def _join(self, work: Work) -> _Part[Work, Outcome]:
        part = _Part[Work, Outcome](work)
        with self._change:
            self._waiting.append(part)
            # Decided under the lock together with joining: of two that come at once, exactly one leads.
            part.leads = not self._led
            self._led = True
        return part

    def _lead(self) -> None:
        group = self._gather()
        # Handed over whatever happens: if a leader ended without, everybody else would wait for ever.
        try:
            self._settle(group)
        finally:
            self._hand_over(group)

    def _gather(self) -> list[_Part[Work, Outcome]]:
        with self._change:
            # Running out of time is no failure: who is not here yet comes with the next group.
            self._change.wait_for(self._all_here, self._window_s)
            group, self._waiting = self._waiting, []
            # As many as last time are worth waiting for; one that came alone waits for nobody.
            self._usual = len(group)
        return group

    def _all_here(self) -> bool:
        return not self._coming and len(self._waiting) >= self._usual

    def _settle(self, group: Sequence[_Part[Work, Outcome]]) -> None:
        try:
            outcomes = self._store([part.work for part in group])
        except StorageUnavailable as error:
            # Busy or full is so for all of them; storing each alone would only make all wait for it once more.
            for part in group:
                part.error = error
        except _REFUSED_VALUES:
            # One of them is at fault: each is stored again by its own thread, and meets its own error only.
            return
        else:
            for part, outcome in zip(group, outcomes, strict=True):
                part.outcome = outcome

    def _hand_over(self, group: Sequence[_Part[Work, Outcome]]) -> None:
        with self._change:
            # It stays among those that wait: as a leader it takes itself along with the others.
            next_in_line = self._waiting[:1]
            # Handed over under the lock: between two leaders nobody may believe that there is none.
            self._led = bool(next_in_line)
        for part in next_in_line:
            part.leads = True
        # After `leads` is set: a thread looks at it once when it wakes.
        for part in (*next_in_line, *group):
            part.woken.set()
