"""The one file of a backup: a tar archive that any tool opens, with a manifest by which all of it is verified.

::

    manifest.sha256     the hash of the manifest, so that a changed bit of it is seen
    manifest.json       {"format": 1, "version": "0.1.0", "schema": "0007", "database": "sqlite",
                         "made_at": "2023-03-15T11:00:00Z", "parts": {"server.env": "<SHA-256>", …}}
    server.env  audit.key  tls/…  keys/…  and database.sqlite.gz or database.dump

It holds secrets: it is made with mode 0600, whole or not at all, and never over another file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from certs.durable import sync_folder
from policy.plain_text import said_by_others
from server.errors import BackupRefused

FORMAT = 1
SETTINGS = "server.env"
DATABASES: Mapping[str, str] = {"sqlite": "database.sqlite.gz", "postgresql": "database.dump"}
"""The part that holds the database, by its kind."""
OTHERS = (
    *("audit.key", "tls/authority.pem", "tls/server.pem", "tls/server.key"),
    *("keys/snapshot.pem", "keys/timestamp.pem"),
)
"""Files that the settings name, as they stand in a backup and after restoring it."""

_MANIFEST, _MANIFEST_HASH = "manifest.json", "manifest.sha256"
_MANIFEST_MAX_BYTES = 64 * 1024
_AT_ONCE = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: which Curfew made it, of which schema and kind of database, and when (ISO 8601)."""

    version: str
    schema: str
    database: str
    made_at: str


def write_archive(path: Path, manifest: Manifest, parts: Mapping[str, Path], draft: Path) -> None:
    """Write `parts` into a new archive at `path`; raises `BackupRefused` if one stands there or there is no room.

    ``draft`` is where it is written first, on the same disk and in a folder that is closed to others.
    """
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
                _add_manifest(archive, manifest, parts)
                for name, source in parts.items():
                    with source.open("rb") as content:
                        archive.addfile(_member(name, source.stat().st_size), content)
            file.flush()
            os.fsync(file.fileno())
        # A rename would replace what stands there; a link never does (link(2)).
        os.link(draft, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise BackupRefused(f"{path} is there already and is not overwritten; choose another name") from error
    except OSError as error:
        raise BackupRefused(
            f"{path} could not be written ({error.strerror}); make room, or choose another place"
        ) from error


def unpack_archive(path: Path, folder: Path, version: str, schemas: tuple[str, ...]) -> Manifest:
    """Write the verified parts of a backup into `folder` and return its manifest.

    ``version`` and ``schemas`` (oldest first) are this program's. Raises `BackupRefused` for a file that is damaged, or
    that a newer Curfew has made; then what lies in `folder` is not to be used.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            told = _read_manifest(archive)
            _refuse_newer(told, version, schemas)
            hashes = _hashes(told)
            for member in archive:
                if member.name in (_MANIFEST, _MANIFEST_HASH):
                    continue
                if member.name not in hashes or not member.isreg():
                    raise _damaged(
                        f"it has {said_by_others(member.name, 60)}, which its manifest does not name"
                    )
                _unpack(archive, member, folder, hashes.pop(member.name))
    except (tarfile.TarError, EOFError) as error:
        raise _damaged(str(error)) from error
    except OSError as error:
        raise BackupRefused(
            f"{error.filename or path}: {error.strerror}; name a backup that can be read, and a place with room for it"
        ) from error
    if hashes:
        raise _damaged(f"{min(hashes)} is missing")
    return Manifest(**{name: told[name] for name in Manifest.__dataclass_fields__})


def _add_manifest(archive: tarfile.TarFile, manifest: Manifest, parts: Mapping[str, Path]) -> None:
    told = {
        "format": FORMAT,
        **vars(manifest),
        "parts": {name: _hashed(path) for name, path in parts.items()},
    }
    data = (json.dumps(told, indent=1, sort_keys=True) + "\n").encode()
    # As `sha256sum -c manifest.sha256` reads it.
    line = f"{hashlib.sha256(data).hexdigest()}  {_MANIFEST}\n".encode()
    for name, content in ((_MANIFEST_HASH, line), (_MANIFEST, data)):
        archive.addfile(_member(name, len(content)), BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _hashed(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _read_manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    line, data = _small(archive, _MANIFEST_HASH), _small(archive, _MANIFEST)
    if line != f"{hashlib.sha256(data).hexdigest()}  {_MANIFEST}\n".encode():
        raise _damaged("its manifest is not as it was written")
    told: dict[str, Any] = json.loads(data)
    return told


def _small(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.next()
    if member is None or member.name != name or not member.isreg() or member.size > _MANIFEST_MAX_BYTES:
        raise BackupRefused(
            "expected a backup of a Curfew server, found something else or a damaged one; name another file"
        )
    content = archive.extractfile(member)
    assert content is not None  # it is a regular file
    return content.read()


def _refuse_newer(told: Mapping[str, Any], version: str, schemas: tuple[str, ...]) -> None:
    # Its manifest holds, so it was written by a Curfew: what is not known here came later.
    if (
        told["format"] == FORMAT
        and told["schema"] in schemas
        and _numbers(told["version"]) <= _numbers(version)
    ):
        return
    raise BackupRefused(
        f"the backup was made by Curfew {told['version']} with schema {told['schema']}, this is Curfew {version} and"
        f" works with schema {schemas[-1]} and older; install Curfew {told['version']} or newer here, then try again"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _hashes(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of the parts by their names, of which there are a few: none leads out of the folder."""
    hashes: dict[str, str] = told["parts"]
    needed = {SETTINGS, DATABASES[told["database"]]}
    if not needed <= hashes.keys() <= needed | set(OTHERS):
        raise _damaged(f"it has {', '.join(sorted(hashes))}")
    return dict(hashes)


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, expected: str) -> None:
    content = archive.extractfile(member)
    assert content is not None  # it is a regular file
    target = folder / member.name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    found = hashlib.sha256()
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := content.read(_AT_ONCE):
            found.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if found.hexdigest() != expected:
        raise _damaged(f"{member.name} is not as it was written")


def _damaged(how: str) -> BackupRefused:
    return BackupRefused(f"the backup is damaged: {how}; use another one, or another copy of it")
