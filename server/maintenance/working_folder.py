"""A folder for what a backup or a restore has half done: closed to others, and gone however it ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from certs.durable import is_alive


@contextmanager
def working_folder(place: Path, what: str) -> Iterator[Path]:
    """Lend a new folder in `place`, whose disk it shares, and remove those that killed processes have left there."""
    # They hold secrets, and as much as the whole database: nobody would look for names with a dot.
    for left in place.glob(f".{what}-*-*"):
        process = left.name.split("-")[1]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=f".{what}-{os.getpid()}-", dir=place) as made:
        yield Path(made)
