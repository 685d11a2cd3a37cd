"""Files of deploy/ as tests give them to the real programs: with other addresses and folders, else as they are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.server.running import ROOT

DEPLOY = ROOT / "deploy"


def changed(file: Path, changes: Mapping[str, str]) -> str:
    """Return a file's text with other addresses and folders; what is to be changed has to be there."""
    text = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text, f"{file} has no {before!r}"
        text = text.replace(before, after)
    return text


def required(program: str, package: str) -> str:
    """Return where a program is, or fail with the command that installs it."""
    found = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin") or shutil.which(program)
    assert found, f"{program} is not here: sudo apt-get install --no-install-recommends {package}"
    return found
