"""Cables that fail: TCP proxies before phones that lose connections at a random byte, dawdle, refuse or are silent.

What a cable does follows from its seed and the order of its connections: a run that failed can be run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

SHARE_LOST = 0.1
"""Of the connections over a loose cable one in ten is lost."""
LOST_WITHIN_BYTES = 24_000
"""At one of so many bytes, of both ways together: about what one check moves, so that every part of it is hit."""
_PIECE = 64 * 1024
_BACKLOG = 128

T = TypeVar("T")


@dataclass
class Cable:
    """One cable: the port that a station connects to, and what has become of its connections."""

    port: int
    connections: int = 0
    lost: int = 0

    @property
    def address(self) -> str:
        """The address of the phone behind it, as the agent takes it."""
        return f"tcp:127.0.0.1:{self.port}"


@dataclass
class _Loose(Cable):
    """A cable that leads to a phone."""

    phone_port: int = 0
    share_lost: float = 0.0
    delay_s: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        lost = self.chance.random() < self.share_lost
        budget = _Budget(self.chance.randrange(1, LOST_WITHIN_BYTES) if lost else None)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.phone_port)
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.create_task(self._carry(*way, budget)) for way in ((reader, back), (there, writer))]
        try:
            # One end that hangs up, or the pulled cable, ends both ways.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self.lost += budget.left == 0
            back.transport.abort()
            writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: _Budget
    ) -> None:
        with contextlib.suppress(OSError):
            while budget.left != 0 and (data := await reader.read(_PIECE)):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(budget.cut(data))
                await writer.drain()


@dataclass
class _Budget:
    """How many bytes still pass; None: all."""

    left: int | None

    def cut(self, data: bytes) -> bytes:
        """Return what passes of `data`."""
        if self.left is None:
            return data
        passing = data[: self.left]
        self.left -= len(passing)
        return passing


class Cables:
    """Holds cables for the length of a block, all on one thread of their own."""

    def __init__(self) -> None:
        """Hold none yet."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cables", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._unheard: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Pull all cables."""
        self._in_thread(self._pull_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for unheard in self._unheard:
            unheard.close()

    def to(self, phone_port: int, *, seed: int, share_lost: float = 0.0, delay_s: float = 0.0) -> Cable:
        """Return a cable to a phone that loses `share_lost` of its connections; each piece takes `delay_s` longer."""
        cable = _Loose(0, 0, 0, phone_port, share_lost, delay_s, random.Random(seed))
        self._in_thread(self._serve(cable))
        return cable

    def refusing(self) -> Cable:
        """Return a cable at whose end nobody listens; its port stays taken."""
        return Cable(self._taken().getsockname()[1])

    def silent(self) -> Cable:
        """Return a cable to a dead adbd: the computer's side takes connections, and nobody ever reads or answers."""
        taken = self._taken()
        taken.listen(_BACKLOG)
        return Cable(taken.getsockname()[1])

    def _taken(self) -> socket.socket:
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        self._unheard.append(taken)
        return taken

    async def _serve(self, cable: _Loose) -> None:
        server = await asyncio.start_server(cable.carry, "127.0.0.1", 0)
        cable.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    async def _pull_all(self) -> None:
        for server in self._servers:
            server.close()
        carrying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
