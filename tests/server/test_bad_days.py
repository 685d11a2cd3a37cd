"""Bad days of a running server: what it acknowledged is kept, it says what is wrong, and it goes on by itself."""

from __future__ import annotations

import io
import json
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from threading import Event
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from server.cli import main as curfew_server
from server.config import read_config
from server.people import tokens
from server.people.people import Role, put_person
from server.storage.migrating import migrate
from tests.server.authority import PASSWORD, Authority
from tests.server.databases import point_to
from tests.server.postgresql import Postgresql
from tests.server.running import RunningServer, serving

FAILING_TRIGGER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}';
END $$;
CREATE TRIGGER refusing BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def own_postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL that may be stopped without any other test noticing."""
    with Postgresql(durable=True) as server:
        yield server


@pytest.fixture
def on_postgresql(office: Authority, postgresql: Postgresql) -> Iterator[Authority]:
    """The folder of a server whose database is of PostgreSQL, with a publication."""
    yield from _moved(office, postgresql)


@pytest.fixture
def on_its_own(office: Authority, own_postgresql: Postgresql) -> Iterator[Authority]:
    """The same, on the PostgreSQL that may be stopped."""
    yield from _moved(office, own_postgresql)


def _moved(office: Authority, postgresql: Postgresql) -> Iterator[Authority]:
    settings = office.config.audit_key.parent / "server.env"
    point_to(settings, postgresql.create_database(f"bad_day_{uuid4().hex}"))
    moved = Authority(office.folder, office.trust, read_config(settings, environ={}))
    migrate(moved.database)
    moved.publish()
    yield moved
    moved.database.close()


def eventually(ask: Callable[[], Any], wanted: object) -> None:
    """Ask until the answer is the wanted one; the end of patience only keeps a failing test from waiting for ever."""
    until = time.monotonic() + 60
    while (found := ask()) != wanted:
        assert time.monotonic() < until, found


def ready(server: RunningServer) -> tuple[int, Any]:
    status, told = server.ask("GET", "/readyz")
    return status, told["failing"]


def test_a_database_that_goes_away_and_comes_back_costs_no_restart_and_no_report(
    on_its_own: Authority, own_postgresql: Postgresql
) -> None:
    bench = on_its_own.bench()
    phone_id = on_its_own.phone(bench)
    first, second = (bench.sign(bench.report(phone_id)) for _ in range(2))
    on_its_own.database.close()
    with serving(on_its_own) as server:
        assert server.post_reports(first)[0] == 200
        own_postgresql.stop()
        eventually(lambda: ready(server), (503, ["database"]))
        refused = server.post_reports(second)
        page = _page(server, "/sign-in")
        own_postgresql.start()
        eventually(lambda: ready(server), (200, []))
        _, told = server.post_reports(first, second)

    assert (refused[0], refused[1]["error"]["code"]) == (503, "storage_busy")
    assert page[0] == 503
    assert "the database is locked or cannot be reached; try again in a few seconds" in page[1]
    assert [result["status"] for result in told["results"]] == ["duplicate", "stored"]


def test_under_load_what_was_acknowledged_before_the_database_went_away_is_there_when_it_is_back(
    on_its_own: Authority, own_postgresql: Postgresql
) -> None:
    acknowledged: list[bytes] = []
    enough, over = Event(), Event()
    benches = [on_its_own.bench(f"bench {number}") for number in range(6)]
    pairs = [(bench, on_its_own.phone(bench)) for bench in benches]

    def send(bench: Any, phone_id: str) -> None:
        while not over.is_set():
            envelope = bench.sign(bench.report(phone_id))
            status, told = server.post_reports(envelope)
            if status == 200:
                assert told["results"][0]["status"] == "stored"
                acknowledged.append(envelope)
                if len(acknowledged) > 40:
                    enough.set()

    with serving(on_its_own) as server, ThreadPoolExecutor(6) as senders:
        sending = [senders.submit(send, *pair) for pair in pairs]
        assert enough.wait(60)
        own_postgresql.stop()
        over.set()
        for sent in sending:
            sent.result()
        own_postgresql.start()
        eventually(lambda: ready(server), (200, []))
        _, told = server.post_reports(*acknowledged[-100:])

    assert {result["status"] for result in told["results"]} == {"duplicate"}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("53100", ("storage_full", "the disk below the database is full or failing")),
        ("XX001", ("storage_full", "the disk below the database is full or failing")),
    ],
    ids=["its disk is full", "its file is damaged"],
)
def test_a_write_that_postgresql_refuses_is_told_and_acknowledged_by_nobody(
    on_postgresql: Authority, code: str, told: tuple[str, str]
) -> None:
    bench = on_postgresql.bench()
    envelope = bench.sign(bench.report(on_postgresql.phone(bench)))
    _by_hand(on_postgresql, FAILING_TRIGGER.format(table="report", code=code))

    with serving(on_postgresql) as server:
        status, answer = server.post_reports(envelope)
        _by_hand(on_postgresql, "DROP TRIGGER refusing ON report")
        _, after = server.post_reports(envelope)

    assert (status, answer["error"]["code"]) == (503, told[0])
    assert answer["error"]["message"].startswith(told[1])
    assert after["results"][0]["status"] == "stored"


def test_who_lacks_a_right_is_refused_where_that_cannot_be_written_down(on_postgresql: Authority) -> None:
    token = on_postgresql.person_token(Role.AUTHOR)
    _by_hand(on_postgresql, FAILING_TRIGGER.format(table="audit", code="53100"))

    with serving(on_postgresql) as server:
        connection = server.connect()
        connection.request("GET", "/api/v1/audit-rows", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        log = server.log.read_text()

    assert (answer.status, told["error"]["code"]) == (403, "right_missing")
    assert "refusal_not_kept" in log


def test_a_postgresql_that_only_reads_as_a_standby_does_is_told_as_such(on_postgresql: Authority) -> None:
    bench = on_postgresql.bench()
    envelope = bench.sign(bench.report(on_postgresql.phone(bench)))
    name = make_url(on_postgresql.config.database_url).database
    on_postgresql.database.close()

    with serving(on_postgresql) as server:
        _by_hand(on_postgresql, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        status, answer = server.post_reports(envelope)
        log = server.log.read_text()

    assert (status, answer["error"]["code"]) == (503, "storage_busy")
    assert answer["error"]["message"].startswith("the database can only be read: it is a standby")
    assert "Traceback" not in log


def test_connections_that_use_up_all_descriptors_end_a_worker_and_not_the_server(office: Authority) -> None:
    with serving(office, {resource.RLIMIT_NOFILE: 400}) as server, ExitStack() as idle:
        before = server.workers()
        for _ in range(500):
            connection = idle.enter_context(socket.socket())
            connection.setblocking(False)
            with suppress(BlockingIOError):
                connection.connect(("127.0.0.1", server.port))
        eventually(lambda: server.workers() in ([], before), False)
        eventually(lambda: _takes_connections(server), True)
        assert server.ask("GET", "/api/v1/status")[0] == 200
        lines = server.log.read_text().splitlines()

    assert sum("Each worker takes 200 connections at once and not 8192" in line for line in lines) == 1
    assert [json.loads(line)["allowed"] for line in lines if "no_descriptor_left" in line] == [400]
    assert not any("panicked" in line or "Traceback" in line for line in lines)


def test_told_to_stop_in_the_middle_of_a_batch_it_answers_first(office: Authority) -> None:
    bench = office.bench()
    batch = [bench.sign(bench.report(office.phone(bench))) for _ in range(20)]
    with serving(office) as server, ThreadPoolExecutor(2) as hands, ExitStack() as lock:
        session = lock.enter_context(office.database.writing())
        if not office.config.database_url.startswith("sqlite"):
            session.execute(text("LOCK TABLE station IN ACCESS EXCLUSIVE MODE"))
        connection = server.connect()
        body = b'{"reports":[' + b",".join(batch) + b"]}"
        connection.request("POST", "/api/v1/reports", body, {"Content-Type": "application/json"})
        stopping = hands.submit(server.stop)
        eventually(lambda: _takes_connections(server), False)
        lock.close()
        answer = connection.getresponse()
        body = answer.read()
        assert stopping.result() == 0

    assert answer.status == 200, body
    with serving(office) as server:
        _, told = server.post_reports(*batch)
    assert [result["status"] for result in told["results"]] == ["duplicate"] * 20


def test_told_to_stop_under_load_it_keeps_what_it_acknowledged(office: Authority) -> None:
    acknowledged: list[bytes] = []
    enough = Event()
    benches = [office.bench(f"bench {number}") for number in range(6)]
    pairs = [(bench, office.phone(bench)) for bench in benches]

    def send(bench: Any, phone_id: str) -> None:
        with suppress(OSError, HTTPException):  # the server is gone
            while True:
                envelope = bench.sign(bench.report(phone_id))
                if server.post_reports(envelope)[0] == 200:
                    acknowledged.append(envelope)
                    if len(acknowledged) > 40:
                        enough.set()

    with serving(office) as server, ThreadPoolExecutor(6) as senders:
        sending = [senders.submit(send, *pair) for pair in pairs]
        assert enough.wait(60)
        assert server.stop() == 0
        for sent in sending:
            sent.result()

    with serving(office) as server:
        _, told = server.post_reports(*acknowledged[-100:])
    assert {result["status"] for result in told["results"]} == {"duplicate"}


def test_a_clock_that_steps_loses_no_report_and_no_count(office: Authority) -> None:
    settings, story = office.config.audit_key.parent / "server.env", office.folder / "story"
    with settings.open("a") as file:
        file.write(f"CURFEW_STORY_CLOCK={story}\n")
    bench = office.bench()
    phone_ids = [office.phone(bench) for _ in range(3)]
    envelopes = []
    with serving(office) as server:
        for hours in (0, -2, 1, 80, -30, 0):
            story.write_text(str(hours * 3600))
            checked_at = datetime.now(UTC) + timedelta(hours=hours)
            batch = [bench.sign(bench.report(one, checked_at=checked_at)) for one in phone_ids]
            status, told = server.post_reports(*batch)
            assert (status, [result["status"] for result in told["results"]]) == (200, ["stored"] * 3)
            assert server.ask("GET", "/trust/timestamp.json")[0] == 200
            envelopes += batch
        _, told = server.post_reports(*envelopes)

    assert {result["status"] for result in told["results"]} == {"duplicate"}
    assert curfew_server(["--config", str(settings), "check"]) == 0


def test_a_password_set_by_command_ends_what_was_begun_while_the_clock_was_ahead(
    office: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = office.config.audit_key.parent / "server.env"
    ahead = datetime.now(UTC) + timedelta(days=1)
    with office.database.writing() as session:
        put_person(session, "desk-1", PASSWORD, [Role.TECHNICIAN], "test", ahead)
        token = tokens.issue_token(session, "desk-1", "test", ahead).secret

    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD} again\n"))
    assert curfew_server(["--config", str(settings), "person", "desk-1", "--role", "technician"]) == 0

    with office.database.reading() as session:
        assert tokens.token_person(session, token, datetime.now(UTC)) is None


def _takes_connections(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except OSError:
        return False
    return True


def _page(server: RunningServer, path: str) -> tuple[int, str]:
    connection = server.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def _by_hand(authority: Authority, statements: str) -> None:
    parsed = make_url(authority.config.database_url)
    with psycopg.connect(
        host=str(parsed.query["host"]), user=parsed.username, dbname=parsed.database, autocommit=True
    ) as connection:
        connection.execute(statements)
