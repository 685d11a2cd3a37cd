"""The phone's adbd: one connection, its authorisation and its streams (AOSP ``packages/modules/adb/protocol.txt``)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Protocol

from agent_scripts.virtual_phone.faults import Faults
from agent_scripts.virtual_phone.keys import AuthorisedKeys
from agent_scripts.virtual_phone.processes import Processes
from agent_scripts.virtual_phone.shell_service import run_framed, run_in_pty, run_plain
from agent_scripts.virtual_phone.sync_service import serve_sync
from agent_scripts.virtual_phone.userland import Userland
from agent_scripts.virtual_phone.wire import (
    AUTH_PUBLIC_KEY,
    AUTH_SIGNATURE,
    AUTH_TOKEN,
    MAX_PAYLOAD,
    VERSION,
    NotAdb,
    Packet,
    read_packet,
)

_FEATURES = "shell_v2,cmd,fixed_push_mkdir"
_NO_ROOT = b"adbd cannot run as root in production builds\n"


class Phone(Protocol):
    """What a connection needs to know of the phone behind it."""

    userland: Userland
    processes: Processes
    faults: Faults
    keys: AuthorisedKeys

    def banner_properties(self) -> dict[str, str]:
        """Return ``ro.product.*`` for the banner."""

    def key_offered(self, line: bytes) -> None:
        """Show the owner an unknown computer's key."""

    def heard(self, command: bytes) -> None:
        """Take note of a shell command."""

    def die(self) -> None:
        """Let adbd be killed: every script and connection ends."""

    def reboot_requested(self) -> None:
        """Restart the phone."""


class Connection:
    """One computer's connection, from CNXN to the end of the stream."""

    def __init__(self, phone: Phone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.phone = phone
        self._reader = reader
        self._writer = writer
        self._token = b""
        self._online = False
        self._offered_key: bytes | None = None
        # What every adb can take, until the peer says more in its CNXN.
        self.max_payload = 4096
        self._streams: dict[int, Stream] = {}
        self._next_id = 0

    async def run(self) -> None:
        """Serve until the peer leaves, sends what is no ADB, or the phone hangs up."""
        try:
            while True:
                await self._handle(await read_packet(self._reader))
        # All three end the connection without a word, as adbd does: the peer sees the end of the stream.
        except (asyncio.IncompleteReadError, ConnectionError, NotAdb):
            pass
        finally:
            # A copy: each stream takes itself out of the table as it ends.
            for stream in list(self._streams.values()):
                stream.abandon()
            self._writer.close()

    async def _handle(self, packet: Packet) -> None:
        if packet.command == b"CNXN":
            # Bounded from both sides: a peer that offers 0 would make every answer an endless loop of empty packets.
            self.max_payload = max(1, min(packet.arg1, MAX_PAYLOAD))
            self._ask_for_signature()
        elif packet.command == b"AUTH":
            self._check(packet)
        # Before the key is known nothing opens, and the peer gets no answer that would tell why.
        elif self._online and packet.command == b"OPEN":
            self._open(packet)
        # Packets for a stream that has just ended are on their way for a while; they are dropped, as adbd drops them.
        elif self._online and packet.arg1 in self._streams:
            self._streams[packet.arg1].receive(packet)

    # Authorisation -------------------------------------------------------------------------------------------

    def _ask_for_signature(self) -> None:
        # A new token each time: a signature that was recorded is worth nothing for the next.
        self._token = os.urandom(20)
        self.send(Packet(b"AUTH", AUTH_TOKEN, 0, self._token))

    def _check(self, packet: Packet) -> None:
        if packet.arg0 == AUTH_SIGNATURE:
            # Without a token nothing was asked, and a signature over nothing must not open the phone.
            if self._token and self.phone.keys.verify(self._token, packet.data):
                self._welcome()
            else:
                self._ask_for_signature()
        elif packet.arg0 == AUTH_PUBLIC_KEY:
            # An unknown key meets silence until the owner taps *Allow* (docs/android/stand-ins.md).
            self._offered_key = packet.data
            self.phone.key_offered(packet.data)
            self.look_at_keys_again()

    def look_at_keys_again(self) -> None:
        """Welcome a computer whose key was allowed while it waits."""
        if not self._online and self._offered_key is not None and self.phone.keys.knows(self._offered_key):
            self._welcome()

    def _welcome(self) -> None:
        self._online = True
        # The banner tells product names and features only; whoever wants the serial asks getprop once it is let in.
        known = self.phone.banner_properties()
        text = (
            "device::" + "".join(f"{key}={value};" for key, value in known.items()) + f"features={_FEATURES}"
        )
        self.send(Packet(b"CNXN", VERSION, MAX_PAYLOAD, text.encode()))

    # Streams -------------------------------------------------------------------------------------------------

    def _open(self, packet: Packet) -> None:
        self._next_id += 1
        stream = Stream(self, self._next_id, packet.arg0)
        service = packet.data.rstrip(b"\0")
        # A standing-by adbd refuses the stream and keeps the connection: the station has to tell it from a lost cable.
        stands_by = service.startswith(b"shell") and self.phone.faults.take_closed_stream()
        if stands_by or not stream.start(service):
            self.send(Packet(b"CLSE", 0, packet.arg0))
            return
        self._streams[stream.number] = stream
        self.send(Packet(b"OKAY", stream.number, packet.arg0, self.phone.faults.okay_payload))

    def forget(self, stream: Stream) -> None:
        """Drop a stream that has ended."""
        self._streams.pop(stream.number, None)

    def send(self, packet: Packet) -> None:
        """Put a packet on the wire, or the part of it that a fault lets through."""
        data = packet.encode()
        # Here and not in the streams: a cable is pulled in the middle of a packet, not between two.
        allowed = self.phone.faults.bytes_left(len(data))
        if allowed is not None:
            self._writer.write(data[:allowed])
            self._writer.close()
            return
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the peer takes what was sent."""
        await self._writer.drain()

    def abort(self) -> None:
        """End at once."""
        # Not close(): what still waits to be sent must not reach the peer after the phone has died.
        self._writer.transport.abort()


class Stream:
    """One open service: what arrives waits to be read, what is sent waits for OKAY."""

    def __init__(self, connection: Connection, number: int, peer_number: int) -> None:
        self.number = number
        self._connection = connection
        self._phone = connection.phone
        self._peer_number = peer_number
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._pending = b""
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        # How much of the answer a fault still lets through; None where none is ordered.
        self._bytes_left: int | None = None

    def start(self, service: bytes) -> bool:
        """Begin a service; False if there is none of that name."""
        name, _, argument = service.partition(b":")
        words = name.split(b",")
        if words[0] in (b"shell", b"exec"):
            work = self._run_shell(words, argument)
        elif name == b"sync":
            work = serve_sync(self, self._phone.userland)
        # A production build answers so and goes on; station code must not take the sentence for success.
        elif name == b"root":
            work = self.send(_NO_ROOT)
        elif name == b"reboot":
            work = self._reboot()
        else:
            return False
        self._task = asyncio.ensure_future(self._serve(work))
        return True

    async def _serve(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ConnectionError:
            return
        finally:
            self._connection.forget(self)
        self._connection.send(Packet(b"CLSE", self.number, self._peer_number))

    async def _run_shell(self, words: list[bytes], command: bytes) -> None:
        phone = self._phone
        # Before any fault: what was asked is noted whether or not it is answered.
        phone.heard(command)
        self._bytes_left = phone.faults.take_answer_bytes()
        if phone.faults.delay_s:
            await asyncio.sleep(phone.faults.delay_s)
        # Reading on, so that the peer can close the stream: a phone that hangs still acknowledges.
        if phone.faults.silent:
            while await self.read():
                continue
            return
        # The command does not run: a phone that answers nonsense has not done what it was told either.
        instead = phone.faults.shell_answer
        if instead is not None:
            await self.send(instead)
        elif words[0] == b"exec":
            await run_plain(self, phone.processes, command)
        elif b"v2" in words:
            # As adb decides: a shell without a command is for a person, unless it was asked for raw.
            terminal = b"pty" in words or (not command and b"raw" not in words)
            await run_framed(self, phone.processes, command, terminal=terminal)
        else:
            await run_in_pty(self, phone.processes, command)

    async def _reboot(self) -> None:
        self._phone.reboot_requested()

    def receive(self, packet: Packet) -> None:
        """Take WRTE, OKAY or CLSE of the peer."""
        if packet.command == b"WRTE":
            # Unbounded on purpose: the peer may send only after our OKAY, which bounds it by one packet.
            self._arrived.put_nowait(packet.data)
            okay = Packet(b"OKAY", self.number, self._peer_number, self._phone.faults.okay_payload)
            self._connection.send(okay)
        elif packet.command == b"OKAY":
            self._may_send.set()
        elif packet.command == b"CLSE":
            self._connection.send(Packet(b"CLSE", self.number, self._peer_number))
            self.abandon()

    def abandon(self) -> None:
        """End the service because the peer has gone."""
        self._connection.forget(self)
        if self._task is not None:
            self._task.cancel()

    async def send(self, data: bytes) -> None:
        """Send, each packet only after the peer's OKAY to the one before."""
        if self._bytes_left is not None:
            # Cut silently: the stream then ends as if the answer were whole, which is what the frame has to notice.
            data = data[: self._bytes_left]
            self._bytes_left -= len(data)
        size = self._connection.max_payload
        # Two outputs, stdout and stderr, share one stream: packets must not mix.
        async with self._sending:
            for start in range(0, len(data), size):
                await self._may_send.wait()
                # One packet at a time: real adbd without delayed acknowledgements waits in the same way.
                self._may_send.clear()
                # Taken before the packet goes: an order that is given once it has arrived is for the next command.
                dies = self._phone.faults.take_death()
                self._connection.send(
                    Packet(b"WRTE", self.number, self._peer_number, data[start : start + size])
                )
                if dies:
                    self._phone.die()
                await self._connection.drain()

    async def read(self) -> bytes:
        """Return what the peer sent next, as a whole or what `read_exactly` left of it."""
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        return await self._arrived.get()

    async def read_exactly(self, count: int) -> bytes:
        """Return that many bytes."""
        while len(self._pending) < count:
            self._pending += await self._arrived.get()
        data, self._pending = self._pending[:count], self._pending[count:]
        return data
