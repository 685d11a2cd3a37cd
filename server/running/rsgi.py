"""What granian hands over for each request: its RSGI specification 1.5, as far as it is used here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from granian.rsgi import ProtocolClosed as ProtocolClosed  # type: ignore[attr-defined]


class Scope(Protocol):
    """What granian tells of a request before its body ("HTTP Scope")."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]


class Transport(Protocol):
    """An answer under way ("HTTP stream transport")."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece of it; raises `ProtocolClosed` where nobody takes it any more."""


class Exchange(Protocol):
    """The two ways of a request: its body as it comes, and the answer ("HTTP protocol interface")."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's pieces."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the answer."""

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport:
        """Begin an answer that is over once the request is."""

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        """Send an answer that lies in a file, as fast as it is taken."""
