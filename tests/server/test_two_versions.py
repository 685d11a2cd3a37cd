"""Two versions of the server on one database: the older one stops serving, says so, and stores nothing."""

from __future__ import annotations

from threading import Thread

import pytest
from alembic import command
from sqlalchemy import func, select, text

from server.app import create_app
from server.errors import SchemaMismatch
from server.storage.database import Base, Database
from server.storage.migrating import alembic_config, migrate, schema_of, schemas, serve_at
from tests.server.authority import Authority, post_reports

NEWEST, BEFORE = schemas()[-1], schemas()[-2]


def mark(authority: Authority, schema: str) -> None:
    """Let the database be what another version of Curfew would leave."""
    with authority.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :schema"), {"schema": schema})


@pytest.mark.parametrize("schema", ["9999", BEFORE])
def test_a_server_stores_nothing_while_the_database_has_another_schema_than_its_own(
    authority: Authority, schema: str
) -> None:
    bench = authority.bench()
    envelope = bench.sign(bench.report(authority.phone(bench)))
    client = create_app(authority.config).test_client()
    mark(authority, schema)

    answer = post_reports(client, envelope)
    mark(authority, NEWEST)

    told = answer.get_json()
    assert (answer.status_code, told["error"]["code"], "results" in told) == (503, "other_schema", False)
    assert int(answer.headers["Retry-After"]) > 0
    assert post_reports(client, envelope).get_json()["results"][0]["status"] == "stored"


def test_pages_and_reading_say_that_another_version_was_here(small_authority: Authority) -> None:
    client = create_app(small_authority.config).test_client()
    mark(small_authority, "9999")

    page = client.get("/sign-in", base_url="https://localhost")
    answer = client.get("/api/v1/status")

    said = f"the database has schema 9999 since another version of Curfew was here, and this server works with {NEWEST}"
    assert (page.status_code, answer.status_code) == (503, 503)
    assert said in page.text
    assert answer.get_json()["error"]["message"].startswith(said)


def test_a_load_balancer_is_told_and_a_supervisor_has_nothing_to_do(small_authority: Authority) -> None:
    client = create_app(small_authority.config).test_client()
    mark(small_authority, "9999")

    assert client.get("/readyz").get_json() == {"ready": False, "failing": ["migrations"]}
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("authority", ["postgresql"], indirect=True)
def test_what_an_older_server_has_begun_is_stored_before_the_migration_and_nothing_after_it(
    authority: Authority,
) -> None:
    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), BEFORE)
    old = Database(authority.config.database_url, require=serve_at(BEFORE))
    table = Base.metadata.tables["trust_file"]

    with old.writing() as begun:
        migrating = Thread(target=migrate, args=[authority.database])
        migrating.start()
        with authority.database.reading() as looking:
            while not looking.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                pass
            assert schema_of(begun) == BEFORE
        begun.execute(table.insert().values(name="begun", body=b""))
    migrating.join()

    with pytest.raises(SchemaMismatch), old.writing():
        pass
    with authority.database.reading() as session:
        assert schema_of(session) == NEWEST
        assert session.scalar(select(func.count()).where(table.c.name == "begun")) == 1
    old.close()
