"""A client that is always ahead of the server it measures: requests are made before, answers are read afterwards.

`http.client` in threads costs as much CPU as the server does, so that on two cores the client would be measured.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from functools import partial

_END_OF_HEAD = b"\r\n\r\n"


def request_bytes(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def send_all(
    port: int, authority_pem: str, requests: Sequence[bytes], connections: int
) -> Sequence[tuple[int, bytes]]:
    """Return status and body of every answer, in no order; each connection sends one request after the other."""
    return asyncio.run(_send_all(port, authority_pem, requests, connections))


async def _send_all(
    port: int, authority_pem: str, requests: Sequence[bytes], connections: int
) -> Sequence[tuple[int, bytes]]:
    loop = asyncio.get_running_loop()
    trust = ssl.create_default_context(cafile=authority_pem)
    shares = [requests[number::connections] for number in range(connections)]
    opened = [
        await loop.create_connection(partial(_Connection, share), "127.0.0.1", port, ssl=trust)
        for share in shares
        if share
    ]
    for _, connection in opened:
        connection.send_next()
    answers = [answer for _, connection in opened for answer in await connection.answered]
    for transport, _ in opened:
        transport.close()
    return [_parsed(answer) for answer in answers]


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Sequence[bytes]) -> None:
        self._left = deque(requests)
        self._expected = len(requests)
        self._answers: list[bytes] = []
        self._pieces = b""
        self._missing = 0
        self.answered: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send_next(self) -> None:
        """Send the next request, if there is one."""
        if self._left:
            self._transport.write(self._left.popleft())

    def data_received(self, data: bytes) -> None:
        """Send the next request once an answer is whole."""
        self._pieces += data
        if not self._missing:
            head, end, _ = self._pieces.partition(_END_OF_HEAD)
            if not end:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._missing = len(head) + len(end) + int(length)
        if len(self._pieces) >= self._missing:
            self._answers.append(self._pieces)
            self._pieces, self._missing = b"", 0
            self.send_next()
        if len(self._answers) == self._expected and not self.answered.done():
            self.answered.set_result(self._answers)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if answers are missing."""
        if not self.answered.done():
            self.answered.set_exception(error or ConnectionResetError("the server closed the connection"))


def _parsed(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(_END_OF_HEAD)
    return int(head.split(b" ", 2)[1]), body
