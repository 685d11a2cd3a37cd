"""Whether a phone can be debugged: two of Android's settings, as switches (docs/android/shell.md 14.1, 14.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable


class Switch(Enum):
    """What a phone says of one of its switches."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """It could not be read, so it is neither."""


@dataclass(frozen=True)
class Debugging:
    """USB debugging and wireless debugging, which Android has from 11 on."""

    usb: Switch = Switch.UNKNOWN
    wireless: Switch = Switch.UNKNOWN


# What was never set is off: where Android looks, 0 stands for it.
_SAID = {"setting 1": Switch.ON, "setting 0": Switch.OFF, "setting null": Switch.OFF}


def read_debugging(usb: CutAnswer | None, wireless: CutAnswer | None) -> Debugging:
    """Return both switches as ``settings get`` tells them; never raises."""
    return Debugging(_switch(usb), _switch(wireless))


def _switch(answer: CutAnswer | None) -> Switch:
    try:
        lines = sound_lines(answer, "settings")
    except Unreadable:
        return Switch.UNKNOWN
    return _SAID.get(lines[0], Switch.UNKNOWN) if len(lines) == 1 else Switch.UNKNOWN
