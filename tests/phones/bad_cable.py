"""Cables that fail: TCP proxies before phones that lose or freeze connections at a random byte, dawdle or refuse.

A frozen connection stays open: no end, no reset, its bytes simply go no further, one way or both.

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
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeVar

SHARE_LOST = 0.1
"""Of the connections over a loose cable one in ten is lost."""
SHARE_FROZEN = 0.1
"""Of those over a freezing one so many freeze."""
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
    frozen: int = 0

    @property
    def address(self) -> str:
        """The address of the phone behind it, as the agent takes it."""
        return f"tcp:127.0.0.1:{self.port}"


class Way(Enum):
    """A direction of the bytes on a cable."""

    THERE = "to the phone"
    BACK = "from the phone"


BOTH_WAYS = frozenset(Way)
_FREEZES = (frozenset({Way.THERE}), frozenset({Way.BACK}), BOTH_WAYS)


@dataclass
class _Loose(Cable):
    """A cable that leads to a phone."""

    phone_port: int = 0
    share_lost: float = 0.0
    share_frozen: float = 0.0
    delay_s: float = 0.0
    chance: random.Random = field(default_factory=random.Random)
    freezes: dict[int, _Budget] = field(default_factory=dict)
    """What becomes of the connection of that number, where it is not left to chance."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        budget = self._draw()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.phone_port)
        except OSError:
            writer.transport.abort()
            return
        ends = ((Way.THERE, reader, back), (Way.BACK, there, writer))
        ways = [asyncio.create_task(self._carry(*way, budget)) for way in ends]
        try:
            # One end that hangs up, or the pulled cable, ends both ways; nobody else waits to hear that it was pulled.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self.lost += budget.left == 0 and not budget.frozen
            back.transport.abort()
            writer.transport.abort()

    def _draw(self) -> _Budget:
        """Return what becomes of a connection, by chance."""
        if self.connections in self.freezes:
            return self.freezes[self.connections]
        if self.chance.random() < self.share_lost:
            return _Budget(self.chance.randrange(1, LOST_WITHIN_BYTES))
        if self.share_frozen and self.chance.random() < self.share_frozen:
            return _Budget(self.chance.randrange(1, LOST_WITHIN_BYTES), self.chance.choice(_FREEZES))
        return _Budget(None)

    async def _carry(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: _Budget
    ) -> None:
        with contextlib.suppress(OSError):
            while not budget.is_used_up_for(way) and (data := await reader.read(_PIECE)):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(budget.cut(data, way))
                await writer.drain()
        if budget.is_used_up_for(way) and way in budget.frozen:
            self.frozen += not budget.is_counted
            budget.is_counted = True
            # Nothing is read any more either: who hangs up now is not heard at the other end.
            await asyncio.get_running_loop().create_future()


@dataclass
class _Budget:
    """How many bytes still pass, of both ways together; None: all. Then it is lost, or `frozen` in those ways."""

    left: int | None
    frozen: frozenset[Way] = frozenset()
    is_counted: bool = False

    def is_used_up_for(self, way: Way) -> bool:
        """Whether nothing passes any more that way."""
        return self.left == 0 and (not self.frozen or way in self.frozen)

    def cut(self, data: bytes, way: Way) -> bytes:
        """Return what passes of `data`."""
        if self.left is None:
            return data
        passing = data[: self.left]
        self.left -= len(passing)
        # The way that does not freeze goes on when the other one has.
        return data if self.frozen and way not in self.frozen else passing


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

    def to(
        self,
        phone_port: int,
        *,
        seed: int,
        share_lost: float = 0.0,
        share_frozen: float = 0.0,
        delay_s: float = 0.0,
    ) -> Cable:
        """Return a cable to a phone that loses or freezes shares of its connections; a piece takes `delay_s` longer."""
        chance = random.Random(seed)
        cable = _Loose(
            0,
            phone_port=phone_port,
            share_lost=share_lost,
            share_frozen=share_frozen,
            delay_s=delay_s,
            chance=chance,
        )
        self._in_thread(self._serve(cable))
        return cable

    def freezing(self, phone_port: int, *, connection: int, after_bytes: int, ways: frozenset[Way]) -> Cable:
        """Return a cable whose connection of that number, from 1, freezes in `ways` after so many bytes."""
        cable = _Loose(0, phone_port=phone_port, freezes={connection: _Budget(after_bytes, ways)})
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
        # Again: what was accepted before the servers closed may only begin meanwhile.
        while carrying := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)

    def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
