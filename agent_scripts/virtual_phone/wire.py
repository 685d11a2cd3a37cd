"""ADB packets on a stream: 24 bytes of header, then the payload (AOSP ``packages/modules/adb/protocol.txt``)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

MAX_PAYLOAD = 1024 * 1024
VERSION = 0x01000001
"""From this version on both sides leave the checksum unchecked; we always send a right one."""

AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3
_HEADER = struct.Struct("<4s5I")


class NotAdb(Exception):
    """The peer sent something that is no ADB packet."""


@dataclass(frozen=True)
class Packet:
    """One packet; `command` is its four letters."""

    command: bytes
    arg0: int
    arg1: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        # The header ends with the command's complement, by which a reader knows a packet from noise.
        word = int.from_bytes(self.command, "little")
        head = (
            self.command,
            self.arg0,
            self.arg1,
            len(self.data),
            sum(self.data) & 0xFFFFFFFF,
            word ^ 0xFFFFFFFF,
        )
        return _HEADER.pack(*head) + self.data


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Return the next packet; raises `NotAdb`, or `asyncio.IncompleteReadError` at the end of the stream."""
    command, arg0, arg1, length, _, magic = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    # Checked before the length is believed: a browser that connects here would else be waited for.
    if magic != int.from_bytes(command, "little") ^ 0xFFFFFFFF or length > MAX_PAYLOAD:
        raise NotAdb(f"expected an ADB packet, found {command!r} with {length} bytes")
    return Packet(command, arg0, arg1, await reader.readexactly(length))
