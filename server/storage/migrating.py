"""Bringing a database to the newest schema: any number of times, by any number of nodes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.errors import ConfigurationRefused, SchemaMismatch
from server.storage import migrations
from server.storage.database import Database

# Any number will do, as long as all nodes agree on it.
_POSTGRESQL_LOCK = 0x437572666577


def migrate(database: Database, announce: Callable[[str, str], None] | None = None) -> None:
    """Bring `database` to the newest schema, in one transaction; other nodes wait meanwhile.

    Where there is an older one, `announce` is told that and the newest before. Raises `ConfigurationRefused` for a
    database that a newer Curfew has migrated.
    """
    with database.writing() as session:
        if session.get_bind().dialect.name == "postgresql":
            # Another node's migration may take longer than a request would wait for a lock. Both statements end with
            # the transaction, so a node that dies half-way holds nobody up.
            session.execute(text("SET LOCAL lock_timeout = 0"))
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRESQL_LOCK})
        found = schema_of(session)
        if found is not None and found in schemas()[:-1]:
            if announce:
                announce(found, schemas()[-1])
            _let_nobody_serve(session)
        try:
            command.upgrade(alembic_config(session), "head")
        except CommandError as error:
            raise ConfigurationRefused(
                f"the database has a schema this Curfew does not know ({error}); install the newer version again"
            ) from error


def _let_nobody_serve(session: Session) -> None:
    """Wait for whoever serves at the present schema; who comes later looks at it first (`serve_at`), and waits."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))


def serve_at(schema: str) -> Callable[[Session], None]:
    """Return what raises `SchemaMismatch` in a transaction on a database of another schema than `schema`.

    A node that goes on while another version has migrated would store reports without what that one counts by.
    """

    def look(session: Session) -> None:
        # The lock that this takes on PostgreSQL is kept: the schema cannot change under the transaction.
        found = session.connection().exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if found != schema:
            raise SchemaMismatch(
                f"the database has schema {found or 'of no version'} since another version of Curfew was here, and this"
                f" server works with {schema}; the same version has to be installed on all servers"
            )

    return look


def require_newest_schema(session: Session) -> None:
    """Raise `ConfigurationRefused` unless every migration has run; nothing is changed."""
    found, known = schema_of(session), schemas()
    newest = known[-1]
    if found == newest:
        return
    here = f"the database has schema {found or 'of no version'}, this Curfew works with {newest}; nothing was changed"
    if found is None or found in known:
        raise ConfigurationRefused(
            f"{here}. Make a copy of it, then run: curfew-server --config SERVER.env migrate"
        )
    raise ConfigurationRefused(f"{here}. A newer Curfew has migrated it: install that version here")


def schema_of(session: Session) -> str | None:
    """Return the schema that the database has, None if it has none of ours."""
    return MigrationContext.configure(session.connection()).get_current_revision()


@cache
def schemas() -> Sequence[str]:
    """Return the schemas that this program knows, oldest first; it works with the last."""
    scripts = ScriptDirectory.from_config(_scripts())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def alembic_config(session: Session) -> AlembicConfig:
    """Return what alembic needs to work on the connection of `session`."""
    config = _scripts()
    config.attributes["connection"] = session.connection()
    return config


def _scripts() -> AlembicConfig:
    config = AlembicConfig()
    # A path beside the code, so that an installed package migrates like a checkout; % would be interpolation.
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config
