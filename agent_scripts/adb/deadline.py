"""When an exchange with a phone has lasted too long: after a silence, and at the latest at one upper bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import AnswerTooSlow
from certs.logs import Log

_log = Log(__name__)
Progress = Callable[[], None]
"""Called for bytes of the answer that arrived: the phone is at work, so its time begins anew."""


@asynccontextmanager
async def deadline(address: PhoneAddress, silence_s: float, longest_s: float) -> AsyncIterator[Progress]:
    """End the block with `AnswerTooSlow` after `silence_s` without progress, or after `longest_s` in any case.

    A `TimeoutError` of the block's own, such as a socket's, stays what it is: the phone was not silent for so long.
    """
    time = asyncio.get_running_loop().time
    begun = time()
    end = begun + longest_s

    def next_limit() -> float:
        return min(time() + silence_s, end)

    outcome = "lost"
    try:
        async with asyncio.timeout_at(next_limit()) as limit:
            yield lambda: limit.reschedule(next_limit())
        outcome = "answered"
    except TimeoutError as error:
        if not limit.expired():
            raise
        outcome = "too slow"
        # Both limits end in the same TimeoutError; which of the two it was, the clock tells.
        if time() < end:
            why = f"answered nothing for {silence_s:g} s; keep its screen on and check again"
        else:
            why = f"was still answering after {longest_s:g} s; restart it and check again"
        raise AnswerTooSlow(f"{address} {why}") from error
    finally:
        _log.debug("exchange ended", phone=str(address), outcome=outcome, seconds=round(time() - begun, 3))
