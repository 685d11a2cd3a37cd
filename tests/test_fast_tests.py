"""`make test-fast` starts no browser and no PostgreSQL, and kills nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAVY = re.compile(r"playwright|chromium|SIGKILL|\.kill\(\)")


@cache
def fast_tests() -> tuple[str, ...]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow", "-p", "no:randomly"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(line for line in told.splitlines() if "::" in line)


def test_none_of_them_names_postgresql() -> None:
    assert [test for test in fast_tests() if re.search(r"\[[^]]*postgresql", test)] == []


def test_none_of_their_files_knows_a_browser_or_kills_a_process() -> None:
    files = sorted({test.partition("::")[0] for test in fast_tests()} - {"tests/test_fast_tests.py"})

    assert [file for file in files if HEAVY.search((ROOT / file).read_text())] == []


def test_they_are_a_good_part_of_all_tests_and_from_every_package() -> None:
    folders = {test.split("/")[1] for test in fast_tests()}

    assert len(fast_tests()) > 2000
    assert {"agent", "certs", "dialect", "policy", "server", "virtual_phone"} <= folders
