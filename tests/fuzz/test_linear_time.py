"""Reading takes time in proportion to the answer: counted in steps of the interpreter, never by a clock."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import agent_scripts
from agent_scripts import exchange
from agent_scripts.dialect.refusal_wordings import classify
from policy.ledger import Ledger
from tests.fuzz.target import NONCE, framed, lines_of, read, seeds

_SOURCES = [
    *Path(agent_scripts.__file__).parent.glob("dialect/*.py"),
    *Path(agent_scripts.__file__).parent.glob("exchange/*.py"),
]


def steps(work: Callable[[], object]) -> int:
    """Return how many lines and calls, those of built-in functions too, `work` takes."""
    counted = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal counted
        counted += 1
        return trace

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(trace)
    try:
        work()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return counted


REPEATED = {
    "users that a name imitates": ("users", "header 0 13 running"),
    "ends of names": ("users", "tail 13 running"),
    "beginnings of names": ("users", "open 10"),
    "restrictions": ("users", "restrictions own"),
    "owners": ("owners", "profile 10"),
    "administrators": ("owners", "admins"),
    "blocks": ("package:com.android.shell", "package"),
    "other blocks": ("package:com.android.shell", "other-package"),
    "hidden users": ("package:com.android.shell", "hidden-user 7"),
    "callers": ("package:com.android.shell", "caller shell"),
    "properties": ("properties", "property ro.product.model x"),
    "ledger lines": ("folder", "=entry 10 a.b 0 done 1 2023-03-15T11:00:00+00:00 1"),
    "noise": ("users", "what is this"),
}


@pytest.mark.parametrize(("section", "line"), REPEATED.values(), ids=REPEATED)
def test_four_times_the_lines_take_four_times_the_steps(section: str, line: str) -> None:
    lines = lines_of(seeds()[0])
    at = lines.index(f"NONCE exit {section} 0")

    def reading(times: int) -> Callable[[], object]:
        answer = framed([*lines[:at], *[line] * times, *lines[at:]])
        return lambda: read(answer)

    small, large = steps(reading(500)), steps(reading(2000))

    assert large < 4.4 * small


@pytest.mark.parametrize("what", ["x", "1:", f"{NONCE} ", "Error: ", "java.lang.", "\n"])
def test_noise_takes_steps_in_proportion(what: str) -> None:
    def works(times: int) -> list[Callable[[], object]]:
        text = what * times
        return [
            lambda: read(text.encode()),
            lambda: exchange.ActingQuestion((), Ledger(), "", 34, None, nonce=NONCE).parse(text.encode()),
            lambda: exchange.ProvisioningQuestion(exchange.UNKNOWN_PHONE, "ab", nonce=NONCE).parse(
                text.encode()
            ),
            lambda: classify(text, 1),
        ]

    for small, large in zip(works(500), works(2000), strict=True):
        assert steps(large) < 4.4 * steps(small) + 100


# What a pattern does inside is counted by nobody, so its form is looked at instead ----------------------------------


def patterns() -> list[str]:
    """Return the texts of all patterns in the readers' sources."""
    found: list[str] = []
    for path in _SOURCES:
        text = path.read_text("utf-8")
        found += re.findall(r'r"((?:[^"\\]|\\.)*)"', text)
    return found


def test_no_pattern_repeats_a_repetition_without_end() -> None:
    assert len(patterns()) > 50
    # The one that does begins each round with a blank, which no round can hold: there is one way to match.
    careful = [p for p in patterns() if re.search(r"[*+}]\)[*+]", p)]
    assert careful == [r"(?:header [0-9]{1,9}|tail) ([0-9a-fA-F]{1,8})((?: [a-z0-9~-]+)*)"]


def test_no_pattern_that_is_searched_for_has_an_open_end() -> None:
    """`search` begins at every character: an endless repetition inside would make that quadratic."""
    text = (
        Path(agent_scripts.__file__).with_name("dialect").joinpath("refusal_wordings.py").read_text("utf-8")
    )
    searched_for = re.findall(r'r"((?:[^"\\]|\\.)*)"', text)

    assert len(searched_for) > 40
    for pattern in searched_for:
        assert not re.search(r"(?<!\\)(?:[*]|(?<!\()\+)(?!$)", pattern.replace("(?:adb: |error: )+", "")), (
            pattern
        )
