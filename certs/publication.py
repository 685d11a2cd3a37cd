"""The files of a publication by the names they are served under, and how to read them.

::

    1.root.json 2.root.json ...      every root, for ever: stations walk from the one they know to the newest
    timestamp.json                   the only name whose content changes
    3.snapshot.json  2.targets.json  1.fleet.json
    targets/HASH.policy.json         targets/HASH.fleet.json
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, Root, Snapshot, T, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from certs.errors import ContentMismatch, Damaged, NotARepository
from certs.roles import FLEET, FLEET_TARGET, POLICY_TARGET, ROOT, SNAPSHOT, TARGETS, TIMESTAMP

Files: TypeAlias = Mapping[str, bytes]

TIMESTAMP_FILE = "timestamp.json"
# No zero in front, so that a version has one name, and no slash: a name cannot lead out of its folder. 18
# digits stay within 64 bits.
_VERSIONED = re.compile(r"([1-9][0-9]{0,17})\.(root|targets|fleet|snapshot)\.json")
_TARGET = re.compile(r"targets/[0-9a-f]{64}\.(policy|fleet)\.json")


def file_name(role: str, version: int) -> str:
    """Return the name that a role's metadata of this version is served under."""
    return TIMESTAMP_FILE if role == TIMESTAMP else f"{version}.{role}.json"


def target_name(target: TargetFile) -> str:
    """Return the name that a target is served under, with its hash in front."""
    return f"targets/{target.get_prefixed_paths()[0]}"


def is_served_name(name: str) -> bool:
    """Whether `name` is one that a publication may contain."""
    return name == TIMESTAMP_FILE or bool(_VERSIONED.fullmatch(name) or _TARGET.fullmatch(name))


def versions_of(files: Files, role: str) -> list[int]:
    """Return all versions of a role's metadata among `files`, oldest first."""
    found = (_VERSIONED.fullmatch(name) for name in files)
    # As numbers: as texts, 10 comes before 9.
    return sorted(int(match[1]) for match in found if match and match[2] == role)


def newest_version(files: Files, role: str) -> int:
    """Return the highest version of a role's metadata among `files`, 0 if there is none."""
    return max(versions_of(files, role), default=0)


def newest_root(files: Files) -> Metadata[Root]:
    """Return the newest root among `files`, unverified; raises `NotARepository` if there is none."""
    version = newest_version(files, ROOT)
    if not version:
        raise NotARepository("expected a trust folder, found no root in it; check the folder's name")
    return parsed(files[file_name(ROOT, version)], Root)


def newest_targets(files: Files, role: str = TARGETS) -> Metadata[Targets] | None:
    """Return the newest metadata of targets or fleet among `files`, unverified."""
    version = newest_version(files, role)
    return parsed(files[file_name(role, version)], Targets) if version else None


def timestamp_of(files: Files) -> Metadata[Timestamp] | None:
    """Return the timestamp among `files`, unverified."""
    return parsed(files[TIMESTAMP_FILE], Timestamp) if TIMESTAMP_FILE in files else None


def snapshot_of(files: Files) -> Metadata[Snapshot] | None:
    """Return the snapshot that the timestamp names, unverified."""
    timestamp = timestamp_of(files)
    # Not the highest there is: one that a crash left behind was never published.
    name = file_name(SNAPSHOT, timestamp.signed.snapshot_meta.version) if timestamp else ""
    return parsed(files[name], Snapshot) if name in files else None


def parsed(data: bytes, kind: type[T]) -> Metadata[T]:
    """Return `data` as metadata of this kind, unverified; raises `Damaged`."""
    try:
        metadata = Metadata[T].from_bytes(data)
    except DeserializationError as error:
        raise Damaged(f"expected {kind.type} metadata, found something else; fetch or restore it") from error
    if not isinstance(metadata.signed, kind):
        raise Damaged(f"expected {kind.type} metadata, found {metadata.signed.type}; fetch or restore it")
    return metadata


def target_content(files: Files, targets: Targets, path: str) -> bytes | None:
    """Return the bytes of a target as signed, None if `targets` does not name it; raises `ContentMismatch`."""
    target = targets.targets.get(path)
    if target is None:
        return None
    # Missing reads as empty, and is refused by length and hash like any other change.
    data = files.get(target_name(target), b"")
    try:
        target.verify_length_and_hashes(data)
    except LengthOrHashMismatchError as error:
        raise ContentMismatch(f"{target_name(target)} is missing or is not what was signed") from error
    return data


def reachable(files: Files) -> dict[str, bytes]:
    """Return what is published: all roots, and the files that timestamp, snapshot and targets lead to.

    A file that a crash left beside them is not among these.
    """
    names = {file_name(ROOT, version) for version in versions_of(files, ROOT)}
    timestamp, snapshot = timestamp_of(files), snapshot_of(files)
    if timestamp and snapshot:
        names |= {TIMESTAMP_FILE, file_name(SNAPSHOT, snapshot.signed.version)}
        for role, path in ((TARGETS, POLICY_TARGET), (FLEET, FLEET_TARGET)):
            meta = snapshot.signed.meta.get(f"{role}.json")
            name = file_name(role, meta.version) if meta else ""
            if name in files:
                target = parsed(files[name], Targets).signed.targets.get(path)
                names |= {name} | ({target_name(target)} if target else set())
    return {name: files[name] for name in sorted(names) if name in files}
