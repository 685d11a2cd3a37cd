"""A database copied out of service, consistent while the server writes, and put back; of SQLite and of PostgreSQL."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote as percent_encoded

from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from certs.durable import sync_folder
from policy.plain_text import said_by_others
from server.errors import BackupRefused, StorageUnavailable
from server.storage.database import Database
from server.storage.postgresql import is_pooled

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file; of another database, it would be taken for this one's."""
_SAID_MAX = 300
_DROP_ALL = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('DROP TABLE %I CASCADE', name);
    END LOOP;
END $$;
DROP FUNCTION IF EXISTS phone_name_pieces(text);
"""
_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
_UNREACHABLE = (
    "the PostgreSQL database of CURFEW_DATABASE_URL cannot be reached; make it (an empty one), or give another URL in"
    " the environment"
)
LOOK = "run: curfew-server --config SERVER.env check"
"""What to do where a database cannot be copied as it is."""


def kind_of(url: str) -> str:
    """Return ``sqlite`` or ``postgresql``."""
    return make_url(url).get_backend_name()


def copy_out(url: str, target: Path) -> None:
    """Write one consistent state of the database at `url` into `target`; raises `BackupRefused`."""
    if kind_of(url) == "postgresql":
        _refuse_pooler(url)
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", url=url)
        return
    copy = target.with_suffix(".copy")
    try:
        _copy_sqlite(_file_of(url), copy)
        with copy.open("rb") as whole, gzip.open(target, "wb", compresslevel=3) as packed:
            shutil.copyfileobj(whole, packed)
    except OSError as error:
        raise BackupRefused(
            f"{target.parent} has no room for a copy of the database ({error.strerror}); choose another place"
        ) from error
    finally:
        copy.unlink(missing_ok=True)


def copy_in(url: str, source: Path, replace: bool) -> None:
    """Put what `copy_out` wrote at `url`; raises `BackupRefused`, and then what was there is as it was."""
    if kind_of(url) == "postgresql":
        _refuse_pooler(url)
        _copy_into_postgresql(url, source, replace)
        return
    path = _file_of(url)
    unpacked = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(unpacked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with gzip.open(source) as packed:
                shutil.copyfileobj(packed, file)
            file.flush()
            os.fsync(file.fileno())
        for ending in _BESIDE:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        os.replace(unpacked, path)
        sync_folder(path.parent)
    except OSError as error:
        raise BackupRefused(
            f"{path} could not be written ({error.strerror}); make room, then try again"
        ) from error
    finally:
        unpacked.unlink(missing_ok=True)


def _refuse_pooler(url: str) -> None:
    """Raise `BackupRefused` where the programs would speak to a pooler: they set things for a session, and it lends one
    session to many."""
    database = Database(url, read_only=True)
    try:
        with database.reading() as session:
            pooled = is_pooled(session.connection())
    except StorageUnavailable as error:
        raise BackupRefused(f"the database could not be read; {LOOK}") from error
    finally:
        database.close()
    if pooled:
        raise BackupRefused(
            "expected PostgreSQL itself, found a pooler such as PgBouncer before it, whose connections would be spoiled"
            " for the servers; give the URL of PostgreSQL in the environment, CURFEW_DATABASE_URL=…, and try again"
        )


def _copy_into_postgresql(url: str, source: Path, replace: bool) -> None:
    # Beside the backup's parts, in a folder that is closed to others.
    clearing, restoring = source.with_suffix(".clear"), source.with_suffix(".sql")
    clearing.write_text(_DROP_ALL if replace else "", encoding="utf-8")
    _run("pg_restore", "--no-owner", "--no-privileges", f"--file={restoring}", str(source))
    # Not by pg_restore itself, which drops what is in the backup and not what a newer schema has beside it. In one
    # transaction: cut off anywhere, what was there is as it was.
    options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
    _run("psql", *options, f"--file={clearing}", f"--file={restoring}", url=url)


def holds_something(url: str) -> bool:
    """Whether there is a database at `url` that would be replaced; raises `BackupRefused` where nobody can tell."""
    if kind_of(url) == "sqlite":
        return _file_of(url).exists()
    engine = create_engine(url)
    try:
        return bool(inspect(engine).get_table_names())
    except SQLAlchemyError as error:
        raise BackupRefused(_UNREACHABLE) from error
    finally:
        engine.dispose()


def is_in_use(url: str) -> bool:
    """Whether a program has the database open."""
    if kind_of(url) == "postgresql":
        return _others_are_connected(url)
    if not _file_of(url).exists():
        return False
    # Leaving the write-ahead log wants the file for itself alone (sqlite.org/pragma.html, "journal_mode").
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(_file_of(url), timeout=0, isolation_level=None)) as database,
    ):
        try:
            database.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            return error.sqlite_errorname in ("SQLITE_BUSY", "SQLITE_LOCKED")
    return False


def _others_are_connected(url: str) -> bool:
    # A server that waits for requests holds connections and no lock: PostgreSQL would let its tables be dropped.
    engine = create_engine(url)
    try:
        # Within a transaction, PostgreSQL would tell what it told first (its manual, "Viewing Statistics").
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for pause_s in _PAUSES_S:
                if not connection.scalar(_OTHERS):
                    return False
                # One that was closed a moment ago is still in the list.
                time.sleep(pause_s)
        return True
    except SQLAlchemyError as error:
        raise BackupRefused(_UNREACHABLE) from error
    finally:
        engine.dispose()


def _file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


def _copy_sqlite(path: Path, target: Path) -> None:
    if not path.is_file():
        raise BackupRefused(f"expected a database at {path}, found none; check CURFEW_DATABASE_URL")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        # To be read only: a database that is to be looked into later must not be changed by its backup.
        uri = f"file:{percent_encoded(str(path.resolve()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
            # All pages in one step: one state, whoever writes meanwhile (sqlite.org/backup.html).
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            faults = [fault for (fault,) in copy.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        raise BackupRefused(f"the database could not be copied ({error}); {LOOK}") from error
    if faults != ["ok"]:
        raise BackupRefused(f"the database is damaged ({'; '.join(faults)}); {LOOK}")


def _run(program: str, *arguments: str, url: str | None = None) -> None:
    """Run one of PostgreSQL's own programs, on the database at `url` if it works on one."""
    if shutil.which(program) is None:
        raise BackupRefused(
            f"{program} is not there: PostgreSQL's own programs copy its databases. Install those of the database"
            " server's version or a newer one (on Debian the package postgresql-client), then try again"
        )
    address, password = _address_and_password(url) if url else ((), {})
    done = subprocess.run(
        [program, *address, *arguments],
        env={**os.environ, **password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BackupRefused(
            f"{program} ended with {done.returncode} and said {said_by_others(done.stderr, _SAID_MAX)}; mend that, then"
            " try again"
        )


def _address_and_password(url: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
    parsed = make_url(url)
    # Without the password, which everybody on the machine could read in the list of processes.
    address = URL.create(
        "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    ).render_as_string(hide_password=False)
    return (f"--dbname={address}",), {"PGPASSWORD": str(parsed.password)} if parsed.password else {}
