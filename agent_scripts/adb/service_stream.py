"""The two services of a phone that we use, as bytes on an open stream: shell v2 and sync.

Shell v2 ends with the exit status, so an answer that ends without one was cut (SC/ADB ``shell_protocol.h``); sync is
described in SC/ADB ``SYNC.TXT``. Every length that a phone announces is capped before it is believed.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from agent_scripts.adb.deadline import Progress
from agent_scripts.adb.phone_connection import PUSH_MODE
from agent_scripts.errors import AnswerTooLong, PhoneError, PhoneProtocolError, PhoneRefused

_LARGEST_PACKET = 1024 * 1024
_CHUNK_BYTES = 64 * 1024  # SYNC.TXT: a chunk never exceeds 64 KiB
_LONGEST_REASON = 1024
_STDOUT, _STDERR, _EXIT = 1, 2, 3


@dataclass(frozen=True)
class ServiceStream:
    """One open service of one phone. Its end in mid-word is an `asyncio.IncompleteReadError`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self, length: int) -> bytes:
        """Return exactly `length` bytes."""
        return await self.reader.readexactly(length)

    async def read_sync(self) -> tuple[bytes, int]:
        """Return a word of the sync service and the number behind it."""
        word, number = struct.unpack("<4sI", await self.read(8))
        return word, number

    async def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self.writer.write(data)
        await self.writer.drain()

    def abandon(self) -> None:
        """Close at once, without waiting for a phone that may be gone."""
        self.writer.transport.abort()


async def read_shell_v2(stream: ServiceStream, max_bytes: int, progress: Progress) -> bytes:
    """Return all output of a ``shell,v2,raw:`` command, stdout and stderr in the order they came."""
    answer = bytearray()
    while True:
        kind, length = struct.unpack("<BI", await stream.read(5))
        if length > _LARGEST_PACKET:
            raise PhoneProtocolError(
                f"the phone announced a packet of {length} bytes; reconnect it and check again"
            )
        data = await stream.read(length)
        # That it came proves the answer whole. The code in it is not used: the frame carries one for each command, and
        # the other way to a phone has none (docs/android/commands.md 14.4).
        if kind == _EXIT:
            return bytes(answer)
        # Empty packets, and those of no kind that we know, are no progress: the silence goes on.
        if kind in (_STDOUT, _STDERR) and data:
            answer += data
            progress()
        if len(answer) > max_bytes:
            raise AnswerTooLong(f"the phone answered more than {max_bytes} bytes; restart it and check again")


async def send_file(stream: ServiceStream, data: bytes, path: str) -> None:
    """Write `data` to `path` by a ``sync:`` service; raises `PhoneRefused` with the phone's reason."""
    name = f"{path},{PUSH_MODE}".encode()
    await stream.write(_sync(b"SEND", len(name)) + name)
    for start in range(0, len(data), _CHUNK_BYTES):
        chunk = data[start : start + _CHUNK_BYTES]
        await stream.write(_sync(b"DATA", len(chunk)) + chunk)
    await stream.write(_sync(b"DONE", 0))
    word, length = await stream.read_sync()
    if word != b"OKAY":
        raise await _refusal(stream, word, length)


async def receive_file(stream: ServiceStream, path: str, max_bytes: int, progress: Progress) -> bytes:
    """Return the content of `path` by a ``sync:`` service; raises `PhoneRefused` with the phone's reason."""
    name = path.encode()
    await stream.write(_sync(b"RECV", len(name)) + name)
    content = bytearray()
    while True:
        word, length = await stream.read_sync()
        if word == b"DONE":
            return bytes(content)
        if word != b"DATA" or length > _CHUNK_BYTES:
            raise await _refusal(stream, word, length)
        content += await stream.read(length)
        if length:
            progress()
        if len(content) > max_bytes:
            raise AnswerTooLong(f"{path} on the phone is longer than {max_bytes} bytes; look at it by hand")


def printable(words: bytes | str) -> str:
    """Return what a phone said as one short line without control characters."""
    text = words if isinstance(words, str) else words.decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable())[:120]


async def _refusal(stream: ServiceStream, word: bytes, length: int) -> PhoneError:
    if word != b"FAIL" or length > _LONGEST_REASON:
        return PhoneProtocolError("the phone broke the sync protocol; reconnect it and try again")
    reason = printable(await stream.read(length))
    return PhoneRefused(f"the phone refuses the file ({reason}); check the path and make room on it")


def _sync(word: bytes, length: int) -> bytes:
    return word + struct.pack("<I", length)
