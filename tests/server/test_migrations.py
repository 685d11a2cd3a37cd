"""Every migration with rows in every table: up, down and up again, and cut off between any two statements."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, event, text

from server.cli import main as curfew_server
from server.storage.database import Database
from server.storage.migrating import alembic_config, migrate, schema_of, schemas
from tests.forked import Forked
from tests.server.authority import TrustFolder
from tests.server.databases import point_to
from tests.server.rows import ROWS, Rows, fill, only, rows_of, tables_of


def bring(database: Database, schema: str) -> None:
    """Bring the database up or down to `schema`, as a restore or a test of an older version finds it."""
    with database.writing() as session:
        there = schema_of(session)
        way = command.upgrade if there is None or there < schema else command.downgrade
        way(alembic_config(session), schema)


def stored(database: Database) -> Rows:
    with database.reading() as session:
        return rows_of(session, tables_of(session))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def filled(database: Database, schema: str, **meant: tuple[object, ...]) -> Rows:
    """Make the database one of that schema with just these rows in every table, and return them."""
    bring(database, schema)
    with database.writing() as session:
        tables = tables_of(session)
        fill(session, tables, **meant)
    with database.reading() as session:
        # A database's description of its tables takes longer than a migration, and nothing has changed them.
        rows = rows_of(session, tables)
    assert {len(found) for name, found in rows.items() if name != "audit_head"} == {ROWS}
    return rows


def test_no_version_loses_anything_on_the_way_to_the_next_and_back(database: Database) -> None:
    for older, newer in pairwise(schemas()):
        before = filled(database, older)

        bring(database, newer)
        up = stored(database)
        bring(database, older)
        back = stored(database)
        bring(database, newer)

        assert only(up, before) == before, f"{older} to {newer}"
        assert back == before, f"{newer} to {older}"
        assert stored(database) == up, f"{older} to {newer} again"


def test_the_first_version_loses_nothing_on_the_way_to_the_newest_and_back(database: Database) -> None:
    before = filled(database, schemas()[0])

    migrate(database)
    newest = stored(database)
    for older in reversed(schemas()[:-1]):
        bring(database, older)
    back = stored(database)
    migrate(database)

    assert only(newest, before) == before
    assert back == before
    assert stored(database) == newest


def test_going_back_loses_only_what_the_older_version_has_no_place_for(database: Database) -> None:
    kinds = ("conflict", "cloned_station", "conflict", "unmet_phone")
    newest = filled(database, schemas()[-1], kind=kinds)

    for schema in reversed(schemas()[:-1]):
        bring(database, schema)
        back = stored(database)

        kept = only(newest, back)
        assert {name for name in back if back[name] != kept[name]} <= {"alarm"}, schema
        lost = kept["alarm"] - back["alarm"]
        # Before 0006 nobody knew what that is.
        assert [dict(alarm)["kind"] for alarm in lost] == (["unmet_phone"] if schema < "0006" else []), schema


def dying(words: Sequence[str]) -> int:
    """Type a command whose power goes after as many statements as its first word says."""
    left = int(words[0])

    def after(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", after)
    return curfew_server(words[1:])


@pytest.fixture
def old_server(database_url: str, demo_trust: TrustFolder, tmp_path: Path) -> Path:
    """The settings of a server whose database is of the first schema and has rows."""
    folder = tmp_path / "office"
    assert curfew_server(["init", str(folder), "--trust", str(demo_trust.path)]) == 0
    point_to(folder / "server.env", database_url)
    old = Database(database_url)
    filled(old, schemas()[0])
    old.close()
    return folder / "server.env"


def test_a_migration_that_is_killed_leaves_what_was_there_and_the_next_one_completes_it(
    old_server: Path, database_url: str, tmp_path: Path
) -> None:
    words, log = ["--config", str(old_server), "migrate"], tmp_path / "log"
    looking = Database(database_url)
    before = stored(looking)
    survived = []
    # Until it dies no more: then it had fewer statements.
    for statements in range(1, 1000, 17):
        killed = Forked(dying, [str(statements), *words], dict(os.environ), log)
        if killed.wait(60) == 0:
            break
        assert killed.poll() == -signal.SIGKILL, log.read_text()
        with looking.reading() as session:
            assert schema_of(session) == schemas()[0]
        survived.append(stored(looking))

    said = f"Bringing the database from schema {schemas()[0]} to {schemas()[-1]}, as a whole or not at all"
    assert log.read_text().count(said) > 3
    assert len(survived) > 3
    assert all(rows == before for rows in survived)
    assert only(stored(looking), before) == before
    with looking.reading() as session:
        assert schema_of(session) == schemas()[-1]
    looking.close()


def test_every_phone_of_a_large_fleet_is_named(database: Database) -> None:
    filled(database, "0007")
    with database.writing() as session:
        [pattern] = session.execute(text("SELECT * FROM phone WHERE phone_id = 'phone_id 0'")).mappings()
        columns = ", ".join(map(str, pattern))
        values = ", ".join(f":{name}" for name in pattern)
        each = [
            {"phone_id": f"more {n}", "identity": f"more {n}", "label": f"STRASSE {n}"} for n in range(2500)
        ]
        session.execute(
            text(f"INSERT INTO phone ({columns}) VALUES ({values})"), [dict(pattern) | one for one in each]
        )

    migrate(database)

    with database.reading() as session:
        names = session.scalars(text("SELECT names FROM phone_names WHERE phone_id LIKE 'more %'")).all()
    assert {name.split("\n")[1] for name in names} == {f"strasse {number}" for number in range(2500)}
