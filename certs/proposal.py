"""A proposal: the exact bytes that approvers sign for a draft, made on the server and checked on their own machines.

What is signed are the canonical bytes of TUF targets, which name one policy by its hash. Whoever signs believes
nothing of whoever sent them: `require_fit` compares them with what is published, as the approver's machine verified it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from securesystemslib.signer import Signature, Signer
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from certs.approval import Approval, require_signed, sha256_of, signed_by, targets_in
from certs.errors import ApprovalRefused, NotAnApprover, NotNewestBase, ProposalRefused
from certs.publication import (
    Files,
    file_name,
    newest_root,
    newest_targets,
    reachable,
    target_content,
    target_name,
)
from certs.roles import LIFETIMES, POLICY_TARGET, TARGETS, name_of
from policy.counted import counted
from policy.document import Policy
from policy.schemas import load_policy_document

CLOCKS_APART = timedelta(minutes=5)
"""So far may the clock of the server that made a proposal be ahead of the approver's."""


@dataclass(frozen=True)
class Base:
    """What a proposal has to follow on: the newest root, and the newest published targets with their policy."""

    root: Root
    targets: Targets
    policy_bytes: bytes

    @cached_property
    def document(self) -> tuple[int, Policy]:
        """Number and policy in force."""
        return load_policy_document(self.policy_bytes)

    @property
    def threshold(self) -> int:
        """How many approvers root demands."""
        return self.root.roles[TARGETS].threshold

    @property
    def approvers(self) -> dict[str, str]:
        """The names that root gives to the approvers, by key id, in root's order."""
        return {keyid: name_of(self.root.get_key(keyid)) for keyid in self.root.roles[TARGETS].keyids}


@dataclass(frozen=True)
class Proposal:
    """A policy, and the canonical bytes of the targets that name it: these are what is signed."""

    policy_bytes: bytes
    targets_bytes: bytes

    @property
    def signed_sha256(self) -> str:
        """SHA-256 of the bytes that are signed, by which all speak of them."""
        return sha256_of(self.targets_bytes)

    @cached_property
    def targets(self) -> Targets:
        """The targets in these bytes; raises `ProposalRefused` unless the bytes say nothing else besides."""
        return targets_in(self.targets_bytes)

    @cached_property
    def document(self) -> tuple[int, Policy]:
        """Number and policy in the policy's bytes; raises `PolicyError`."""
        return load_policy_document(self.policy_bytes)


def base_of(files: Files) -> Base:
    """Return what `files` publish, which the caller has verified; raises `NotNewestBase` before the first policy."""
    published = reachable(files)
    targets = newest_targets(published)
    policy_bytes = target_content(published, targets.signed, POLICY_TARGET) if targets else None
    if targets is None or policy_bytes is None:
        raise NotNewestBase(
            "no policy is published yet, and the first one comes from the trust folder; sign and publish it there"
        )
    return Base(newest_root(published).signed, targets.signed, policy_bytes)


def make_proposal(base: Base, policy_bytes: bytes, now: datetime) -> Proposal:
    """Return what approvers have to sign so that this policy follows on `base`.

    Raises `PolicyError`, `NotNewestBase` or `ProposalRefused`.
    """
    number, policy = load_policy_document(policy_bytes)
    _require_next_number(number, base)
    # Whole seconds, as TUF writes them. Never beyond the policy's own end.
    expires = min(now + LIFETIMES[TARGETS], policy.ends_at).astimezone(UTC).replace(microsecond=0)
    if expires <= now:
        raise ProposalRefused(f"the policy ended at {policy.ends_at:%Y-%m-%d %H:%M} UTC; set ends_at later")
    targets = _targets(base, policy_bytes, expires)
    return Proposal(policy_bytes, Metadata(targets).signed_bytes)


def require_fit(proposal: Proposal, base: Base, now: datetime) -> tuple[int, Policy]:
    """Return number and policy, if these are the very bytes that may follow on `base`, whoever made them.

    Raises `PolicyError`, `NotNewestBase` or `ProposalRefused`, each with what was found.
    """
    targets = proposal.targets
    number, policy = proposal.document
    target = targets.targets.get(POLICY_TARGET)
    expected = _targets(base, proposal.policy_bytes, targets.expires)
    if target is None or target != expected.targets[POLICY_TARGET]:
        raise ProposalRefused(
            "the policy that is shown is not the one that would be signed: its hash differs; sign nothing, and tell the"
            " other approvers"
        )
    _require_next_number(number, base)
    if targets.version != expected.version:
        raise NotNewestBase(
            f"version {base.targets.version} of targets is published, so the next one is {expected.version};"
            f" this proposal has {targets.version}: propose the draft anew"
        )
    if targets.delegations != expected.delegations:
        raise ProposalRefused(
            "the proposal names other keys for exemptions than the published policy does; sign nothing, and tell the"
            " other approvers"
        )
    # The version of TUF's specification is that of the library which wrote them, and says nothing else.
    expected.spec_version = targets.spec_version
    if targets != expected:
        raise ProposalRefused(
            "the proposal holds more than one policy and the key for exemptions; sign nothing, and tell the other"
            " approvers"
        )
    _require_end(targets.expires, policy, now)
    return number, policy


def sign_proposal(proposal: Proposal, base: Base, signer: Signer) -> Approval:
    """Return the signature of an approver under the newest root; raises `NotAnApprover` or `KeyUnusable`."""
    key_id = signer.public_key.keyid
    _require_approver(base, key_id)
    return signed_by(signer, proposal.targets, TARGETS)


def require_signature(proposal: Proposal, base: Base, approval: Approval) -> str:
    """Return the name of the approver whose signature this is.

    Raises `NotAnApprover` for a key that does not count under the newest root, `ApprovalRefused` for a signature over
    other bytes.
    """
    _require_approver(base, approval.key_id)
    key = base.root.get_key(approval.key_id)
    require_signed(approval, key, proposal.targets_bytes)
    return name_of(key)


def valid_approvals(proposal: Proposal, base: Base, approvals: Iterable[Approval]) -> list[Approval]:
    """Return those that count under the newest root: a key that was rotated out since does not."""
    return [approval for approval in approvals if _counts(proposal, base, approval)]


def assembled(proposal: Proposal, approvals: Iterable[Approval]) -> dict[str, bytes]:
    """Return the two files that publish the policy, by served name: signed targets, and the policy itself."""
    signatures = {one.key_id: Signature(one.key_id, one.signature) for one in approvals}
    metadata = Metadata(proposal.targets, signatures)
    return {
        target_name(proposal.targets.targets[POLICY_TARGET]): proposal.policy_bytes,
        file_name(TARGETS, proposal.targets.version): metadata.to_bytes(),
    }


def _counts(proposal: Proposal, base: Base, approval: Approval) -> bool:
    try:
        require_signature(proposal, base, approval)
    except (ApprovalRefused, NotAnApprover):
        return False
    return True


def _targets(base: Base, policy_bytes: bytes, expires: datetime) -> Targets:
    # Who may sign exemptions is taken as it was published: a draft of a policy has no say in it.
    return Targets(
        version=base.targets.version + 1,
        expires=expires,
        targets={POLICY_TARGET: TargetFile.from_data(POLICY_TARGET, policy_bytes, ["sha256"])},
        delegations=copy.deepcopy(base.targets.delegations),
    )


def _require_approver(base: Base, key_id: str) -> None:
    if key_id not in base.approvers:
        raise NotAnApprover(
            f"the key {key_id[:12]}… is no approver's under the newest root; sign with an approver's key"
        )


def _require_next_number(number: int, base: Base) -> None:
    newest = base.document[0]
    if number != newest + 1:
        raise NotNewestBase(
            f"bundle {newest} is the newest, so the next policy has number {newest + 1}; this one has {number}:"
            " rebuild it on the newest"
        )


def _require_end(expires: datetime, policy: Policy, now: datetime) -> None:
    latest = min(now + LIFETIMES[TARGETS] + CLOCKS_APART, policy.ends_at)
    if expires <= now:
        raise ProposalRefused(
            f"what would be signed ended at {expires:%Y-%m-%d %H:%M} UTC; propose the draft anew, and check this"
            " computer's clock"
        )
    if expires > latest:
        raise ProposalRefused(
            f"what would be signed holds until {expires:%Y-%m-%d %H:%M} UTC, longer than"
            f" {counted(LIFETIMES[TARGETS].days, 'day')}"
            " or than the policy itself; propose the draft anew, and check this computer's clock"
        )
