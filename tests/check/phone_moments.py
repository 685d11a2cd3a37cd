"""What happens to a phone at a chosen moment: the n-th command that reaches it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent_scripts.virtual_phone.phone import VirtualPhone

READING, ACTING = 1, 2
"""The exchanges of one check, in their order."""


class _Commands(deque[str]):
    """The commands as a phone notes them, telling somebody about one of them before it runs."""

    def __init__(self, number: int, then: Callable[[], None]) -> None:
        super().__init__()
        self._number = number
        self._then = then

    def append(self, command: str) -> None:
        super().append(command)
        if len(self) == self._number:
            self._then()


def at_exchange(phone: VirtualPhone, number: int, then: Callable[[], None]) -> None:
    """Do `then` once, when the `number`-th command from now on has arrived and before it runs."""
    phone.commands = _Commands(number, then)
