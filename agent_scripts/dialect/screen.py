"""Whether a phone's screen is on, and what put it off last (docs/android/shell.md 12.5)."""

from __future__ import annotations

from dataclasses import dataclass

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable

_SCREEN = {"screen on": True, "screen off": False}
_SLEPT = {"slept key": True, "slept otherwise": False}


@dataclass(frozen=True)
class Screen:
    """``by_key``: whether a key put it off the last time; None: the release does not tell."""

    is_on: bool
    by_key: bool | None = None


def read_screen(answer: CutAnswer | None) -> Screen | None:
    """Return what ``dumpsys power`` says of the screen, None where that cannot be read; never raises."""
    try:
        lines = sound_lines(answer, "dumpsys power")
    except Unreadable:
        return None
    # Each once: a layout that says two things of one screen is not the one that was read.
    screens = [_SCREEN[line] for line in lines if line in _SCREEN]
    reasons = [_SLEPT[line] for line in lines if line in _SLEPT]
    if len(screens) != 1 or len(reasons) > 1:
        return None
    return Screen(screens[0], reasons[0] if reasons else None)
