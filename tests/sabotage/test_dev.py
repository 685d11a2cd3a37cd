"""`make dev`: phones in every standing, and a server that starts anew when a template changes; in a copy."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.fleet.standing import Standing
from tests.browser import Browser
from tests.sabotage.test_the_demo_notices import PACKAGES, ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / "project" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path / "project"


@pytest.fixture
def dev(copy: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "ONCE": "",
        "CURFEW_FOLDER": str(copy.parent / "state"),
    }
    command = [sys.executable, "-m", "demo.dev"]
    with subprocess.Popen(command, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.send_signal(signal.SIGINT)  # Ctrl-C
        assert process.wait() == 0


def browser_of(dev: subprocess.Popen[str], copy: Path) -> Browser:
    """Return who signs in with what `make dev` printed, once it serves."""
    assert dev.stdout is not None
    for line in dev.stdout:
        if found := re.match(r"The pages: (\S+)/   name: demo   password: (\S+)", line):
            return Browser(found[1], copy.parent / "state" / "trust", "demo", found[2])
    raise AssertionError("it ended before it served")


def test_there_is_a_phone_in_every_standing_and_a_changed_template_is_served(
    dev: subprocess.Popen[str], copy: Path
) -> None:
    browser = browser_of(dev, copy)

    for standing in Standing:
        page = browser.read(f"/?standing={standing.value}")
        label = f"D-{standing.value.replace('_', ' ')}"
        assert label in page, f"no phone is {standing.value}"

    template = copy / "server" / "templates" / "fleet.html"
    template.write_text(template.read_text().replace("<h1>Fleet</h1>", "<h1>Changed here</h1>"))

    assert "Changed here" in browser_of(dev, copy).read("/")


def test_a_fleet_of_any_size_is_made_to_look_at(tmp_path: Path) -> None:
    surroundings = {**os.environ, "CURFEW_FOLDER": str(tmp_path / "fleet"), "PHONES": "150", "ONCE": "1"}
    made = subprocess.run(
        [sys.executable, "-m", "demo.dev_fleet"],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    settings = tmp_path / "fleet" / "server" / "server.env"
    program = "import sys; from server.cli import main; sys.exit(main())"
    checked = subprocess.run(
        [sys.executable, "-c", program, "--config", str(settings), "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
