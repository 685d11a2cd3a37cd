"""An organisation's trust from the admin's side: make it, sign for it, publish it, keep it fresh.

Approving is signing: a policy is published when as many approvers have signed as root demands. Documents build on
the newest published one, so that nobody overwrites what they have not seen.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Targets

from certs.draft_rules import (
    open_draft,
    published_document,
    require_delegation,
    require_newest_base,
    require_newest_fleet,
    require_threshold,
)
from certs.durable import create_private_file, make_private_folder, write_durably
from certs.errors import (
    KeyExists,
    KeyUnusable,
    NotAnApprover,
    NotNewestBase,
    RepositoryProblem,
)
from certs.keys import create_key, key_pem, load_signer
from certs.logs import Log
from certs.online import OnlineSigners, Publication, renew, signer_names, verify_publication
from certs.publication import (
    file_name,
    newest_root,
    newest_targets,
    newest_version,
    reachable,
    target_content,
    target_name,
)
from certs.roles import (
    FLEET,
    FLEET_TARGET,
    LIFETIMES,
    POLICY_TARGET,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    named,
    new_fleet,
    new_root,
    new_targets,
)
from certs.tls import create_authority, issue_server_certificate
from certs.trust_folder import TrustFolder
from policy.counted import counted
from policy.document import Fleet, Policy
from policy.schemas import dump_fleet, load_fleet, load_policy_document

_log = Log(__name__)


@dataclass(frozen=True)
class Draft:
    """A policy on its way: who has signed, how many signatures root demands, how long they will hold."""

    number: int
    policy: Policy
    signed_by: tuple[str, ...]
    threshold: int
    expires: datetime

    @property
    def ready(self) -> bool:
        """Whether it can be published."""
        return len(self.signed_by) >= self.threshold


def create_repository(
    folder: Path,
    now: datetime,
    *,
    demo: bool = False,
    approvers: int | None = None,
    threshold: int | None = None,
    approver_keys: Mapping[str, Key] | None = None,
    passphrase: bytes | None = None,
    server_names: tuple[str, ...] = ("localhost", "127.0.0.1"),
) -> None:
    """Make trust in `folder`: keys, root, an empty fleet document, the TLS authority, the organisation's key.

    Approvers are the public keys in `approver_keys` by name; otherwise `approvers` key files are made (2, or 1
    for a demo), with the root key encrypted under `passphrase` if one is given. `threshold` defaults to 2 (1 for a
    demo). Raises `KeyExists` if there is trust already, `RepositoryProblem` for numbers that cannot work.
    """
    place = TrustFolder(folder)
    if (folder / "metadata").exists() or place.keys.exists():
        raise KeyExists(f"{folder} holds trust or keys already; choose another folder")
    count = len(approver_keys) if approver_keys else approvers if approvers is not None else 1 if demo else 2
    needed = threshold if threshold is not None else 1 if demo else 2
    if needed < 2 and not demo:
        raise RepositoryProblem(
            "a threshold of 1 lets one person ban and lift alone, which is for demonstrations; add --demo, or name"
            " two approvers"
        )
    if not 1 <= needed <= count:
        raise RepositoryProblem(
            f"expected at least {counted(needed, 'approver')} for a threshold of {needed}, found {count}; name more, or"
            " choose another --threshold"
        )
    if approver_keys and len({key.keyid for key in approver_keys.values()}) != count:
        raise RepositoryProblem("the same approver key is named twice; two signatures need two keys")
    make_private_folder(folder)
    make_private_folder(place.keys)
    keys: dict[str, tuple[Key, ...]] = {
        # The online keys stay plain: a server renews by itself, and nobody is there to type a passphrase.
        role: (new_key(place, role, passphrase if role == ROOT else None),)
        for role in (ROOT, SNAPSHOT, TIMESTAMP)
    }
    new_key(place, FLEET, None)
    keys[TARGETS] = _approver_keys(place, approver_keys, count, passphrase)
    create_private_file(place.keys / "organisation.key", secrets.token_hex(32).encode() + b"\n")
    # TLS peers judge certificates by their own clocks, so these begin at the real time and not at a story's.
    create_authority(place.tls)
    issue_server_certificate(place.tls, server_names)
    root = Metadata(new_root(keys, needed, demo, now.astimezone(UTC)))
    sign_metadata(root, load_signer(str(place.keys / "root.pem"), passphrase))
    place.write_published({file_name(ROOT, 1): root.to_bytes()})
    # After the root, which it looks for among what is published; it waits in the draft for the first policy.
    sign_fleet(folder, dump_fleet(Fleet()), load_signer(str(place.keys / "fleet.pem")), now)


def sign_policy(folder: Path, policy_bytes: bytes, signer: Signer, now: datetime) -> Draft:
    """Add an approver's signature to the policy in these very bytes and return how far it has come.

    The first signature opens a draft, later ones join it. The number must be the newest published one plus 1;
    the newest one itself, unchanged, may be signed again to prolong it. Raises `PolicyError`, `NotAnApprover`
    or `NotNewestBase`; nothing is written then.
    """
    place = TrustFolder(folder)
    published, drafted = place.published(), place.drafted()
    number, policy = load_policy_document(policy_bytes)
    # The drafted root counts already: what is published together with it has to be signed by its keys.
    root = newest_root({**published, **drafted}).signed
    if signer.public_key.keyid not in root.roles[TARGETS].keyids:
        raise NotAnApprover("this key is no approver's under the newest root; sign with an approver's key")
    # Before the signature: an approval of what was overtaken would be good for ever.
    require_newest_base(number, policy_bytes, published)
    # Never beyond the policy's own end: past it a signature must not keep the ban alive.
    expires = min(now + LIFETIMES[TARGETS], policy.ends_at).astimezone(UTC)
    if expires <= now:
        raise RepositoryProblem(f"the policy ended at {policy.ends_at:%Y-%m-%d %H:%M} UTC; set ends_at later")
    # Counted from what is published and not from the draft: a second approver signs the same version, not the next.
    version = newest_version(published, TARGETS) + 1
    fresh = new_targets(version, policy_bytes, place.fleet_key(), expires)
    # Joined only where the open draft says exactly this: a second approver signs what the first one read.
    metadata = open_draft(drafted, fresh, now) or Metadata(fresh)
    sign_metadata(metadata, signer)
    place.write_draft(
        {
            target_name(fresh.targets[POLICY_TARGET]): policy_bytes,
            file_name(TARGETS, version): metadata.to_bytes(),
        }
    )
    return _draft(root, metadata, number, policy)


def sign_fleet(folder: Path, fleet_bytes: bytes, signer: Signer, now: datetime) -> Fleet:
    """Sign the fleet document in these very bytes for the next publishing, and return it.

    Its number must be the newest published one plus 1 (or the same document again, to prolong it). Raises
    `PolicyError`, `NotAnApprover` or `NotNewestBase`.
    """
    place = TrustFolder(folder)
    published, drafted = place.published(), place.drafted()
    fleet = load_fleet(fleet_bytes)
    if signer.public_key.keyid != place.fleet_key().keyid:
        raise NotAnApprover("this key does not sign exemptions; sign with the fleet key")
    require_newest_fleet(fleet, fleet_bytes, published)
    version = newest_version(published, FLEET) + 1
    waiting = newest_targets(drafted, FLEET)
    waits = target_content(drafted, waiting.signed, FLEET_TARGET) if waiting else None
    # Before the first publishing the empty document of `create_repository` waits, and that one may be replaced.
    if waits not in (None, fleet_bytes) and (version > 1 or load_fleet(waits).exemptions):
        raise NotNewestBase(
            "another fleet document waits to be published; publish it first, then build on it"
        )
    metadata = Metadata(new_fleet(version, fleet_bytes, now.astimezone(UTC)))
    sign_metadata(metadata, signer)
    place.write_draft(
        {
            target_name(metadata.signed.targets[FLEET_TARGET]): fleet_bytes,
            file_name(FLEET, version): metadata.to_bytes(),
        }
    )
    return fleet


def publish(folder: Path, now: datetime, signers: OnlineSigners | None = None) -> Publication:
    """Publish the draft under a new snapshot and timestamp and return what is published.

    Raises `ThresholdNotReached`, or the `BundleRefused` with which stations would refuse it; the old publication
    then holds. The fleet document is prolonged on the way if its signature is half over and its key is at hand.
    """
    place = TrustFolder(folder)
    published = place.published()
    if not place.drafted():
        raise RepositoryProblem(
            f"nothing waits to be published; sign first: curfew-certs sign"
            f" {quote(str(folder))} POLICY.json --key KEY"
        )
    # Before the draft is read: it may add a fleet document.
    _prolong_fleet(place, now)
    files = {**published, **place.drafted()}
    require_threshold(files)
    require_delegation(files, place.fleet_key())
    # Snapshot and timestamp last, over all that goes out: they bind it together.
    renewed = renew(files, signers or place.online_signers(newest_root(files).signed), now.astimezone(UTC))
    served = reachable({**files, **renewed})
    # With the stations' own eyes, before it is served: what they would refuse is not published.
    publication = verify_publication(served, published, now)
    place.write_published({name: data for name, data in served.items() if published.get(name) != data})
    # Last: killed before this, the same publishing once more comes to the same end.
    place.discard_draft()
    _log.info("published", number=publication.number)
    return publication


def refresh(folder: Path, now: datetime, signers: OnlineSigners | None = None) -> Publication:
    """Renew the timestamp (and the snapshot near its end) of what is published; the draft stays a draft."""
    place = TrustFolder(folder)
    published = place.published()
    signers = signers or place.online_signers(newest_root(published).signed)
    renewed = renew(published, signers, now.astimezone(UTC))
    publication = verify_publication(reachable({**published, **renewed}), published, now)
    place.write_published(renewed)
    return publication


def publication_files(folder: Path) -> dict[str, bytes]:
    """Return the published files by the names they are served under; what a server takes over."""
    return TrustFolder(folder).published()


def published_policy(folder: Path) -> tuple[int, Policy] | None:
    """Return number and policy in force, None before the first publishing."""
    files = TrustFolder(folder).published()
    data = published_document(files, TARGETS, POLICY_TARGET)
    return load_policy_document(data) if data else None


def draft_of(folder: Path) -> Draft | None:
    """Return the policy that waits for signatures or for publishing."""
    place = TrustFolder(folder)
    published, drafted = place.published(), place.drafted()
    metadata = newest_targets(drafted)
    data = metadata and target_content(drafted, metadata.signed, POLICY_TARGET)
    if not metadata or not data:
        return None
    return _draft(newest_root({**published, **drafted}).signed, metadata, *load_policy_document(data))


def approver_keys(folder: Path, role: str = TARGETS) -> list[Key]:
    """Return the public keys that count for a role under the newest root (or for fleet, in this folder)."""
    place = TrustFolder(folder)
    if role == FLEET:
        return [place.fleet_key()]
    root = newest_root({**place.published(), **place.drafted()}).signed
    return [root.get_key(keyid) for keyid in root.roles[role].keyids]


def new_key(place: TrustFolder, name: str, passphrase: bytes | None) -> Key:
    """Create ``keys/NAME.pem`` with ``keys/NAME.pub`` beside it and return the public key under that name."""
    file = place.keys / f"{name}.pem"
    create_key(file, passphrase)
    key = load_signer(str(file), passphrase).public_key
    write_durably(place.keys / f"{name}.pub", key_pem(key))
    return named(key, name)


def _approver_keys(
    place: TrustFolder, given: Mapping[str, Key] | None, count: int, passphrase: bytes | None
) -> tuple[Key, ...]:
    if given:
        return tuple(named(key, name) for name, key in given.items())
    return tuple(new_key(place, f"approver-{n}", passphrase) for n in range(1, count + 1))


def sign_metadata(metadata: Metadata[Root] | Metadata[Targets], signer: Signer) -> None:
    """Add a signature to `metadata`; raises `KeyUnusable` if the token or key service fails."""
    try:
        # `append`, or each approver would throw away the signatures before.
        metadata.sign(signer, append=True)
        role, version = metadata.signed.type, metadata.signed.version
        _log.info("signed", role=role, version=version, key=signer.public_key.keyid[:12])
    except UnsignedMetadataError as error:
        raise KeyUnusable(f"the key could not sign ({error}); check the token or key service") from error


def _draft(root: Root, metadata: Metadata[Targets], number: int, policy: Policy) -> Draft:
    return Draft(
        number=number,
        policy=policy,
        signed_by=signer_names(root, TARGETS, metadata),
        threshold=root.roles[TARGETS].threshold,
        expires=metadata.signed.expires,
    )


def _prolong_fleet(place: TrustFolder, now: datetime) -> None:
    """Sign the newest fleet document again if its signature is half over, or of a key that was rotated out."""
    files, key = {**place.published(), **place.drafted()}, place.fleet_key()
    fleet = newest_targets(files, FLEET)
    if not fleet or (key.keyid in fleet.signatures and fleet.signed.expires - now > LIFETIMES[FLEET] / 2):
        return
    # Without the key at hand the old signature stays; one that has ended is refused before anything is published.
    signer = next(place.local_signers([key.keyid]), None)
    document = target_content(files, fleet.signed, FLEET_TARGET)
    if signer and document:
        sign_fleet(place.path, document, signer, now)
