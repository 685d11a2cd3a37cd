"""The trial itself: what 500 stations do on three kinds of day, in small, and what the machine made of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import quantiles

from certs.publication import TIMESTAMP_FILE
from server.loadtest.trial_server import TrialServer
from server.loadtest.trial_station import Answers, TrialStation
from server.policies.bundles import trust_files
from server.reports.kept_reports import sent_by_stations

_BATCH = 100


@dataclass(frozen=True)
class TrialSize:
    """How much is asked of the machine, by `trial_size` about as much by few stations as by many."""

    stations: int
    phones: int
    """Of each station."""
    singles: int
    """Reports that each station sends one by one,"""
    batches: int
    """and how many requests of a hundred each, as after a day without a server."""


def trial_size(stations: int) -> TrialSize:
    """Return a trial with so many stations that takes a minute or two: 500 are back with a hundred reports each."""
    return TrialSize(
        stations,
        phones=max(1024 // stations, 8),
        singles=max(800 // stations, 4),
        batches=max(80 // stations, 1),
    )


@dataclass(frozen=True)
class Measured:
    """What one kind of day came to. ``lost`` are reports that were called stored and are not there: 0, or a defect."""

    day: str
    requests: int
    reports: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float
    """Of the server's processes; those of a PostgreSQL are not among them."""
    put_off: int
    """How often a station was asked to come later."""
    lost: int

    @property
    def units(self) -> int:
        """What is counted: reports, or requests where there are none."""
        return self.reports or self.requests


def run_trial(server: TrialServer, size: TrialSize) -> Iterator[Measured]:
    """Yield what each kind of day came to."""
    with _stations(server, size) as stations:
        yield _reported(server, stations, "reports one by one", size.singles, 1)
        yield _reported(server, stations, f"back after an outage, {_BATCH} at once", size.batches, _BATCH)
        yield _fetched(server, stations)


@contextmanager
def _stations(server: TrialServer, size: TrialSize) -> Iterator[Sequence[TrialStation]]:
    stations = [TrialStation(server, each, size.phones) for each in range(size.stations)]
    try:
        yield stations
    finally:
        for station in stations:
            station.close()


def _reported(
    server: TrialServer, stations: Sequence[TrialStation], day: str, requests: int, batch: int
) -> Measured:
    # Signed before the clock starts: what it costs is the stations' and not the machine's.
    sending = [partial(station.send, station.bodies(requests, batch)) for station in stations]
    before = _stored(server)
    measured, answers = _timed(server, day, sending)
    told = sum(one.stored for one in answers)
    return replace(measured, reports=told, lost=told - (_stored(server) - before))


def _fetched(server: TrialServer, stations: Sequence[TrialStation]) -> Measured:
    with server.database.reading() as session:
        names = [name for name in trust_files(session) if name != TIMESTAMP_FILE]
    paths = [f"/trust/{name}" for name in (TIMESTAMP_FILE, *names)]
    fetching = [partial(station.fetch, paths) for station in stations]
    return _timed(server, "all take over a policy", fetching)[0]


def _timed(
    server: TrialServer, day: str, doing: Sequence[Callable[[], Answers]]
) -> tuple[Measured, Sequence[Answers]]:
    cpu_before, began = server.cpu_s(), time.perf_counter()
    # A thread a station: its own requests go one after the other.
    with ThreadPoolExecutor(len(doing)) as threads:
        answers = list(threads.map(lambda one: one(), doing))
    seconds, cpu_s = time.perf_counter() - began, server.cpu_s() - cpu_before
    waits = [wait for one in answers for wait in one.waits_ms]
    hundredths = quantiles(waits, n=100)
    measured = Measured(
        day=day,
        requests=len(waits),
        reports=0,
        seconds=seconds,
        p50_ms=hundredths[49],
        p99_ms=hundredths[98],
        cpu_s=cpu_s,
        put_off=sum(one.put_off for one in answers),
        lost=0,
    )
    return measured, answers


def _stored(server: TrialServer) -> int:
    # The rows themselves, and not the counts that are kept of them.
    with server.database.reading() as session:
        return sum(sent.reports for sent in sent_by_stations(session))
