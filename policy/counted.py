"""How many there are, in words: the one place that knows a singular from a plural."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return `number` with its noun: ``counted(1, "row") == "1 row"``, ``counted(0, "row") == "0 rows"``.

    `many` is the plural where it is not `one` with an "s": ``counted(2, "reply", "replies")``.
    """
    return f"{number} {noun(number, one, many)}"


def noun(number: int, one: str, many: str = "") -> str:
    """Return the noun alone, where something stands between it and its number."""
    return one if number == 1 else many or f"{one}s"
