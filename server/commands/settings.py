"""What every command is given: the settings, the database at its newest schema, and the time."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from certs.terminal import tell
from certs.typed_options import remember_options
from policy.plain_text import printable
from server.clock import Clock
from server.config import Config, read_config
from server.policies.bundles import require_demo_root
from server.storage.database import Database
from server.storage.migrating import migrate as migrate_database
from server.storage.migrating import require_newest_schema

ON_COMMAND_LINE = " on the server's command line"
"""Ends the name of whoever typed a command on the server itself; no account's name has a blank (docs/audit.md 2)."""


def operator() -> str:
    """Return who typed this command, as the audit chain names them: ``root on the server's command line``."""
    # The account that the system says runs this. What sudo tells beside it is an environment variable: anybody sets it.
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return f"{printable(name)[:100]}{ON_COMMAND_LINE}"


def _remember_config(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.find_root().obj = value
        remember_options("curfew-server", "--config", str(value))


def takes_config(command: Any) -> Any:
    """Let `command` take --config behind its name as well; the later one counts."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember_config,
        help="The server.env to use; ./server.env unless given.",
    )(command)


def given_config_file() -> Path:
    """Return the file that --config names."""
    return click.get_current_context().find_root().obj or Path("server.env")


def given_config() -> Config:
    """Return the settings that --config names; raises `ConfigurationRefused`."""
    return read_config(given_config_file())


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """Lend the database at its newest schema, and give every connection back."""
    database = Database(config.database_url)
    try:
        migrate_database(database, _tell_before_migrating)
        yield database
    finally:
        database.close()


def _tell_before_migrating(found: str, newest: str) -> None:
    tell(
        f"Bringing the database from schema {found} to {newest}, as a whole or not at all: cut off, it stays as it is,"
        " and the next start begins again.",
        err=True,
    )


@contextmanager
def looked_at(config: Config) -> Iterator[Database]:
    """Lend the database as it is, to be read alone; raises `ConfigurationRefused` if its schema is another one."""
    database = Database(config.database_url, read_only=True)
    try:
        with database.reading() as session:
            require_newest_schema(session)
        yield database
    finally:
        database.close()


@contextmanager
def not_migrated(config: Config) -> Iterator[Database]:
    """Lend the database to be written to, at the schema that `looked_at` has found."""
    database = Database(config.database_url)
    try:
        yield database
    finally:
        database.close()


def moment_at(text: str | None, option: str) -> datetime | None:
    """Return the time that an option was given, UTC; None where it was not given. Raises `click.UsageError`."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(
            f"{option}: expected a time like 2027-03-15T12:00Z, found {text[:40]!r}."
        ) from error
    if moment.tzinfo is None:
        raise click.UsageError(f"{option}: expected a time with its zone, like {text[:40]}Z, found none.")
    return moment.astimezone(UTC)


def now_of(config: Config, database: Database) -> datetime:
    """Return the time, UTC: the story's under a demo root, else the clock's."""
    if config.story_clock is not None:
        require_demo_root(database)
    return Clock(config.story_clock).now()
