"""What an installation gets: the locked packages that Curfew needs, and none of the developers' tools."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def blocks(name: str) -> set[str]:
    """Return the packages that a list locks, each with its version and hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^[A-Za-z0-9].*(?:\n[ ].*)*\n", text, re.MULTILINE))


def test_the_list_is_what_the_installed_packages_say_that_they_need() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "requirements"], capture_output=True, text=True, check=True
    ).stdout

    assert made == (ROOT / "requirements.txt").read_text(encoding="utf-8"), (
        "expected requirements.txt to follow constraints.txt and setup.cfg, found another; make it anew:"
        " .venv/bin/python tools/requirements >requirements.txt"
    )


def test_what_an_installation_gets_is_locked_as_it_was_tested() -> None:
    assert blocks("requirements.txt") <= blocks("constraints.txt")


def extra(name: str) -> set[str]:
    """Return the packages that an extra asks for."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return {re.split(r"[<>=]", line)[0].lower() for line in setup["options.extras_require"][name].split()}


def test_no_tool_of_the_developers_is_installed_with_the_product() -> None:
    names = {re.split(r"[=\[]", block)[0] for block in blocks("requirements.txt")}

    assert extra("token") | extra("usb") | {"flask", "granian", "sqlalchemy", "adb-shell", "textual"} <= names
    assert names & (extra("test") - extra("token")) == set()
