"""When an exchange has lasted too long, and when it ended for another reason."""

from __future__ import annotations

import asyncio
import errno

import pytest

from agent_scripts.adb.deadline import deadline
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.errors import AnswerTooSlow

PHONE = PhoneAddress.parse("tcp:127.0.0.1:5555")
FOR_EVER_S = 60.0


async def silent(silence_s: float, longest_s: float) -> None:
    async with deadline(PHONE, silence_s, longest_s):
        await asyncio.Event().wait()


async def steady(longest_s: float) -> None:
    async with deadline(PHONE, FOR_EVER_S, longest_s) as progress:
        while True:
            progress()
            await asyncio.sleep(0)


def test_silence_is_told_as_silence() -> None:
    with pytest.raises(AnswerTooSlow, match=r"answered nothing for 0\.01 s"):
        asyncio.run(silent(0.01, FOR_EVER_S))


def test_an_answer_without_end_is_told_as_one() -> None:
    with pytest.raises(AnswerTooSlow, match=r"still answering after 0\.01 s"):
        asyncio.run(steady(0.01))


def test_a_connection_that_the_system_gave_up_is_not_told_as_silence() -> None:
    async def given_up() -> None:
        async with deadline(PHONE, FOR_EVER_S, FOR_EVER_S):
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with pytest.raises(TimeoutError) as raised:
        asyncio.run(given_up())
    assert raised.value.errno == errno.ETIMEDOUT
