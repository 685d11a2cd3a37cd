"""A backup: all that is needed to stand the server up again on another machine, as one file.

The database (with every publication, which are rows of it), the settings with their secrets, and the keys that they
name: without the holders' key nobody could read whom a phone belongs to, without the audit key and the server's
certificate no station would believe the new server (decision 0019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from server.config import Config, written_settings
from server.errors import BackupRefused, StorageUnavailable
from server.maintenance.archive import DATABASES, OTHERS, SETTINGS, Manifest, write_archive
from server.maintenance.database_copy import LOOK, copy_out, kind_of
from server.maintenance.working_folder import working_folder
from server.storage.database import Database
from server.storage.migrating import schema_of, schemas


@dataclass(frozen=True)
class Backup:
    """A backup that was made; ``missing`` are files that the settings name and that are not there."""

    path: Path
    manifest: Manifest
    size_bytes: int
    missing: tuple[Path, ...]


def make_backup(config: Config, target: Path, now: datetime) -> Backup:
    """Write a backup to `target`, or into it under a name with the time if it is a folder; raises `BackupRefused`.

    The server may serve meanwhile: what is copied is one state of the database.
    """
    path = target / f"curfew-{now:%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
    kind = kind_of(config.database_url)
    manifest = Manifest(version("curfew"), _schema(config), kind, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    named = _files_of(config)
    missing = tuple(file for file in named.values() if not file.is_file())
    try:
        # Beside the backup, where its space is, and closed to others from the first moment.
        with working_folder(path.parent, "backup") as work:
            database, settings = work / DATABASES[kind], work / SETTINGS
            settings.write_text(written_settings(config), encoding="utf-8")
            copy_out(config.database_url, database)
            files = {name: file for name, file in named.items() if file not in missing}
            parts = {SETTINGS: settings, **files, database.name: database}
            write_archive(path, manifest, parts, work / "archive")
    except OSError as error:
        raise BackupRefused(
            f"{path} could not be written ({error.strerror}); choose another place"
        ) from error
    return Backup(path, manifest, path.stat().st_size, missing)


def _schema(config: Config) -> str:
    database = Database(config.database_url, read_only=True)
    try:
        with database.reading() as session:
            found = schema_of(session)
    except StorageUnavailable as error:
        raise BackupRefused(f"the database could not be read; {LOOK}") from error
    finally:
        database.close()
    if found is None or found not in schemas():
        raise BackupRefused(
            f"the database has schema {found or 'of no version'}, this Curfew knows {schemas()[-1]} and older; make the"
            " backup with the version that serves it"
        )
    return found


def _files_of(config: Config) -> Mapping[str, Path]:
    """Return where the files stand that the settings name; of the keys of trust the two online ones alone."""
    folders = {"tls": config.tls_folder, "keys": config.trust_keys}
    found = {"audit.key": config.audit_key}
    for name in OTHERS:
        folder, _, file = name.partition("/")
        if file and (place := folders[folder]) is not None:
            found[name] = place / file
    return found
