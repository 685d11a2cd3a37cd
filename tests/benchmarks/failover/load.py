"""Stations that go on sending, whatever happens, until each report is acknowledged; and what they were told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from itertools import pairwise

from server.loadtest.trial_server import TrialServer
from server.loadtest.trial_station import TrialStation

_PAUSE_S = 0.02
"""Between two reports of a station: a site that is not at its limit, as sites are."""
_AGAIN_S = 0.2
"""After a request that failed; real stations wait longer (`Retry-After`), and would measure the service less finely."""
_TAKEN = frozenset({"stored", "late", "duplicate"})
_PATIENCE_S = 15


@dataclass
class Told:
    """What stations were told, all of them together."""

    acknowledged: list[tuple[float, str]] = field(default_factory=list)
    """When, by the monotonic clock, and which report."""
    waits_s: list[tuple[float, float]] = field(default_factory=list)
    """When each report was acknowledged, and how long its station had tried."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def sending(server: TrialServer, stations: int) -> Iterator[Told]:
    """Let stations send for the length of the block; each ends with what it has begun."""
    told, over = Told(), threading.Event()
    at_work = [TrialStation(server, number, phones=20) for number in range(stations)]
    threads = [threading.Thread(target=_send, args=(server, one, told, over)) for one in at_work]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for one in at_work:
            one.close()


def _send(server: TrialServer, station: TrialStation, told: Told, over: threading.Event) -> None:
    connection = server.connection()
    connection.timeout = _PATIENCE_S
    while not over.is_set():
        [body] = station.bodies(1, 1)
        began = time.monotonic()
        while (fault := _post(connection, body, told)) is not None:
            with told.lock:
                told.failures.append((time.monotonic(), fault))
            connection.close()
            time.sleep(_AGAIN_S)
        with told.lock:
            told.waits_s.append((time.monotonic(), time.monotonic() - began))
        over.wait(_PAUSE_S)
    connection.close()


def _post(connection: HTTPSConnection, body: bytes, told: Told) -> str | None:
    """Send one request and return why it has to be sent again, None where it is acknowledged."""
    try:
        connection.request("POST", "/api/v1/reports", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, HTTPException) as error:
        return type(error).__name__
    if answer.status != 200:
        return str(answer.status)
    [result] = json.loads(text)["results"]
    assert result["status"] in _TAKEN, result
    with told.lock:
        told.acknowledged.append((time.monotonic(), result["report_id"]))
    return None


def longest_gap(told: Told, since: float) -> tuple[float, float]:
    """Return the longest time after `since` without any acknowledgement, and the longest that one station tried."""
    with told.lock:
        times = [since, *(at for at, _ in told.acknowledged if at >= since)]
        waits = [wait for at, wait in told.waits_s if at >= since]
    gaps = [after - before for before, after in pairwise(times)]
    return max(gaps, default=0.0), max(waits, default=0.0)


def faults_since(told: Told, since: float) -> dict[str, int]:
    """Return how often a request failed since then, by the kind of failure."""
    found: dict[str, int] = {}
    with told.lock:
        for at, kind in told.failures:
            if at >= since:
                found[kind] = found.get(kind, 0) + 1
    return found


def lost(told: Told, stored: Sequence[str]) -> tuple[set[str], int]:
    """Return the acknowledged reports that are not stored, and how many rows are stored twice."""
    return {report_id for _, report_id in told.acknowledged} - set(stored), len(stored) - len(set(stored))
