"""How a node connects to PostgreSQL: directly, or through a pooler such as PgBouncer, which it finds out by itself.

A pooler lends one of its own connections for one transaction: what is set for a session, or prepared in one, is met by
somebody else there, and missed here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event

from server.errors import StorageBusy

PATIENCE_S = 5
"""How long a request waits for a lock or a connection before it is told to come again."""

_LIFE_SIGNS: Mapping[str, int] = {
    "connect_timeout": PATIENCE_S,
    # A cable that is pulled ends no connection. Unless told, the system tries for a quarter of an hour, and a thread of
    # the application waits as long; a database server that is gone is found within some ten seconds by these.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_WAITS = f"lock_timeout = '{PATIENCE_S}s'"
_POOLED = "curfew_pooled"
_READ_ONLY = "25006"
"""SQLSTATE ``read_only_sql_transaction``: the connection is to a standby, or to what was the primary once."""


def postgresql_engine(url: URL) -> Engine:
    """Return an engine whose connections give up in time; what the URL says itself counts more."""
    # Each connection is tried before it is lent: those from before a restart of the database would cost a request each.
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=PATIENCE_S,
        connect_args={name: value for name, value in _LIFE_SIGNS.items() if name not in url.query},
    )
    event.listen(engine, "connect", _prepare)
    if "options" not in url.query:
        # PostgreSQL waits for a lock without end unless it is told not to. Not by libpq's `options`, which PgBouncer
        # refuses.
        event.listen(engine, "connect", _bound_waits)
        event.listen(engine, "begin", _bound_waits_of_transaction)
    event.listen(engine, "handle_error", _leave_standby)
    return engine


def is_pooled(connection: Connection) -> bool:
    """Whether a pooler stands between this program and PostgreSQL."""
    return bool(connection.info.get(_POOLED))


@contextmanager
def replicated() -> Iterator[None]:
    """Raise `StorageBusy` where the block's commit stopped waiting for the standby that it has to be on.

    PostgreSQL calls that a success with a warning: the primary has it, and if it is lost now, nobody has.
    """
    _noticed.stopped_waiting = False
    yield
    if _noticed.stopped_waiting:
        raise StorageBusy("the database could not bring it to its standby; try again in a few seconds")


class _Noticed(threading.local):
    """What the database has said beside its answers to this thread, by which its notices are read, too."""

    stopped_waiting = False


_noticed = _Noticed()


def _prepare(connection: Any, record: Any) -> None:
    connection.add_notice_handler(_notice)
    # A pooler gives each client a key of its own to cancel by, and the number in it is of no process of PostgreSQL.
    [backend] = _alone(connection, "SELECT pg_backend_pid()")
    record.info[_POOLED] = backend != connection.info.backend_pid
    if record.info[_POOLED]:
        connection.prepare_threshold = None


def _notice(diagnostic: Any) -> None:
    # Not by its words, which come in the database's language.
    if diagnostic.source_function == "SyncRepWaitForLSN":
        _noticed.stopped_waiting = True


def _bound_waits(connection: Any, record: Any) -> None:
    if not record.info[_POOLED]:
        _alone(connection, f"SET {_WAITS}")


def _bound_waits_of_transaction(connection: Connection) -> None:
    if is_pooled(connection):
        connection.exec_driver_sql(f"SET LOCAL {_WAITS}")


def _alone(connection: Any, statement: str) -> tuple[Any, ...]:
    """Run a statement outside of any transaction and return its first row, if it has rows."""
    connection.autocommit = True
    try:
        cursor = connection.execute(statement)
        return tuple(cursor.fetchone()) if cursor.description else ()
    finally:
        connection.autocommit = False


def _leave_standby(context: ExceptionContext) -> None:
    # Kept in the pool, this connection and its sisters would be lent again, and no try would find the primary.
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
