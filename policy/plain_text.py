"""Texts from outside, made fit to be shown: nothing in them can paint, hide or reorder what stands around them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

_WORD = re.compile(r"[^\W\d_]{2,}")
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Written together in one word wherever Japanese is.
_JAPANESE = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


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


def no_formula(text: str) -> str:
    """Return `text` as a cell that no spreadsheet runs, whoever wrote it (OWASP, "CSV Injection"): ``'=1+1``."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def mixed_words(text: str) -> Iterator[str]:
    r"""Yield what is odd in each word that mixes scripts: it is not the word that it looks like.

    list(mixed_words("Tik\u0422ok")) == ["'Tik\u0422ok' has U+0422 CYRILLIC CAPITAL LETTER TE among LATIN letters"]
    """
    for word in dict.fromkeys(_WORD.findall(text)):
        scripts = Counter(map(_script, word))
        if len(scripts) > 1:
            usual = scripts.most_common(1)[0][0]
            odd = [character for character in dict.fromkeys(word) if _script(character) != usual]
            named = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}" for c in odd)
            yield f"{word!r} has {named} among {usual} letters"


def _script(letter: str) -> str:
    # The first word of a letter's name; Python knows no script property, and a well-kept library for it is large.
    first = unicodedata.name(letter, "unknown").split()[0].partition("-")[0]
    return "CJK" if first in _JAPANESE else first
