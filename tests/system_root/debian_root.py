"""A folder laid out like an unpacked Android system, of Debian's mksh, toybox and busybox and their libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

API = 34
_LENT_BY_BUSYBOX = ("tr", "dd", "expr")


def lay_out(folder: Path) -> Path:
    """Return the folder with programs, their libraries and a ``build.prop``; skips where a program is missing."""
    programs = folder / "system/bin"
    programs.mkdir(parents=True)
    for name, package in (
        ("sh", "mksh"),
        ("toybox", "toybox"),
        ("busybox", "busybox"),
        ("awk", "original-awk"),
    ):
        _copy(folder, programs / name, package)
    applets = subprocess.run(["toybox"], capture_output=True, text=True, check=True).stdout.split()
    for name in applets:
        if not (programs / name).exists():
            (programs / name).symlink_to("toybox")
    for name in _LENT_BY_BUSYBOX:
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to("busybox")
    (folder / "etc").mkdir()
    (folder / "etc/passwd").write_text("shell:x:2000:2000::/:/system/bin/sh\n")
    (folder / "etc/group").write_text("shell:x:2000:\n")
    (folder / "system/build.prop").write_text(f"ro.build.version.sdk={API}\n")
    return folder


def _copy(folder: Path, target: Path, program: str) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is missing, so no system root could be made: apt-get install {program}")
    shutil.copy(found, target)
    needed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+)", needed):
        inside = folder / library.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, inside)
