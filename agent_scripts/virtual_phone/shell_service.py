"""``shell:``, ``shell,v2,…:`` and ``exec:``: commands in the phone's real shell (STAND_INS.md; COMMANDS.md 14.1, 14.4)."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import shutil
import signal
import struct
import termios
import tty
from collections.abc import AsyncIterator
from typing import Protocol

from agent_scripts.virtual_phone.userland import Userland

_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN, _WINDOW = range(6)
_PIECE = 32 * 1024


class Channel(Protocol):
    """One open ADB stream."""

    async def read(self) -> bytes:
        """Return what the peer sent next; empty when it closed the stream."""

    async def send(self, data: bytes) -> None:
        """Send, waiting for the peer's OKAY."""


async def run_in_pty(channel: Channel, userland: Userland, command: bytes) -> None:
    """Run as the old ``shell:`` does: one raw terminal for everything, no exit code.

    When the command ends or the peer leaves, the terminal hangs up and the kernel sends SIGHUP to its foreground
    group: jobs left in the background die.
    """
    await _PtyCommand(channel, userland, raw=bool(command)).run(command, framed=False)


async def run_framed(channel: Channel, userland: Userland, command: bytes, *, terminal: bool) -> None:
    """Run as ``shell,v2`` does: packets of id, length and data; stderr apart; the exit code last."""
    if terminal:
        await _PtyCommand(channel, userland, raw=False).run(command, framed=True)
        return
    process = await _start(userland, command, asyncio.subprocess.PIPE)
    feeder = asyncio.ensure_future(_feed_framed(channel, process))
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        await asyncio.gather(
            _forward(channel, userland, process.stdout, _STDOUT),
            _forward(channel, userland, process.stderr, _STDERR),
        )
        await channel.send(_frame(_EXIT, bytes([_exit_code(await process.wait())])))
    finally:
        feeder.cancel()
        _hang_up(process)


async def run_plain(channel: Channel, userland: Userland, command: bytes) -> None:
    """Run as ``exec:`` does: one binary stream, stderr merged, no exit code."""
    process = await _start(userland, command, asyncio.subprocess.STDOUT)
    feeder = asyncio.ensure_future(_feed(channel, process))
    try:
        assert process.stdout is not None
        await _forward(channel, userland, process.stdout, None)
        await process.wait()
    finally:
        feeder.cancel()
        _hang_up(process)


async def _start(userland: Userland, command: bytes, stderr: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        userland.shell, "-c", userland.rewrite(command),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
        cwd=userland.root, env=userland.environment(), start_new_session=True, umask=0,
    )  # fmt: skip


async def _forward(
    channel: Channel, userland: Userland, source: asyncio.StreamReader, kind: int | None
) -> None:
    output = userland.answer_filter()
    while data := await source.read(_PIECE):
        await _say(channel, kind, output.feed(data))
    await _say(channel, kind, output.rest())


async def _say(channel: Channel, kind: int | None, data: bytes) -> None:
    if data:
        await channel.send(data if kind is None else _frame(kind, data))


async def _feed(channel: Channel, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    while data := await channel.read():
        process.stdin.write(data)
    process.stdin.close()
    _hang_up(process)


async def _feed_framed(channel: Channel, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    async for kind, data in _frames(channel):
        if kind == _STDIN:
            process.stdin.write(data)
        elif kind == _CLOSE_STDIN:
            process.stdin.close()
    _hang_up(process)


def _hang_up(process: asyncio.subprocess.Process) -> None:
    """Tell the direct child, and only it, that the peer has gone (COMMANDS.md 14.1)."""
    if process.returncode is None:
        process.send_signal(signal.SIGHUP)


class _PtyCommand:
    """A command on a terminal of its own."""

    def __init__(self, channel: Channel, userland: Userland, *, raw: bool) -> None:
        self._channel = channel
        self._userland = userland
        self._raw = raw

    async def run(self, command: bytes, *, framed: bool) -> None:
        self._master, slave = pty.openpty()
        if self._raw:
            tty.setraw(slave)
        os.set_blocking(self._master, False)
        feeder = None
        try:
            # setsid --ctty: the shell leads a session whose terminal this is, so that hanging up reaches it.
            words = ["-c", self._userland.rewrite(command)] if command else ["-i"]
            process = await asyncio.create_subprocess_exec(
                shutil.which("setsid") or "setsid", "--ctty", self._userland.shell, *words,
                stdin=slave, stdout=slave, stderr=slave,
                cwd=self._userland.root, env=self._userland.environment(), umask=0,
            )  # fmt: skip
            os.close(slave)
            slave = -1
            feeder = asyncio.ensure_future(self._feed(framed))
            await self._forward(_STDOUT if framed else None)
            code = _exit_code(await process.wait())
            if framed:
                await self._channel.send(_frame(_EXIT, bytes([code])))
        finally:
            if feeder is not None:
                feeder.cancel()
            if slave >= 0:
                os.close(slave)
            os.close(self._master)

    async def _forward(self, kind: int | None) -> None:
        output = self._userland.answer_filter()
        while data := await self._read():
            await _say(self._channel, kind, output.feed(data))
        await _say(self._channel, kind, output.rest())

    async def _read(self) -> bytes:
        """Return output; empty once every process has closed the terminal (Linux: EIO)."""
        while True:
            try:
                return os.read(self._master, _PIECE)
            except BlockingIOError:
                await _ready(self._master)
            except OSError as error:
                if error.errno == errno.EIO:
                    return b""
                raise

    async def _feed(self, framed: bool) -> None:
        if not framed:
            while data := await self._channel.read():
                os.write(self._master, data)
            return
        async for kind, data in _frames(self._channel):
            if kind == _STDIN:
                os.write(self._master, data)
            elif kind == _WINDOW:
                self._resize(data)

    def _resize(self, data: bytes) -> None:
        rows, _, columns = data.split(b",")[0].partition(b"x")
        if rows.isdigit() and columns.isdigit():
            size = struct.pack("HHHH", int(rows), int(columns), 0, 0)
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)


async def _ready(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, lambda: waiting.done() or waiting.set_result(None))
    try:
        await waiting
    finally:
        loop.remove_reader(descriptor)


async def _frames(channel: Channel) -> AsyncIterator[tuple[int, bytes]]:
    pending = b""
    while data := await channel.read():
        pending += data
        while len(pending) >= 5:
            kind, length = struct.unpack("<BI", pending[:5])
            if len(pending) < 5 + length:
                break
            yield kind, pending[5 : 5 + length]
            pending = pending[5 + length :]


def _frame(kind: int, data: bytes) -> bytes:
    return struct.pack("<BI", kind, len(data)) + data


def _exit_code(returned: int) -> int:
    """Return the code as adbd passes it on: a signal is 128 and its number."""
    return (0x80 | -returned) & 0xFF if returned < 0 else returned & 0xFF
