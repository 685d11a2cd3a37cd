"""One shell text per exchange, composed from the functions that run on the phone and from checked values."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from agent_scripts.exchange.frame import checked_nonce

FOLDER = "/data/local/tmp/curfew"
"""Our folder on the phone (docs/android/commands.md 13.3)."""

READING = ("folder", "users", "owners", "package", "read")
"""The parts of a reading exchange; what the answers mean is read by the station's own dialect."""

ACTING = ("folder", "values", "package", "digest", "act")
"""The parts of an acting exchange, and of the script that stays: both ask and read a package by these."""


def composed(nonce: str, parts: Iterable[str], values: Iterable[str], last: str) -> str:
    """Return the text for one exchange: settings, the functions of `parts`, and the one call `last`.

    `parts` are names of files in `on_phone`; `values` are assignments of values that were checked or quoted.
    A file set up by the exchange is nobody else's (umask), and bytes are bytes in every filter (LC_ALL).
    """
    # Before the functions: cut.sh takes the nonce into its filters as it is read.
    head = (
        "umask 077",
        "LC_ALL=C",
        "export LC_ALL",
        f"nonce={checked_nonce(nonce)}",
        f"folder={FOLDER}",
        "may_name_phone=1",
    )
    return "\n".join((*head, *values, *(functions(part) for part in ("frame", "cut", *parts)), last)) + "\n"


def quoted(text: str) -> str:
    """Return `text` as one word of a shell, whatever it holds; control characters become blanks."""
    harmless = "".join(character if character >= " " or character == "\n" else " " for character in text)
    return shlex.quote(harmless.replace("\x7f", " "))


@cache
def functions(part: str) -> str:
    """Return one file of `on_phone` without comments: they would travel to every phone at every check."""
    text = files("agent_scripts.on_phone").joinpath(f"{part}.sh").read_text("utf-8")
    # Lines of a sed program are treated alike: an empty one, or one that begins with `#`, would be lost.
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return "\n".join(line.removeprefix("    ") for line in lines)
