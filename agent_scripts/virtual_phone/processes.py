"""Commands as processes of one phone, started and watched from its event loop.

asyncio's own subprocesses are not used: they kill what they are forgotten with, and a phone's scripts must be able to
outlive the connection that started them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import shutil
import signal
import subprocess
import threading
import tty
from pathlib import Path

from agent_scripts.virtual_phone.userland import Userland

_PIECE = 32 * 1024
_HANG_UPS = 5
_HANG_UP_STEP_S = 0.01


def _program(name: str, *words: str) -> list[str]:
    return [shutil.which(name) or name, *words]


_HEARING_HANG_UPS = _program("env", "--default-signal=HUP")
"""Under nohup or a daemon that ignores hang-ups, every child would inherit that, and jobs would hold their terminal."""


class Processes:
    """Starts a phone's commands and knows which still run."""

    def __init__(self, userland: Userland) -> None:
        self.userland = userland
        self._running: set[Process] = set()

    def start_on_terminal(self, command: bytes, *, raw: bool) -> Process:
        """Start a command (none: an interactive shell) that leads a session on a terminal of its own."""
        master, slave = pty.openpty()
        if raw:
            tty.setraw(slave)
        words: list[bytes | str] = ["-c", self.userland.rewrite(command)] if command else ["-i"]
        # setsid --ctty: hanging up reaches the foreground group only if this is the session's terminal.
        leader = [*_program("setsid", "--ctty"), *_HEARING_HANG_UPS, *self.userland.shell_words]
        try:
            # The leader is not started in a session of its own: setsid makes one, and only then may take the terminal.
            popen = self._popen([*leader, *words], slave, slave, slave, new_session=False)
        finally:
            os.close(slave)
        process = self._watch(popen, master, [master])
        process.exited.add_done_callback(lambda _: self._hang_up_group(popen.pid, _HANG_UPS))
        return process

    def start_on_pipes(self, command: bytes, *, merged: bool) -> Process:
        """Start a command (none: a shell that reads its stdin) on pipes: stdin, stdout and, unless merged, stderr."""
        words: list[bytes | str] = [*_HEARING_HANG_UPS, *self.userland.shell_words]
        words += ["-c", self.userland.rewrite(command)] if command else ["-s"]
        pipe = subprocess.PIPE
        # A session of its own: neither Ctrl-C at the terminal that serves the phone nor that terminal's end reaches it.
        popen = self._popen(words, pipe, pipe, subprocess.STDOUT if merged else pipe, new_session=True)
        assert popen.stdin is not None
        # Copies: `Process` closes by number, and Popen's file objects would later close the same numbers once more.
        descriptors = [
            os.dup(stream.fileno()) for stream in (popen.stdin, popen.stdout, popen.stderr) if stream
        ]
        for stream in (popen.stdin, popen.stdout, popen.stderr):
            if stream is not None:
                stream.close()
        return self._watch(popen, descriptors[0], descriptors[1:])

    def _hang_up_group(self, group: int, times: int) -> None:
        """Make sure that what a command left in its group learns of its end.

        The kernel says it once; a shell that has just forked misses it now and then, as on phones
        (docs/android/stand-ins.md, "the hang-up itself").
        """
        try:
            os.killpg(group, signal.SIGHUP)
        except ProcessLookupError:
            return
        if times:
            asyncio.get_running_loop().call_later(_HANG_UP_STEP_S, self._hang_up_group, group, times - 1)

    def _popen(
        self, words: list[bytes | str], stdin: int, stdout: int, stderr: int, *, new_session: bool
    ) -> subprocess.Popen[bytes]:
        # umask 0 as adbd sets it: what a script makes is open to all until it says otherwise
        # (docs/android/commands.md 13.3).
        return subprocess.Popen(
            words, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0, start_new_session=new_session,
            cwd=self.userland.root, env=self.userland.environment(), umask=0,
        )  # fmt: skip

    def _watch(self, popen: subprocess.Popen[bytes], stdin: int, outputs: list[int]) -> Process:
        process = Process(popen, stdin, outputs)
        self._running.add(process)
        process.exited.add_done_callback(lambda _: self._running.discard(process))
        return process

    def kill(self) -> None:
        """End every command and whatever it left behind, however well detached (docs/android/commands.md 14.1)."""
        _end_all(self.userland.tag)
        for process in self._running:
            process.kill()

    async def wait_for_all(self) -> None:
        """Wait until no command runs any more."""
        await asyncio.gather(*(process.exited for process in self._running))


class Process:
    """One command: what it writes can be read, what it reads can be written, and its end awaited."""

    def __init__(self, popen: subprocess.Popen[bytes], stdin: int, outputs: list[int]) -> None:
        self._popen = popen
        self._stdin = stdin
        self.outputs = outputs
        # A set: on a terminal one descriptor is both, and it must be closed once; its number may be another's by then.
        self._open = {stdin, *outputs}
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        """The exit code as adbd passes it on: for a signal 128 and its number."""
        # A thread and not a pidfd: containers and sandboxes often refuse the latter.
        threading.Thread(target=self._reap, name=f"wait-{popen.pid}", daemon=True).start()

    def _reap(self) -> None:
        code = self._popen.wait()
        passed_on = (0x80 | -code) & 0xFF if code < 0 else code & 0xFF
        # Fails once the loop has closed: whoever serves a phone waits for every process first (`wait_for_all`).
        self._loop.call_soon_threadsafe(self.exited.set_result, passed_on)

    async def read(self, descriptor: int) -> bytes:
        """Return output; empty once every process has closed its end (a terminal says EIO then).

        Linux looks for input first and for the other end's closing second: what was written in between is still there
        after EIO, once in some 30,000 commands on a busy machine. So EIO is believed when it is said twice.
        """
        closed = False
        while True:
            try:
                return os.read(descriptor, _PIECE)
            except BlockingIOError:
                await _ready(descriptor)
            except OSError:
                if closed:
                    return b""
                closed = True

    async def write(self, data: bytes) -> None:
        """Pass `data` to the command's stdin; what a command no longer reads is dropped."""
        while data and self._stdin in self._open:
            try:
                data = data[os.write(self._stdin, data) :]
            except BlockingIOError:
                await _ready(self._stdin, to_write=True)
            except OSError:
                return

    def close_stdin(self) -> None:
        """Let the command read the end of its input; a terminal cannot be closed one way only."""
        if self._stdin not in self.outputs:
            self._close(self._stdin)

    @property
    def terminal(self) -> int:
        """The descriptor of the terminal's near side."""
        return self._stdin

    def hang_up(self) -> None:
        """Close our ends: a terminal then hangs up, and the kernel sends SIGHUP to its foreground group."""
        for descriptor in list(self._open):
            self._close(descriptor)

    def tell_child(self) -> None:
        """Send SIGHUP to the direct child, and only it (docs/android/commands.md 14.1)."""
        # Only the direct child, as adbd does; what it started hears of it through the terminal, or not at all.
        if not self.exited.done():
            self._popen.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End the command itself."""
        if not self.exited.done():
            self._popen.kill()

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)


def _end_all(tag: str) -> None:
    """End everything started through the adbd of the phone with this tag, however well detached."""
    killed: set[int] = set()
    # Again until there is nobody new: a shell may have forked behind us just before its end, and that child would
    # hold the script's lock, waiting for an Android that is gone. Whoever was told to die forks no more (fork(2)).
    while living := _started_by(tag) - killed:
        for number in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        killed |= living


def _started_by(tag: str) -> set[int]:
    wanted = f"CURFEW_VIRTUAL_PHONE={tag}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        # By environment and not by group or session: a script that stays has left both on purpose. An OSError means
        # that it is not ours to look at, or gone meanwhile.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


async def _ready(descriptor: int, *, to_write: bool = False) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        # The loop may call this again before the waiting coroutine has had its turn and taken it out.
        if not waiting.done():
            waiting.set_result(None)

    (loop.add_writer if to_write else loop.add_reader)(descriptor, arrived)
    try:
        await waiting
    finally:
        (loop.remove_writer if to_write else loop.remove_reader)(descriptor)
