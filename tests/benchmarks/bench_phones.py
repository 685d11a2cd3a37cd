"""Measures the bench: 1, 10, 40 and 100 phones that take as long to answer as a real one, all plugged in at once.

The phones answer from tape (`canned_daemon`) after 1.5 s, from a process of their own, each on a port of its own; they
comply, and the station knows them. Measured is the product's way with a row for each: looked for, recognised, read,
judged, the signed report on disk; until the last row is done. The CPU is the bench's process. The yardsticks are the
time of one phone, and the CPU of the platform's `adb` doing the same command by command (`checks_per_core`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from statistics import median
from uuid import uuid4

from agent_scripts.bench.stage import Stage
from agent_scripts.bench.workbench import Workbench
from agent_scripts.station_files.station import KnownPhone, Station
from agent_scripts.visits.run import Run
from agent_scripts.visits.visiting import Visitor
from certs.tls import create_authority
from policy.names import PhoneId
from tests.benchmarks.checks_per_core import canned, platform_adb
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while, make_run, make_station
from tests.benchmarks.recording import Recording, record

ROUNDS = 3
ANSWER_S = 1.5
_COUNTS = (1, 10, 40, 100)


def main() -> None:
    """Print, for each number of phones, wall time against one phone's and CPU a phone against adb's."""
    with folder_for_a_while() as folder:
        run = make_run(make_station(folder / "station"))
        station = run.station
        # Its server is nowhere, and an authority it needs all the same.
        create_authority(station.folder)
        tape, _ = asyncio.run(record(run, "pixel-14", folder / "phone"))
        tapes = [_another(tape) for _ in range(max(_COUNTS))]
        with (
            canned(folder, station.adb_keys, [*tapes, tape]) as ports,
            platform_adb(folder / "adb-home", station.adb_keys) as adb,
        ):
            by_adb = median(adb.check(ports[-1], list(tape.commands)) for _ in range(ROUNDS))
            for taped, port in zip(tapes, ports, strict=False):
                station.remember(KnownPhone(PhoneId(taped.phone_id), f"tcp:127.0.0.1:{port}"))
            measured = {
                count: [_measured(station, run, ports[:count]) for _ in range(ROUNDS)] for count in _COUNTS
            }
    alone = median(wall for wall, _ in measured[1])
    show([_figure(count, rounds, alone, by_adb) for count, rounds in measured.items()])


def _another(tape: Recording) -> Recording:
    """Return the tape of another phone that says the same."""
    phone_id = str(uuid4())
    exchanges = {kind: text.replace(tape.phone_id, phone_id) for kind, text in tape.exchanges.items()}
    return replace(tape, phone_id=phone_id, exchanges=exchanges, answer_s=ANSWER_S)


class _WithoutServer(Workbench):
    """A bench whose reports stay on disk: looking for a server that is not there is no measure of phones."""

    async def _send(self) -> None:
        pass


def _measured(station: Station, run: Run, ports: list[int]) -> tuple[float, float]:
    """Return the seconds by the clock and of CPU until every phone is done."""
    visitor = Visitor(station, "measures", plain_tcp=False, as_json=False, language="en")
    addresses = tuple(f"tcp:127.0.0.1:{port}" for port in ports)
    workbench = _WithoutServer(visitor, addresses, with_adb=False, anew=True)
    # The run of the other measures: there is no server here to ask for one.
    workbench._work._run = run

    async def until_done() -> tuple[float, float]:
        begun, before = time.monotonic(), time.process_time()
        work = asyncio.create_task(workbench.run())
        while workbench.rows.unfinished() or len(workbench.rows.by_address) < len(addresses):
            if work.done() or any(row.stage is Stage.FAILED for row in workbench.rows.by_address.values()):
                raise SystemExit(f"the bench failed: {workbench.rows}")
            await asyncio.sleep(0.01)
        taken = time.monotonic() - begun, time.process_time() - before
        work.cancel()
        await asyncio.wait([work])
        return taken

    return asyncio.run(until_done())


def _figure(count: int, rounds: list[tuple[float, float]], alone: float, by_adb: float) -> Figure:
    wall, cpu = (median(values) for values in zip(*rounds, strict=True))
    return Figure(
        f"bench, {count} phone(s) that answer after {ANSWER_S} s",
        f"{wall:.2f} s, {cpu / count * 1e3:.1f} ms CPU a phone",
        f"{wall / alone:.2f} x the time of one; adb needs {by_adb * count / cpu:.1f} x the CPU",
    )


if __name__ == "__main__":
    main()
