"""Whom an approver's own machine believes: the root in a copy of the trust folder, or one that was pinned by its hash.

The published files come from the server or out of a proposal's file; they count once they verify under that root and
are not older than what this machine has seen.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Targets

from certs.acceptance import AcceptedBundle, Candidate, accept
from certs.durable import make_private_folder
from certs.errors import FileMissing, NotBootstrapped, VersionWentBack, WrongRoot
from certs.fleet_proposal import FleetBase
from certs.proposal import Base
from certs.publication import Files, file_name, newest_version, parsed, versions_of
from certs.roles import FLEET, ROOT, TARGETS
from certs.trust_client import TrustClient
from certs.trust_folder import TrustFolder
from certs.verified_download import Fetch, VerifiedDownload, root_name

_FIRST_ROOT = file_name(ROOT, 1)


_Verified = tuple[Files, AcceptedBundle]
"""The client's metadata by the client's own names, and the bundle it accepted."""


def verified_base(files: Files, trust: Path, root_sha256: str | None, now: datetime) -> Base:
    """Return what `files` publish, verified as of `now` under what `trust` holds.

    ``trust`` is a copy of the trust folder, or this approver's own folder: that one is made when ``root_sha256`` pins
    a root for the first time, and remembers the highest versions. Raises a `BundleRefused`.
    """
    metadata, accepted = _verified(files, trust, root_sha256, now)
    return _base(metadata, accepted.policy_bytes)


def verified_fleet_base(files: Files, trust: Path, root_sha256: str | None, now: datetime) -> FleetBase:
    """Return which exemptions `files` publish and whose key signs them, verified as `verified_base` does."""
    metadata, accepted = _verified(files, trust, root_sha256, now)
    targets, fleet = (parsed(metadata[name], Targets).signed for name in ("targets.json", "fleet.json"))
    return FleetBase(targets, fleet, accepted.fleet_bytes)


def _verified(files: Files, trust: Path, root_sha256: str | None, now: datetime) -> _Verified:
    if (trust / "metadata").is_dir():
        return _by_trust_folder(files, TrustFolder(trust).published(), root_sha256, now)
    return _by_own_folder(files, trust, root_sha256, now)


def _by_trust_folder(files: Files, known: Files, root_sha256: str | None, now: datetime) -> _Verified:
    if root_sha256:
        _require_same_root(hashlib.sha256(known[_FIRST_ROOT]).hexdigest(), root_sha256)
    roots = {root_name(version): known[file_name(ROOT, version)] for version in versions_of(known, ROOT)}
    with VerifiedDownload(roots) as download:
        found = download.run(_from(files), "", now)
        metadata = download.verified
    accepted = accept(Candidate(found.policy, found.fleet, found.demo, found.timestamp_expires, now))
    # The client began with roots alone, so what went back since this copy is for us to see.
    for role in (TARGETS, FLEET):
        version = parsed(metadata[f"{role}.json"], Targets).signed.version
        if version < newest_version(known, role):
            raise VersionWentBack(
                f"version {newest_version(known, role)} of {role} is in the trust folder, the server publishes"
                f" {version}: it serves an old copy, or the folder's newest was never handed to it"
            )
    return metadata, accepted


def _by_own_folder(files: Files, folder: Path, root_sha256: str | None, now: datetime) -> _Verified:
    client = TrustClient(make_private_folder(folder), _from(files), "")
    pinned = client.root_sha256
    if pinned is None and root_sha256 is None:
        raise NotBootstrapped(
            f"{folder} pins no root yet, so nothing of the server is believed; name the SHA-256 of the organisation's"
            " first root with --root-sha256 (another approver or the trust folder's keeper has it: sha256sum"
            " metadata/1.root.json), or a copy of the trust folder with --trust"
        )
    if pinned and root_sha256:
        _require_same_root(pinned, root_sha256)
    if pinned is None and root_sha256:
        first = files.get(_FIRST_ROOT, b"")
        _require_same_root(hashlib.sha256(first).hexdigest(), root_sha256)
        client.bootstrap(first, root_sha256)
    accepted = client.refresh(now)
    return client.verified_metadata(), accepted


def _require_same_root(found: str, named: str) -> None:
    if found != named.strip().lower():
        raise WrongRoot(
            f"expected the root with SHA-256 {named.strip()[:16]}…, found {found[:16]}…; nothing was signed: compare"
            " the hash with the trust folder's keeper by another way"
        )


def _base(metadata: Files, policy_bytes: bytes) -> Base:
    """Return the base in a client's verified metadata, which is by the client's own names."""
    prefix, ending = root_name(1).split("1", 1)
    newest = max(
        int(name.removeprefix(prefix).removesuffix(ending)) for name in metadata if name.startswith(prefix)
    )
    root = parsed(metadata[root_name(newest)], Root).signed
    return Base(root, parsed(metadata["targets.json"], Targets).signed, policy_bytes)


def _from(files: Files) -> Fetch:
    def fetch(name: str, _longest: int) -> bytes:
        served = name.removeprefix("/")
        if served not in files:
            raise FileMissing(f"the server's publication lacks {served}")
        return files[served]

    return fetch
