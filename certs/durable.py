"""Files that are there whole or not at all, whatever happens while they are written.

`replace_durably` is the one way in which Curfew replaces a file, in trust folders, on the server and on stations.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from shlex import quote

from certs.errors import KeyExists, NotWritten
from certs.logs import Log

_PART = ".part"
_log = Log(__name__)


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600, on disk when this returns.

    Raises `NotWritten` (disk full, no permission); the old file is then intact.
    """
    try:
        replace_durably(path, data)
    except OSError as error:
        raise NotWritten(
            f"{path} could not be written ({error.strerror}); free some space or permissions, then repeat"
        ) from error


def remove_durably(path: Path) -> None:
    """Remove `path`; on return it would stay away after a power cut. A file already gone is no error."""
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise NotWritten(f"{path} could not be removed ({error.strerror}); check the folder") from error


def create_private_file(path: Path, data: bytes) -> None:
    """Create `path` with mode 0600 from its first moment on; raises `KeyExists` if something stands there."""
    try:
        # O_EXCL looks and makes in one step: between two, somebody's file could come to stand there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyExists(
            f"{path} exists and is not overwritten; choose another name or move it away"
        ) from error
    except OSError as error:
        raise NotWritten(f"{path} could not be written ({error.strerror}); check the folder") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        # Half a key is none, and would stand in the way of the next try.
        path.unlink(missing_ok=True)
        raise NotWritten(
            f"{path} could not be written ({error.strerror}); make room and try again"
        ) from error
    _log.info("private file made", path=str(path))


def make_private_folder(path: Path) -> Path:
    """Return `path` as a folder that only this user can enter; an empty one that was open is closed.

    Raises `NotWritten` for a folder with something in it that others can enter: what is there may be theirs.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # `mkdir` leaves the mode of a folder that is there already as it is.
        if path.stat().st_mode & 0o077:
            if any(path.iterdir()):
                raise NotWritten(
                    f"{path} can be entered by others and is to hold keys; run: chmod 700 {quote(str(path))}"
                )
            path.chmod(0o700)
    except OSError as error:
        raise NotWritten(f"{path} could not be made ({error.strerror}); choose another folder") from error
    return path


def replace_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600; on return it would survive a power cut. Raises `OSError`.

    The old content is intact then. What a killed process leaves is named after it: `clear_leftovers` finds it.
    """
    # Process and thread in the name: no two writers share a part, and `clear_leftovers` can tell who is dead.
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{_PART}")
    try:
        _write_part(part, data)
        # In the same folder, hence on the same disk: only there is a rename one step (rename(2)).
        os.replace(part, path)
        sync_folder(path.parent)
        _log.debug("file written", path=str(path), bytes=len(data))
    except OSError:
        # What was there is untouched; a full disk must not be left fuller.
        part.unlink(missing_ok=True)
        raise


def clear_leftovers(folder: Path) -> None:
    """Remove the unfinished parts that a killed process left in `folder`; living processes keep theirs."""
    for part in folder.glob(f".*{_PART}"):
        process = part.name.removesuffix(_PART).rpartition(".")[2].partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's list of names is on disk: only then is a rename in it durable (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_part(part: Path, data: bytes) -> None:
    # O_NOFOLLOW: a link under the part's name must not lead the write somewhere else.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(part, flags, 0o600), "wb", buffering=0) as file:
        # One write(2) may take a part of it, and on a full disk does.
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        # Before the rename: a power cut could otherwise keep the new name and lose what stands under it.
        os.fsync(file.fileno())


def is_alive(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        # Signal 0 reaches nobody: it only asks whether the process is there.
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Somebody else's process is alive all the same, and its part is not ours to remove.
    except PermissionError:
        return True
    return True
