"""Measures a fleet that comes back after a day without its server: every station with a hundred reports on its disk.

python -m tests.benchmarks.return_after_a_day [STATIONS [REPORTS]]      (default: 500 and 100)

The real server of two workers over TLS, on SQLite and on PostgreSQL with every commit on disk. The stations' side is
the agent's own: its folder, its spool, its sending, with its patience; all begin at once, and who could not send all
begins again after a few seconds, as `watch` or a technician does. Of every fifth station the first answer is lost on
its way, so that it sends the same reports again. Meanwhile somebody reads pages, one after the other. Afterwards each
report is looked for by its id, and the server's own check looks whether its counts are whole.

All of it shares the machine's cores with the server; the signatures are made before the clock starts.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPSConnection
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Queue
from shutil import copy
from statistics import quantiles
from urllib.parse import urlencode

from sqlalchemy import text

from agent_scripts.errors import ServerError, ServerUnreachable
from agent_scripts.server_link.client import ReportAnswer, ServerClient
from agent_scripts.server_link.sender import send_spool
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import Station, lay_out
from agent_scripts.station_files.trusted_time import TrustedClock
from server.loadtest.trial_server import TrialServer, trial_server
from server.loadtest.trial_station import TrialStation
from server.people.people import Role, put_person
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.benchmarks.under_attack import sign_in_form
from tests.server.postgresql import Postgresql

_NAME, _PASSWORD = "desk-1", "a password of a benchmark"
_PAGES = ("/", "/?standing=silent", "/stations", "/alarms", "/bundles")
_QUIET_S = 10.0
_AGAIN_S = 5.0
_PHONES = 4
_LOSES_AN_ANSWER = 5
"""Every so-manieth station."""


@dataclass
class Sent:
    """What became of one station's spool: the seconds until it was empty, and how often it had to begin again."""

    seconds: float
    begun_again: int
    set_aside: int


class _Forgetful(ServerClient):
    """A client whose first answer is lost on its way: the server has stored the reports, and nobody here knows."""

    lost = False

    def send_reports(self, envelopes: Sequence[bytes]) -> ReportAnswer:
        answer = super().send_reports(envelopes)
        if not self.lost:
            self.lost = True
            raise ServerUnreachable("the answer was lost")
        return answer


def main() -> None:
    """Print for both databases how long it took, what pages cost meanwhile, and what was lost or doubled."""
    words = [int(word) for word in sys.argv[1:]]
    stations, reports = (*words, 500, 100)[0], (*words[1:], 100)[0]
    _allow_many_files()
    with Postgresql(durable=True) as postgresql:
        for engine in ("SQLite", "PostgreSQL"):
            url = None if engine == "SQLite" else postgresql.create_database("returning")
            with folder_for_a_while() as folder, trial_server(folder, url, workers=2) as server:
                show(_returned(engine, server, folder, stations, reports))


def _returned(engine: str, server: TrialServer, folder: Path, stations: int, reports: int) -> list[Figure]:
    benches = [_bench(server, folder, number, reports) for number in range(stations)]
    written = {
        report.report_id
        for bench in benches
        for path in Spool(bench.spool_folder).waiting()
        if (report := Spool(bench.spool_folder).read(path))
    }
    with _pages_asked(server) as before:
        time.sleep(_QUIET_S)
    cpu_before, began = server.cpu_s(), time.monotonic()
    with _pages_asked(server) as meanwhile, ThreadPoolExecutor(stations) as threads:
        sent = list(threads.map(lambda numbered: _send(*numbered), enumerate(benches)))
        seconds, cpu_s = time.monotonic() - began, server.cpu_s() - cpu_before
    lost, doubled = _compared(server, written)
    waits = sorted(one.seconds for one in sent)
    what = f"{stations} stations back with {reports} reports each, {engine}"
    return [
        Figure(
            what,
            f"{seconds:.0f} s, {len(written) / seconds:.0f} reports/s, {cpu_s / len(written) * 1e3:.2f} ms CPU each;"
            f" half of the stations done after {waits[len(waits) // 2]:.0f} s",
            f"lost {lost}, doubled {doubled}, set aside {sum(one.set_aside for one in sent)};"
            f" {sum(one.begun_again > 0 for one in sent)} stations began again, at most"
            f" {max(one.begun_again for one in sent)} times",
        ),
        Figure(f"pages before, {engine}", *_told(before, before)),
        Figure(f"pages meanwhile, {engine}", *_told(meanwhile, before)),
    ]


def _bench(server: TrialServer, folder: Path, number: int, reports: int) -> Station:
    """Lay out a station as a day without a server leaves it."""
    trial = TrialStation(server, number, _PHONES)
    home = folder / f"bench-{number}"
    home.mkdir()
    copy(server.folder / f"station-{number}.key", home / "station.key")
    lay_out(
        home,
        station_id=trial.station_id,
        name=f"bench {number}",
        server_url=f"https://127.0.0.1:{server.port}",
        demo=True,
        organisation=bytes(range(32)),
        authority=(server.folder / "trust" / "tls" / "authority.pem").read_bytes(),
    )
    station = Station.open(home)
    for counter, envelope in enumerate(trial.reports(reports), 1):
        # As they lie there, and not as durably: what keeping them costs is another measure.
        (station.spool_folder / f"{counter:018d}.json").write_bytes(envelope)
    return station


def _send(number: int, station: Station) -> Sent:
    """Send until nothing waits, as a station does again and again."""
    client = (ServerClient if number % _LOSES_AN_ANSWER else _Forgetful)(station)
    clock, began, again, set_aside = TrustedClock(station.folder), time.monotonic(), 0, 0
    while True:
        try:
            result = send_spool(station, client, clock)
            set_aside += len(result.set_aside)
            if not result.left:
                return Sent(time.monotonic() - began, again, set_aside)
        except ServerError as error:
            if again > 100:
                raise SystemExit(f"a station gave up after {again} times: {error}") from error
        again += 1
        time.sleep(_AGAIN_S * random.uniform(1, 2))


def _compared(server: TrialServer, written: set[str]) -> tuple[int, int]:
    """Return how many reports are not there, and how many are there or counted more than once."""
    with server.database.reading() as session:
        stored = list(session.scalars(text("SELECT report_id FROM report")))
        counted = session.scalar(text("SELECT sum(reports) FROM station_activity"))
    return len(written - set(stored)), max(len(stored), int(counted or 0)) - len(written)


@contextmanager
def _pages_asked(server: TrialServer) -> Iterator[list[float]]:
    """Read pages in a process of its own while the block lasts; then the list holds the seconds that each took."""
    waits: list[float] = []
    with server.database.writing() as session:
        put_person(session, _NAME, _PASSWORD, [Role.TECHNICIAN, Role.AUDITOR], "benchmark", datetime.now(UTC))
    authority = server.folder / "trust" / "tls" / "authority.pem"
    # Started anew, and not forked from a process with threads.
    context = multiprocessing.get_context("spawn")
    begun, over, told = context.Event(), context.Event(), context.Queue()
    asking = context.Process(target=_ask_pages, args=(server.port, authority, begun, over, told))
    asking.start()
    if not begun.wait(60):
        raise SystemExit("nobody could sign in to read pages")
    try:
        yield waits
    finally:
        over.set()
        waits += told.get(timeout=120)
        asking.join()


def _ask_pages(port: int, authority: Path, begun: Event, over: Event, told: Queue[list[float]]) -> None:
    connection = HTTPSConnection(
        "127.0.0.1", port, timeout=120, context=ssl.create_default_context(cafile=str(authority))
    )
    cookie = _signed_in(connection, port)
    begun.set()
    waits: list[float] = []
    while not over.is_set():
        page = _PAGES[len(waits) % len(_PAGES)]
        asked = time.perf_counter()
        connection.request("GET", page, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        waits.append(time.perf_counter() - asked)
        if answer.status != 200:
            raise SystemExit(f"{page} was answered {answer.status}")
        # As fast as somebody who clicks on without reading.
        over.wait(0.2)
    told.put(waits)


def _signed_in(connection: HTTPSConnection, port: int) -> str:
    cookie, token = sign_in_form(connection)
    form = urlencode({"name": _NAME, "password": _PASSWORD, "csrf_token": token})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": cookie,
        "Referer": f"https://127.0.0.1:{port}/sign-in",
    }
    connection.request("POST", "/sign-in", form, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 302:
        raise SystemExit(f"signing in was answered {answer.status}")
    return "; ".join(line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", []))


def _told(waits: Sequence[float], quiet: Sequence[float]) -> tuple[str, str]:
    (p50, p99), (quiet_p50, quiet_p99) = _percentiles(waits), _percentiles(quiet)
    value = f"{len(waits)} pages, p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms"
    return value, f"{p50 / quiet_p50:.1f} x p50, {p99 / quiet_p99:.1f} x p99 of before"


def _percentiles(waits: Sequence[float]) -> tuple[float, float]:
    hundredths = quantiles(waits, n=100)
    return hundredths[49], hundredths[98]


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))


if __name__ == "__main__":
    main()
