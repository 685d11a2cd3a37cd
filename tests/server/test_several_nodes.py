"""Several nodes on one PostgreSQL: behind a pooler, beside a standby, and after the primary has changed."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from server.app import create_app
from server.errors import BackupRefused, StorageBusy
from server.maintenance.database_copy import copy_in, copy_out
from server.policies.bundles import newest
from server.storage.database import Database
from server.storage.migrating import migrate
from server.storage.postgresql import is_pooled
from tests.server.authority import Authority, TrustFolder, make_config, post_reports
from tests.server.pgbouncer import PgBouncer
from tests.server.postgresql import Postgresql, find_programs

_WITHIN_S = 20
LOCK_TIMEOUT = "current_setting('lock_timeout')"


@pytest.fixture
def office(
    postgresql: Postgresql, published_postgresql: str, demo_trust: TrustFolder, tmp_path: Path
) -> Iterator[Authority]:
    """A node on a database of its own."""
    url = postgresql.create_database(f"nodes_{uuid4().hex}", published_postgresql)
    made = Authority(tmp_path, demo_trust, make_config(tmp_path / "server", demo_trust, url))
    yield made
    made.database.close()


@pytest.fixture
def pooler(office: Authority) -> Iterator[PgBouncer]:
    """PgBouncer before that database."""
    with PgBouncer(office.config.database_url) as running:
        yield running


@pytest.fixture
def pooled(office: Authority, pooler: PgBouncer) -> Iterator[Database]:
    """The database as it is reached through the pooler."""
    database = Database(pooler.url)
    yield database
    database.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Behind a pooler ------------------------------------------------------------------------------------------------


def test_a_pooler_is_found_and_a_direct_way_too(office: Authority, pooled: Database) -> None:
    with office.database.reading() as direct, pooled.reading() as through:
        assert not is_pooled(direct.connection())
        assert is_pooled(through.connection())


def test_two_nodes_behind_a_pooler_store_whatever_connection_they_are_lent(
    office: Authority, pooler: PgBouncer
) -> None:
    config = make_config(office.folder / "server", office.trust, pooler.url)
    nodes = [create_app(config).test_client() for _ in range(2)]
    benches = [office.bench(f"bench {number}") for number in range(8)]
    phones = [office.phone(bench) for bench in benches]

    def report(place: int) -> set[str]:
        bench = benches[place]
        answers = [post_reports(nodes[place % 2], bench.sign(bench.report(phones[place]))) for _ in range(12)]
        return {answer.get_json()["results"][0]["status"] for answer in answers}

    # More often than a driver prepares a statement after (5), and more stations than transactions at one moment.
    with ThreadPoolExecutor(len(benches)) as threads:
        assert list(threads.map(report, range(len(benches)))) == [{"stored"}] * len(benches)


def test_behind_a_pooler_waits_are_bounded_and_nothing_is_left_in_the_connection(
    pooled: Database, pooler: PgBouncer
) -> None:
    with pooled.writing() as session:
        assert session.scalar(text(f"SELECT {LOCK_TIMEOUT}")) == "5s"
        mine = session.scalar(text("SELECT pg_backend_pid()"))

    with psycopg.connect(pooler.url.replace("+psycopg", ""), autocommit=True) as other:
        found = [other.execute(f"SELECT {what}").fetchone() for what in ("pg_backend_pid()", LOCK_TIMEOUT)]
    assert found == [(mine,), ("0",)]


def test_two_nodes_that_migrate_at_once_behind_a_pooler_do_it_once(postgresql: Postgresql) -> None:
    with PgBouncer(postgresql.create_database(f"empty_{uuid4().hex}")) as pooler:
        nodes = [Database(pooler.url) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(migrate, nodes))

        with nodes[0].reading() as session:
            assert newest(session).number == 0
        for node in nodes:
            node.close()


def test_postgresqls_own_programs_are_kept_away_from_a_pooler(
    pooled: Database, pooler: PgBouncer, tmp_path: Path
) -> None:
    with pytest.raises(BackupRefused, match="expected PostgreSQL itself, found a pooler"):
        copy_out(pooler.url, tmp_path / "database")
    with pytest.raises(BackupRefused, match="give the URL of PostgreSQL in the environment"):
        copy_in(pooler.url, tmp_path / "database", replace=True)

    with pooled.reading() as session:
        assert newest(session).number == 1


def test_a_pooler_that_lends_for_single_statements_is_a_clear_refusal(office: Authority) -> None:
    with PgBouncer(office.config.database_url, pool_mode="statement") as wrong:
        database = Database(wrong.url)
        with pytest.raises(StorageBusy), database.writing() as session:
            newest(session)
        database.close()


# Connections that end without a word ----------------------------------------------------------------------------


def test_a_database_that_is_gone_without_a_word_is_found_in_seconds(pooled: Database) -> None:
    with pooled.reading() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        with socket.socket(fileno=driver.pgconn.socket) as connected:
            found = {
                name: connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
            }
            connected.detach()

    assert found["TCP_KEEPIDLE"] + found["TCP_KEEPINTVL"] * found["TCP_KEEPCNT"] <= 15
    # 0 is the system's own, a quarter of an hour.
    assert 0 < found["TCP_USER_TIMEOUT"] <= 15_000


def test_of_several_addresses_the_one_that_can_be_written_to_is_taken_for_backups_too(
    office: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{find_programs()}:{os.environ['PATH']}")
    here = make_url(office.config.database_url)
    several = here.update_query_dict(
        {
            "host": f"{tmp_path},{here.query['host']}",
            "port": "5432,5432",
            "target_session_attrs": "read-write",
        }
    ).render_as_string(hide_password=False)
    database = Database(several)

    with database.reading() as session:
        assert newest(session).number == 1
    copy_out(several, tmp_path / "copy")

    assert subprocess.run(["pg_restore", "--list", tmp_path / "copy"], capture_output=True).returncode == 0
    database.close()


# Another primary ------------------------------------------------------------------------------------------------


def test_a_database_that_takes_no_writes_is_not_ready_and_the_next_try_finds_one_that_does(
    office: Authority, postgresql: Postgresql
) -> None:
    name = make_url(office.config.database_url).database
    bench = office.bench()
    envelope = bench.sign(bench.report(office.phone(bench)))
    client = create_app(office.config).test_client()
    postgresql.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    refused = post_reports(client, envelope)
    postgresql.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')

    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "storage_busy")
    # A connection keeps what held when it was made: stored is what comes by a new one.
    assert post_reports(client, envelope).get_json()["results"][0]["status"] == "stored"


def test_a_node_that_is_connected_to_a_standby_says_so_until_it_finds_the_primary(
    office: Authority, postgresql: Postgresql
) -> None:
    name = make_url(office.config.database_url).database
    postgresql.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    client = create_app(office.config).test_client()
    told = client.get("/readyz")

    postgresql.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')

    assert (told.status_code, told.get_json()["failing"]) == (503, ["database"])
    # Nobody writes meanwhile: a balancer sends nothing to a node that is not ready.
    until(lambda: client.get("/readyz").status_code == 200)


# A standby that has to have it --------------------------------------------------------------------------------


@pytest.fixture
def standby_away(postgresql: Postgresql) -> Iterator[Callable[[], None]]:
    """Let every commit wait for a standby that is not there; what is returned ends that."""

    def tell(statement: str, shown: str) -> None:
        postgresql.execute(statement)
        postgresql.execute("SELECT pg_reload_conf()")
        until(lambda: postgresql.ask("SHOW synchronous_standby_names") == shown)

    def end() -> None:
        tell("ALTER SYSTEM RESET synchronous_standby_names", "")

    tell("ALTER SYSTEM SET synchronous_standby_names = 'away'", "away")
    yield end
    end()


def waiting(postgresql: Postgresql, name: str) -> str:
    return postgresql.ask(
        "SELECT coalesce(min(pid)::text, '') FROM pg_stat_activity"
        f" WHERE datname = '{name}' AND wait_event = 'SyncRep'"
    )


def test_what_did_not_reach_the_standby_is_not_acknowledged_and_neither_is_the_same_once_more(
    office: Authority, postgresql: Postgresql, request: pytest.FixtureRequest
) -> None:
    name = str(make_url(office.config.database_url).database)
    bench = office.bench()
    envelope = bench.sign(bench.report(office.phone(bench)))
    client = create_app(office.config).test_client()
    come_back = request.getfixturevalue("standby_away")

    with ThreadPoolExecutor(1) as thread:
        cut_off = thread.submit(post_reports, client, envelope)
        until(lambda: waiting(postgresql, name) != "")
        postgresql.execute(f"SELECT pg_cancel_backend({waiting(postgresql, name)})")
        assert cut_off.result(_WITHIN_S).status_code == 503
        # The primary has it by now, and calls it a duplicate; the standby has not.
        again = thread.submit(post_reports, client, envelope)
        until(lambda: waiting(postgresql, name) != "")
        assert not again.done()
        come_back()
        assert again.result(_WITHIN_S).get_json()["results"][0]["status"] == "duplicate"
