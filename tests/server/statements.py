"""What SQLite is asked, whoever asks: what is `Prepared` runs past SQLAlchemy, which tells nobody of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def selects_of(engine: Engine) -> Iterator[list[str]]:
    """Lend the list of all SELECT statements that SQLite runs within the block, their values written into them."""
    asked: list[str] = []

    def note(statement: str) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            asked.append(statement)

    def trace(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(note)

    def rest(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(None)

    event.listen(engine, "checkout", trace)
    event.listen(engine, "checkin", rest)
    try:
        yield asked
    finally:
        event.remove(engine, "checkout", trace)
        event.remove(engine, "checkin", rest)


def plans_of(engine: Engine, statements: Sequence[str]) -> list[str]:
    """Return in SQLite's own words how it answers these: a line for each table that it looks into."""
    with engine.connect() as connection:
        return [
            row[3]
            for statement in statements
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]
