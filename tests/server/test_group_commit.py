"""Threads that store together: who waits for whom, and that nobody pays for another's fault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from server.errors import StorageBusy
from server.storage.group_commit import WINDOW_S, GroupCommit

LONG_S = 30


class Store:
    """Doubles numbers, one group at a time; refuses 13. `gate` holds each group back until it is opened."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.error: Exception | None = None

    def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.entered.release()
        assert self.gate.acquire(timeout=LONG_S)
        self.groups.append(sorted(numbers))
        if self.error is not None:
            raise self.error
        if 13 in numbers:
            raise ValueError("13 cannot be stored")
        return [2 * number for number in numbers]


class Crowd:
    """Threads that hand numbers to one group commit."""

    def __init__(self, window_s: float) -> None:
        self.store = Store()
        self.group = GroupCommit(self.store, window_s)
        self._threads = ThreadPoolExecutor(16)

    def send(self, number: int) -> Future[int]:
        """Let a thread of its own hand in a number."""
        return self._threads.submit(self.group.run, lambda: number)

    def send_behind_a_leader(self, *numbers: int) -> list[Future[int]]:
        """Hand in a 1, and while it is being stored, `numbers`; all of these wait when this returns."""
        first = self.send(1)
        assert self.store.entered.acquire(timeout=LONG_S)
        joined = [threading.Event() for _ in numbers]
        others = [
            self._threads.submit(self.group.run, _telling(*pair))
            for pair in zip(joined, numbers, strict=True)
        ]
        for event in joined:
            assert event.wait(LONG_S)
        self.store.gate.release()
        assert first.result(LONG_S) == 2
        return others


def _telling(joined: threading.Event, number: int) -> Callable[[], int]:
    def prepare() -> int:
        joined.set()
        return number

    return prepare


@pytest.fixture
def crowd() -> Crowd:
    """Leaders of this one wait until everybody announced is there, so that groups are the same on any machine."""
    return Crowd(LONG_S)


@pytest.fixture
def hasty_crowd() -> Crowd:
    return Crowd(WINDOW_S)


def test_a_thread_alone_stores_alone_and_gets_its_outcome(crowd: Crowd) -> None:
    crowd.store.gate.release()

    assert crowd.send(4).result(LONG_S) == 8
    assert crowd.store.groups == [[4]]


def test_those_that_came_while_one_stores_are_stored_together_each_with_its_own_outcome(crowd: Crowd) -> None:
    others = crowd.send_behind_a_leader(2, 3, 4, 5)

    crowd.store.gate.release()

    assert [other.result(LONG_S) for other in others] == [4, 6, 8, 10]
    assert crowd.store.groups == [[1], [2, 3, 4, 5]]


def test_nobody_is_answered_before_the_group_is_stored(crowd: Crowd) -> None:
    others = crowd.send_behind_a_leader(2, 3)
    assert crowd.store.entered.acquire(timeout=LONG_S)

    assert not any(other.done() for other in others)

    crowd.store.gate.release()
    assert [other.result(LONG_S) for other in others] == [4, 6]


def test_a_leader_waits_for_those_that_are_still_preparing(
    crowd: Crowd,
) -> None:
    preparing, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        preparing.set()
        assert go_on.wait(LONG_S)
        return 7

    with ThreadPoolExecutor(1) as other:
        second = other.submit(crowd.group.run, slow)
        assert preparing.wait(LONG_S)
        first = crowd.send(1)
        assert not crowd.store.entered.acquire(timeout=0.05)
        go_on.set()
        crowd.store.gate.release()
        assert (first.result(LONG_S), second.result(LONG_S)) == (2, 14)
    assert crowd.store.groups == [[1, 7]]


def test_a_leader_waits_until_as_many_have_come_as_the_last_time(crowd: Crowd) -> None:
    earlier = crowd.send_behind_a_leader(2, 3)
    assert crowd.store.entered.acquire(timeout=LONG_S)
    crowd.store.gate.release()
    assert [one.result(LONG_S) for one in earlier] == [4, 6]

    first = crowd.send(4)
    assert not crowd.store.entered.acquire(timeout=0.05)
    second = crowd.send(5)
    crowd.store.gate.release()

    assert (first.result(LONG_S), second.result(LONG_S)) == (8, 10)
    assert crowd.store.groups == [[1], [2, 3], [4, 5]]


def test_a_leader_waits_no_longer_than_the_window_for_one_that_never_comes(hasty_crowd: Crowd) -> None:
    preparing, go_on = threading.Event(), threading.Event()

    def stuck() -> int:
        preparing.set()
        assert go_on.wait(LONG_S)
        return 7

    with ThreadPoolExecutor(1) as other:
        late = other.submit(hasty_crowd.group.run, stuck)
        assert preparing.wait(LONG_S)
        hasty_crowd.store.gate.release()
        assert hasty_crowd.send(1).result(LONG_S) == 2
        go_on.set()
        hasty_crowd.store.gate.release()
        assert late.result(LONG_S) == 14
    assert hasty_crowd.store.groups == [[1], [7]]


def test_what_cannot_be_stored_fails_alone(crowd: Crowd) -> None:
    others = crowd.send_behind_a_leader(2, 13, 4)
    for _ in range(4):
        crowd.store.gate.release()

    assert others[0].result(LONG_S) == 4
    assert others[2].result(LONG_S) == 8
    with pytest.raises(ValueError, match="13 cannot be stored"):
        others[1].result(LONG_S)


def test_work_that_fails_while_it_is_prepared_holds_nobody_up(crowd: Crowd) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crowd.group.run(fail)
    crowd.store.gate.release()

    assert crowd.send(4).result(LONG_S) == 8


def test_a_database_that_takes_nothing_now_tells_all_of_the_group_at_once(crowd: Crowd) -> None:
    others = crowd.send_behind_a_leader(2, 3)
    crowd.store.error = StorageBusy("busy")

    crowd.store.gate.release()

    for other in others:
        with pytest.raises(StorageBusy):
            other.result(LONG_S)
    assert crowd.store.groups == [[1], [2, 3]]


def test_an_error_nobody_foresaw_leaves_no_thread_waiting_for_ever(hasty_crowd: Crowd) -> None:
    others = hasty_crowd.send_behind_a_leader(2, 3)
    hasty_crowd.store.error = LookupError("unforeseen")
    for _ in range(3):
        hasty_crowd.store.gate.release()

    for other in others:
        with pytest.raises(LookupError):
            other.result(LONG_S)

    hasty_crowd.store.error = None
    hasty_crowd.store.gate.release()
    assert hasty_crowd.send(4).result(LONG_S) == 8


def test_many_threads_for_a_while_get_their_own_outcomes_and_nothing_is_stored_twice(
    hasty_crowd: Crowd,
) -> None:
    numbers = range(100, 600)
    for _ in numbers:
        hasty_crowd.store.gate.release()

    outcomes = [hasty_crowd.send(number) for number in numbers]

    assert [outcome.result(LONG_S) for outcome in outcomes] == [2 * number for number in numbers]
    assert sorted(number for group in hasty_crowd.store.groups for number in group) == list(numbers)
