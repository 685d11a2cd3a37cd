"""Texts from outside, made fit to be shown: nothing in them can paint, hide or reorder what stands around them."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return `text` as one line in which every character that does not print stands as its escape.

    Controls (ESC, CR, line feeds), changes of direction such as U+202E, zero-width and private characters:

        printable("Tik\u202eTok") == "Tik\\u202eTok"
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Return `text` with its line feeds kept and all else as `printable` makes it."""
    return "\n".join(map(printable, text.split("\n")))


def said_by_others(text: str, longest: int = 200) -> str:
    """Return what somebody else says, in quotation marks, on one line of at most `longest` characters."""
    # A quotation mark inside could end our quotation, and what follows would pass for our own words.
    shown = printable(text.strip()).replace('"', "'")
    # Cut after escaping: an escape is up to ten times as long as its character.
    return f'"{shown[:longest]}{"…" if len(shown) > longest else ""}"'
