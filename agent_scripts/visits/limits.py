"""How long a visit waits for a phone, and how much of an answer it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The longest silence of a phone in each kind of exchange, in seconds, and the longest answer.

    A phone that goes on answering is waited for, however slow it is (`agent_scripts.adb.deadline`). A cut answer is
    a few KiB; a mebibyte is far beyond any honest one.
    """

    reading_s: float = 60.0
    acting_s: float = 90.0
    placing_s: float = 120.0
    answer_bytes: int = 1 << 20
