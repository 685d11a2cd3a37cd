"""tools/folder-for-tests: in memory only where there is room and programs may run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools/folder-for-tests"


def printed(programs: Path) -> str:
    """Run the tool with `programs` in front of the usual ones and /usual as the usual folder."""
    surroundings = {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": "/usual"}
    return subprocess.run([TOOL], env=surroundings, capture_output=True, text=True, check=True).stdout.strip()


def stand_in(programs: Path, name: str, body: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{body}\n")
    (programs / name).chmod(0o755)


def room(programs: Path, kib: int) -> None:
    stand_in(programs, "df", f"echo 'name of columns'; echo 'tmpfs 1 1 {kib} 1% /dev/shm'")


def test_without_room_in_memory_the_usual_folder_is_taken(tmp_path: Path) -> None:
    room(tmp_path, 65_536)  # what a container has unless told otherwise

    assert printed(tmp_path) == "/usual"


def test_where_programs_may_not_run_the_usual_folder_is_taken(tmp_path: Path) -> None:
    room(tmp_path, 1 << 30)
    forbidden = tmp_path / "no-program"
    forbidden.mkdir()
    # A folder cannot be run, as nothing can below a mount with noexec.
    stand_in(tmp_path, "mktemp", f"echo {forbidden}")

    assert printed(tmp_path) == "/usual"


@pytest.fixture
def programs_run_in_memory() -> None:
    """Skip, and say so, where this machine has no folder in memory or forbids programs there."""
    probe = Path(f"/dev/shm/curfew-probe-{os.getpid()}")
    try:
        stand_in(probe.parent, probe.name, "exit 0")
        subprocess.run([probe], check=True)
    except OSError as error:
        pytest.skip(f"no program can run in /dev/shm here: {error}")
    finally:
        probe.unlink(missing_ok=True)


@pytest.mark.usefixtures("programs_run_in_memory")
def test_with_room_it_is_the_folder_in_memory_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    room(tmp_path, 1 << 30)
    awk = shutil.which("awk")
    stand_in(tmp_path, "awk", f'case $1 in *MemAvailable*) echo {1 << 30} ;; *) exec {awk} "$@" ;; esac')

    assert printed(tmp_path) == "/dev/shm"
    assert list(Path("/dev/shm").glob("curfew-tests.*")) == []
