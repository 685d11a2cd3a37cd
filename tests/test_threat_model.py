"""docs/threat-model.md names the tests that try each known attack: its numbers are whole, and the tests are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)`")
# There is nothing of it to try, or nothing yet; the row says why.
NOTHING_TO_TRY = {26, 30, 40}


def rows() -> list[tuple[int, str]]:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    return [(int(number), tried_by) for number, _, tried_by in ROW.findall(text)]


@cache
def defined() -> frozenset[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    functions = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_the_attacks_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _ in rows()]
    assert len(numbers) >= 48
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(("number", "tried_by"), rows(), ids=lambda part: str(part)[:20])
def test_each_attack_names_tests_that_there_are(number: int, tried_by: str) -> None:
    named = TEST.findall(tried_by)
    assert bool(named) == (number not in NOTHING_TO_TRY)
    assert not set(named) - defined()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_no_page_names_a_test_that_is_gone(page: Path) -> None:
    assert not set(TEST.findall(page.read_text(encoding="utf-8"))) - defined()
