"""One open ADB stream, as the services behind it see it."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """What the peer sends and is sent."""

    async def read(self) -> bytes:
        """Return what the peer sent next."""

    async def read_exactly(self, count: int) -> bytes:
        """Return that many bytes; a stream that the peer closed ends its service here."""

    async def send(self, data: bytes) -> None:
        """Send, waiting for the peer's OKAY."""
