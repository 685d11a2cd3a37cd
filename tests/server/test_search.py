"""A search finds along its index just the phones that a look through all names finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from policy.names import PhoneId
from server.cli import main
from server.errors import ConfigurationRefused
from server.fleet import search
from server.fleet.search import index_is_right, named_among, note_names, phones_named
from server.storage.database import Database
from server.storage.migrating import alembic_config, migrate
from tests.server.authority import Authority
from tests.server.test_fleet_lists import plan_of

PHONES = 4
# What is a sign to SQL, LIKE, FTS5 or the names' own table; letters that change their number when they are folded, or
# go by other rules elsewhere; signs of several code points.
SIGNS = "ab0 -\"'%_\\*^(){}:+,\n\t" + "ßẞİıŞΐσςÉé" + "e\u0301" + "😀👩\u200d🚀🇧🇪"
texts = st.text(st.sampled_from(SIGNS), max_size=9)


def named(authority: Authority) -> list[PhoneId]:
    bench = authority.bench()
    return [authority.phone(bench) for _ in range(PHONES)]


def rename(authority: Authority, names: Mapping[PhoneId, Sequence[str]]) -> None:
    with authority.database.writing() as session:
        for phone_id, its in names.items():
            note_names(session, phone_id, its)


def found(database: Database, piece: str, limit: int = PHONES + 1) -> set[str]:
    with database.reading() as session:
        return set(phones_named(session, piece, limit))


def test_a_search_finds_just_what_has_the_piece_in_its_names(authority: Authority) -> None:
    phone_ids = named(authority)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.lists(texts, max_size=3), min_size=PHONES, max_size=PHONES),
        st.lists(texts, max_size=4),
        st.data(),
    )
    @example(
        [["abcxbcd"], ["abcd"], ["ABCD"], []], ["abcd", "bcd\n", "\nab", "ABC", '"', '"""', "a\nb"], None
    )
    @example(
        [["a*b", "50 %_\\"], ['"a" OR "b"'], ["STRASSE"], ["İzmir"]], ["a*b", "%_\\", "straße", "İZM"], None
    )
    def finds(names: list[list[str]], pieces: list[str], data: Any) -> None:
        by_phone = dict(zip(phone_ids, names, strict=True))
        rename(authority, by_phone)
        stored = {one: "\n".join([one, *its]).casefold() for one, its in by_phone.items()}
        for whole in stored.values() if data else ():
            start = data.draw(st.integers(0, len(whole)))
            pieces.append(whole[start : start + data.draw(st.integers(1, 12))])
        with authority.database.reading() as session:
            for piece in pieces:
                right = sorted(one for one, its in stored.items() if piece.casefold() in its)
                assert sorted(phones_named(session, piece, PHONES + 1)) == right, piece
                assert len(set(phones_named(session, piece, 2))) == min(2, len(right))
                assert sorted(named_among(session, piece, phone_ids)) == right

    finds()
    with authority.database.reading() as session:
        assert index_is_right(session)


@pytest.mark.about_sqlite("PostgreSQL takes no such text")
def test_a_piece_with_a_nul_is_in_no_name(small_authority: Authority) -> None:
    named(small_authority)

    assert found(small_authority.database, "pixel\0") == set()


def test_a_search_is_answered_along_the_index(authority: Authority) -> None:
    plans = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "phone_name_pieces" in statement:
            plans.append(plan_of_index(connection, statement, values))

    event.listen(authority.database.engine, "before_cursor_execute", explain)
    found(authority.database, "cw-0000777")

    [plan] = plans
    assert (
        "VIRTUAL TABLE INDEX" in plan and "INTEGER PRIMARY KEY" in plan
    ) or "ix_phone_names_pieces" in plan


def plan_of_index(connection: Any, statement: str, values: Any) -> str:
    if connection.dialect.name == "sqlite":
        return plan_of(connection, statement, values)
    # The one kind of scan that such an index has.
    cursor = connection.connection.cursor()
    cursor.execute("SET LOCAL enable_seqscan = off")
    return "\n".join(row[0] for row in cursor.execute(f"EXPLAIN {statement}", values))


def test_what_is_found_often_on_postgresql_is_walked(authority: Authority) -> None:
    named(authority)
    asked: list[str] = []
    event.listen(authority.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    assert len(found(authority.database, "pixel", PHONES)) == PHONES

    by_index = any("phone_name_pieces" in statement for statement in asked)
    assert by_index == (authority.database.engine.dialect.name == "sqlite")


def test_what_is_rare_among_the_first_phones_is_found_among_the_others(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FIRST_LOOK", 1)
    named(authority)

    assert len(found(authority.database, "pixel")) == PHONES


def test_whoever_writes_names_without_knowing_of_the_index_keeps_it(authority: Authority) -> None:
    first, second, third, _ = named(authority)
    with authority.database.writing() as session:
        for statement in (
            f"UPDATE phone_names SET names = 'front desk' WHERE phone_id = '{first}'",
            f"DELETE FROM phone_names WHERE phone_id = '{second}'",
            f"DELETE FROM phone_names WHERE phone_id = '{third}'",
            f"INSERT INTO phone_names (phone_id, names) VALUES ('{third}', 'front door')",
        ):
            session.execute(text(statement))

    assert found(authority.database, "front ") == {first, third}
    assert found(authority.database, "pixel").isdisjoint({first, second, third})
    with authority.database.reading() as session:
        assert index_is_right(session)


def test_names_from_before_the_index_are_in_it_and_going_back_leaves_nothing_of_it(
    authority: Authority,
) -> None:
    first, *_ = named(authority)
    is_sqlite = authority.database.engine.dialect.name == "sqlite"
    ours = (
        "SELECT name FROM sqlite_master WHERE name LIKE 'phone_name%'"
        if is_sqlite
        else "SELECT relname FROM pg_class WHERE relname LIKE '%phone_name%'"
        " UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'phone_name%'"
    )
    with authority.database.writing() as session:
        command.downgrade(alembic_config(session), "0029")
        left = session.scalars(text(ours)).all()
        session.execute(text(f"UPDATE phone_names SET names = 'drawer' WHERE phone_id = '{first}'"))

    migrate(authority.database)

    assert set(left) == {"phone_names"} if is_sqlite else set(left) == {"phone_names", "pk_phone_names"}
    assert found(authority.database, "drawer") == {first}
    assert len(found(authority.database, "pixel")) == PHONES - 1


ODD: Mapping[str, Sequence[str]] = {
    "an index that is empty": ["INSERT INTO phone_name_pieces (phone_name_pieces) VALUES ('delete-all')"],
    "a phone that is in no index": [
        "DROP TRIGGER phone_names_put",
        "INSERT INTO phone_names (phone_id, names) SELECT 'phone_id 0', 'drawer' FROM phone LIMIT 1",
    ],
    "a phone under the name of before": [
        "DROP TRIGGER phone_names_changed",
        "UPDATE phone_names SET names = 'drawer' || phone_id",
    ],
    "a phone that is gone": ["DROP TRIGGER phone_names_taken", "DELETE FROM phone_names"],
    "phones under each other's rows": ["UPDATE phone_names SET rowid = 1000 - rowid"],
}


@pytest.mark.about_sqlite("PostgreSQL keeps an index itself")
@pytest.mark.parametrize("statements", ODD.values(), ids=list(ODD))
def test_an_index_that_is_not_of_the_names_is_told_and_made_anew(
    small_authority: Authority, statements: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    named(small_authority)
    words = ["--config", str(small_authority.write_settings()), "check"]
    with sqlite3.connect(small_authority.folder / "curfew.sqlite") as database:
        for statement in statements:
            database.execute(statement)
    database.close()

    code, told = main(words), " ".join(capsys.readouterr().out.split())

    assert code == 1
    assert "the index of names, by which phones are searched, is not of the names that are stored" in told
    assert "check --recount" in told
    with small_authority.database.reading() as session:
        assert not index_is_right(session)
    main([*words, "--recount"])
    with small_authority.database.reading() as session:
        assert index_is_right(session)


@pytest.mark.about_sqlite("the rows of PostgreSQL have no number of their own")
def test_a_database_that_is_packed_keeps_its_index(small_authority: Authority) -> None:
    first, second, *others = named(small_authority)
    with sqlite3.connect(small_authority.folder / "curfew.sqlite", isolation_level=None) as database:
        # A gap in the numbers of rows, which packing might close.
        database.execute("DELETE FROM phone_names WHERE phone_id = ?", (first,))
        database.execute("VACUUM")
    database.close()

    assert found(small_authority.database, "pixel") == {second, *others}
    with small_authority.database.reading() as session:
        assert index_is_right(session)


def _old(monkeypatch: pytest.MonkeyPatch, _database: Database) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 33, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.33.0")


def _without_fts5(_monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    def rename(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace("name = 'fts5'", "name = 'fts9'"), values

    event.listen(database.engine, "before_cursor_execute", rename, retval=True)


@pytest.mark.about_sqlite("PostgreSQL has all of it since long")
@pytest.mark.parametrize(("less", "told"), [(_old, "found SQLite 3.33.0;"), (_without_fts5, "without it;")])
def test_a_sqlite_that_cannot_keep_the_index_is_told_and_nothing_is_changed(
    empty_url: str,
    less: Callable[[pytest.MonkeyPatch, Database], None],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Database(empty_url)
    less(monkeypatch, database)

    with pytest.raises(ConfigurationRefused, match=r"expected SQLite 3\.34 or newer with FTS5") as refused:
        migrate(database)

    assert told in str(refused.value)
    with database.reading() as session:
        assert not session.scalars(text("SELECT name FROM sqlite_master")).all()
    database.close()
