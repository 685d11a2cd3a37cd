"""The parts of the script under test: the real ones, or one with a rule broken on purpose (`mutations`)."""

from __future__ import annotations

import os
from pathlib import Path

from agent_scripts.exchange.composing import functions

BROKEN_PARTS = "CURFEW_BROKEN_PARTS"
"""Names a folder with other texts for some parts of the script."""


def part(name: str) -> str:
    """Return the functions of one file of `on_phone`."""
    folder = os.environ.get(BROKEN_PARTS)
    broken = Path(folder, name) if folder else None
    return broken.read_text() if broken and broken.exists() else functions(name)
