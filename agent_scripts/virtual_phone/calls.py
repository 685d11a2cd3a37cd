"""The counter between the phone's shell and its Android: ``cmd`` and its kin ask here, over FIFOs.

A program such as ``cmd`` is a script of ten lines: it writes its arguments, separated by NUL, into ``PID.ask``, its
number into the FIFO ``asks``, waits for the exit code on ``PID.back`` and prints ``PID.out`` and ``PID.err``. That is
one process and no Python start a call: the FIFOs lie ready, and the shell itself prints what holds no NUL.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import select
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer

_READY = 8
"""So many callers at once find a FIFO; a ninth makes its own."""

log = logging.getLogger(__name__)
Answering = Callable[[str, Sequence[str]], Awaitable[FrameworkAnswer]]


class Counter:
    """Serves the calls of one phone on the running event loop."""

    def __init__(self, folder: Path, answering: Answering) -> None:
        self._folder = folder
        self._answering = answering
        self._pending = b""
        self._tasks: set[asyncio.Task[None]] = set()
        # What an earlier life left in the middle of calls: the callers are dead, and their numbers come again.
        for left in folder.iterdir():
            left.unlink()
        self._make_fifo("asks")
        self._ready = itertools.count()
        for _ in range(_READY):
            self._make_ready()
        # For writing too, though nobody here writes: else the FIFO would read as ended each time the last caller goes.
        self._asks = os.open(folder / "asks", os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._asks, self._read)

    def close(self) -> None:
        """Serve no more calls."""
        asyncio.get_running_loop().remove_reader(self._asks)
        os.close(self._asks)
        for task in self._tasks:
            task.cancel()

    def forget_all(self) -> None:
        """Drop what was asked and is not answered yet: the callers died with the Android that they asked."""
        while select.select([self._asks], [], [], 0)[0]:
            os.read(self._asks, 65536)
        self._pending = b""
        for task in self._tasks:
            task.cancel()

    def _read(self) -> None:
        # Callers write a short line at once, which a FIFO keeps whole; only our own reading may cut one in two.
        *lines, self._pending = (self._pending + os.read(self._asks, 65536)).split(b"\n")
        for line in lines:
            if line.startswith(b"-"):
                self._forget(line[1:].decode())
            else:
                task = asyncio.ensure_future(self._serve(line.decode()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, caller: str) -> None:
        ask = self._folder / f"{caller}.ask"
        program, *args = ask.read_bytes().decode(errors="surrogateescape").split("\0")
        # Before the answer: a caller that was killed meanwhile leaves nothing behind for the next one with its number.
        ask.unlink()
        answer = await self._answered(program, args)
        # Both files before the exit code: the caller prints them as soon as it reads the code.
        for name, text in (("out", answer.out), ("err", answer.err)):
            path = self._folder / f"{caller}.{name}"
            path.write_bytes(text.encode(errors="surrogateescape"))
            self._hand_over(path)
        # A NUL would be lost in a variable of the shell; such an answer is left to `cat`, which costs a second process.
        form = "raw" if "\0" in answer.out + answer.err else "text"
        back = self._folder / f"{caller}.back"
        try:
            # The caller opened it before it asked: nobody reads only if the caller is dead.
            waiting = os.open(back, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT):
                raise
            self._forget(caller)
        else:
            os.write(waiting, f"{answer.exit_code} {form}\n".encode())
            os.close(waiting)
        back.unlink(missing_ok=True)
        self._make_ready()

    async def _answered(self, program: str, args: Sequence[str]) -> FrameworkAnswer:
        try:
            return await self._answering(program, args)
        except Exception as error:
            # A mistake of the model: told to the caller, who would else wait for its whole limit.
            log.exception("the model failed at %s %s", program, args)
            return FrameworkAnswer(err=f"virtual phone: {type(error).__name__}: {error}\n", exit_code=255)

    def _make_ready(self) -> None:
        """Lay out one more FIFO for a caller to wait at."""
        # Under its name at last: whoever waits for one takes it the moment it is there.
        self._make_fifo("making")
        (self._folder / "making").rename(self._folder / f"ready.{next(self._ready)}")

    def _make_fifo(self, name: str) -> None:
        os.mkfifo(self._folder / name, 0o600)
        self._hand_over(self._folder / name)

    def _hand_over(self, path: Path) -> None:
        """Let the callers, to whom the folder belongs, read and write a file that was made here."""
        owner = self._folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

    def _forget(self, caller: str) -> None:
        for name in ("out", "err"):
            (self._folder / f"{caller}.{name}").unlink(missing_ok=True)
