"""A very small ADB daemon on the test's own event loop, whose manners each test chooses.

It speaks what SC/ADB ``protocol.txt`` says (version 1, with checksums) and lets a test misbehave byte by byte,
which the virtual phone, being a well-made phone, does not.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1

from agent_scripts.adb.phone_address import PhoneAddress

MAX_DATA = 256 * 1024


@dataclass
class Packet:
    """One ADB packet."""

    word: bytes
    arg0: int
    arg1: int
    data: bytes


@dataclass
class Wire:
    """The daemon's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> Packet:
        header = await self.reader.readexactly(24)
        word, arg0, arg1, length, _, _ = struct.unpack("<4s5I", header)
        return Packet(word, arg0, arg1, await self.reader.readexactly(length))

    async def send(
        self, word: bytes, arg0: int, arg1: int, data: bytes = b"", length: int | None = None
    ) -> None:
        number = int.from_bytes(word, "little")
        announced = len(data) if length is None else length
        header = struct.pack(
            "<6I", number, arg0, arg1, announced, sum(data) & 0xFFFFFFFF, number ^ 0xFFFFFFFF
        )
        self.writer.write(header + data)
        await self.writer.drain()

    async def write_stream(self, local: int, remote: int, data: bytes) -> None:
        """Send `data` as WRTE packets, waiting for each OKAY as adbd does."""
        for start in range(0, len(data), MAX_DATA):
            await self.send(b"WRTE", local, remote, data[start : start + MAX_DATA])
            await self.expect(b"OKAY")

    async def expect(self, word: bytes) -> Packet:
        while True:
            packet = await self.receive()
            if packet.word == word:
                return packet

    def hang_up(self) -> None:
        self.writer.transport.abort()


Service = Callable[[Wire, int, int, bytes], Awaitable[None]]
Greeting = Callable[[Wire], Awaitable[None]]


def answering(answer: Callable[[bytes], bytes]) -> Service:
    """Return a service that answers every `shell:` command with what `answer` makes of it."""

    async def service(wire: Wire, local: int, remote: int, name: bytes) -> None:
        await wire.send(b"OKAY", local, remote)
        await wire.write_stream(local, remote, answer(name.removeprefix(b"shell:")))
        await wire.send(b"CLSE", local, remote)

    return service


@dataclass
class SmallDaemon:
    """`service` runs for every OPEN. `keys` None accepts every key; `greeting` replaces the whole hand-shake."""

    service: Service = field(default=answering(lambda command: b"heard " + command))
    keys: tuple[rsa.RSAPublicKey, ...] | None = None
    greeting: Greeting | None = None
    maxdata: int = MAX_DATA
    connections: int = 0
    shown_questions: list[bytes] = field(default_factory=list)
    address: PhoneAddress = field(default=PhoneAddress.parse("tcp:127.0.0.1:1"))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PhoneAddress]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = PhoneAddress.parse(f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield self.address
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        self.connections += 1
        try:
            if self.greeting is not None:
                await self.greeting(wire)
                return
            await self._authorise(wire)
            await wire.send(b"CNXN", 0x01000000, self.maxdata, b"device::features=shell_v2,cmd")
            local = 0
            while True:
                packet = await wire.receive()
                if packet.word == b"OPEN":
                    local += 1
                    await self.service(wire, local, packet.arg0, packet.data.rstrip(b"\0"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _authorise(self, wire: Wire) -> None:
        await wire.expect(b"CNXN")
        if self.keys is None:
            return
        token = os.urandom(20)
        await wire.send(b"AUTH", 1, 0, token)
        while True:
            packet = await wire.expect(b"AUTH")
            if packet.arg0 == 3:
                self.shown_questions.append(packet.data)
            elif any(_signed_by(key, packet.data, token) for key in self.keys):
                return
            else:
                token = os.urandom(20)
                await wire.send(b"AUTH", 1, 0, token)


def _signed_by(key: rsa.RSAPublicKey, signature: bytes, token: bytes) -> bool:
    try:
        key.verify(signature, token, padding.PKCS1v15(), utils.Prehashed(SHA1()))
    except InvalidSignature:
        return False
    return True
