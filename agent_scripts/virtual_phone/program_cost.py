"""A phone on which every program takes its time to start, as on a cheap one under load.

What the shell does by itself costs nothing more, as on a phone: only the number of programs counts.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

_BEHIND = "programs-behind"
# The computer's own shell and sleep, by their paths: they are no programs of the phone.
_SLOW = """#!/bin/sh
/bin/sleep {seconds}
exec {program} "$@"
"""


def make_programs_cost(programs: Path, seconds: float) -> None:
    """Let each program in that folder start `seconds` later; 0 takes that back. Possible while they are in use."""
    behind = programs.with_name(_BEHIND)
    behind.mkdir(exist_ok=True)
    for program in sorted(programs.iterdir()):
        original = behind / program.name
        # Once: at the second time the program is our own wrapper, and would be kept as if it were the original.
        if not os.path.lexists(original):
            _keep(program, original)
        if seconds > 0:
            new = behind / f"{program.name}.new"
            # Kept under its own name: toybox and the framework's scripts go by the name that they are called by.
            new.write_text(_SLOW.format(seconds=f"{seconds:g}", program=shlex.quote(str(original))))
            new.chmod(0o755)
            # In one step: a command that runs meanwhile finds the program with or without its cost, and never none.
            new.replace(program)
        else:
            original.replace(program)


def forget_programs_behind(programs: Path) -> None:
    """Remove what an earlier life of the phone kept, before its programs are made anew."""
    behind = programs.with_name(_BEHIND)
    for old in behind.iterdir() if behind.exists() else ():
        old.unlink()


def _keep(program: Path, original: Path) -> None:
    if program.is_symlink():
        original.symlink_to(program.readlink())
    else:
        original.write_bytes(program.read_bytes())
        original.chmod(0o755)
