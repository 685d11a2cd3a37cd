"""What the adb server says of the phones it sees, told apart by fields that blanks cannot move. Pure.

The short list has a tab between serial and state. The long one, which alone names models, has blanks only, and serials
may hold blanks too: phones that announce the same name by wireless debugging are called
``adb-SERIAL (2)._adb-tls-connect._tcp``. So a line of it is looked up by the serial and state that the short list told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MODEL = re.compile(r" model:(\S{1,100})")
_SERIAL_WIDTH = 22
"""To how many characters the long list fills a serial up."""


@dataclass(frozen=True)
class ListedPhone:
    """One phone: its serial and state in adb's own words, and its model if adb knows it."""

    serial: str
    state: str
    model: str


def listed_phones(short: str, long: str) -> tuple[ListedPhone, ...]:
    """Return the phones of the answers to ``host:devices`` and ``host:devices-l``, in the order of the first."""
    details = long.split("\n")
    found = []
    for line in short.split("\n"):
        # From the right: no state holds a tab, while a serial is whatever a maker wrote.
        serial, tab, state = line.rpartition("\t")
        if tab:
            found.append(ListedPhone(serial, state, _model(serial, state, details)))
    return tuple(found)


def _model(serial: str, state: str, details: Sequence[str]) -> str:
    """Return the model on the one line that begins with this serial and state; none if there are several."""
    beginning = f"{serial:<{_SERIAL_WIDTH}} {state}"
    rests = [line.removeprefix(beginning) for line in details if line.startswith(f"{beginning} ")]
    model = _MODEL.search(rests[0]) if len(rests) == 1 else None
    return model[1] if model else ""
