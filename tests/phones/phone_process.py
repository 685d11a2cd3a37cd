"""Virtual phones as processes of their own, forked from one that has loaded them; each tells what it is and was told.

A hundred interpreters that start by themselves cost more than what is tried on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from agent_scripts.virtual_phone.phone import VirtualPhone
from tests.forked import FORKS

_ACTING = ("disable-user", "enable", "default-state")
_ENDS_WITHIN_S = 30


@dataclass(frozen=True)
class Manners:
    """How a phone behaves: whether its owner taps Allow, how long each program takes to start, how much it answers."""

    allows: bool = True
    program_cost_s: float = 0.0
    floods_mb: int = 0


@dataclass(frozen=True)
class PhoneRecord:
    """What a phone is and what was done to it, by its own word."""

    installed: frozenset[tuple[int, str]]
    """User and package of every app that is there."""
    states: dict[tuple[int, str], int]
    """Of the same: the enabled state (Android's ``COMPONENT_ENABLED_STATE_*``)."""
    done: Counter[tuple[str, int, str]]
    """How often Android was told to: verb, user, package; ``("disable-user", 10, "com.example")``."""
    commands: int
    """Shell commands that arrived."""

    def states_of(self, packages: Collection[str]) -> dict[tuple[int, str], int]:
        """Return the enabled states of some apps, for every user."""
        return {place: state for place, state in self.states.items() if place[1] in packages}


@dataclass(frozen=True)
class _Uninstall:
    user: int
    package: str


@dataclass(frozen=True)
class _Tell:
    pass


class PhoneProcess:
    """One phone in a process of its own, for the length of a block."""

    def __init__(self, personality: str, folder: Path, serial: str, manners: Manners) -> None:
        """Start it; `port` waits for it."""
        self._ours, theirs = FORKS.Pipe()
        self._process = FORKS.Process(
            target=_live, args=(personality, folder, serial, manners, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self._port = 0

    def __enter__(self) -> Self:
        """Return the phone."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Switch it off."""
        # The end of the pipe: the phone switches itself off, and everything that runs on it.
        self._ours.close()
        self._process.join(_ENDS_WITHIN_S)

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it serves, once it does."""
        self._port = self._port or self._ours.recv()
        return self._port

    def record(self) -> PhoneRecord:
        """Let it tell what it is and what was done to it."""
        self._ours.send(_Tell())
        record = self._ours.recv()
        assert isinstance(record, PhoneRecord)
        return record

    def uninstall(self, user: int, package: str) -> None:
        """Let its owner remove an app."""
        self._ours.send(_Uninstall(user, package))


def _live(personality: str, folder: Path, serial: str, manners: Manners, orders: Connection) -> None:
    phone = VirtualPhone(personality, folder, serial=serial)
    phone.authorise_all = manners.allows
    phone.userland.make_programs_cost(manners.program_cost_s)
    if manners.floods_mb:
        phone.faults.answer_megabytes(manners.floods_mb)
    with phone:
        orders.send(phone.port)
        while True:
            try:
                order = orders.recv()
            except EOFError:
                return
            if isinstance(order, _Uninstall):
                phone.model.uninstall(order.user, order.package)
            else:
                orders.send(_record(phone))


def _record(phone: VirtualPhone) -> PhoneRecord:
    states = {
        (user.number, package): phone.model.state(user.number, package)
        for user in phone.model.users()
        for package in list(phone.model.data.packages)
    }
    return PhoneRecord(
        frozenset(place for place, state in states.items() if state.installed),
        {place: int(state.enabled) for place, state in states.items()},
        Counter(filter(None, map(_deed, list(phone.calls)))),
        len(phone.commands),
    )


def _deed(call: tuple[str, ...]) -> tuple[str, int, str] | None:
    verb = next((word for word in call if word in _ACTING), None)
    if verb is None or "--user" not in call:
        return None
    return verb, int(call[call.index("--user") + 1]), call[-1]
