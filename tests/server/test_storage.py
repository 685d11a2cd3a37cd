"""The database itself: its schema, its transactions, and what happens when it is locked, full, gone or damaged."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.engine import make_url

import server
from policy.probe import Reach
from policy.report import Consent
from server.app import create_app
from server.config import BODY_LIMIT_BYTES
from server.context import context
from server.errors import ConfigurationRefused, StorageBusy, StorageFull
from server.evidence import audit
from server.fleet.phones import register_phone
from server.people.people import Role
from server.policies.bundles import newest
from server.stations.stations import BY_NAME, list_stations
from server.storage.database import Base, Database
from server.storage.migrating import alembic_config, migrate, schema_of, schemas
from server.storage.prepared import Prepared
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    Bench,
    TrustFolder,
    disabled_ledger,
    make_config,
    make_registration,
    post_reports,
)
from tests.server.postgresql import Postgresql
from tests.server.rows import INDEX_OF_NAMES
from tests.server.test_probes import PROBE


def test_migrations_make_exactly_the_tables_that_the_modules_declare(database_url: str) -> None:
    # Whatever ran before this test: a table is known once the module that declares it is loaded.
    for module in walk_packages(server.__path__, "server."):
        if not module.name.startswith("server.storage.migrations"):
            import_module(module.name)
    database = Database(database_url)
    migrate(database)

    with database.reading() as session:
        options = {"compare_type": True, "include_name": _is_declared}
        found = MigrationContext.configure(session.connection(), opts=options)
        assert compare_metadata(found, Base.metadata) == []
    database.close()


def _is_declared(name: str | None, *_: object) -> bool:
    # The index of names is the migration's own: tables on SQLite, an index over a function on PostgreSQL.
    return not (name or "").startswith((INDEX_OF_NAMES, "ix_phone_names_pieces"))


def test_migrating_again_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    migrate(database)
    migrate(database)

    with database.reading() as session:
        assert schema_of(session) == schemas()[-1]
    database.close()


def test_every_migration_can_be_undone(database_url: str) -> None:
    database = Database(database_url)
    migrate(database)

    with database.writing() as session:
        command.downgrade(alembic_config(session), "base")

    migrate(database)
    database.close()


def test_every_migration_can_be_undone_with_what_others_refer_to_stored(authority: Authority) -> None:
    bench = authority.bench()
    authority.person_token(Role.TECHNICIAN)
    authority.accept(bench.sign(bench.report(authority.phone(bench))))

    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "base")

    migrate(authority.database)


def test_what_a_migration_counts_is_what_would_have_been_kept_up(authority: Authority) -> None:
    bench = authority.bench()
    for changes in (VIOLATING, NOT_ENFORCEABLE, UNREADABLE, {"ledger": disabled_ledger()}):
        authority.accept(bench.sign(bench.report(authority.phone(bench, label="Straße 1"), **changes)))
    authority.phone(bench, consent=Consent.DECLINED)
    authority.phone(bench, probe=replace(PROBE, reach=Reach.OPEN))
    before = _rows_of(authority.database, *KEPT_COUNTS)

    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "0007")
    migrate(authority.database)

    assert _rows_of(authority.database, *KEPT_COUNTS) == before


KEPT_COUNTS = ("fleet_entry", "fleet_tally", "phone_names", "station_activity")


def _rows_of(database: Database, *names: str) -> list[set[tuple[object, ...]]]:
    with database.reading() as session:
        return [set(map(tuple, session.execute(select(Base.metadata.tables[name])))) for name in names]


def test_a_schema_of_the_future_is_refused(database_url: str) -> None:
    database = Database(database_url)
    migrate(database)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationRefused, match="install the newer version"):
        migrate(database)
    database.close()


def test_times_come_back_in_utc_whatever_zone_they_had(authority: Authority) -> None:
    brussels = timezone(timedelta(hours=1))
    table = Base.metadata.tables["enrolment_code"]
    written = {"token_sha256": "0" * 64, "made_for": "", "made_at": NOW}
    at = datetime(2023, 3, 15, 12, tzinfo=brussels)
    with authority.database.writing() as session:
        session.execute(insert(table).values(**written, expires_at=at))

    with authority.database.reading() as session:
        found = session.scalar(select(table.c.expires_at))

    assert found == datetime(2023, 3, 15, 11, tzinfo=UTC)
    assert found is not None
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "at",
    [NOW, NOW.replace(microsecond=1), NOW.replace(microsecond=999_999), NOW.replace(year=1000), None],
    ids=["a whole second", "a microsecond", "the last one", "long ago", "none"],
)
def test_a_time_comes_back_to_the_microsecond_whichever_way_it_is_asked_for(
    small_authority: Authority, at: datetime | None
) -> None:
    station_id = small_authority.bench().station_id
    table = Base.metadata.tables["station"]
    with small_authority.database.writing() as session:
        session.execute(update(table).values(revoked_at=at))

    with small_authority.database.reading() as session:
        by_session = session.scalars(select(table.c.revoked_at)).all()
        by_driver = Prepared(select(table.c.revoked_at)).rows(session)
        [row] = list_stations(session, None, BY_NAME, "", 9).rows

    assert (by_session, by_driver) == ([at], [(at,)])
    assert (row.station_id, row.revoked_at) == (station_id, at)
    assert {one.tzinfo for one in (*by_session, *by_driver[0]) if one} <= {UTC}


def test_one_look_shows_one_moment_whatever_is_stored_meanwhile(authority: Authority) -> None:
    with authority.database.reading() as looking:
        before = audit.head(looking)
        with authority.database.writing() as session:
            audit.record(session, "test", "changed", "something", {}, NOW)
        assert audit.head(looking) == before
        assert audit.verify_chain(looking).whole
    with authority.database.reading() as looking:
        assert audit.head(looking) != before


def test_of_two_first_registrations_of_one_phone_at_once_one_is_told_to_come_again(
    demo_trust: TrustFolder, tmp_path: Path, postgresql: Postgresql, published_postgresql: str
) -> None:
    url = postgresql.create_database(f"twice_{uuid4().hex}", published_postgresql)
    here = Authority(tmp_path, demo_trust, make_config(tmp_path / "server", demo_trust, url))
    station = here.bench().station_id
    started = Event()
    outcomes: list[str] = []
    registration = make_registration()

    def register() -> None:
        with here.database.writing() as session:
            started.set()
            register_phone(session, registration, station, here.config.holder_key, NOW)

    def second() -> None:
        try:
            register()
        except StorageBusy as error:
            outcomes.append(str(error))

    with here.database.writing() as session:
        register_phone(session, registration, station, here.config.holder_key, NOW)
        thread = Thread(target=second)
        thread.start()
        started.wait()
        while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            pass
    thread.join()
    assert outcomes == ["somebody else is storing the same at this moment; try again in a few seconds"]
    register()
    here.database.close()


def test_a_time_without_zone_is_not_stored(small_authority: Authority) -> None:
    table = Base.metadata.tables["enrolment_code"]

    with (
        small_authority.database.writing() as session,
        pytest.raises(Exception, match="without zone"),
    ):
        session.execute(
            insert(table).values(
                token_sha256="",
                made_for="",
                made_at=NOW,
                expires_at=datetime(2023, 3, 15),  # noqa: DTZ001
            )
        )


def test_nothing_of_a_failed_block_is_stored(authority: Authority) -> None:
    table = Base.metadata.tables["trust_file"]

    def write_half() -> None:
        with authority.database.writing() as session:
            session.execute(insert(table).values(name="half", body=b""))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()

    with authority.database.reading() as session:
        assert session.scalar(select(func.count()).where(table.c.name == "half")) == 0


@pytest.mark.about_sqlite("its settings")
def test_sqlite_writes_ahead_and_syncs_fully(small_authority: Authority) -> None:
    with small_authority.database.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def impatient(authority: Authority, **query: str) -> Flask:
    """Return an application that waits for no lock for long."""
    url = make_url(authority.config.database_url).update_query_dict(query or {"timeout": "0.1"})
    text_url = url.render_as_string(hide_password=False)
    return create_app(make_config(authority.folder / "server", authority.trust, text_url))


@contextmanager
def locked(authority: Authority) -> Iterator[None]:
    """Hold the SQLite file as another program would."""
    other = sqlite3.connect(str(authority.folder / "curfew.sqlite"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@pytest.mark.about_sqlite("one lock for the whole file")
def test_a_locked_database_is_a_clear_503_and_nothing_is_acknowledged(
    small_authority: Authority, bench: Bench
) -> None:
    client = impatient(small_authority).test_client()
    envelope = bench.sign(bench.report(small_authority.phone(bench)))

    with locked(small_authority):
        answer = post_reports(client, envelope)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json()["error"]["code"] == "storage_busy"
    assert "results" not in answer.get_json()
    assert post_reports(client, envelope).get_json()["results"][0]["status"] == "stored"


@pytest.mark.about_sqlite("one lock for the whole file")
def test_looking_goes_on_while_another_program_writes(small_authority: Authority) -> None:
    client = impatient(small_authority).test_client()

    with locked(small_authority):
        assert client.get("/api/v1/status").status_code == 200


def test_a_lock_on_postgresql_is_a_clear_503(
    request: pytest.FixtureRequest, demo_trust: TrustFolder, tmp_path: Path
) -> None:
    postgresql = request.getfixturevalue("postgresql")
    url = postgresql.create_database(
        f"locked_{tmp_path.name}", request.getfixturevalue("published_postgresql")
    )
    held = Authority(tmp_path, demo_trust, make_config(tmp_path / "server", demo_trust, url))
    bench = held.bench()
    envelope = bench.sign(bench.report(held.phone(bench)))
    client = impatient(held, options="-c lock_timeout=100ms").test_client()
    parsed = make_url(url)

    with psycopg.connect(
        host=str(parsed.query["host"]), user=parsed.username, dbname=parsed.database
    ) as other:
        other.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        answer = post_reports(client, envelope)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_busy")
    assert post_reports(client, envelope).get_json()["results"][0]["status"] == "stored"
    held.database.close()


def test_connections_that_postgresql_dropped_are_made_anew(
    request: pytest.FixtureRequest, demo_trust: TrustFolder, tmp_path: Path
) -> None:
    postgresql = request.getfixturevalue("postgresql")
    url = postgresql.create_database(
        f"dropped_{tmp_path.name}", request.getfixturevalue("published_postgresql")
    )
    database = Database(url)
    with database.reading() as session:
        newest(session)

    name = make_url(url).database
    postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    with database.reading() as session:
        assert newest(session).number == 1
    database.close()


def test_a_database_that_cannot_be_reached_is_a_clear_503(demo_trust: TrustFolder, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://curfew@/curfew?host={tmp_path}"
    client = create_app(make_config(tmp_path / "server", demo_trust, url)).test_client()

    answer = client.get("/api/v1/status")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_busy")


def limit_pages(app: Flask, pages: int) -> None:
    """Let every connection of `app` find the disk full at so many pages."""
    with app.app_context():
        engine = context().database.engine
    engine.dispose()
    event.listen(
        engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}")
    )


@pytest.mark.about_sqlite("its bound on pages")
def test_a_full_disk_is_a_clear_503_and_what_was_stored_stays(
    app: Flask, client: FlaskClient, small_authority: Authority, bench: Bench
) -> None:
    phone_id = small_authority.phone(bench)
    first = bench.report(phone_id)
    post_reports(client, bench.sign(first))
    limit_pages(app, 1)
    batch = [bench.sign(bench.report(phone_id, contradictions=("x" * 2000,) * 20)) for _ in range(10)]

    answer = post_reports(client, *batch)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_full")
    assert int(answer.headers["Retry-After"]) > 0
    limit_pages(app, 1_000_000)
    statuses = [r["status"] for r in post_reports(client, bench.sign(first), *batch).get_json()["results"]]
    assert statuses == ["duplicate"] + ["stored"] * 10


def test_a_damaged_database_is_a_clear_503(demo_trust: TrustFolder, tmp_path: Path) -> None:
    (tmp_path / "curfew.sqlite").write_bytes(b"not a database at all" * 100)
    (tmp_path / "curfew.sqlite").chmod(0o600)
    url = f"sqlite:///{tmp_path / 'curfew.sqlite'}"
    client = create_app(make_config(tmp_path / "server", demo_trust, url)).test_client()

    answer = client.get("/api/v1/status")

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_full")


@pytest.mark.about_sqlite("one lock for the whole file")
def test_errors_are_told_apart_without_http(small_authority: Authority) -> None:
    url = make_url(small_authority.config.database_url).update_query_dict({"timeout": "0.05"})
    database = Database(url.render_as_string())

    with locked(small_authority), pytest.raises(StorageBusy), database.writing():
        pass

    def fill() -> None:
        with database.writing() as session:
            session.execute(text("PRAGMA max_page_count=1"))
            table = Base.metadata.tables["trust_file"]
            session.execute(insert(table).values(name="big", body=b"x" * BODY_LIMIT_BYTES))

    with pytest.raises(StorageFull):
        fill()
    database.close()


def test_a_new_database_and_its_journals_are_closed_to_others(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'curfew.sqlite'}")
    migrate(database)
    with database.writing() as session:
        session.execute(text("CREATE TABLE x (y INTEGER)"))

        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert modes == dict.fromkeys(("curfew.sqlite", "curfew.sqlite-wal", "curfew.sqlite-shm"), 0o600)


def test_a_database_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "curfew.sqlite"
    path.touch(mode=0o644)
    path.chmod(0o644)

    with pytest.raises(ConfigurationRefused, match=re.escape(f"chmod 600 {path}*")):
        Database(f"sqlite:///{path}")
