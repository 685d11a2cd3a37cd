"""Measures how long the event loop stands still when one phone of 100 vanishes in the middle of an answer.

100 connections to a loopback daemon in a process of its own; 99 phones take a while to answer, one sends half an
answer and hangs up. A heartbeat of 1 ms on the agent's loop shows the longest pause; the same without the vanishing
phone shows what the machine itself causes. docs/performance.md 5 saw 3 to 10 s with adb-shell's own transport.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.adb.opening import open_connection
from agent_scripts.adb.phone_address import PhoneAddress
from agent_scripts.adb.phone_connection import PhoneConnection
from agent_scripts.errors import PhoneError
from tests.benchmarks.canned_daemon import LINGER_S, VANISH_S
from tests.benchmarks.checks_per_core import canned
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while, make_station
from tests.benchmarks.recording import Recording

ROUNDS = 5
_PHONES = 100
_BEAT_S = 0.001


def main() -> None:
    """Print the longest pause with and without a vanishing phone, and how soon its end was noticed."""
    with folder_for_a_while() as folder:
        keys = make_station(folder / "station").adb_keys
        with canned(folder, keys, [Recording("nobody")]) as (port,):
            address = PhoneAddress.parse(f"tcp:127.0.0.1:{port}")
            rounds = [asyncio.run(_round(address, keys)) for _ in range(ROUNDS)]
    quiet, vanished, noticed = (median(values) * 1e3 for values in zip(*rounds, strict=True))
    ratio = f"{vanished / quiet:.1f} x the {quiet:.0f} ms of the same without it"
    show(
        [
            Figure(
                f"longest pause of the event loop, one phone of {_PHONES} vanishes",
                f"{vanished:.0f} ms",
                ratio,
            ),
            Figure("until the agent knows that it is gone", f"{noticed:.0f} ms", "1000 ms at most"),
        ]
    )


async def _round(address: PhoneAddress, keys: AdbKeys) -> tuple[float, float, float]:
    async with AsyncExitStack() as stack:
        phones = []
        for _ in range(_PHONES):
            phone = await open_connection(address, keys)
            stack.push_async_callback(phone.close)
            phones.append(phone)
        quiet, _ = await _longest_pause(phones, vanishing=False)
        vanished, noticed = await _longest_pause(phones, vanishing=True)
        return quiet, vanished, noticed


async def _longest_pause(phones: list[PhoneConnection], *, vanishing: bool) -> tuple[float, float]:
    """Return the longest pause around the moment of vanishing, and how long after it the error came."""
    pauses: list[float] = []
    waiting = [asyncio.ensure_future(phone.run("linger", 30, 1000)) for phone in phones[1:]]
    begun = time.monotonic()
    beating = asyncio.ensure_future(_beat(pauses))
    noticed = 0.0
    if vanishing:
        try:
            await phones[0].run("vanish", 30, 1000)
        except PhoneError:
            noticed = time.monotonic() - begun - VANISH_S
    await asyncio.sleep(begun + (VANISH_S + LINGER_S) / 2 - time.monotonic())
    beating.cancel()
    await asyncio.gather(*waiting)
    return max(pauses), max(noticed, 0.0)


async def _beat(pauses: list[float]) -> None:
    await asyncio.sleep(VANISH_S / 2)  # after everybody was asked
    last = time.monotonic()
    while True:
        await asyncio.sleep(_BEAT_S)
        now = time.monotonic()
        pauses.append(now - last)
        last = now


if __name__ == "__main__":
    main()
