"""Measures how long a station waits for a check-in to be stored by two workers on PostgreSQL, alone and beside others.

The real program over TLS, PostgreSQL with every commit on disk. A station sends signed reports one after another on a
connection of its own, at most twenty a second; beside it nobody, stations that send at half of what the server takes,
a flood of sign-ins, or a thousand bodies that stop.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from threading import Event

from server.config import read_config
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.benchmarks.under_attack import STALLED, Attack, attacked, flood, stall
from tests.server.authority import Authority, TrustFolder
from tests.server.postgresql import Postgresql
from tests.server.running import ROOT, RunningServer

ROUNDS = 2
OTHERS = 8
_ASKED = 100
_EVERY_S = 0.05
_FLAT_OUT_S = 4.0
_ALONE = "alone"
_ATTACKS: dict[str, Attack] = {
    "during a flood of sign-ins": flood,
    f"beside {STALLED} unfinished bodies": stall,
}


def main() -> None:
    """Print p50 and p99 of a check-in, in each company."""
    waits: dict[str, list[Sequence[float]]] = {}
    with folder_for_a_while() as folder, Postgresql(durable=True) as postgresql:
        with _served(folder, postgresql) as (server, office):
            station, *others = (_Sender(server, office, f"bench {number}") for number in range(OTHERS + 1))
            rate = _flat_out(others)
            for _ in range(ROUNDS):
                waits.setdefault(_ALONE, []).append(_percentiles(station))
                with _sending(others, rate / 2):
                    waits.setdefault("at half load", []).append(_percentiles(station))
                for name, attack in _ATTACKS.items():
                    with attacked(server, attack):
                        waits.setdefault(name, []).append(_percentiles(station))
        office.database.close()
    show([Figure("check-ins a second of two workers on PostgreSQL", f"{rate:.0f}", "1")])
    alone = _medians(waits[_ALONE])[1]
    for name, found in waits.items():
        p50, p99 = _medians(found)
        told = f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"
        show([Figure(f"a station's check-in {name}", told, f"{p99 / alone:.1f} x p99 alone")])


def _medians(found: Sequence[Sequence[float]]) -> tuple[float, float]:
    return median(one[49] for one in found), median(one[98] for one in found)


@contextmanager
def _served(folder: Path, postgresql: Postgresql) -> Iterator[tuple[RunningServer, Authority]]:
    trust, home = TrustFolder(folder / "trust"), folder / "office"
    os.environ["CURFEW_DATABASE_URL"] = postgresql.create_database("measured")
    command = [sys.executable, "-m", "server.cli"]
    init = [*command, "init", str(home), "--trust", str(trust.path)]
    subprocess.run(init, cwd=ROOT, check=True, capture_output=True)
    config = ["--config", str(home / "server.env")]
    for words in (["migrate"], ["publish", str(trust.path)]):
        subprocess.run([*command, *config, *words], cwd=ROOT, check=True, capture_output=True)
    office = Authority(folder, trust, read_config(home / "server.env"))
    authority_pem = trust.path / "tls" / "authority.pem"
    with RunningServer(home, authority_pem, workers=2, from_scratch=True) as server:
        yield server, office


class _Sender:
    """A station with one phone and a connection that stays."""

    def __init__(self, server: RunningServer, office: Authority, name: str) -> None:
        self._bench = office.bench(name)
        self._phone = office.phone(self._bench)
        self._connection = server.connect()

    def begin_anew(self) -> None:
        """Give up the connection, which the server has ended if nothing was asked on it for long."""
        self._connection.close()

    def check_in(self) -> float:
        """Send one report and return how long its answer took."""
        report = self._bench.report(self._phone, checked_at=datetime.now(UTC))
        body = b'{"reports":[' + self._bench.sign(report) + b"]}"
        begun = time.perf_counter()
        self._connection.request("POST", "/api/v1/reports", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        return time.perf_counter() - begun


def _percentiles(station: _Sender) -> Sequence[float]:
    station.begin_anew()
    waits = []
    for _ in range(_ASKED):
        waits.append(station.check_in())
        time.sleep(_EVERY_S)
    return quantiles(waits, n=100)


def _flat_out(senders: Sequence[_Sender]) -> float:
    """Return how many check-ins a second the server takes of these, each as fast as it can."""
    end = time.perf_counter() + _FLAT_OUT_S

    def send(sender: _Sender) -> int:
        count = 0
        while time.perf_counter() < end:
            sender.check_in()
            count += 1
        return count

    with ThreadPoolExecutor(len(senders)) as threads:
        return sum(threads.map(send, senders)) / _FLAT_OUT_S


@contextmanager
def _sending(senders: Sequence[_Sender], rate: float) -> Iterator[None]:
    """Let these send so many check-ins a second, all together, for the length of the block."""
    over = Event()

    def send(sender: _Sender) -> None:
        sender.begin_anew()
        while not over.wait(len(senders) / rate):
            sender.check_in()

    with ThreadPoolExecutor(len(senders)) as threads:
        working = [threads.submit(send, sender) for sender in senders]
        try:
            yield
        finally:
            over.set()
            for one in working:
                one.result()


if __name__ == "__main__":
    main()
