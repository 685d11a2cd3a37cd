"""A server stood up again from a backup: whole, in a folder of its own, and never over another one unless told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from certs.durable import make_private_folder, sync_folder, write_durably
from server.config import database_url_in, read_config
from server.errors import BackupRefused, ConfigurationRefused
from server.maintenance.archive import DATABASES, OTHERS, SETTINGS, Manifest, unpack_archive
from server.maintenance.database_copy import copy_in, holds_something, is_in_use, kind_of
from server.maintenance.working_folder import working_folder
from server.storage.migrating import schemas

_URL = "CURFEW_DATABASE_URL"


def restore_backup(archive: Path, env_file: Path, replace: bool, environ: Mapping[str, str]) -> Manifest:
    """Make the server of `archive` around `env_file` and return what the backup says of itself.

    Keys and certificates go beside the file. The database goes where `environ` says (CURFEW_DATABASE_URL), else where
    the server that is replaced has it, else beside the file (SQLite) or where the backup says (PostgreSQL). Raises
    `BackupRefused` for a backup that is damaged or newer, and where something would be overwritten though `replace`
    does not tell to.
    """
    folder = make_private_folder(env_file.parent)
    with working_folder(folder, "restore") as unpacked:
        manifest = unpack_archive(archive, unpacked, version("curfew"), tuple(schemas()))
        files = [name for name in OTHERS if (unpacked / name).is_file()]
        given_url = database_url_in(environ) or (_present_url(env_file) if replace else None)
        settings = _settings(unpacked, folder.resolve(), manifest, given_url, files)
        url = settings[_URL]
        _refuse_to_overwrite(url, [env_file, *(folder / name for name in files)], replace)
        copy_in(url, unpacked / DATABASES[manifest.database], replace)
        for name in files:
            _put(unpacked / name, folder / name)
        # Last: without it nothing serves what is half there.
        write_durably(env_file, "".join(f"{name}={value}\n" for name, value in settings.items()).encode())
    return manifest


def _present_url(env_file: Path) -> str | None:
    """Return where the server that is there has its database; None if its settings cannot be read."""
    try:
        return read_config(env_file, environ={}).database_url
    except ConfigurationRefused:
        return None


def _settings(
    unpacked: Path, folder: Path, manifest: Manifest, given_url: str | None, files: list[str]
) -> dict[str, str]:
    """Return the settings of the backup, each path as it is from now on."""
    lines = (unpacked / SETTINGS).read_text(encoding="utf-8").splitlines()
    settings = {name: value for name, _, value in (line.partition("=") for line in lines)}
    if manifest.database == "sqlite":
        settings[_URL] = f"sqlite:///{folder / 'curfew.sqlite'}"
    if given_url:
        settings[_URL] = given_url
    if kind_of(settings[_URL]) != manifest.database:
        raise BackupRefused(
            f"the backup is of {manifest.database}, and {_URL} names {kind_of(settings[_URL])}; one cannot be restored"
            " into the other"
        )
    settings |= {"CURFEW_AUDIT_KEY": "audit.key", "CURFEW_TLS_FOLDER": "tls"}
    if any(name.startswith("keys/") for name in files):
        settings["CURFEW_TRUST_KEYS"] = "keys"
    return settings


def _refuse_to_overwrite(url: str, files: list[Path], replace: bool) -> None:
    there = [str(file) for file in files if file.exists()]
    if holds_something(url):
        there.append("a database")
    if there and not replace:
        raise BackupRefused(
            f"{', '.join(there)} would be overwritten; name another place by --config, or stop the server and say"
            " --replace"
        )
    if is_in_use(url):
        raise BackupRefused("the database is in use; stop the server, then try again")


def _put(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(source, target)
        sync_folder(target.parent)
    except OSError as error:
        raise BackupRefused(
            f"{target} could not be written ({error.strerror}); mend that, then restore again with --replace"
        ) from error
