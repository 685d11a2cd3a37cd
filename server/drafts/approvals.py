"""Approvals: signatures that approvers make on their own machines, taken one by one, until a policy can be published.

Each is verified under the newest root before it is stored. Whoever wrote any revision of a draft is not counted as its
approver, and a key belongs to the account that first signed with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.approval import Approval
from certs.errors import ApprovalRefused, NotAnApprover
from certs.proposal import Base as PublishedBase
from certs.proposal import assembled, require_signature, valid_approvals
from server.config import Config
from server.drafts.drafts import Draft, DraftEnd, close_draft
from server.drafts.proposals import (
    ProposalState,
    StoredProposal,
    is_due,
    note_complete,
    note_dead,
    note_published,
    published_base,
    require_proposal,
)
from server.drafts.rehearsed import newest_rehearsal
from server.errors import InConflict, NotAllowed, PublicationRefused, RequestRefused
from server.evidence import audit
from server.exemptions.recording import record_exemptions
from server.people.people import Person
from server.policies.publishing import By, publish_approved
from server.storage.database import Base, UtcTime


class _ApprovalTable(Base):
    """One row per signature that was taken; nobody changes one."""

    __tablename__ = "approval"

    proposal_id: Mapped[int] = mapped_column(ForeignKey("proposal.proposal_id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    person: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(1024))
    signed_at: Mapped[datetime] = mapped_column(UtcTime)


class _ApproverKeyTable(Base):
    """Whose key it is: the account that first signed with it."""

    __tablename__ = "approver_key"

    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    bound_at: Mapped[datetime] = mapped_column(UtcTime)


class Outcome(Enum):
    """What became of a signature that was handed in."""

    STORED = "stored"
    ALREADY_SIGNED = "already_signed"
    WAITING = "waiting"
    PUBLISHED = "published"
    NOT_PUBLISHED = "not_published"


@dataclass(frozen=True)
class GivenApproval:
    """One signature that was taken."""

    key_id: str
    person: str
    signed_at: datetime
    approval: Approval


@dataclass(frozen=True)
class Need:
    """How many approvers have to sign, and why more than root demands; ``because`` is empty where not."""

    count: int
    because: str = ""


@dataclass(frozen=True)
class Received:
    """What became of a signature. A ``refusal`` is to be raised once the transaction with its audit row is stored."""

    outcome: Outcome | None
    signed: int = 0
    needed: int = 0
    trouble: str = ""
    refusal: RequestRefused | None = None


@dataclass(frozen=True)
class _Matter:
    """One proposal as one transaction finds it."""

    session: Session
    config: Config
    draft: Draft
    proposal: StoredProposal
    base: PublishedBase
    now: datetime

    def record(self, actor: str, action: str, **detail: object) -> None:
        """Write an audit row about the draft."""
        detail = {"revision": self.proposal.revision, **detail}
        audit.record(self.session, actor, action, f"draft {self.draft.draft_id}", detail, self.now)


def receive(
    session: Session, config: Config, draft: Draft, approver: Person, approval: Approval, now: datetime
) -> Received:
    """Take one signature, and publish where it was the last that was needed; writes the audit rows, of a refusal too.

    The caller has locked the trust files. Raises `NotThere` for a draft that was never proposed.
    """
    proposal = require_proposal(session, draft, now)
    matter = _Matter(session, config, draft, proposal, published_base(session), now)
    if _has_signed(matter, approver, approval):
        return _signed_again(matter, approver.name)
    try:
        _require_open(proposal)
        _require_no_author(matter, approver, approval.key_id)
        name = _verified(matter, approval)
        _bind(matter, approver, approval.key_id)
    except RequestRefused as refusal:
        matter.record(approver.name, "approval refused", key_id=approval.key_id, reason=refusal.code)
        return Received(None, refusal=refusal)
    session.add(
        _ApprovalTable(
            proposal_id=proposal.proposal_id,
            key_id=approval.key_id,
            person_id=approver.person_id,
            person=approver.name,
            signature=approval.signature,
            signed_at=now,
        )
    )
    session.flush()
    matter.record(approver.name, "draft approved", key=name, signed_sha256=approval.signed_sha256)
    return _completed(matter, approver.name)


def publish_due(session: Session, config: Config, draft: Draft, proposal_id: int, now: datetime) -> None:
    """Publish a proposal whose set time has come, or remember why not; the caller has locked the trust files.

    Nothing is done where another server was faster.
    """
    if not is_due(session, proposal_id, now):
        return
    proposal = require_proposal(session, draft, now)
    matter = _Matter(session, config, draft, proposal, published_base(session), now)
    # Of a draft that was proposed anew, an earlier proposal can still stand in line.
    is_newest = proposal.proposal_id == proposal_id
    if not is_newest or proposal.state is not ProposalState.OPEN:
        reason = proposal.state.value if is_newest else "is of a draft that was proposed anew"
        note_dead(session, proposal_id, f"it {reason}")
        # In the name of whoever proposed it to be published then.
        matter.record(proposal.proposed_by, "proposal not published", reason=reason)
        return
    # In the name of whoever completed it; at the set time nobody is there.
    signers = (one.person for one in given(session, proposal, matter.base))
    _completed(matter, [proposal.proposed_by, *signers][-1])


def given(session: Session, proposal: StoredProposal, base: PublishedBase) -> Sequence[GivenApproval]:
    """Return the signatures of a proposal that count under the newest root, in the order of their coming."""
    query = select(_ApprovalTable).where(_ApprovalTable.proposal_id == proposal.proposal_id)
    rows = session.scalars(query.order_by(_ApprovalTable.signed_at, _ApprovalTable.key_id)).all()
    sha256 = proposal.proposal.signed_sha256
    found = [
        GivenApproval(row.key_id, row.person, row.signed_at, Approval(row.key_id, row.signature, sha256))
        for row in rows
    ]
    counting = valid_approvals(proposal.proposal, base, [one.approval for one in found])
    return [one for one in found if one.approval in counting]


def needed(session: Session, config: Config, proposal: StoredProposal, base: PublishedBase) -> Need:
    """Return how many approvers have to sign: one more than root demands where a rehearsal blocks many."""
    rehearsed = newest_rehearsal(session, proposal.proposal.policy_bytes)
    share = rehearsed.blocked_share if rehearsed else None
    if share is None or share * 100 <= config.extra_approval_percent:
        return Need(base.threshold)
    return Need(
        base.threshold + 1,
        f"one more than usual: the rehearsal would block {share:.1%} of the phones whose outcome is known, more than"
        f" {config.extra_approval_percent} %",
    )


def _has_signed(matter: _Matter, approver: Person, approval: Approval) -> bool:
    stored = matter.session.get(_ApprovalTable, (matter.proposal.proposal_id, approval.key_id))
    same_bytes = approval.signed_sha256 == matter.proposal.proposal.signed_sha256
    return stored is not None and stored.person_id == approver.person_id and same_bytes


def _signed_again(matter: _Matter, actor: str) -> Received:
    """Say that nothing is new; what is complete and could not be published before is tried once more."""
    proposal = matter.proposal
    if proposal.state is ProposalState.OPEN and proposal.completed_at is not None:
        return _completed(matter, actor)
    need = needed(matter.session, matter.config, proposal, matter.base)
    signed = len(given(matter.session, proposal, matter.base))
    return Received(Outcome.ALREADY_SIGNED, signed, need.count)


def _require_open(proposal: StoredProposal) -> None:
    if proposal.state is not ProposalState.OPEN:
        raise InConflict(
            f"proposal_{proposal.state.name.lower()}",
            f"this proposal takes no signatures: it {proposal.state.value}",
            "Look at the draft's page; what was not published can be proposed anew.",
        )


def _require_no_author(matter: _Matter, approver: Person, key_id: str) -> None:
    if approver.person_id in matter.draft.authors:
        raise NotAllowed(
            "author_cannot_approve",
            f"{approver.name} wrote a part of this draft, and who writes a draft does not approve it",
            "Let somebody else sign.",
        )
    if _owner(matter, key_id) in matter.draft.authors:
        raise NotAllowed(
            "key_of_author",
            "this key belongs to somebody who wrote a part of this draft, and who writes a draft does not approve it",
            "Let somebody else sign, with a key of their own.",
        )


def _verified(matter: _Matter, approval: Approval) -> str:
    try:
        return require_signature(matter.proposal.proposal, matter.base, approval)
    except NotAnApprover as error:
        raise NotAllowed("key_not_approver", str(error), "Sign with the key that the root names.") from error
    except ApprovalRefused as error:
        raise InConflict("signature_of_other_bytes", str(error), "Fetch the proposal anew.") from error


def _bind(matter: _Matter, approver: Person, key_id: str) -> None:
    """Let the key belong to this account from its first signature on; it can belong to one account alone."""
    owner = _owner(matter, key_id)
    if owner not in (None, approver.person_id):
        raise NotAllowed(
            "key_of_another",
            f"this key has signed for another account before, and {approver.name} has to sign with one of their own",
            "Sign with your own key, or hand it in with your own account.",
        )
    # One person with two keys is still one approver.
    others = select(_ApprovalTable.key_id).where(
        _ApprovalTable.proposal_id == matter.proposal.proposal_id,
        _ApprovalTable.person_id == approver.person_id,
    )
    if matter.session.scalars(others).first() is not None:
        raise InConflict(
            "person_has_signed",
            f"{approver.name} has signed this proposal before, with another key",
            "Let somebody else sign.",
        )
    if owner is None:
        bound = _ApproverKeyTable(key_id=key_id, person_id=approver.person_id, bound_at=matter.now)
        matter.session.add(bound)
        detail = {"key_id": key_id}
        audit.record(matter.session, approver.name, "approver key bound", approver.name, detail, matter.now)


def _owner(matter: _Matter, key_id: str) -> int | None:
    found = matter.session.get(_ApproverKeyTable, key_id)
    return found.person_id if found else None


def _completed(matter: _Matter, actor: str) -> Received:
    """Publish where enough have signed and the time has come."""
    session, proposal, now = matter.session, matter.proposal, matter.now
    approvals = given(session, proposal, matter.base)
    need = needed(session, matter.config, proposal, matter.base)
    counts = (len(approvals), need.count)
    if len(approvals) < need.count:
        return Received(Outcome.STORED, *counts)
    note_complete(session, proposal, now)
    if proposal.publish_at is not None and now < proposal.publish_at:
        return Received(Outcome.WAITING, *counts)
    documents = assembled(proposal.proposal, [one.approval for one in approvals])
    by = By(actor, record_exemptions, {"draft": matter.draft.draft_id, "revision": proposal.revision})
    try:
        publish_approved(session, matter.config, documents, by, now)
    except PublicationRefused as error:
        note_dead(session, proposal.proposal_id, str(error))
        matter.record(proposal.proposed_by, "proposal not published", reason=str(error))
        return Received(Outcome.NOT_PUBLISHED, *counts, trouble=str(error))
    note_published(session, proposal, now)
    close_draft(session, matter.draft.draft_id, DraftEnd.PUBLISHED, actor, now)
    return Received(Outcome.PUBLISHED, *counts)
