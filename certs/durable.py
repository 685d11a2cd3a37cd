"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from certs.errors import KeyExists, NotWritten


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600, on disk when this returns.

    Raises `NotWritten` (disk full, no permission); the old file is then intact.
    """
    try:
        _replace(path, data)
    except OSError as error:
        raise NotWritten(
            f"{path} could not be written ({error.strerror}); free some space or permissions, then repeat"
        ) from error


def create_private_file(path: Path, data: bytes) -> None:
    """Create `path` with mode 0600 from its first moment on; raises `KeyExists` if something stands there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyExists(
            f"{path} exists and is not overwritten; choose another name or move it away"
        ) from error
    except OSError as error:
        raise NotWritten(f"{path} could not be written ({error.strerror}); check the folder") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _fsync_folder(path.parent)


def _replace(path: Path, data: bytes) -> None:
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _fsync_folder(path.parent)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
