"""Bytes to and from one phone over TCP, made for a hundred phones on one event loop.

Has the methods of adb-shell's asyncio transport without importing it; `adb_shell_phone` registers it there.
The stock one waits 44 ms a command, freezes on a vanished phone and believes every length a phone announces
(docs/performance.md 5, faults 1-5 and 16).
"""

from __future__ import annotations

import asyncio

from agent_scripts.errors import AnswerTooLong, PhoneProtocolError, PhoneWentAway

HEADER_BYTES = 24
"""Six words before every packet; the fourth is the length of what follows (SC/ADB ``protocol.txt``)."""
LARGEST_PACKET_BYTES = 1024 * 1024
OPENING_BYTES = 64 * 1024
"""What greeting, opening and closing may cost, in bytes from the phone."""
_READ_BYTES = 64 * 1024


class TcpTransport:
    """Bytes to and from one phone over TCP.

    Header and payload leave in one write, without Nagle's delay (asyncio sets TCP_NODELAY on its own sockets); the
    end of the stream is an error at once; `allowance` counts down all bytes that may still arrive.
    """

    def __init__(self, host: str, port: int) -> None:
        """Name the phone; `connect` reaches it."""
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        # A packet's header until its payload comes: the two leave in one write (fault 1).
        self._held = b""
        self.allowance = OPENING_BYTES

    async def connect(self, transport_timeout_s: float | None) -> None:
        """Reach the phone; raises `OSError`."""
        del transport_timeout_s  # time is limited once, around a whole exchange
        self._streams = await asyncio.open_connection(self._host, self._port, limit=_READ_BYTES)

    async def close(self) -> None:
        """Close; allowed at any time, before connecting too."""
        self.abandon()

    def abandon(self) -> None:
        """Close at once, without waiting for a phone that may be gone."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()

    async def bulk_read(self, numbytes: int, transport_timeout_s: float | None) -> bytes:
        """Return at most `numbytes` bytes, as soon as there are any."""
        del transport_timeout_s
        if numbytes > LARGEST_PACKET_BYTES:
            raise PhoneProtocolError(
                f"the phone announced a packet of {numbytes} bytes; reconnect it and check again"
            )
        if self._streams is None:
            raise PhoneWentAway("the connection is closed; connect again")
        # Counted in bytes on the wire and not of the answer: empty packets cost nothing else and would go on for ever.
        if self.allowance <= 0:
            raise AnswerTooLong("the phone sent more than this exchange allows; restart it and check again")
        # Whatever is there, not all that was asked for: the library adds the pieces up.
        data = await self._streams[0].read(min(numbytes, _READ_BYTES))
        if not data:
            raise PhoneWentAway("the phone hung up; check the cable or network and check it again")
        self.allowance -= len(data)
        return data

    async def bulk_write(self, data: bytes, transport_timeout_s: float | None) -> int:
        """Send all of `data`, a header together with its payload."""
        del transport_timeout_s
        if self._streams is None:
            raise PhoneWentAway("the connection is closed; connect again")
        # A payload of 24 bytes is not taken for a header: its own header is held then.
        if not self._held and len(data) == HEADER_BYTES and data[12:16] != b"\0\0\0\0":
            self._held = bytes(data)  # a header that announces a payload waits for it
            return len(data)
        self._streams[1].write(self._held + bytes(data))
        self._held = b""
        await self._streams[1].drain()
        return len(data)
