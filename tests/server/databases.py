"""Where tests get their databases: of SQLite, or, for a run with ``--database postgresql``, of PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from server.storage.database import Database
from tests.server.postgresql import Postgresql

FILE = "curfew.sqlite"
"""Under this name in a server's folder, as `curfew-server init` has it."""
_LONGEST_NAME = 63
"""PostgreSQL cuts longer names silently (its manual, 4.1.1)."""


class Databases(Protocol):
    """Makes databases of one kind; `ready_made` names one that was filled once and is copied by many tests."""

    def empty(self, folder: Path) -> str:
        """Return the URL of a database with nothing in it; one of SQLite is in `folder`."""

    def ready_made(self, folder: Path, fill: Callable[[str], None]) -> str:
        """Fill a database and return what `copy_of` takes."""

    def copy_of(self, ready_made: str, folder: Path) -> str:
        """Return the URL of a copy."""

    def drop(self, url: str) -> None:
        """Remove a database and whoever is still connected to it."""


class SqliteDatabases:
    """Databases in files."""

    def empty(self, folder: Path) -> str:
        return f"sqlite:///{folder / FILE}"

    def ready_made(self, folder: Path, fill: Callable[[str], None]) -> str:
        fill(self.empty(folder))
        _write_back(self.empty(folder))
        return str(folder / FILE)

    def copy_of(self, ready_made: str, folder: Path) -> str:
        shutil.copy(ready_made, folder / FILE)
        return self.empty(folder)

    def drop(self, url: str) -> None:
        """Leave the file to its folder, which goes with the test."""


class PostgresqlDatabases:
    """Databases of one server."""

    def __init__(self, server: Postgresql) -> None:
        self._server = server

    def empty(self, folder: Path) -> str:
        return self._server.create_database(_name_for(folder))

    def ready_made(self, folder: Path, fill: Callable[[str], None]) -> str:
        name = _name_for(folder)
        fill(self._server.create_database(name))
        return name

    def copy_of(self, ready_made: str, folder: Path) -> str:
        return self._server.create_database(_name_for(folder), ready_made)

    def drop(self, url: str) -> None:
        self._server.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


def _name_for(folder: Path) -> str:
    # Of the folder, so that the server's own views tell which test it is; unique, for tests that want two.
    return f"{folder.name[: _LONGEST_NAME - 33]}_{uuid4().hex}"


def _write_back(url: str) -> None:
    database = Database(url)
    with database.engine.connect() as connection:
        # The copy is of one file: nothing may wait beside it.
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()


def point_to(settings: Path, url: str) -> None:
    """Let a ``server.env`` name this database instead of the one it names."""
    lines = settings.read_text().splitlines()
    others = [line for line in lines if not line.startswith("CURFEW_DATABASE_URL=")]
    settings.write_text("\n".join([f"CURFEW_DATABASE_URL={url}", *others]) + "\n")


def chosen(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests that a run with ``--database postgresql`` is for, and the others.

    For: those whose database is of the kind that the run names. Not for: those without a database, and those that
    every run does on PostgreSQL anyway, because they name the kinds themselves.
    """
    ours: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (ours if "databases" in item.fixturenames and not _names_kinds(item) else others).append(item)  # type: ignore[attr-defined]
    return ours, others


def _names_kinds(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return any(value in ("sqlite", "postgresql") for value in parameters.values() if isinstance(value, str))
