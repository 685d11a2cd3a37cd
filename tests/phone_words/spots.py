"""Where in the scripts a filter is started: so that what was recorded can be held against what there is."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

from agent_scripts.exchange.composing import functions

SPOT = "CURFEW_SPOT"
"""Tells a started filter which one it is, as ``FUNCTION:NUMBER``."""

_FUNCTION = re.compile(r"(\w+)\(\) [{(]")
_FILTER = re.compile(r"(?<![\w./$'\"=-])(?:sed|grep)(?= )")

PARTS = sorted(path.name.removesuffix(".sh") for path in files("agent_scripts.on_phone").iterdir()
               if path.name.endswith(".sh"))  # fmt: skip


def with_spots(text: str) -> str:
    """Return a composed text in which every filter is started with its spot in the environment."""
    function, counted = "", Counter[str]()
    lines = []

    def marked(found: re.Match[str]) -> str:
        counted[function] += 1
        return f"{SPOT}={function}:{counted[function]} {found[0]}"

    for line in text.split("\n"):
        begun = _FUNCTION.match(line)
        function = begun[1] if begun else function
        lines.append(_FILTER.sub(marked, line))
    return "\n".join(lines)


def all_spots() -> frozenset[str]:
    """Return the spot of every filter in the scripts."""
    return frozenset(
        spot for part in PARTS for spot in re.findall(rf"{SPOT}=(\S+) ", with_spots(functions(part)))
    )


def filter_functions() -> frozenset[str]:
    """Return the names of the functions that decide what leaves the phone, ``cut_…``."""
    return frozenset(name for part in PARTS for name in re.findall(r"(?m)^(cut_\w+)\(\)", functions(part)))
