"""The next fleet document as it is signed from afar: made on a server, checked on the machine that holds the fleet key.

A proposal only adds and prolongs: what an exemption in force says stays, unless a later end takes its place. What is
over is left out. So whoever signs reads all that changes from the bytes alone (`require_fleet_fit`), whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from securesystemslib.signer import Key, Signature, Signer
from tuf.api.metadata import Metadata, Targets

from certs.approval import Approval, require_signed, sha256_of, signed_by, targets_in
from certs.errors import NotAnApprover, NotNewestBase, ProposalRefused
from certs.proposal import CLOCKS_APART
from certs.publication import Files, file_name, newest_targets, reachable, target_content, target_name
from certs.roles import FLEET, FLEET_TARGET, LIFETIMES, name_of, new_fleet
from policy.counted import counted
from policy.document import Exemption, Fleet
from policy.errors import PolicyError
from policy.schemas import dump_fleet, load_fleet


@dataclass(frozen=True)
class FleetBase:
    """What a proposal has to follow on: the newest published targets, which name the fleet key, and what it signed."""

    targets: Targets
    metadata: Targets
    fleet_bytes: bytes

    @cached_property
    def fleet(self) -> Fleet:
        """The exemptions that are published."""
        return load_fleet(self.fleet_bytes)

    @property
    def keys(self) -> dict[str, Key]:
        """The keys that sign exemptions, by id."""
        delegations = self.targets.delegations
        if delegations is None or not delegations.roles or FLEET not in delegations.roles:
            return {}
        return {keyid: delegations.keys[keyid] for keyid in delegations.roles[FLEET].keyids}


@dataclass(frozen=True)
class FleetProposal:
    """A fleet document, and the canonical bytes of the metadata that names it: these are what is signed."""

    fleet_bytes: bytes
    targets_bytes: bytes

    @property
    def signed_sha256(self) -> str:
        """SHA-256 of the bytes that are signed."""
        return sha256_of(self.targets_bytes)

    @cached_property
    def targets(self) -> Targets:
        """The metadata in these bytes; raises `ProposalRefused`."""
        return targets_in(self.targets_bytes)

    @cached_property
    def fleet(self) -> Fleet:
        """The document in these bytes; raises `PolicyError`."""
        return load_fleet(self.fleet_bytes)

    @property
    def made_at(self) -> datetime:
        """When it was made, which its end tells: from there and the requests, its bytes can be made again."""
        return self.targets.expires - LIFETIMES[FLEET]


@dataclass(frozen=True)
class FleetChanges:
    """What a proposal says otherwise than what is published."""

    new: tuple[Exemption, ...]
    replaced: tuple[Exemption, ...]
    """In force, and in favour of a new one for the same phone that ends no earlier."""
    over: tuple[Exemption, ...]
    """Whose end has come: left out."""
    kept: tuple[Exemption, ...]


def fleet_base_of(files: Files) -> FleetBase:
    """Return what `files` publish, which the caller has verified; raises `NotNewestBase` before the first policy."""
    published = reachable(files)
    targets, metadata = newest_targets(published), newest_targets(published, FLEET)
    fleet_bytes = target_content(published, metadata.signed, FLEET_TARGET) if metadata else None
    if targets is None or metadata is None or fleet_bytes is None:
        raise NotNewestBase("no policy is published yet; sign and publish the first one in the trust folder")
    return FleetBase(targets.signed, metadata.signed, fleet_bytes)


def make_fleet_proposal(base: FleetBase, asked: Iterable[Exemption], made_at: datetime) -> FleetProposal:
    """Return what the fleet key has to sign so that these exemptions follow on what is published.

    The same bytes for the same arguments. Raises `ProposalRefused` where they are more than a document holds.
    """
    # Whole seconds, as TUF writes them.
    made_at = made_at.astimezone(UTC).replace(microsecond=0)
    new = sorted(asked, key=lambda one: one.phone_id)
    named = {one.phone_id for one in new}
    others = (one for one in base.fleet.exemptions if one.phone_id not in named and made_at < one.until)
    fleet_bytes = dump_fleet(Fleet(base.fleet.number + 1, (*others, *new)))
    try:
        load_fleet(fleet_bytes)
    except PolicyError as error:
        raise ProposalRefused(f"the exemptions make no fleet document: {error}") from error
    metadata = new_fleet(base.metadata.version + 1, fleet_bytes, made_at)
    return FleetProposal(fleet_bytes, Metadata(metadata).signed_bytes)


def require_fleet_fit(proposal: FleetProposal, base: FleetBase, now: datetime) -> FleetChanges:
    """Return what changes, if these are bytes that may follow on `base`, whoever made them.

    Raises `PolicyError`, `NotNewestBase` or `ProposalRefused`, each with what was found.
    """
    fleet, targets = proposal.fleet, proposal.targets
    if fleet.number != base.fleet.number + 1 or targets.version != base.metadata.version + 1:
        raise NotNewestBase(
            f"fleet document {base.fleet.number} is the newest, so the next one has number {base.fleet.number + 1};"
            f" this one has {fleet.number}: fetch the proposal anew"
        )
    expected = new_fleet(targets.version, proposal.fleet_bytes, proposal.made_at)
    # The version of TUF's specification is that of the library which wrote them, and says nothing else.
    expected.spec_version = targets.spec_version
    if targets != expected:
        raise ProposalRefused(
            "the exemptions that are shown are not all that would be signed: their hash differs, or there is more"
            " besides; sign nothing, and tell whoever keeps the trust folder"
        )
    require_moment(proposal.made_at, now)
    return _changes(base.fleet.exemptions, fleet.exemptions, proposal.made_at)


def require_moment(made_at: datetime, now: datetime) -> None:
    """Raise `ProposalRefused` unless what was made then holds now, and no longer than such a signature may."""
    if not now - LIFETIMES[FLEET] < made_at <= now + CLOCKS_APART:
        raise ProposalRefused(
            f"expected a proposal of the last {counted(LIFETIMES[FLEET].days, 'day')}, found one of"
            f" {made_at:%Y-%m-%d %H:%M} UTC; fetch it anew, and check this computer's clock"
        )


def sign_fleet_proposal(proposal: FleetProposal, base: FleetBase, signer: Signer) -> Approval:
    """Return the fleet key's signature; raises `NotAnApprover` or `KeyUnusable`."""
    _require_key(base, signer.public_key.keyid)
    return signed_by(signer, proposal.targets, FLEET)


def require_fleet_signature(proposal: FleetProposal, base: FleetBase, approval: Approval) -> str:
    """Return the name of the key whose signature this is; raises `NotAnApprover` or `ApprovalRefused`."""
    _require_key(base, approval.key_id)
    key = base.keys[approval.key_id]
    require_signed(approval, key, proposal.targets_bytes)
    return name_of(key)


def assembled_fleet(proposal: FleetProposal, approval: Approval) -> dict[str, bytes]:
    """Return the two files that publish the exemptions, by served name: signed metadata, and the document itself."""
    signature = Signature(approval.key_id, approval.signature)
    return {
        target_name(proposal.targets.targets[FLEET_TARGET]): proposal.fleet_bytes,
        file_name(FLEET, proposal.targets.version): Metadata(
            proposal.targets, {approval.key_id: signature}
        ).to_bytes(),
    }


def _changes(before: Sequence[Exemption], after: Sequence[Exemption], made_at: datetime) -> FleetChanges:
    new = tuple(one for one in after if one not in before)
    gone = [one for one in before if one not in after]
    replaced = tuple(one for one in gone if made_at < one.until)
    for one in replaced:
        if not any(other.phone_id == one.phone_id and other.until >= one.until for other in new):
            raise ProposalRefused(
                f"this would end the exemption of phone {one.phone_id} before {one.until:%Y-%m-%d %H:%M} UTC, and"
                " nobody can ask a server for that; sign nothing: exemptions are ended in the trust folder"
            )
    return FleetChanges(
        new=new,
        replaced=replaced,
        over=tuple(one for one in gone if one.until <= made_at),
        kept=tuple(one for one in after if one in before),
    )


def _require_key(base: FleetBase, key_id: str) -> None:
    if key_id not in base.keys:
        raise NotAnApprover(
            f"the key {key_id[:12]}… does not sign exemptions under the newest policy; sign with the fleet key"
        )
