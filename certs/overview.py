"""The state of an organisation's trust at a glance: roles, versions, signers, expiries, the bundle, the draft."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.online import signer_names
from certs.publication import newest_root, newest_targets, snapshot_of, timestamp_of
from certs.repository import Draft, draft_of, published_policy
from certs.roles import ALL_ROLES, FLEET, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, is_demo, name_of
from certs.trust_folder import TrustFolder


@dataclass(frozen=True)
class RoleRow:
    """One role: its published version (None: not published), who signed it, who may, how many must, until when."""

    role: str
    version: int | None
    signed_by: tuple[str, ...]
    holders: tuple[str, ...]
    threshold: int
    expires: datetime | None


@dataclass(frozen=True)
class Overview:
    """The whole of it; ``bundle_number`` is None before the first publishing, ``waiting`` names drafted files."""

    demo: bool
    bundle_number: int | None
    roles: tuple[RoleRow, ...]
    draft: Draft | None
    waiting: tuple[str, ...]


def overview(folder: Path) -> Overview:
    """Return the state of the trust in `folder`; raises `NotARepository` if there is none."""
    place = TrustFolder(folder)
    files = place.published()
    root = newest_root(files).signed
    policy = published_policy(folder)
    return Overview(
        demo=is_demo(root),
        bundle_number=policy[0] if policy else None,
        roles=tuple(_row(place, files, role) for role in ALL_ROLES),
        draft=draft_of(folder),
        waiting=tuple(sorted(place.drafted())),
    )


def _row(place: TrustFolder, files: dict[str, bytes], role: str) -> RoleRow:
    root = newest_root(files).signed
    metadata = {
        ROOT: newest_root(files),
        TARGETS: newest_targets(files),
        FLEET: newest_targets(files, FLEET),
        SNAPSHOT: snapshot_of(files),
        TIMESTAMP: timestamp_of(files),
    }[role]
    targets = newest_targets(files)
    # Whose keys count for fleet is said by targets and not by root; before the first policy nobody has said it.
    delegator = targets.signed if role == FLEET and targets else root
    keyids = [place.fleet_key().keyid] if role == FLEET else root.roles[role].keyids
    holders = ("fleet",) if role == FLEET else tuple(name_of(root.get_key(keyid)) for keyid in keyids)
    return RoleRow(
        role=role,
        version=metadata.signed.version if metadata else None,
        signed_by=signer_names(delegator, role, metadata) if metadata else (),
        holders=holders,
        threshold=1 if role == FLEET else root.roles[role].threshold,
        expires=metadata.signed.expires if metadata else None,
    )
