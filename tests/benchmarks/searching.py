"""Measures what a search for phones costs along its index, beside a walk through all names in the same minute.

python -m tests.benchmarks.searching [PHONES ...]      (default: 1000 and 32000; 500000 takes some minutes)

Names alone, as a fleet has them: no phone behind them, no page before them. Also what the index takes on disk, what
making it takes in the migration, and what a phone that is renamed costs without it and with it.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import UUID

import psycopg
from alembic import command
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from policy.names import PhoneId
from server.fleet.listing import FEW
from server.fleet.search import note_names, phones_named
from server.loadtest.process_cpu import cpu_of_tree
from server.running.logs import configure_logs
from server.storage.database import Database
from server.storage.migrating import alembic_config, migrate
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.server.postgresql import Postgresql

_PIECES = ("CW-0000777", "nothing", "pixel", "777", "cw-0", "4e1a", "zq")
_LIMIT = FEW + 1
_TIMES = 30
_RENAMED = 300
_MODELS = {
    "google": ("pixel 6", "pixel 7", "pixel 8"),
    "samsung": ("sm-g991b", "sm-a546b", "sm-s911b"),
    "xiaomi": ("2201117tg", "redmi note 12"),
    "fairphone": ("fp4", "fp5"),
}
_WALK = {"sqlite": "instr", "postgresql": "strpos"}


def main() -> None:
    """Print each search's CPU along the index and by a walk, at each size on each engine."""
    configure_logs()
    sizes = sorted({int(word) for word in sys.argv[1:]} or {1_000, 32_000})
    with folder_for_a_while() as folder, Postgresql(durable=True) as postgresql:
        # Its workers come and go, which would be measured, too.
        postgresql.execute("ALTER SYSTEM SET autovacuum = off")
        postgresql.ask("SELECT pg_reload_conf()")
        for size in sizes:
            show(list(_figures(f"sqlite:///{folder / f'{size}.sqlite'}", size, lambda: 0.0)))
            url = postgresql.create_database(f"names_{size}")
            show(list(_figures(url, size, lambda: cpu_of_tree(postgresql.process_id))))


def _figures(url: str, phones: int, others_cpu: Callable[[], float]) -> Iterator[Figure]:
    database = Database(url)
    engine = "SQLite" if make_url(url).get_backend_name() == "sqlite" else "PostgreSQL"
    about = f"{engine}, {phones:,} phones"

    def cpu(what: Callable[[], object]) -> float:
        """Return milliseconds, ours and those of the database's own processes."""
        before = time.process_time() + others_cpu()
        what()
        return (time.process_time() + others_cpu() - before) * 1000

    migrate(database)
    with database.writing() as session:
        command.downgrade(alembic_config(session), "0029")
    _fill(url, phones)
    before = _size(database)
    renaming = cpu(lambda: _rename(database, "before")) / _RENAMED
    making = cpu(lambda: migrate(database)) / phones * 1000
    yield Figure(f"{about}: index on disk, bytes a phone", f"{(_size(database) - before) / phones:.0f}")
    yield Figure(f"{about}: making the index, CPU a phone", f"{making:.0f} µs")
    renamed = cpu(lambda: _rename(database, "after")) / _RENAMED
    yield Figure(f"{about}: renaming a phone, CPU without and with", f"{renaming:.2f} and {renamed:.2f} ms")
    for piece in _PIECES:
        with database.reading() as session:
            walk = cpu(lambda: _walk(session, piece)) / _TIMES  # noqa: B023 - called at once
            search = cpu(lambda: _search(session, piece)) / _TIMES  # noqa: B023
        yield Figure(
            f"{about}: search for {piece}, by a walk and along the index",
            f"{walk:.1f} and {search:.1f} ms",
            f"{search / walk:.2f}",
        )
    database.close()


def _fill(url: str, phones: int) -> None:
    drawn = random.Random(1)

    def names() -> Iterator[tuple[str, str]]:
        for number in range(phones):
            maker = drawn.choice(list(_MODELS))
            phone_id = str(UUID(int=drawn.getrandbits(128), version=4))
            yield phone_id, "\n".join((phone_id, f"cw-{number:07}", drawn.choice(_MODELS[maker]), maker))

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(parsed.database or "")) as connection, connection:
            connection.executemany("INSERT INTO phone_names VALUES (?, ?)", names())
        return
    address = f"host={parsed.query['host']} user={parsed.username} dbname={parsed.database}"
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("ALTER TABLE phone_names DROP CONSTRAINT fk_phone_names_phone_id_phone")
        with server.cursor() as cursor, cursor.copy("COPY phone_names FROM STDIN") as copy:
            for row in names():
                copy.write_row(row)
        server.execute("VACUUM ANALYZE phone_names")


def _size(database: Database) -> int:
    told = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "postgresql": "SELECT pg_total_relation_size('phone_names')",
    }
    with database.reading() as session:
        return int(session.scalar(text(told[database.engine.dialect.name])) or 0)


def _rename(database: Database, name: str) -> None:
    with database.reading() as session:
        phone_ids = session.scalars(text(f"SELECT phone_id FROM phone_names LIMIT {_RENAMED}")).all()
    for number, phone_id in enumerate(phone_ids):
        with database.writing() as session:
            note_names(session, PhoneId(phone_id), (f"{name}-{number:07}", "pixel 7", "google"))


def _search(session: Session, piece: str) -> None:
    for _ in range(_TIMES):
        phones_named(session, piece, _LIMIT)


def _walk(session: Session, piece: str) -> None:
    position = _WALK[session.get_bind().dialect.name]
    query = text(f"SELECT phone_id FROM phone_names WHERE {position}(names, :piece) > 0 LIMIT :limit")
    for _ in range(_TIMES):
        session.scalars(query, {"piece": piece.casefold(), "limit": _LIMIT}).all()


if __name__ == "__main__":
    main()
