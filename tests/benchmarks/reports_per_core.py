"""Measures what accepting a signed report costs the server, against a bare Flask route on the same granian.

Both are served as the product serves (`server.serving`: granian, TLS, one worker), each in processes of
its own; 32 stations keep a connection each. The reports are those of a real check of a virtual phone, signed before
the clock starts; each is verified, checked against the schema and stored durably (SQLite with synchronous=FULL,
PostgreSQL with fsync). Counted is the CPU of the whole process tree, PostgreSQL's included; the cases take turns,
medians of the rounds.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from flask import Flask

from agent_scripts.visits.report_writing import report_of
from policy.ledger import marker_sha256
from policy.names import PhoneId
from policy.report import Report
from policy.report_results import BATCH_REPORTS
from server.loadtest.process_cpu import cpu_of_tree
from server.running.buffering import BufferedRequests
from server.serving import THREADS, serve, serve_buffered
from server.storage.migrating import migrate
from tests.benchmarks.figures import Figure, in_turns, show
from tests.benchmarks.keen_client import request_bytes, send_all
from tests.benchmarks.measured_station import folder_for_a_while, make_run, make_station
from tests.benchmarks.recording import record
from tests.server.authority import Authority, Bench, TrustFolder, make_config
from tests.server.postgresql import Postgresql
from tests.server.running import free_port

ROUNDS = 5
_STATIONS = 32
_PHONES = 100
_HELLOS = 3200
_REQUESTS = {1: 640, 10: 80, 100: 8}
"""How many requests of a round have so many reports."""
# A worker lets 2 MiB of check-ins wait, and seven whole batches are more.
_BATCHES_AT_ONCE = 4
_HOST = "127.0.0.1"


def main() -> None:
    """Print CPU a report, reports a second and core, and what share of a bare Flask route's rate that is."""
    with folder_for_a_while() as folder, ExitStack() as stack:
        report = recorded_report(folder)
        trust = TrustFolder(folder / "trust")
        postgresql = stack.enter_context(Postgresql(durable=True))
        urls = {
            "SQLite": f"sqlite:///{folder / 'curfew.sqlite'}",
            "PostgreSQL": postgresql.create_database("bench"),
        }
        tls = trust.path / "tls"
        hello = stack.enter_context(_served(tls, [], serve_buffered, load_hello, _HOST, free_port(), 1, tls))
        cases = {"hello": lambda: hello.cpu_of([request_bytes("GET", "/")] * _HELLOS)[0] / _HELLOS}
        for name, url in urls.items():
            authority = Authority(folder, trust, make_config(folder / f"server-{name}", trust, url))
            load = _Load(authority, report)
            also = [postgresql.process_id] if name == "PostgreSQL" else []
            config = authority.config
            served = stack.enter_context(_served(tls, also, serve, config, _HOST, free_port(), 1))
            for size, requests in _REQUESTS.items():
                what = "one by one" if size == 1 else f"batches of {size}"
                cases[f"{name}, {what}"] = load.case(served, requests, size)
        cpu = in_turns(ROUNDS, cases)
    show(_figures(cpu))


def _figures(cpu: dict[str, float]) -> list[Figure]:
    hello = cpu.pop("hello")
    return [
        Figure(
            "bare Flask route, same granian", f"{hello * 1e6:.0f} us CPU, {1 / hello:.0f}/s and core", "1"
        ),
        *(
            Figure(
                f"reports accepted, {name}",
                f"{used * 1e6:.0f} us CPU, {1 / used:.0f}/s and core",
                f"{hello / used:.2f} of the bare route's rate ({used / hello:.1f} x its cost)",
            )
            for name, used in cpu.items()
        ),
    ]


def recorded_report(folder: Path) -> Report:
    """Return the report of a check of a compliant phone."""
    run = make_run(make_station(folder / "station"))
    _, done = asyncio.run(record(run, "pixel-14", folder / "phone"))
    return report_of(
        done,
        station_id=run.station.station_id,
        counter=1,
        operator=run.operator,
        time=run.time,
        bundle_number=1,
    )


class _Load:
    """Stations and phones of one server, and the reports they send."""

    def __init__(self, authority: Authority, report: Report) -> None:
        migrate(authority.database)
        authority.publish()
        self._benches = [authority.bench(f"bench {number}") for number in range(_STATIONS)]
        # Every station shows the marker of the recorded phone, and has met them all by that.
        shown = marker_sha256(report.ledger.marker)
        self._phones = [
            authority.phone(self._benches[0], virtual=True, marker_sha256=shown) for _ in range(_PHONES)
        ]
        self._report = report
        authority.database.close()

    def case(self, served: _Served, requests: int, size: int) -> Callable[[], float]:
        """Return a function that sends new reports and returns the seconds of CPU for one of them."""

        def run() -> float:
            bodies = [self._body(self._benches[number % _STATIONS], size) for number in range(requests)]
            used_s, answers = served.cpu_of(
                [request_bytes("POST", "/api/v1/reports", body) for body in bodies],
                _BATCHES_AT_ONCE if size == BATCH_REPORTS else _STATIONS,
            )
            _must_be_stored(answers)
            return used_s / (requests * size)

        return run

    def _body(self, bench: Bench, size: int) -> bytes:
        envelopes = [self._sign(bench, self._phones[number % _PHONES]) for number in range(size)]
        return b'{"reports":[' + b",".join(envelopes) + b"]}"

    def _sign(self, bench: Bench, phone_id: PhoneId) -> bytes:
        bench.counter += 1
        return bench.sign(
            replace(
                self._report,
                report_id=str(uuid4()),
                station_id=bench.station_id,
                counter=bench.counter,
                phone_id=phone_id,
            )
        )


def _must_be_stored(answers: Sequence[tuple[int, bytes]]) -> None:
    for status, body in answers:
        told = {result["status"] for result in json.loads(body).get("results", ())}
        if status != 200 or told != {"stored"}:
            raise SystemExit(f"a batch was not stored: {status} {body[:200]!r}")


def load_hello() -> BufferedRequests:
    """Return an application with one route that does nothing, served as the product is."""
    app = Flask("hello")
    app.add_url_rule("/", view_func=lambda: {"hello": "world"})
    return BufferedRequests(app, THREADS, lambda: datetime.now(UTC))


@dataclass(frozen=True)
class _Served:
    """A running server and its processes."""

    processes: Sequence[int]
    port: int
    authority_pem: str

    def cpu_of(
        self, requests: Sequence[bytes], connections: int = _STATIONS
    ) -> tuple[float, Sequence[tuple[int, bytes]]]:
        """Send everything over so many connections; returns the server's seconds of CPU, and the answers."""
        before = self._cpu()
        answers = send_all(self.port, self.authority_pem, requests, connections)
        return self._cpu() - before, answers

    def _cpu(self) -> float:
        return sum(map(cpu_of_tree, self.processes))


@contextmanager
def _served(
    tls: Path, also: Sequence[int], target: Callable[..., None], *arguments: object
) -> Iterator[_Served]:
    """Run a server in a process of its own; `also` are processes whose CPU counts as its own."""
    port = next(value for value in arguments if isinstance(value, int))
    process = multiprocessing.get_context("spawn").Process(
        target=_with_log, args=(tls / f"{port}.log", target, *arguments)
    )
    process.start()
    _wait_for(port)
    try:
        assert process.pid is not None
        yield _Served((process.pid, *also), port, str(tls / "authority.pem"))
    finally:
        process.terminate()
        process.join(timeout=30)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection((_HOST, port)):
            return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def _with_log(log: Path, target: Callable[..., None], *arguments: object) -> None:
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600), 2)  # a line a request belongs to no table
    target(*arguments)


if __name__ == "__main__":
    main()
