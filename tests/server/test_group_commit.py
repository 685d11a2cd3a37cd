"""Work that is stored together: who waits for whom, and that nobody pays for another's fault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest

from server.errors import StorageBusy
from server.storage.group_commit import GroupCommit

LONG_S = 30


class Store:
    """Doubles numbers, one group at a time; refuses 13. `gate` holds each group back until it is opened."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.error: BaseException | None = None

    def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.entered.release()
        assert self.gate.acquire(timeout=LONG_S)
        self.groups.append(list(numbers))
        if self.error is not None:
            raise self.error
        if 13 in numbers:
            raise ValueError("13 cannot be stored")
        return [2 * number for number in numbers]


class Desk:
    """One group commit, and numbers handed in to it."""

    def __init__(self) -> None:
        self.store = Store()
        self.group = GroupCommit(self.store)

    def send(self, number: int, prepare: Callable[[int], int] = lambda number: number) -> Future[int]:
        return self.group.submit(lambda: prepare(number))

    def send_while_another_is_stored(self, *numbers: int) -> list[Future[int]]:
        """Hand in a 1; then `numbers`, which are prepared while it is being stored, and are at the gate after it."""
        first = self.send(1)
        assert self.store.entered.acquire(timeout=LONG_S)
        prepared = threading.Semaphore(0)
        others = [self.send(number, _telling(prepared)) for number in numbers]
        for _ in numbers:
            assert prepared.acquire(timeout=LONG_S)
        self.store.gate.release()
        assert first.result(LONG_S) == 2
        assert self.store.entered.acquire(timeout=LONG_S)
        return others


def _telling(prepared: threading.Semaphore) -> Callable[[int], int]:
    def prepare(number: int) -> int:
        prepared.release()
        return number

    return prepare


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    # Whatever a test left waiting: no thread may outlive it.
    made.store.gate.release(1000)


def test_work_that_comes_alone_is_stored_at_once_and_gets_its_outcome(desk: Desk) -> None:
    desk.store.gate.release()

    assert desk.send(4).result(LONG_S) == 8
    assert desk.store.groups == [[4]]


def test_what_comes_while_another_is_stored_is_stored_together_each_with_its_own_outcome(desk: Desk) -> None:
    others = desk.send_while_another_is_stored(3, 4, 5)

    desk.store.gate.release()

    assert [other.result(LONG_S) for other in others] == [6, 8, 10]
    assert desk.store.groups == [[1], [3, 4, 5]]


def test_a_group_that_has_all_it_may_hold_leaves_the_rest_to_the_next(desk: Desk) -> None:
    first = desk.send(1)
    assert desk.store.entered.acquire(timeout=LONG_S)
    prepared = threading.Semaphore(0)
    others = [desk.send(number, _telling(prepared)) for number in range(100, 140)]
    for _ in range(32):
        assert prepared.acquire(timeout=LONG_S)

    desk.store.gate.release(3)

    assert [other.result(LONG_S) for other in (first, *others)] == [2, *range(200, 280, 2)]
    assert desk.store.groups == [[1], list(range(100, 132)), list(range(132, 140))]


def test_nobody_is_answered_before_the_group_is_stored(desk: Desk) -> None:
    first = desk.send(3)
    assert desk.store.entered.acquire(timeout=LONG_S)

    assert not first.done()

    desk.store.gate.release()
    assert first.result(LONG_S) == 6


def test_the_next_group_is_prepared_while_one_is_stored(desk: Desk) -> None:
    prepared = threading.Semaphore(0)
    first = desk.send(1)
    assert desk.store.entered.acquire(timeout=LONG_S)

    second = desk.send(2, _telling(prepared))

    assert prepared.acquire(timeout=LONG_S)
    assert not desk.store.groups
    desk.store.gate.release(2)
    assert (first.result(LONG_S), second.result(LONG_S)) == (2, 4)


def test_two_groups_are_never_stored_at_the_same_time(desk: Desk) -> None:
    sent = [desk.send(number) for number in range(1, 10)]
    assert desk.store.entered.acquire(timeout=LONG_S)
    assert not desk.store.entered.acquire(timeout=0.05)
    desk.store.gate.release(9)
    assert [one.result(LONG_S) for one in sent] == [2 * number for number in range(1, 10)]


def test_what_cannot_be_stored_fails_alone(desk: Desk) -> None:
    others = [desk.send(number) for number in (2, 13, 4)]
    desk.store.gate.release(10)

    assert others[0].result(LONG_S) == 4
    assert others[2].result(LONG_S) == 8
    with pytest.raises(ValueError, match="13 cannot be stored"):
        others[1].result(LONG_S)


def test_work_that_fails_while_it_is_prepared_holds_nobody_up(desk: Desk) -> None:
    def fail(_number: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.send(1, fail).result(LONG_S)
    desk.store.gate.release()

    assert desk.send(4).result(LONG_S) == 8


@pytest.mark.parametrize("error", [StorageBusy("busy"), KeyboardInterrupt()])
def test_a_database_that_takes_nothing_now_tells_all_of_the_group_at_once_and_the_next_goes_on(
    desk: Desk, error: BaseException
) -> None:
    others = desk.send_while_another_is_stored(3, 4)
    desk.store.error = error
    desk.store.gate.release()
    for other in others:
        with pytest.raises(type(error)):
            other.result(LONG_S)

    desk.store.error = None
    desk.store.gate.release()

    assert desk.send(5).result(LONG_S) == 10


def test_work_that_nobody_waits_for_any_more_is_not_stored(desk: Desk) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def prepare(number: int) -> int:
        begun.set()
        assert go_on.wait(LONG_S)
        return number

    first = desk.send(1)
    assert desk.store.entered.acquire(timeout=LONG_S)
    second = desk.send(2, prepare)
    assert begun.wait(LONG_S)
    assert desk.send(3).cancel()
    go_on.set()

    desk.store.gate.release(3)

    assert (first.result(LONG_S), second.result(LONG_S)) == (2, 4)
    assert desk.send(4).result(LONG_S) == 8
    assert desk.store.groups == [[1], [2], [4]]
