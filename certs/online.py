"""What a server does with trust: check a publication, take it over, keep its timestamp and snapshot fresh.

A server cannot change what is banned: it holds the snapshot and timestamp keys only. Because it renews them by
itself, its version numbers run ahead of the admin's folder; so a new publication is taken over with `adopt`, which
puts the server's own next snapshot and timestamp on top of the admin's targets, and never with the admin's as is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from certs.acceptance import AcceptedBundle, Candidate, accept
from certs.errors import (
    Damaged,
    FileMissing,
    FleetWentBack,
    KeyUnusable,
    NumberWentBack,
    VersionWentBack,
)
from certs.keys import load_signer
from certs.publication import (
    TIMESTAMP_FILE,
    Files,
    file_name,
    is_served_name,
    newest_root,
    newest_targets,
    newest_version,
    reachable,
    snapshot_of,
    timestamp_of,
    versions_of,
)
from certs.roles import FLEET, LIFETIMES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, name_of
from certs.verified_download import VerifiedDownload, root_name
from policy.document import Fleet, Policy

_BRING_UP = "bring the folder up to what is published first: curfew-certs fetch FOLDER URL"
_BEFORE_EVERYTHING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Publication:
    """A publication that was verified whole: the documents, who signed each role, until when.

    ``signers`` are the names that root gives to the keys; ``root_sha256`` is what enrolment codes carry (of the
    first root, served as ``1.root.json``).
    """

    number: int
    policy: Policy
    fleet: Fleet
    demo: bool
    signers: Mapping[str, tuple[str, ...]]
    expires: Mapping[str, datetime]
    versions: Mapping[str, int]
    root_sha256: str
    policy_bytes: bytes
    fleet_bytes: bytes


@dataclass(frozen=True)
class OnlineSigners:
    """The two signers that a server holds."""

    snapshot: Signer
    timestamp: Signer


def load_online_signers(folder: Path) -> OnlineSigners:
    """Return the signers in ``snapshot.pem`` and ``timestamp.pem`` of `folder`; raises `KeyUnusable`."""
    return OnlineSigners(
        load_signer(str(folder / "snapshot.pem")), load_signer(str(folder / "timestamp.pem"))
    )


def verify_publication(files: Files, current: Files, now: datetime | None = None) -> Publication:
    """Return what `files` publish, verified as a station would that knows `current` (empty at first).

    Raises the `BundleRefused` of the first rule that does not hold: a bad signature, anything lower than in
    `current`, another content under a published name, a document without the agreed form. Expiry counts only if
    `now` is given. Snapshot and timestamp may be lower than in `current`: the server renews its own.
    """
    _refuse_rewritten_names(files, current)
    # Of both: the folder knows the newest root, `current` may know older ones that stations still walk over.
    # Where both have one, it was compared above.
    roots = {
        file_name(ROOT, version): data
        for source in (files, current)
        for version in versions_of(source, ROOT)
        for data in (source[file_name(ROOT, version)],)
    }
    first = min(versions_of(roots, ROOT), default=1)
    # For its refusal alone: without any root there is no file of the number `first`.
    newest_root(roots)
    # Without a time: what is served now may have expired, and is what the new publication has to follow all the same.
    before = _accepted(current, roots, first, None, None) if TIMESTAMP_FILE in current else None
    try:
        accepted = _accepted({**files, **roots}, roots, first, now, before)
    except (NumberWentBack, FleetWentBack) as error:
        # In the words of whoever keeps the folder; the rule's own are for stations.
        found = str(error).partition(";")[0]
        raise type(error)(f"{found}: the folder is behind what is published; {_BRING_UP}") from error
    # The client above began with a root alone, so what went back since `current` is for us to see.
    _refuse_lower_versions(files, current)
    return _publication({**files, **roots}, accepted, roots[file_name(ROOT, first)])


def adopt(
    files: Files, current: Files, signers: OnlineSigners, now: datetime
) -> tuple[Publication, dict[str, bytes]]:
    """Verify a publication and return it with all files to serve from now on, signed to follow on `current`.

    An old snapshot or timestamp in the folder does no harm; an expired root, policy or fleet document does.
    Raises what `verify_publication` raises, and `KeyUnusable` if the online keys do not count under its root.
    """
    # Without a time: the folder's own timestamp may be long over, and is replaced below. What will be served is
    # verified with the time at the end.
    verify_publication(files, current)
    offered = reachable(files)
    if not current and not needs_renewal(offered, now):
        return verify_publication(offered, current, now), offered
    documents = {name: data for name, data in offered.items() if not is_online(name)}
    # The server's snapshot and timestamp over the folder's: stations have seen its numbers, which run ahead.
    own = {name: data for name, data in current.items() if is_online(name) or name.endswith(".root.json")}
    return _renewed_over({**documents, **own}, current, signers, now, after=(files,))


def publish_over(
    current: Files, documents: Files, signers: OnlineSigners, now: datetime
) -> tuple[Publication, dict[str, bytes]]:
    """Put signed targets and their policy on top of what is served, and return it with all files to serve from now on.

    Raises the `BundleRefused` with which stations would refuse it, and `KeyUnusable` as `adopt` does.
    """
    return _renewed_over({**reachable(current), **documents}, current, signers, now)


def _renewed_over(
    basis: Files, current: Files, signers: OnlineSigners, now: datetime, after: tuple[Files, ...] = ()
) -> tuple[Publication, dict[str, bytes]]:
    served = reachable({**basis, **renew(basis, signers, now, after=after)})
    return verify_publication(served, current, now), served


def needs_renewal(files: Files, now: datetime) -> bool:
    """Whether the timestamp or the snapshot has used up half of its life at `now`."""
    timestamp, snapshot = timestamp_of(files), snapshot_of(files)
    return (
        timestamp is None
        or snapshot is None
        or _half_over(timestamp, TIMESTAMP, now)
        or _half_over(snapshot, SNAPSHOT, now)
    )


def renew(
    files: Files, signers: OnlineSigners, now: datetime, after: tuple[Files, ...] = (), skipped: int = 0
) -> dict[str, bytes]:
    """Return a new timestamp for `files`, and a new snapshot where the old one does not fit or is half over.

    Version numbers follow on the highest in `files` and in the publications of `after`, so many further as are
    `skipped`: then both are new, whatever the old ones are. Raises `KeyUnusable` if
    the signers' keys do not count under the newest root.
    """
    known = (files, *after)
    root = newest_root(files).signed
    meta = _snapshot_meta(files)
    old = snapshot_of(files)
    renewed: dict[str, bytes] = {}
    # Its signature too: once the snapshot's key was rotated out, the old one no longer counts, whatever it says.
    keep = old and old.signed.meta == meta and _is_signed(root, old) and not _half_over(old, SNAPSHOT, now)
    if old and keep and not skipped:
        version, data = old.signed.version, files[file_name(SNAPSHOT, old.signed.version)]
    else:
        # Above all of them, the folder's too: stations refuse a version below one that they have seen.
        version = 1 + skipped + max(_version(snapshot_of(source)) for source in known)
        snapshot = Metadata(Snapshot(version, expires=now + LIFETIMES[SNAPSHOT], meta=meta))
        data = renewed[file_name(SNAPSHOT, version)] = _signed(snapshot, signers.snapshot, root)
    timestamp = Metadata(
        Timestamp(
            version=1 + skipped + max(_version(timestamp_of(source)) for source in known),
            expires=now + LIFETIMES[TIMESTAMP],
            snapshot_meta=MetaFile.from_data(version, data, ["sha256"]),
        )
    )
    return {**renewed, TIMESTAMP_FILE: _signed(timestamp, signers.timestamp, root)}


def is_online(name: str) -> bool:
    """Whether a served file is signed by the online keys: a server renews it by itself."""
    return name == TIMESTAMP_FILE or name.endswith(f".{SNAPSHOT}.json")


def _accepted(
    files: Files,
    roots: Files,
    first: int,
    now: datetime | None,
    before: AcceptedBundle | None,
) -> AcceptedBundle:
    """Verify `files` with the very client and rules of a station; without `now`, nothing counts as expired."""

    def fetch(name: str, _: int) -> bytes:
        if name.removeprefix("/") not in files:
            raise FileMissing(f"the publication lacks {name.removeprefix('/')}")
        return files[name.removeprefix("/")]

    moment = now or _BEFORE_EVERYTHING
    with VerifiedDownload({root_name(first): roots[file_name(ROOT, first)]}) as download:
        # An empty base URL puts a slash before each name, which `fetch` takes off again.
        found = download.run(fetch, "", moment)
    return accept(Candidate(found.policy, found.fleet, found.demo, found.timestamp_expires, moment, before))


def _publication(files: Files, accepted: AcceptedBundle, first_root: bytes) -> Publication:
    root, targets, fleet = newest_root(files), newest_targets(files), newest_targets(files, FLEET)
    snapshot, timestamp = snapshot_of(files), timestamp_of(files)
    # `accept` has refused a publication without a policy before.
    assert targets is not None
    by_role: dict[
        str, Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp] | None
    ] = {
        ROOT: root,
        TARGETS: targets,
        FLEET: fleet,
        SNAPSHOT: snapshot,
        TIMESTAMP: timestamp,
    }
    present = {role: metadata for role, metadata in by_role.items() if metadata is not None}
    return Publication(
        number=accepted.bundle.number,
        policy=accepted.bundle.policy,
        fleet=accepted.bundle.fleet,
        demo=accepted.demo,
        signers={
            role: signer_names(targets.signed if role == FLEET else root.signed, role, metadata)
            for role, metadata in present.items()
        },
        expires={role: metadata.signed.expires for role, metadata in present.items()},
        versions={role: metadata.signed.version for role, metadata in present.items()},
        root_sha256=hashlib.sha256(first_root).hexdigest(),
        policy_bytes=accepted.policy_bytes,
        fleet_bytes=accepted.fleet_bytes,
    )


def signer_names(
    delegator: Root | Targets,
    role: str,
    metadata: Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp],
) -> tuple[str, ...]:
    """Return the names of the keys that validly signed `metadata` for `role`, in order."""
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    keys: Mapping[str, Key] = result.signed
    return tuple(sorted(name_of(key) for key in keys.values()))


def _refuse_rewritten_names(files: Files, current: Files) -> None:
    foreign = sorted(name for name in files if not is_served_name(name))
    if foreign:
        raise Damaged(
            f"a publication has no file named {foreign[0]!r}; hand over the files of one folder only"
        )
    for name in sorted(files.keys() & current.keys()):
        # Timestamp and snapshot are renewed on both sides, so one name may well say two things.
        if not is_online(name) and files[name] != current[name]:
            raise VersionWentBack(f"{name} was published with another content; {_BRING_UP}")


def _refuse_lower_versions(files: Files, current: Files) -> None:
    for role in (ROOT, TARGETS, FLEET):
        old, new = newest_version(current, role), newest_version(files, role)
        if new < old:
            raise VersionWentBack(f"version {old} of {role} is published, the folder has {new}; {_BRING_UP}")


def _snapshot_meta(files: Files) -> dict[str, MetaFile]:
    meta = {}
    for role in (TARGETS, FLEET):
        version = newest_version(files, role)
        if not version:
            raise Damaged(f"the publication lacks {role} metadata; sign a document for it first")
        meta[f"{role}.json"] = MetaFile.from_data(version, files[file_name(role, version)], ["sha256"])
    return meta


def _is_signed(root: Root, metadata: Metadata[Snapshot]) -> bool:
    return bool(root.get_verification_result(SNAPSHOT, metadata.signed_bytes, metadata.signatures))


def _signed(metadata: Metadata[Snapshot] | Metadata[Timestamp], signer: Signer, root: Root) -> bytes:
    role = metadata.signed.type
    if signer.public_key.keyid not in root.roles[role].keyids:
        raise KeyUnusable(
            f"the {role} key does not count under the newest root; use the key that was rotated in"
        )
    try:
        metadata.sign(signer)
    except UnsignedMetadataError as error:
        raise KeyUnusable(
            f"the {role} key could not sign ({error}); check the token or key service"
        ) from error
    return metadata.to_bytes()


def _half_over(metadata: Metadata[Snapshot] | Metadata[Timestamp], role: str, now: datetime) -> bool:
    # At half: a renewal that fails can be tried again for the other half before any station refuses.
    return metadata.signed.expires - now < LIFETIMES[role] / 2


def _version(metadata: Metadata[Snapshot] | Metadata[Timestamp] | None) -> int:
    return metadata.signed.version if metadata else 0
