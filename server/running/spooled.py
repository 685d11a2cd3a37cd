"""An answer that lies in a file: sent by granian from there, at the reader's pace, and held by no thread and no memory.

granian takes answers in pieces as fast as they are given and keeps what the reader has not taken; only of a file it
reads no more than it sends. So a long answer is written down first, whole, in a file without a name. The reader has
all of it or an error, and never a half that looks whole.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from server.errors import ComeLater, StorageFull
from server.running.error_handlers import RETRY_AFTER_S

_OPENED_WITHIN_S = 30.0
"""granian opens a file at once; it is told by a name that is taken away after so long."""
_CLOSED_AFTER_S = 5.0
"""No name leads to the file any more, and whoever was just opening it has done so."""
WRITTEN_AT_ONCE = 2
"""Of one worker: each takes a thread for as long as it takes to read the list."""
KEPT_AT_ONCE = 16
"""Of one worker: whoever reads slowly, or not at all, takes room on the disk and nothing else."""
_BLOCK = 64 * 1024


class SpooledAnswer:
    """The WSGI ``wsgi.file_wrapper`` (PEP 3333): a file that a server sends by itself, or reads in blocks."""

    def __init__(self, file: IO[bytes], block_size: int = _BLOCK) -> None:
        self.file = file
        self._block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the file's blocks."""
        while block := self.file.read(self._block_size):
            yield block

    def close(self) -> None:
        """Give the file up."""
        self.file.close()


def lend_path(answer: SpooledAnswer) -> str:
    """Return a path by which the file of an answer can be opened in the next seconds, then give the file up.

    It leads to the open descriptor, so a server that dies leaves a name and nothing behind it. The descriptor's number
    goes to some other file sooner or later: so the name goes first.
    """
    name = Path(tempfile.gettempdir()) / f"curfew-{secrets.token_hex(16)}"
    name.symlink_to(f"/proc/{os.getpid()}/fd/{answer.file.fileno()}")
    loop = asyncio.get_running_loop()

    def forget() -> None:
        with suppress(FileNotFoundError):
            name.unlink()
        loop.call_later(_CLOSED_AFTER_S, answer.close)

    loop.call_later(_OPENED_WITHIN_S, forget)
    return str(name)


@contextmanager
def new_spool() -> Iterator[IO[bytes]]:
    """Lend an empty file that has no name; it is closed if the block fails, else with the answer that is made of it.

    Raises `ComeLater` while as many as this process keeps are being written or read, `StorageFull` without room.
    """
    if not _writing.acquire(blocking=False):
        raise _later(f"{WRITTEN_AT_ONCE} whole lists are being written here")
    try:
        with _looking:
            if count_spools() >= KEPT_AT_ONCE:
                raise _later(f"{KEPT_AT_ONCE} whole lists are being read here")
            # Closed with the answer, long after this block.
            file = tempfile.TemporaryFile(buffering=_BLOCK)  # noqa: SIM115
            _made.add(_identity(os.fstat(file.fileno())))
        try:
            yield file
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise StorageFull(
            f"a whole list is written to a file first, and that failed ({error.strerror}); free space there, or read"
            " the list in pieces"
        ) from error
    finally:
        _writing.release()


def count_spools() -> int:
    """Return how many spooled answers this process has open: being written, or not taken by their readers yet."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        # Some are closed while we look.
        with suppress(OSError):
            found.add(_identity(descriptor.stat()))
    # By the file and not by its descriptor: granian opens each once more.
    _made.intersection_update(found)
    return len(_made)


def _identity(file: os.stat_result) -> tuple[int, int]:
    return file.st_dev, file.st_ino


_made: set[tuple[int, int]] = set()
_looking = threading.Lock()
_writing = threading.BoundedSemaphore(WRITTEN_AT_ONCE)


def _later(found: str) -> ComeLater:
    return ComeLater(
        "too_many_whole_lists", found, f"Come again after {RETRY_AFTER_S} s, or read it in pieces."
    )
