"""How long a check waits for a phone that says no for the moment: a system that starts, an adbd that stands by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from certs.logs import Log

_log = Log(__name__)

PAUSES_S = (2.0, 5.0, 10.0)
"""Short enough for a technician who looks on, long enough for a service that has just been started again."""

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """The pauses between one try and the next; there are as many tries as pauses, and the first."""

    pauses_s: tuple[float, ...] = field(default_factory=lambda: PAUSES_S)

    async def despite(self, error: type[Exception], ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` brings, asking again after each `error` until the pauses are used up."""
        for pause_s in self.pauses_s:
            try:
                return await ask()
            except error:
                _log.info("asking again", because=error.__name__, in_seconds=pause_s)
                await asyncio.sleep(pause_s)
        # Not caught the last time: this error is the one that a person is told.
        return await ask()

    async def until(self, is_final: Callable[[T], bool], ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` brings once it is final, or the last of it when the pauses are used up."""
        for pause_s in self.pauses_s:
            answer = await ask()
            if is_final(answer):
                return answer
            _log.info("asking again", because="the answer may be another in a moment", in_seconds=pause_s)
            await asyncio.sleep(pause_s)
        return await ask()
