"""Files that survive a crash: the whole new content or the whole old one, never a mixture, never nothing.

Every change of the agent's files goes through this module. `witnesses` are told before and after each
change; the kill test uses them to end the process at the n-th one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from agent_scripts.errors import DiskFull, WriteFailed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PART = ".part"


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
        part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{_PART}")
        try:
            _write_part(part, data)
            # In the same folder, hence on the same disk: only there is a rename one step (rename(2)).
            os.replace(part, path)
            _sync_folder(path.parent)
        except OSError as error:
            # What was there is untouched; a full disk must not be left fuller.
            part.unlink(missing_ok=True)
            raise _translated(path, error) from error


def remove_durably(path: Path) -> None:
    """Remove `path`; on return it would stay away after a power cut. A file already gone is no error."""
    with _witnessed(path):
        try:
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _translated(path, error) from error


def move_durably(path: Path, folder: Path) -> Path:
    """Move `path` into `folder` on the same disk under its own name, or a numbered one if that is taken."""
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    with _witnessed(path):
        try:
            os.rename(path, target)
            _sync_folder(folder)
            _sync_folder(path.parent)
        except OSError as error:
            raise _translated(path, error) from error
    return target


def make_folder(path: Path) -> Path:
    """Return `path` as an existing folder that only this user can enter (mode 0700 if it is made here)."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _translated(path, error) from error
    return path


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Let one process of this computer at a time into the block; `path` is the file they queue at (flock(2))."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _translated(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def clear_leftovers(folder: Path) -> None:
    """Remove the unfinished parts that a killed process left in `folder`; living processes keep theirs."""
    for part in folder.glob(f".*{_PART}"):
        process = part.name.removesuffix(_PART).rpartition(".")[2].partition("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            part.unlink(missing_ok=True)


def _write_part(part: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(part, flags, 0o600), "wb", buffering=0) as file:
        # One write(2) may take a part of it, and on a full disk does.
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once the folder that lists it is (fsync(2), NOTES of rename).
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _witnessed(path: Path) -> Iterator[None]:
    for witness in witnesses:
        witness(Step.BEFORE, path)
    yield
    for witness in witnesses:
        witness(Step.AFTER, path)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _translated(path: Path, error: OSError) -> WriteFailed:
    if error.errno in _FULL:
        return DiskFull(path)
    return WriteFailed(f"cannot write {path}: {error.strerror}; mend the folder's rights and run this again")
