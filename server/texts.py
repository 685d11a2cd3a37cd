"""Texts from outside that are to be stored: of bounded length, and of characters every database can hold."""

from __future__ import annotations


def storable(text: str, longest: int) -> bool:
    """Whether `text` is short enough and printable: no control characters (PostgreSQL refuses NUL), no half
    characters (lone surrogates cannot be written as UTF-8)."""
    return len(text) <= longest and text.isprintable()
