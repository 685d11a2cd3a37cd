"""Proposals: a draft's revision as it was put before the approvers, until when they may sign, and what became of it.

A proposal names the exact bytes and the number it follows on. It dies by not matching any more: its draft was changed,
or another publication came first; so its state is computed and not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.errors import CertsError
from certs.proposal import Base as PublishedBase
from certs.proposal import Proposal, base_of, make_proposal
from policy.errors import PolicyError
from policy.schemas.values import write_utc_time
from server.config import Config
from server.drafts.drafts import Draft
from server.drafts.rehearsed import newest_rehearsal
from server.errors import InConflict, Malformed, NotThere, PublicationRefused
from server.evidence import audit
from server.fleet.phones import has_phones
from server.policies.bundles import trust_files
from server.policies.publishing import require_online_keys
from server.storage.database import Base, UtcTime


class ProposalTable(Base):
    """One row per proposal, to which approvals refer; the newest of a draft is the one that counts."""

    __tablename__ = "proposal"

    proposal_id: Mapped[int] = mapped_column(primary_key=True)
    draft_id: Mapped[int] = mapped_column(ForeignKey("draft.draft_id"), index=True)
    revision: Mapped[int] = mapped_column()
    policy_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    targets_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    targets_version: Mapped[int] = mapped_column(BigInteger)
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime] = mapped_column(UtcTime)
    until: Mapped[datetime] = mapped_column(UtcTime)
    publish_at: Mapped[datetime | None] = mapped_column(UtcTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    """When it is to be published; only while it is complete and waits for that."""
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcTime)
    trouble: Mapped[str] = mapped_column(String(1000), default="")
    """Why it could not be published when it was complete; empty: it was not tried, or could."""


class ProposalState(Enum):
    """What a proposal is good for now; the value completes "the proposal …"."""

    OPEN = "open"
    PUBLISHED = "was published"
    WITHDRAWN = "was withdrawn"
    CHANGED = "is of an earlier revision: the draft was changed since"
    CLOSED = "is of a draft that is closed"
    OVERTAKEN = "was overtaken: another publication came first"
    OVER = "was not signed by enough approvers in time"
    ENDED = "holds signatures that have ended"


@dataclass(frozen=True)
class StoredProposal:
    """A proposal as it was stored, and its state at the moment of asking."""

    proposal_id: int
    draft_id: int
    revision: int
    proposal: Proposal
    proposed_by: str
    proposed_at: datetime
    until: datetime
    publish_at: datetime | None
    completed_at: datetime | None
    state: ProposalState
    trouble: str = ""


def propose(
    session: Session,
    config: Config,
    draft: Draft,
    proposer: str,
    actor: str,
    publish_at: datetime | None,
    now: datetime,
) -> StoredProposal:
    """Put a draft's newest revision before the approvers, and return that.

    `proposer` is the account that answers for it, `actor` who the audit chain says did it. The caller has locked the
    trust files. Raises `InConflict` or `Malformed`; writes the audit row.
    """
    _require_open(draft, newest_proposal(session, draft, now))
    base = published_base(session)
    try:
        require_online_keys(config)
        proposal = make_proposal(base, draft.document, now)
    except (CertsError, PolicyError, PublicationRefused) as error:
        raise InConflict(
            "draft_not_proposable",
            f"this draft cannot be proposed: {error}",
            "Mend it, and propose it again.",
        ) from error
    _require_rehearsal(session, config, proposal)
    until = min(now + timedelta(days=config.signing_days), proposal.targets.expires)
    _require_time(publish_at, proposal, now)
    stored = ProposalTable(
        draft_id=draft.draft_id,
        revision=draft.revision,
        policy_bytes=proposal.policy_bytes,
        targets_bytes=proposal.targets_bytes,
        targets_version=proposal.targets.version,
        proposed_by=proposer,
        proposed_at=now,
        until=until,
        publish_at=publish_at,
        trouble="",
    )
    session.add(stored)
    session.flush()
    detail = {
        "revision": draft.revision,
        "signed_sha256": proposal.signed_sha256,
        "until": write_utc_time(until),
        "publish_at": publish_at and write_utc_time(publish_at),
    }
    audit.record(session, actor, "draft proposed", f"draft {draft.draft_id}", detail, now)
    return _as_stored(stored, draft, base, now)


def withdraw(session: Session, draft: Draft, actor: str, now: datetime) -> StoredProposal:
    """Take the open proposal of a draft back; its signatures count for nothing any more. Writes the audit row."""
    found = _newest_row(session, draft.draft_id)
    if found is None or found.published_at or found.withdrawn_at:
        raise InConflict(
            "proposal_not_open",
            "there is no open proposal of this draft to withdraw",
            "Look at the draft's page.",
        )
    found.withdrawn_at, found.due_at = now, None
    session.flush()
    detail = {"revision": found.revision}
    audit.record(session, actor, "proposal withdrawn", f"draft {draft.draft_id}", detail, now)
    return _as_stored(found, draft, published_base(session), now)


def newest_proposal(session: Session, draft: Draft, now: datetime) -> StoredProposal | None:
    """Return the newest proposal of a draft with its state, None if it was never proposed."""
    found = _newest_row(session, draft.draft_id)
    return _as_stored(found, draft, published_base(session), now) if found else None


def require_proposal(session: Session, draft: Draft, now: datetime) -> StoredProposal:
    """Return the newest proposal of a draft; raises `NotThere` if it was never proposed."""
    found = newest_proposal(session, draft, now)
    if found is None:
        raise NotThere(
            "proposal_missing",
            f"draft {draft.draft_id} was not proposed to the approvers yet",
            "Propose it on its page.",
        )
    return found


def published_base(session: Session) -> PublishedBase:
    """Return what the next proposal follows on; raises `InConflict` before the first publication."""
    try:
        return base_of(trust_files(session))
    except CertsError as error:
        raise InConflict(
            "nothing_published", str(error), "Publish the first policy, then propose."
        ) from error


def due_proposals(session: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """Return draft and proposal of those that are complete and whose set time has come, the earliest first."""
    query = select(ProposalTable.draft_id, ProposalTable.proposal_id).where(ProposalTable.due_at <= now)
    return [(row[0], row[1]) for row in session.execute(query.order_by(ProposalTable.due_at))]


def is_due(session: Session, proposal_id: int, now: datetime) -> bool:
    """Whether a proposal still waits, and its set time has come."""
    row = session.get(ProposalTable, proposal_id)
    return row is not None and row.due_at is not None and row.due_at <= now


def note_complete(session: Session, proposal: StoredProposal, now: datetime) -> None:
    """Remember that enough approvers have signed, and when it is to be published."""
    row = session.get_one(ProposalTable, proposal.proposal_id)
    row.completed_at = row.completed_at or now
    row.due_at = proposal.publish_at or now


def note_published(session: Session, proposal: StoredProposal, now: datetime) -> None:
    """Remember that a proposal was published."""
    row = session.get_one(ProposalTable, proposal.proposal_id)
    row.published_at, row.due_at, row.trouble = now, None, ""


def note_dead(session: Session, proposal_id: int, trouble: str) -> None:
    """Remember why a proposal that was complete will not be published; nobody tries it again."""
    row = session.get_one(ProposalTable, proposal_id)
    row.due_at, row.trouble = None, trouble[:1000]


def _newest_row(session: Session, draft_id: int) -> ProposalTable | None:
    query = select(ProposalTable).where(ProposalTable.draft_id == draft_id)
    return session.scalar(query.order_by(ProposalTable.proposal_id.desc()).limit(1))


def _as_stored(row: ProposalTable, draft: Draft, base: PublishedBase, now: datetime) -> StoredProposal:
    proposal = Proposal(row.policy_bytes, row.targets_bytes)
    return StoredProposal(
        proposal_id=row.proposal_id,
        draft_id=row.draft_id,
        revision=row.revision,
        proposal=proposal,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        until=row.until,
        publish_at=row.publish_at,
        completed_at=row.completed_at,
        state=_state(row, proposal, draft, base, now),
        trouble=row.trouble,
    )


def _state(
    row: ProposalTable, proposal: Proposal, draft: Draft, base: PublishedBase, now: datetime
) -> ProposalState:
    # In this order: what somebody did counts before what time or others did to it.
    dead = (
        (row.published_at is not None, ProposalState.PUBLISHED),
        (row.withdrawn_at is not None, ProposalState.WITHDRAWN),
        (draft.closed is not None, ProposalState.CLOSED),
        # Not that of the draft in hand: a page may show an older one.
        (row.revision != draft.newest_revision, ProposalState.CHANGED),
        # By the version of targets: it moves with every publication of a policy, a re-signed one included.
        (row.targets_version != base.targets.version + 1, ProposalState.OVERTAKEN),
        (now >= proposal.targets.expires, ProposalState.ENDED),
        (row.completed_at is None and now >= row.until, ProposalState.OVER),
    )
    return next((state for is_so, state in dead if is_so), ProposalState.OPEN)


def _require_open(draft: Draft, before: StoredProposal | None) -> None:
    if draft.closed is not None:
        raise InConflict("draft_closed", "this draft is closed", "Make a new one.")
    if before and before.state is ProposalState.OPEN:
        raise InConflict(
            "proposal_open",
            f"this revision was proposed already, by {before.proposed_by}",
            "Let the approvers sign it, or withdraw it first.",
        )


def _require_rehearsal(session: Session, config: Config, proposal: Proposal) -> None:
    if not config.rehearsal_required or not has_phones(session):
        return
    if newest_rehearsal(session, proposal.policy_bytes) is None:
        raise InConflict(
            "rehearsal_missing",
            "nobody has rehearsed these very bytes yet as of when they bear on every phone, so nobody knows whom they"
            " would block",
            "Rehearse the draft on its page, then propose it.",
        )


def _require_time(publish_at: datetime | None, proposal: Proposal, now: datetime) -> None:
    if publish_at is not None and not now < publish_at < proposal.targets.expires:
        raise Malformed(
            "publish_at_impossible",
            f"expected a time to publish at after now and before the signatures end"
            f" ({proposal.targets.expires:%Y-%m-%d %H:%M} UTC), found {publish_at:%Y-%m-%d %H:%M} UTC",
            "Choose another time, or none: then it is published with the last signature.",
        )
