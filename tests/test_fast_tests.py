"""`make test-fast` starts no browser and no PostgreSQL, and kills nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = re.compile(r"playwright|chromium|SIGKILL|\.kill\(\)")


@pytest.fixture
def fast_tests(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The names of the fast tests: those of this run, or, where it is of a few files only, those that are collected."""
    items = request.session.items
    if len({item.path for item in items}) < len(list((ROOT / "tests").rglob("test_*.py"))) / 2:
        return _collected()
    return tuple(item.nodeid for item in items if not item.get_closest_marker("slow"))


@cache
def _collected() -> tuple[str, ...]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow", "-p", "no:randomly"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(line for line in told.splitlines() if "::" in line)


def test_none_of_them_names_postgresql(fast_tests: tuple[str, ...]) -> None:
    assert [test for test in fast_tests if re.search(r"\[[^]]*postgresql", test)] == []


def test_none_of_their_files_knows_a_browser_or_kills_a_process(fast_tests: tuple[str, ...]) -> None:
    files = sorted({test.partition("::")[0] for test in fast_tests} - {"tests/test_fast_tests.py"})

    assert [file for file in files if HEAVY.search((ROOT / file).read_text())] == []


def test_they_are_a_good_part_of_all_tests_and_from_every_package(fast_tests: tuple[str, ...]) -> None:
    folders = {test.split("/")[1] for test in fast_tests}

    assert len(fast_tests) > 2000
    assert {"agent", "certs", "dialect", "policy", "server", "virtual_phone"} <= folders
