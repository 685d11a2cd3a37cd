"""Which row is this phone: its power key is pressed, and the row stands out.

Only while a technician asks for it, for half a minute: each phone that nothing is done to is asked once a second
whether its screen is on (`exchange.screen`), over a connection of its own, and is left alone as soon as its work goes
on. A phone whose owner declined is asked nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum

from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.bench.rows import BenchRow, Rows
from agent_scripts.bench.stage import Stage
from agent_scripts.dialect.screen import Screen
from agent_scripts.errors import AgentError
from agent_scripts.exchange import ScreenQuestion
from agent_scripts.station_files.station import Station
from agent_scripts.visits.asking import ask
from agent_scripts.visits.limits import Limits
from policy.counted import noun
from policy.report import Consent

LASTS_S = 30.0
EVERY_S = 1.0
_SILENCE_S = 5.0
"""A phone that says nothing for so long is left out: somebody stands there with a phone in their hand."""
_AT_ONCE = 8
"""Questions under way: a hundred phones are asked in turn, and the bench's own work goes on."""
_ASKED = frozenset({Stage.ASKING, Stage.LABEL, Stage.DONE, Stage.FAILED})
"""Stages in which nothing is being done to a phone that answers."""


class Pressed(Enum):
    """What was noticed of a phone's screen."""

    POWER_KEY = "power_key"
    """A key put it off, by the phone's own word."""
    SCREEN_OFF = "screen_off"
    """It went off, and this release does not say why: by the key, or by itself."""
    SCREEN_ON = "screen_on"
    """It came on. No release says why: by the key, or because something arrived."""


SAYS = {
    Pressed.POWER_KEY: "key pressed",
    Pressed.SCREEN_OFF: "screen went off",
    Pressed.SCREEN_ON: "screen came on",
}


def pressed(before: Screen, now: Screen) -> Pressed | None:
    """Return what happened between two looks at one screen; None: nothing, or what a key did not do."""
    if before.is_on == now.is_on:
        return None
    if now.is_on:
        return Pressed.SCREEN_ON
    if now.by_key is None:
        return Pressed.SCREEN_OFF
    return Pressed.POWER_KEY if now.by_key else None


class KeyWatch:
    """Looks at the screens of phones at the bench; `lit` is told whose key was pressed, `notice` how it ended."""

    def __init__(
        self,
        station: Station,
        rows: Rows,
        connect: Callable[[str], AbstractAsyncContextManager[PhoneConnection]],
        lit: Callable[[BenchRow, Pressed], None],
        notice: Callable[[str], None],
        *,
        lasts_s: float = LASTS_S,
        every_s: float = EVERY_S,
    ) -> None:
        """Look at nothing yet."""
        self._station = station
        self._rows = rows
        self._connect = connect
        self._lit = lit
        self._notice = notice
        self._lasts_s = lasts_s
        self._every_s = every_s
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._one_run = asyncio.Lock()
        self._until = 0.0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._mute: set[str] = set()
        self._anybody = False

    def begin(self) -> bool:
        """Look from now on for as long as it lasts; returns whether `run` is to be begun: it does not go on yet."""
        now = asyncio.get_running_loop().time()
        is_new = now >= self._until
        self._until = now + self._lasts_s
        return is_new

    async def run(self) -> None:
        """Look until it is over, and say how it ended."""
        async with self._one_run:
            await self._look()
            self._tell_end()

    async def _look(self) -> None:
        self._mute.clear()
        self._anybody = False
        try:
            while (left_s := self._left_s()) > 0:
                for row in list(self._rows.by_address.values()):
                    running = self._tasks.get(row.address)
                    if self._may_ask(row) and (running is None or running.done()):
                        self._tasks[row.address] = asyncio.create_task(self._watch(row.address))
                await asyncio.sleep(min(self._every_s, left_s))
        finally:
            for address in list(self._tasks):
                await self.leave(address)

    async def leave(self, address: str) -> None:
        """Ask the phone at `address` nothing more; on return the connection to it is closed."""
        task = self._tasks.pop(address, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _left_s(self) -> float:
        return self._until - asyncio.get_running_loop().time()

    def _may_ask(self, row: BenchRow) -> bool:
        known = self._station.phone_at(row.address)
        declined = row.verdict == "declined" or (known is not None and known.consent is Consent.DECLINED)
        return row.plugged and row.stage in _ASKED and row.address not in self._mute and not declined

    async def _watch(self, address: str) -> None:
        before: Screen | None = None
        limits = Limits()
        try:
            async with self._connect(address) as connection:
                while self._left_s() > 0 and self._may_ask(self._rows.by_address[address]):
                    async with self._gate:
                        now = await ask(connection, ScreenQuestion(), _SILENCE_S, limits)
                    if now is None:
                        self._mute.add(address)
                        return
                    if before is not None and (what := pressed(before, now)):
                        self._anybody = True
                        self._lit(self._rows.by_address[address], what)
                    before = now
                    await asyncio.sleep(self._every_s)
        except AgentError:
            # Not reached, or lost: its row says so where it matters.
            self._mute.add(address)

    def _tell_end(self) -> None:
        mute = sorted(self._rows.by_address[address].number for address in self._mute)
        if mute:
            numbers = ", ".join(map(str, mute))
            which = f"{noun(len(mute), 'row')} {numbers}"
            self._notice(f"Not told by a key: {which}. Unplug the phone, and its row stands out.")
        elif not self._anybody:
            self._notice("No key was noticed. Unplug the phone, and its row stands out.")
