"""What an approver's machine signs, and what it refuses to sign whoever sent it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, TargetFile, Targets

from certs import repository as trust
from certs.approval import Approval
from certs.errors import ApprovalRefused, CertsError, NotAnApprover, NotNewestBase, ProposalRefused
from certs.keys import load_signer
from certs.proposal import (
    Base,
    Proposal,
    assembled,
    base_of,
    make_proposal,
    require_fit,
    require_signature,
    sign_proposal,
    valid_approvals,
)
from certs.trust_folder import TrustFolder
from policy.ready_made import ready_made_policy
from tests.certs.simulated_repository import DAY, HOUR, NOW, policy_document, spare_key

Change = Callable[[Targets], None]


@pytest.fixture
def base(published: Path) -> Base:
    return base_of(trust.publication_files(published))


@pytest.fixture
def proposal(base: Base) -> Proposal:
    return make_proposal(base, policy_document(2), NOW)


def approver(folder: Path, number: int) -> Signer:
    return load_signer(str(folder / "keys" / f"approver-{number}.pem"))


def changed(proposal: Proposal, change: Change) -> Proposal:
    """Return the proposal as a server makes it that has altered what is to be signed."""
    targets = Targets.from_dict(json.loads(proposal.targets_bytes, strict=False))
    change(targets)
    return replace(proposal, targets_bytes=Metadata(targets).signed_bytes)


def test_what_was_proposed_fits_and_is_signed_assembled_and_published(
    published: Path, base: Base, proposal: Proposal
) -> None:
    assert require_fit(proposal, base, NOW) == (2, ready_made_policy())
    approvals = [sign_proposal(proposal, base, approver(published, n)) for n in (1, 2)]
    TrustFolder(published).write_draft(assembled(proposal, approvals))
    publication = trust.publish(published, NOW)
    assert publication.number == 2
    assert publication.signers["targets"] == ("approver-1", "approver-2")


def test_a_proposal_of_a_folder_without_a_policy_names_the_folders_own_road(folder: Path) -> None:
    with pytest.raises(NotNewestBase, match="sign and publish it there"):
        base_of(trust.publication_files(folder))


@pytest.mark.parametrize("number", [1, 3])
def test_a_policy_that_does_not_follow_on_the_newest_is_not_proposed(base: Base, number: int) -> None:
    with pytest.raises(NotNewestBase, match=f"has number 2; this one has {number}"):
        make_proposal(base, policy_document(number), NOW)


def test_what_is_signed_ends_with_the_policy(base: Base) -> None:
    ends = NOW + 10 * DAY
    times: dict[str, Any] = {"deadline": NOW + DAY, "review_at": NOW + 5 * DAY, "ends_at": ends, "rings": ()}
    assert make_proposal(base, policy_document(2, **times), NOW).targets.expires == ends
    with pytest.raises(ProposalRefused, match="set ends_at later"):
        make_proposal(base, policy_document(2, **times), ends)


def test_a_policy_other_than_the_one_whose_hash_is_signed_is_refused(base: Base, proposal: Proposal) -> None:
    other = replace(proposal, policy_bytes=policy_document(2, lifted=True))
    with pytest.raises(ProposalRefused, match="not the one that would be signed"):
        require_fit(other, base, NOW)


def more_targets(targets: Targets) -> None:
    targets.targets["fleet.json"] = TargetFile.from_data("fleet.json", b"{}", ["sha256"])


def other_fleet_key(targets: Targets) -> None:
    assert targets.delegations
    assert targets.delegations.roles
    key = spare_key("of a thief").public_key
    targets.delegations.keys = {key.keyid: key}
    targets.delegations.roles["fleet"].keyids = [key.keyid]


def wider_delegation(targets: Targets) -> None:
    assert targets.delegations
    assert targets.delegations.roles
    targets.delegations.roles["fleet"].paths = ["*.json"]


def later_version(targets: Targets) -> None:
    targets.version += 1


def unknown_field(targets: Targets) -> None:
    targets.unrecognized_fields["x-more"] = True


def longer(targets: Targets) -> None:
    targets.expires = NOW + 36 * DAY


def over(targets: Targets) -> None:
    targets.expires = NOW


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (more_targets, "holds more than one policy"),
        (other_fleet_key, "other keys for exemptions"),
        (wider_delegation, "other keys for exemptions"),
        (later_version, "so the next one is 2; this proposal has 3"),
        (unknown_field, "holds more than one policy"),
        (longer, "longer than 35 days"),
        (over, "ended at"),
    ],
)
def test_whatever_a_server_altered_in_what_is_signed_is_refused(
    base: Base, proposal: Proposal, change: Change, sentence: str
) -> None:
    with pytest.raises(CertsError, match=sentence):
        require_fit(changed(proposal, change), base, NOW)


def test_a_server_whose_clock_is_a_little_ahead_is_no_reason_to_refuse(base: Base) -> None:
    ahead = make_proposal(base, policy_document(2), NOW + timedelta(minutes=4))
    assert require_fit(ahead, base, NOW)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"_type": "root"}', b"\xff", b'{"_type": "targets"}'])
def test_bytes_that_are_no_targets_are_refused(base: Base, proposal: Proposal, data: bytes) -> None:
    with pytest.raises(ProposalRefused):
        require_fit(replace(proposal, targets_bytes=data), base, NOW)


def test_targets_in_another_spelling_are_refused(base: Base, proposal: Proposal) -> None:
    spelled = json.dumps(json.loads(proposal.targets_bytes, strict=False), indent=1).encode()
    with pytest.raises(ProposalRefused, match="canonical"):
        require_fit(replace(proposal, targets_bytes=spelled), base, NOW)


def test_a_key_that_is_no_approvers_signs_nothing(published: Path, base: Base, proposal: Proposal) -> None:
    with pytest.raises(NotAnApprover):
        sign_proposal(proposal, base, load_signer(str(published / "keys" / "fleet.pem")))


def test_a_signature_counts_for_the_very_bytes_alone(published: Path, base: Base, proposal: Proposal) -> None:
    approval = sign_proposal(proposal, base, approver(published, 1))
    assert require_signature(proposal, base, approval) == "approver-1"
    other = make_proposal(base, policy_document(2, lifted=True), NOW)
    with pytest.raises(ApprovalRefused, match="for other bytes"):
        require_signature(other, base, approval)
    with pytest.raises(ApprovalRefused, match="does not hold"):
        require_signature(other, base, replace(approval, signed_sha256=other.signed_sha256))


@pytest.mark.parametrize("signature", ["", "00", "no hex", "ff" * 72])
def test_a_signature_that_is_none_is_refused(
    published: Path, base: Base, proposal: Proposal, signature: str
) -> None:
    key_id = approver(published, 1).public_key.keyid
    with pytest.raises(ApprovalRefused, match="does not hold"):
        require_signature(proposal, base, Approval(key_id, signature, proposal.signed_sha256))


def test_one_key_under_anothers_name_does_not_count(published: Path, base: Base, proposal: Proposal) -> None:
    first = sign_proposal(proposal, base, approver(published, 1))
    forged = replace(first, key_id=approver(published, 2).public_key.keyid)
    assert valid_approvals(proposal, base, [first, forged]) == [first]


def test_what_was_signed_before_the_end_is_checked_at_the_clock_of_who_signs(
    base: Base, proposal: Proposal
) -> None:
    assert require_fit(proposal, base, NOW + 34 * DAY)
    with pytest.raises(ProposalRefused, match="propose the draft anew"):
        require_fit(proposal, base, NOW + 35 * DAY + HOUR)
