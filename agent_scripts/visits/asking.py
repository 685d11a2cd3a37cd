"""One question to a phone, and its answer as values."""

from __future__ import annotations

from typing import TypeVar

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.exchange import Question
from agent_scripts.visits.limits import Limits

T = TypeVar("T")


async def ask(connection: PhoneConnection, question: Question[T], silence_s: float, limits: Limits) -> T:
    """Return what the phone answered; raises `PhoneError` where the answer was lost on the way."""
    return question.parse(await connection.run(question.command, silence_s, limits.answer_bytes))
