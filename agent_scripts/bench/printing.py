"""A printer as the bench sees it: a command that is run with the file of one paper, and papers that wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

from agent_scripts.errors import WrongUse
from policy.counted import counted
from policy.plain_text import said_by_others

LIMIT_S = 60.0
"""So long a command may take for one paper: what spools ends in a second, what writes to a slow printer in ten."""
_LAST_WORDS = 2000
"""Bytes of what the command said last; the cause stands at the end."""


class PrintFailed(Exception):
    """A paper was not printed; where it is not ``sure``, it may have come out all the same."""

    def __init__(self, problem: str, *, sure: bool = True) -> None:
        super().__init__(problem)
        self.sure = sure


class Printer:
    """Prints files by a command of the technician's, one after the other."""

    def __init__(self, words: tuple[str, ...], limit_s: float = LIMIT_S) -> None:
        """Run nothing yet; `words` are a program and its arguments, and the file is the last one."""
        self._words = words
        self._limit_s = limit_s

    async def put_out(self, file: Path) -> None:
        """Print `file`; raises `PrintFailed`."""
        with tempfile.TemporaryFile() as said:
            process = await self._start(file, said)
            try:
                async with asyncio.timeout(self._limit_s):
                    code = await process.wait()
            except TimeoutError:
                limit = counted(round(self._limit_s), "second")
                raise PrintFailed(f"{self._words[0]} did not end within {limit}", sure=False) from None
            finally:
                # Also when the bench ends: a command that hangs must not hang for ever.
                _kill(process)
                await process.wait()
            if code != 0:
                raise PrintFailed(f"{self._words[0]} ended with {code}{_last_words(said)}")

    async def _start(self, file: Path, said: IO[bytes]) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._words,
                str(file),
                stdin=asyncio.subprocess.DEVNULL,
                # A file and no pipe: whatever the command leaves running in the background may keep it.
                stdout=said,
                stderr=said,
                # Ctrl-C is for the bench; and all that the command starts can be ended with it.
                start_new_session=True,
            )
        except OSError as error:
            raise PrintFailed(f"{self._words[0]} cannot be started: {error.strerror}") from error


class PrintQueue:
    """Papers of one kind on their way to the printer, oldest first; it stands still when one failed.

    `one` prints one paper and raises `PrintFailed`; `stands` is told of the paper at which the queue stands, and why.
    """

    def __init__(
        self, one: Callable[[str], Awaitable[None]], stands: Callable[[str, PrintFailed], None]
    ) -> None:
        """Print nothing yet."""
        self._print = one
        self._stands = stands
        self._waiting: deque[str] = deque()
        self._stir = asyncio.Event()
        self.problem = ""
        """Why it stands still; empty: it does not."""

    def add(self, address: str) -> None:
        """Let the paper of the phone at `address` be printed, once."""
        if address not in self._waiting:
            self._waiting.append(address)
            self._stir.set()

    def go_on(self) -> int:
        """Try again after a failure; returns how many papers wait."""
        self.problem = ""
        self._stir.set()
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether nothing goes on by itself."""
        return not self._waiting or bool(self.problem)

    async def run(self) -> None:
        """Print what waits, until cancelled."""
        while True:
            await self._stir.wait()
            self._stir.clear()
            while self._waiting and not self.problem:
                address = self._waiting[0]
                try:
                    await self._print(address)
                except PrintFailed as failed:
                    self.problem = str(failed)
                    if not failed.sure:
                        # A person looks whether it came out: tried again by itself, it may come out twice.
                        self._waiting.popleft()
                    self._stands(address, failed)
                else:
                    self._waiting.popleft()


def printing_words(option: str, command: str) -> tuple[str, ...]:
    """Return the words of a `command` given for `option`; raises `WrongUse` where no program is named by it."""
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise WrongUse(
            f"Expected a command such as 'lp -d labels' for {option}, found {said_by_others(command)}: {error}."
        ) from error
    if not words or shutil.which(words[0]) is None:
        raise WrongUse(
            f"Expected a program that is installed here for {option}, found {said_by_others(command)};"
            " `lpstat -e` lists printers, and `lp -d PRINTER` prints."
        )
    return words


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _last_words(said: IO[bytes]) -> str:
    end = said.seek(0, os.SEEK_END)
    said.seek(max(0, end - _LAST_WORDS))
    text = " ".join(said.read().decode(errors="replace").split())
    return f": {said_by_others(text[-200:])}" if text else ""
