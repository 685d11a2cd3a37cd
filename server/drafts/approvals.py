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

from certs.errors import ApprovalRefused, NotAnApprover
from certs.proposal import Approval, assembled, require_signature, valid_approvals
from certs.proposal import Base as PublishedBase
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
from server.fleet.exemptions import record_exemptions
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


def receive(
    session: Session,
    config: Config,
    draft: Draft,
    approver: Person,
    approval: Approval,
    now: datetime,
) -> Received:
    """Take one signature, and publish where it was the last that was needed; writes the audit rows, of a refusal too.

    The caller has locked the trust files. Raises `NotThere` for a draft that was never proposed.
    """
    proposal = require_proposal(session, draft, now)
    base = published_base(session)
    if _has_signed(session, proposal, approver, approval):
        return _signed_again(session, config, draft, proposal, base, approver.name, now)
    try:
        _require_open(proposal)
        _require_no_author(session, draft, approver, approval.key_id)
        name = _verified(proposal, base, approval)
        _bind(session, proposal, approver, approval.key_id, now)
    except RequestRefused as refusal:
        _record_refusal(session, draft, proposal, approver, approval, refusal, now)
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
    detail = {"revision": proposal.revision, "key": name, "signed_sha256": approval.signed_sha256}
    audit.record(session, approver.name, "draft approved", f"draft {draft.draft_id}", detail, now)
    return _completed(session, config, draft, proposal, base, approver.name, now)


def publish_due(
    session: Session,
    config: Config,
    draft: Draft,
    proposal_id: int,
    now: datetime,
) -> None:
    """Publish a proposal whose set time has come, or remember why not; the caller has locked the trust files.

    Nothing is done where another server was faster.
    """
    if not is_due(session, proposal_id, now):
        return
    proposal = require_proposal(session, draft, now)
    # Of a draft that was proposed anew, an earlier proposal can still stand in line.
    is_newest = proposal.proposal_id == proposal_id
    if not is_newest or proposal.state is not ProposalState.OPEN:
        reason = proposal.state.value if is_newest else "is of a draft that was proposed anew"
        note_dead(session, proposal_id, f"it {reason}")
        _record_unpublished(session, proposal, reason, now)
        return
    base = published_base(session)
    # In the name of whoever completed it; at the set time nobody is there.
    last = [proposal.proposed_by, *(one.person for one in given(session, proposal, base))][-1]
    _completed(session, config, draft, proposal, base, last, now)


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
    rehearsed = newest_rehearsal(session, proposal.policy_sha256)
    share = rehearsed.blocked_share if rehearsed else None
    if share is None or share * 100 <= config.extra_approval_percent:
        return Need(base.threshold)
    return Need(
        base.threshold + 1,
        f"one more than usual: the rehearsal would block {share:.1%} of the phones whose outcome is known, more than"
        f" {config.extra_approval_percent} %",
    )


def _has_signed(session: Session, proposal: StoredProposal, approver: Person, approval: Approval) -> bool:
    stored = session.get(_ApprovalTable, (proposal.proposal_id, approval.key_id))
    same_bytes = approval.signed_sha256 == proposal.proposal.signed_sha256
    return stored is not None and stored.person_id == approver.person_id and same_bytes


def _signed_again(
    session: Session,
    config: Config,
    draft: Draft,
    proposal: StoredProposal,
    base: PublishedBase,
    actor: str,
    now: datetime,
) -> Received:
    """Say that nothing is new; what is complete and could not be published before is tried once more."""
    if proposal.state is ProposalState.OPEN and proposal.completed_at is not None:
        return _completed(session, config, draft, proposal, base, actor, now)
    need = needed(session, config, proposal, base)
    return Received(Outcome.ALREADY_SIGNED, len(given(session, proposal, base)), need.count)


def _require_open(proposal: StoredProposal) -> None:
    if proposal.state is not ProposalState.OPEN:
        raise InConflict(
            f"proposal_{proposal.state.name.lower()}",
            f"this proposal takes no signatures: it {proposal.state.value}",
            "Look at the draft's page; what was not published can be proposed anew.",
        )


def _require_no_author(session: Session, draft: Draft, approver: Person, key_id: str) -> None:
    if approver.person_id in draft.authors:
        raise NotAllowed(
            "author_cannot_approve",
            f"{approver.name} wrote a part of this draft, and who writes a draft does not approve it",
            "Let somebody else sign.",
        )
    owner = _owner(session, key_id)
    if owner in draft.authors:
        raise NotAllowed(
            "key_of_author",
            "this key belongs to somebody who wrote a part of this draft, and who writes a draft does not approve it",
            "Let somebody else sign, with a key of their own.",
        )


def _verified(proposal: StoredProposal, base: PublishedBase, approval: Approval) -> str:
    try:
        return require_signature(proposal.proposal, base, approval)
    except NotAnApprover as error:
        raise NotAllowed("key_not_approver", str(error), "Sign with the key that the root names.") from error
    except ApprovalRefused as error:
        raise InConflict("signature_of_other_bytes", str(error), "Fetch the proposal anew.") from error


def _bind(session: Session, proposal: StoredProposal, approver: Person, key_id: str, now: datetime) -> None:
    """Let the key belong to this account from its first signature on; it can belong to one account alone."""
    owner = _owner(session, key_id)
    if owner not in (None, approver.person_id):
        raise NotAllowed(
            "key_of_another",
            f"this key has signed for another account before, and {approver.name} has to sign with one of their own",
            "Sign with your own key, or hand it in with your own account.",
        )
    # One person with two keys is still one approver.
    others = select(_ApprovalTable.key_id).where(
        _ApprovalTable.proposal_id == proposal.proposal_id, _ApprovalTable.person_id == approver.person_id
    )
    if session.scalars(others).first() is not None:
        raise InConflict(
            "person_has_signed",
            f"{approver.name} has signed this proposal before, with another key",
            "Let somebody else sign.",
        )
    if owner is None:
        session.add(_ApproverKeyTable(key_id=key_id, person_id=approver.person_id, bound_at=now))
        detail = {"key_id": key_id}
        audit.record(session, approver.name, "approver key bound", approver.name, detail, now)


def _owner(session: Session, key_id: str) -> int | None:
    found = session.get(_ApproverKeyTable, key_id)
    return found.person_id if found else None


def _record_refusal(
    session: Session,
    draft: Draft,
    proposal: StoredProposal,
    approver: Person,
    approval: Approval,
    refusal: RequestRefused,
    now: datetime,
) -> None:
    detail = {"revision": proposal.revision, "key_id": approval.key_id, "reason": refusal.code}
    audit.record(session, approver.name, "approval refused", f"draft {draft.draft_id}", detail, now)


def _record_unpublished(session: Session, proposal: StoredProposal, reason: str, now: datetime) -> None:
    detail = {"revision": proposal.revision, "reason": reason}
    # In the name of whoever proposed it to be published then.
    audit.record(
        session, proposal.proposed_by, "proposal not published", f"draft {proposal.draft_id}", detail, now
    )


def _completed(
    session: Session,
    config: Config,
    draft: Draft,
    proposal: StoredProposal,
    base: PublishedBase,
    actor: str,
    now: datetime,
) -> Received:
    """Publish where enough have signed and the time has come."""
    approvals = given(session, proposal, base)
    need = needed(session, config, proposal, base)
    counts = (len(approvals), need.count)
    if len(approvals) < need.count:
        return Received(Outcome.STORED, *counts)
    note_complete(session, proposal, now)
    if proposal.publish_at is not None and now < proposal.publish_at:
        return Received(Outcome.WAITING, *counts)
    documents = assembled(proposal.proposal, [one.approval for one in approvals])
    detail = {"draft": draft.draft_id, "revision": proposal.revision}
    try:
        publish_approved(session, config, documents, By(actor, record_exemptions, detail), now)
    except PublicationRefused as error:
        note_dead(session, proposal.proposal_id, str(error))
        _record_unpublished(session, proposal, str(error), now)
        return Received(Outcome.NOT_PUBLISHED, *counts, trouble=str(error))
    note_published(session, proposal, now)
    close_draft(session, draft.draft_id, DraftEnd.PUBLISHED, actor, now)
    return Received(Outcome.PUBLISHED, *counts)
