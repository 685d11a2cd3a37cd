"""When a document may be signed, and when what was signed may be published."""

from __future__ import annotations

from datetime import datetime

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Targets

from certs.errors import NotNewestBase, ThresholdNotReached
from certs.online import signer_names
from certs.publication import (
    Files,
    file_name,
    newest_root,
    newest_targets,
    newest_version,
    parsed,
    target_content,
)
from certs.roles import FLEET, FLEET_TARGET, POLICY_TARGET, TARGETS
from policy.counted import counted
from policy.document import Fleet
from policy.schemas import load_fleet, load_policy_document


def require_newest_base(number: int, policy_bytes: bytes, published: Files) -> None:
    """Raise `NotNewestBase` unless the policy follows directly on the newest published one, or is that one."""
    newest = published_document(published, TARGETS, POLICY_TARGET)
    newest_number = load_policy_document(newest)[0] if newest else 0
    if number != newest_number + 1 and policy_bytes != newest:
        raise NotNewestBase(
            f"bundle {newest_number} is the newest, so the next policy has number {newest_number + 1};"
            f" this one has {number}: rebuild it on the newest"
        )


def require_newest_fleet(fleet: Fleet, fleet_bytes: bytes, published: Files) -> None:
    """Raise `NotNewestBase` unless the fleet document follows directly on the newest published one, or is that one."""
    newest = published_document(published, FLEET, FLEET_TARGET)
    if newest and fleet.number != load_fleet(newest).number + 1 and fleet_bytes != newest:
        raise NotNewestBase(
            f"fleet document {load_fleet(newest).number} is the newest, this one has number {fleet.number};"
            " rebuild it on the newest with the next number"
        )


def published_document(files: Files, role: str, path: str) -> bytes | None:
    """Return the newest document of a role among `files`, None if there is none."""
    metadata = newest_targets(files, role)
    return target_content(files, metadata.signed, path) if metadata else None


def open_draft(drafted: Files, fresh: Targets, now: datetime) -> Metadata[Targets] | None:
    """Return the open draft if it says nothing but what this signer would say; it may end earlier, never later."""
    version = newest_version(drafted, TARGETS)
    if not version:
        return None
    draft = parsed(drafted[file_name(TARGETS, version)], Targets)
    # All but the end: a document or a fleet key that was exchanged in the draft gets no second signature. An
    # end that was put off by hand does not either, and a draft that is over helps nobody.
    same = {**draft.signed.to_dict(), "expires": ""} == {**fresh.to_dict(), "expires": ""}
    if not same or not now < draft.signed.expires <= fresh.expires:
        raise NotNewestBase(
            "another draft is open (another policy, base, fleet key or expiry); publish it, or throw it away"
            " and start anew with: curfew-certs sign FOLDER POLICY.json --key KEY --replace"
        )
    return draft


def require_threshold(files: Files) -> None:
    """Raise `ThresholdNotReached` unless enough approvers have signed the newest policy."""
    root, targets = newest_root(files).signed, newest_targets(files)
    if targets is None:
        raise ThresholdNotReached(
            "no policy was signed yet; sign one first: curfew-certs sign FOLDER POLICY.json --key KEY"
        )
    # Only signatures that hold, of keys that count under the newest root: one that was rotated out is none.
    signed_by, needed = signer_names(root, TARGETS, targets), root.roles[TARGETS].threshold
    if len(signed_by) < needed:
        raise ThresholdNotReached(
            f"expected {counted(needed, 'signature')} of approvers, found {len(signed_by)} of {needed}"
            f" ({', '.join(signed_by) or 'nobody'});"
            " another approver has to run: curfew-certs sign FOLDER POLICY.json --key KEY"
        )


def require_delegation(files: Files, fleet_key: Key) -> None:
    """Raise `ThresholdNotReached` if the approvers have not yet said that this fleet key counts."""
    targets = newest_targets(files)
    delegations = targets.signed.delegations if targets else None
    if not delegations or fleet_key.keyid not in delegations.keys:
        raise ThresholdNotReached(
            "the fleet key was rotated, and approvers say whose exemptions count: sign the newest policy again"
        )
