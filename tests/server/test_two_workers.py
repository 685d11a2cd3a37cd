"""Two workers on PostgreSQL: what defends one process defends both, and what is counted is counted together."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from server.cli import main as curfew_server
from server.config import read_config
from server.people.people import Role
from server.serving import THREADS
from tests.server.authority import Authority, TrustFolder
from tests.server.postgresql import Postgresql
from tests.server.running import RunningServer
from tests.server.test_stalled_requests import begun

STATIONS, REPORTS = 24, 20


@pytest.fixture
def office(
    demo_trust: TrustFolder,
    postgresql: Postgresql,
    published_postgresql: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Authority]:
    folder = tmp_path / "office"
    assert curfew_server(["init", str(folder), "--trust", str(demo_trust.path)]) == 0
    url = postgresql.create_database(f"two_{uuid4().hex}", published_postgresql)
    monkeypatch.setenv("CURFEW_DATABASE_URL", url)
    config = replace(read_config(folder / "server.env", environ={}), database_url=url)
    made = Authority(tmp_path, demo_trust, config)
    yield made
    made.database.close()


@pytest.fixture
def server(office: Authority) -> Iterator[RunningServer]:
    authority_pem = office.config.tls_folder / "authority.pem"
    with RunningServer(office.config.audit_key.parent, authority_pem, workers=2) as running:
        yield running


def test_bodies_that_stop_hold_neither_worker(server: RunningServer) -> None:
    with contextlib.ExitStack() as held:
        for number in range(8 * THREADS):
            held.enter_context(begun(server, b"abc", 1000, f"127.0.0.{2 + number % 8}"))
        assert [server.ask("GET", "/api/v1/status")[0] for _ in range(THREADS)] == [200] * THREADS


def test_wrong_passwords_are_counted_together_whichever_worker_is_asked(
    server: RunningServer, office: Authority
) -> None:
    assert len(server.workers()) == 2

    answers = [sign_in(server, "desk-1") for _ in range(12)]

    # Connections go to either worker: each by itself would have looked at five before it stopped.
    assert answers[:5] == [401] * 5
    assert set(answers[5:]) == {429}


def sign_in(server: RunningServer, name: str) -> int:
    connection = server.connect()
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    [token] = re.findall(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
    cookie = "; ".join(line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", []))
    connection.close()
    # Anew: it may be the other worker that looks at the password.
    connection = server.connect()
    form = urlencode({"name": name, "password": "wrong password", "csrf_token": token})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": cookie,
        "Referer": f"https://127.0.0.1:{server.port}/sign-in",
    }
    connection.request("POST", "/sign-in", form, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_after_a_day_away_nothing_is_lost_or_doubled_though_each_batch_comes_twice_at_once(
    server: RunningServer, office: Authority
) -> None:
    batches, sent = [], set()
    for number in range(STATIONS):
        bench = office.bench(f"bench {number}")
        reports = [bench.report(office.phone(bench)) for _ in range(REPORTS)]
        sent |= {str(report.report_id) for report in reports}
        batches.append([bench.sign(report) for report in reports])

    def send(batch: list[bytes]) -> list[str]:
        while True:
            status, told = server.post_reports(*batch)
            if status not in (429, 503):
                return [str(result["status"]) for result in told["results"]]

    with ThreadPoolExecutor(2 * STATIONS) as threads:
        told = list(threads.map(send, [*batches, *batches]))
        page = threads.submit(server.ask, "GET", "/healthz").result()

    statuses = Counter(status for one in told for status in one)
    assert statuses == {"stored": STATIONS * REPORTS, "duplicate": STATIONS * REPORTS}
    assert page[0] == 200
    stored = server.ask("GET", "/api/v1/phones?limit=1000", headers=authorized(office))[1]["phones"]
    assert len([phone for phone in stored if phone["last_check_at"]]) == len(sent)


def authorized(office: Authority) -> dict[str, str]:
    return {"Authorization": f"Bearer {office.person_token(Role.AUDITOR)}"}


def test_a_number_of_change_is_not_passed_over_by_either_worker(
    server: RunningServer, office: Authority
) -> None:
    bench = office.bench()
    phones = [office.phone(bench, holder=f"mailbox-{number}") for number in range(16)]
    headers = authorized(office)
    cursor = server.ask("GET", "/api/v1/blocks", headers=headers)[1]["cursor"]
    batches = [bench.sign(bench.report(phone)) for phone in phones]
    told: set[str] = set()

    with ThreadPoolExecutor(8) as threads:
        sending = [threads.submit(server.post_reports, batch) for batch in batches]
        while not all(one.done() for one in sending):
            cursor, moved = changes(server, headers, cursor)
            told |= moved
    assert [one.result()[0] for one in sending] == [200] * 16

    assert told | changes(server, headers, cursor)[1] == {f"mailbox-{number}" for number in range(16)}


def changes(server: RunningServer, headers: dict[str, str], cursor: str) -> tuple[str, set[str]]:
    status, answer = server.ask("GET", f"/api/v1/blocks?since={cursor}", headers=headers)
    assert status == 200, json.dumps(answer)
    return answer["cursor"], {row["holder"] for row in answer["blocks"]}
