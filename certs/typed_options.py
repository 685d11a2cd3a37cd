"""What to type next, as it has to be typed here: with the options that stood before the command this time.

Whoever gave ``--config`` or ``--station`` gives it again, so a next step without it would lead to another place.
"""

from __future__ import annotations

import re
from shlex import quote

UNKNOWN_CONFIG = "--config SERVER.env"
"""What a command of the server is told with where nobody knows which file: on a page, at another computer."""

_options: dict[str, str] = {}


def remember_options(program: str, *words: str) -> None:
    """Let each command of `program` that is told from now on carry `words`; none: as it stands."""
    _options[program] = "".join(f"{quote(word)} " for word in words)


def forget_options() -> None:
    """Let commands be told as in a process where none has begun yet."""
    _options.clear()


def as_typed_here(text: str) -> str:
    """Return `text` with the remembered options in each command that it tells.

    After ``--station two`` was typed, "run: curfew-agent check --all" is "run: curfew-agent --station two check --all".
    What makes the file that ``--config`` names is told without it.
    """
    for program, options in _options.items():
        told = rf"\b{program} (?:{re.escape(UNKNOWN_CONFIG)} )?(?!init\b)(?=[a-z])"
        # Escaped: in a replacement's text, a path's backslash would be a reference.
        text = re.sub(told, f"{program} {options}".replace("\\", "\\\\"), text)
    return text
