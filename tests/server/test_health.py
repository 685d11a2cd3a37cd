"""Whether the server answers and can serve, as supervisors and load balancers ask: /healthz and /readyz."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from alembic import command
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, text

from server.app import create_app
from server.running.buffering import BufferedRequests
from server.running.health import HEALTH_PATHS, Part, Readiness
from server.running.rsgi import Transport
from server.storage.database import Base
from server.storage.migrating import alembic_config
from tests.server.authority import Authority, TrustFolder, make_config
from tests.server.test_metrics import told

READY: dict[str, Any] = {"ready": True, "failing": []}
NOT_A_DATABASE = b"not a database at all" * 100


def failing(*parts: str) -> dict[str, Any]:
    return {"ready": False, "failing": list(parts)}


def asked(app: Flask) -> tuple[int, Any]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.get_json()


def test_a_server_with_its_database_its_schema_and_its_trust_is_ready(authority: Authority) -> None:
    assert asked(create_app(authority.config)) == (200, READY)


def test_before_anything_is_published_the_pages_can_be_served(
    authority: Authority,
) -> None:
    with authority.database.writing() as session:
        for table in ("publication", "trust_file"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")

    assert asked(create_app(authority.config)) == (200, READY)


def test_without_its_database_a_server_answers_and_is_not_ready(
    demo_trust: TrustFolder, tmp_path: Path
) -> None:
    url = f"postgresql+psycopg://curfew:geheim@/curfew?host={tmp_path}"
    app = create_app(make_config(tmp_path / "server", demo_trust, url))

    assert app.test_client().get("/healthz").get_json() == {"alive": True}
    assert asked(app) == (503, failing("database"))


@pytest.mark.about_sqlite("its file is damaged")
def test_a_damaged_database_is_told(app: Flask, small_authority: Authority) -> None:
    (small_authority.folder / "curfew.sqlite").write_bytes(NOT_A_DATABASE)

    assert asked(app) == (503, failing("database"))


def test_an_older_schema_is_told(authority: Authority) -> None:
    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "-1")

    assert asked(create_app(authority.config)) == (503, failing("migrations"))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM trust_file WHERE name = 'timestamp.json'",
        "DELETE FROM trust_file WHERE name LIKE '%snapshot.json'",
        "UPDATE trust_file SET body = 'damaged' WHERE name = 'timestamp.json'",
    ],
)
def test_trust_that_stations_could_not_read_is_told(small_authority: Authority, statement: str) -> None:
    with small_authority.database.writing() as session:
        session.execute(text(statement))

    assert asked(create_app(small_authority.config)) == (503, failing("trust"))


def test_without_the_authority_that_stations_pin_it_is_not_ready(
    small_authority: Authority, tmp_path: Path
) -> None:
    url = small_authority.config.database_url
    config = make_config(tmp_path / "server", small_authority.trust, url, tls_folder=tmp_path / "nothing")

    assert asked(create_app(config)) == (503, failing("trust"))


def test_asked_again_within_a_second_the_database_is_not_looked_at_again(
    app: Flask, client: FlaskClient
) -> None:
    looked: list[str] = []
    engine = app.extensions["curfew"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: looked.append(str(args[2])))
    client.get("/readyz")
    once = len(looked)

    assert [client.get("/readyz").get_json() for _ in range(50)] == [READY] * 50

    assert once
    assert len(looked) == once


def test_a_database_that_never_answers_is_waited_for_by_one_look_and_within_the_bound() -> None:
    answers, looks = Event(), []

    def look() -> Sequence[Part]:
        looks.append(1)
        answers.wait()
        return ()

    readiness = Readiness(look, within_s=0.01, fresh_s=-1)

    assert [readiness.failing() for _ in range(5)] == [(Part.DATABASE,)] * 5
    assert len(looks) == 1
    answers.set()
    while readiness.failing():
        pass
    assert len(looks) >= 2


def test_health_is_told_without_a_cookie_a_sign_in_or_a_trace(
    small_authority: Authority, client: FlaskClient
) -> None:
    before = rows_of(small_authority)
    for path in sorted(HEALTH_PATHS):
        for method in ("GET", "HEAD"):
            answer = client.open(path, method=method, headers={"Cookie": "__Host-curfew=stolen"})
            assert answer.status_code == 200
            assert "Set-Cookie" not in answer.headers
            assert answer.headers["Cache-Control"] == "no-store"
    assert rows_of(small_authority) == before


def test_what_cannot_be_asked_there_is_answered_as_programs_read_it(client: FlaskClient) -> None:
    for path in sorted(HEALTH_PATHS):
        answer = client.post(path, data=b"x", content_type="text/plain")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (405, "method_not_allowed")


def test_what_fails_is_told_without_names_hosts_or_secrets(demo_trust: TrustFolder, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://canary:geheim@/canary?host={tmp_path}"

    text = create_app(make_config(tmp_path / "server", demo_trust, url)).test_client().get("/readyz").text

    assert "canary" not in text
    assert str(tmp_path) not in text


def test_both_are_counted_under_their_own_names(client: FlaskClient) -> None:
    for path in (*HEALTH_PATHS, "/readyz/x", "/healthz2"):
        client.get(path)

    text = client.get("/metrics").text

    for path in HEALTH_PATHS:
        assert told(text, f'curfew_requests_total{{method="GET",route="{path}",status="200"}}') == 1
    assert told(text, 'curfew_requests_total{method="GET",route="unknown",status="404"}') == 2


def rows_of(authority: Authority) -> int:
    with authority.database.reading() as session:
        counts = [
            session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables
        ]
    return sum(count or 0 for count in counts)


@dataclass
class Asked:
    """A request as granian hands it over, and what was answered."""

    path: str
    method: str = "GET"
    http_version: str = "1.1"
    server: str = "127.0.0.1:8443"
    client: str = "127.0.0.1:50000"
    scheme: str = "https"
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: tuple[bytes, ...] = ()
        for piece in pieces:
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport:
        raise AssertionError("nothing here is refused while its body still comes")

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        raise AssertionError("nothing here lies in a file")


def test_it_is_told_while_every_thread_for_requests_waits_for_the_database() -> None:
    database_answers = Event()

    def app(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] not in HEALTH_PATHS:
            database_answers.wait()
        start("200 OK", [])
        return iter([b""])

    async def story() -> tuple[list[int], list[int]]:
        buffered = BufferedRequests(app, 2, lambda: datetime(2023, 3, 15, tzinfo=UTC))
        waiting = [Asked("/api/v1/status") for _ in range(8)]
        held = [asyncio.create_task(buffered.__rsgi__(one, one)) for one in waiting]
        healthy = [Asked(path) for path in HEALTH_PATHS]
        await asyncio.gather(*(buffered.__rsgi__(one, one) for one in healthy))
        before = [one.status for one in waiting]
        database_answers.set()
        await asyncio.gather(*held)
        return [one.status for one in healthy], before

    assert asyncio.run(story()) == ([200, 200], [0] * 8)


def test_asking_without_end_fills_its_own_lane_alone() -> None:
    goes_on = Event()

    def app(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/readyz":
            goes_on.wait()
        start("200 OK", [])
        return iter([b""])

    async def story() -> tuple[list[int], int]:
        buffered = BufferedRequests(app, 2, lambda: datetime(2023, 3, 15, tzinfo=UTC))
        flood = [Asked("/readyz") for _ in range(500)]
        tasks = [asyncio.create_task(buffered.__rsgi__(one, one)) for one in flood]
        others = [Asked("/api/v1/status"), Asked("/healthz")]
        await asyncio.gather(*(buffered.__rsgi__(one, one) for one in others))
        goes_on.set()
        await asyncio.gather(*tasks)
        return [one.status for one in others], sum(one.status == 503 for one in flood)

    assert asyncio.run(story()) == ([200, 200], 500 - 32)
