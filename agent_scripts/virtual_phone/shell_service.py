"""``shell:``, ``shell,v2,…:`` and ``exec:``: commands in the phone's real shell.

See docs/android/stand-ins.md; docs/android/commands.md 14.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections.abc import AsyncIterator

from agent_scripts.virtual_phone.channel import Channel
from agent_scripts.virtual_phone.processes import Process, Processes

_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN, _WINDOW = range(6)


async def run_in_pty(channel: Channel, processes: Processes, command: bytes) -> None:
    """Run as the old ``shell:`` does: one raw terminal for everything, no exit code.

    When the command ends or the peer leaves, the terminal hangs up: jobs left in the background die.
    """
    # Raw for a command, so that no line feed becomes CR LF; a person at a prompt needs the terminal's editing.
    process = processes.start_on_terminal(command, raw=bool(command))
    await _run(channel, processes, process, framed=False)


async def run_framed(channel: Channel, processes: Processes, command: bytes, *, terminal: bool) -> None:
    """Run as ``shell,v2`` does: packets of id, length and data; stderr apart; the exit code last."""
    if terminal:
        process = processes.start_on_terminal(command, raw=False)
    else:
        process = processes.start_on_pipes(command, merged=False)
    await _run(channel, processes, process, framed=True)


async def run_plain(channel: Channel, processes: Processes, command: bytes) -> None:
    """Run as ``exec:`` does: one binary stream, stderr merged, no exit code."""
    await _run(channel, processes, processes.start_on_pipes(command, merged=True), framed=False)


async def _run(channel: Channel, processes: Processes, process: Process, *, framed: bool) -> None:
    # Beside the outputs: a command that reads nothing must not keep its answer from coming.
    feeder = asyncio.ensure_future(_feed_framed(channel, process) if framed else _feed(channel, process))
    # A terminal has one output for both, so the second kind may find no partner: zip ends there.
    kinds = (_STDOUT, _STDERR) if framed else (None,)
    try:
        outputs = zip(process.outputs, kinds, strict=False)
        await asyncio.gather(*(_forward(channel, processes, process, out, kind) for out, kind in outputs))
        # After the outputs have ended: the exit code is the last word of the stream.
        code = await process.exited
        if framed:
            await channel.send(_frame(_EXIT, bytes([code])))
    finally:
        feeder.cancel()
        # Told first, hung up second: a shell that has lost its terminal already may not hear the signal.
        process.tell_child()
        process.hang_up()


async def _forward(
    channel: Channel, processes: Processes, process: Process, descriptor: int, kind: int | None
) -> None:
    # One for each stream: a prefix cut between two pieces waits for its other half.
    output = processes.userland.answer_filter()
    while data := await process.read(descriptor):
        await _say(channel, kind, output.feed(data))
    await _say(channel, kind, output.rest())


async def _say(channel: Channel, kind: int | None, data: bytes) -> None:
    if data:
        await channel.send(data if kind is None else _frame(kind, data))


async def _feed(channel: Channel, process: Process) -> None:
    while True:
        await process.write(await channel.read())


async def _feed_framed(channel: Channel, process: Process) -> None:
    async for kind, data in _frames(channel):
        if kind == _STDIN:
            await process.write(data)
        elif kind == _CLOSE_STDIN:
            process.close_stdin()
        elif kind == _WINDOW:
            _resize(process.terminal, data)


async def _frames(channel: Channel) -> AsyncIterator[tuple[int, bytes]]:
    pending = b""
    while True:
        # Packets of the shell protocol and of the transport end in different places.
        pending += await channel.read()
        while len(pending) >= 5:
            kind, length = struct.unpack("<BI", pending[:5])
            # The rest of this packet has not arrived; what is there stays for the next round.
            if len(pending) < 5 + length:
                break
            yield kind, pending[5 : 5 + length]
            pending = pending[5 + length :]


def _resize(terminal: int, data: bytes) -> None:
    """Obey ``24x80,0x0``: rows and columns."""
    rows, _, columns = data.split(b",")[0].partition(b"x")
    if rows.isdigit() and columns.isdigit():
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def _frame(kind: int, data: bytes) -> bytes:
    return struct.pack("<BI", kind, len(data)) + data
