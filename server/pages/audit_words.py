"""The details of an audit row in words: no list, no truth value and no name of a field as a program would write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def detail_words(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is told and how it reads: ``("older than days", "90")``, ``("signers", "approver-1, approver-2")``."""
    for name, value in detail.items():
        yield name.replace("_", " "), _words(value)


def _words(value: Any) -> str:
    # Before numbers: Python counts a truth value among them.
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "not said"
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {text}" for name, text in detail_words(value)) or "nothing"
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "nothing"
    return str(value)
