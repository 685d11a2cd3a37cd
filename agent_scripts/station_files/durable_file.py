"""Files that survive a crash: the whole new content or the whole old one, never a mixture, never nothing.

Every change of the agent's files goes through this module. `witnesses` are told before and after each
change; the kill test uses them to end the process at the n-th one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from agent_scripts.errors import DiskFull, WriteFailed
from certs.durable import replace_durably, sync_folder

# Three ways to have no room: the disk, the quota of the user, the largest file that is allowed (errno(3)).
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Step(Enum):
    """On which side of a durable change a witness is called."""

    BEFORE = "before"
    AFTER = "after"


witnesses: list[Callable[[Step, Path], None]] = []
"""Called around every durable change with the file concerned; empty outside of tests."""


def write_durably(path: Path, data: bytes) -> None:
    """Put `data` into `path` (mode 0600); on return it would survive a power cut.

    Raises `DiskFull` or `WriteFailed`; the old content is intact then.
    """
    with _witnessed(path):
        try:
            replace_durably(path, data)
        except OSError as error:
            raise _translated(path, error) from error


def remove_durably(path: Path) -> None:
    """Remove `path`; on return it would stay away after a power cut. A file already gone is no error."""
    with _witnessed(path):
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise _translated(path, error) from error


def move_durably(path: Path, folder: Path) -> Path:
    """Move `path` into `folder` on the same disk under its own name, or a numbered one if that is taken."""
    target = folder / path.name
    number = 1
    # rename(2) replaces a file under the new name without a word, and that would be a report that a person must see.
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    with _witnessed(path):
        try:
            os.rename(path, target)
            # The new place first: cut off between the two, the file may stand in both folders, and never in none.
            sync_folder(folder)
            sync_folder(path.parent)
        except OSError as error:
            raise _translated(path, error) from error
    return target


def make_folder(path: Path) -> Path:
    """Return `path` as an existing folder that only this user can enter (mode 0700 if it is made here)."""
    try:
        # Only the last folder gets this mode; parents made on the way get the usual one (pathlib).
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _translated(path, error) from error
    return path


@contextmanager
def held_alone(path: Path, busy: Exception | None = None) -> Iterator[None]:
    """Let one process of this computer at a time into the block; `path` is the file they queue at (flock(2)).

    Where `busy` is given, nobody queues: it is raised while another process is inside.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _translated(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise busy or error from error
        yield
    finally:
        # Closing lets the lock go, as the end of a killed process does. The file stays: were it removed, one who waits
        # at it and one who comes later would hold two locks.
        os.close(descriptor)


@contextmanager
def _witnessed(path: Path) -> Iterator[None]:
    for witness in witnesses:
        witness(Step.BEFORE, path)
    # No `finally`: a change that failed was not made, and nobody is told that it was.
    yield
    for witness in witnesses:
        witness(Step.AFTER, path)


def _translated(path: Path, error: OSError) -> WriteFailed:
    if error.errno in _FULL:
        return DiskFull(path)
    return WriteFailed(f"cannot write {path}: {error.strerror}; mend the folder's rights and run this again")
