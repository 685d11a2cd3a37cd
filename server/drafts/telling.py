"""What is told of a proposal: the bytes to be signed, who has signed, who is missing, and what it follows on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from certs.proposal_document import ProposalDocument, RehearsalWord, Signed
from certs.proposal_words import policy_warnings, rehearsal_warnings
from certs.publication import reachable
from server.config import Config
from server.drafts.approvals import Need, given, needed
from server.drafts.drafts import Draft
from server.drafts.proposals import ProposalState, StoredProposal, published_base
from server.drafts.rehearsed import newest_rehearsal
from server.policies.bundles import trust_files


def proposal_document(
    session: Session, config: Config, draft: Draft, proposal: StoredProposal, now: datetime
) -> ProposalDocument:
    """Return a proposal as approvers fetch it, with the published files that their machines verify."""
    base = published_base(session)
    approvals = given(session, proposal, base)
    need = needed(session, config, proposal, base)
    names = base.approvers
    signed_keys = {one.key_id for one in approvals}
    rehearsal = _rehearsal(session, proposal)
    is_open = proposal.state is ProposalState.OPEN
    return ProposalDocument(
        draft_id=draft.draft_id,
        revision=proposal.revision,
        title=draft.title,
        proposal=proposal.proposal,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        until=proposal.until,
        publish_at=proposal.publish_at,
        state="open" if is_open else f"it {proposal.state.value}",
        signed=tuple(Signed(names[one.key_id], one.person, one.signed_at) for one in approvals),
        missing=tuple(name for key_id, name in names.items() if key_id not in signed_keys),
        needed=need.count,
        needed_because=need.because,
        rehearsal=rehearsal,
        warnings=(
            *policy_warnings(proposal.proposal.document[1], base.document[1], now),
            *rehearsal_warnings(rehearsal),
            *_too_few(need, len(names)),
        ),
        published=reachable(trust_files(session)),
    )


def _too_few(need: Need, keys: int) -> Iterator[str]:
    """Yield that a proposal can never be complete, where root names fewer approvers than it needs."""
    if need.count > keys:
        yield (
            f"TOO FEW APPROVERS: {need.count} have to sign, and the root names {keys}; change the draft, or let whoever"
            " runs the server weigh CURFEW_EXTRA_APPROVAL_PERCENT"
        )


def _rehearsal(session: Session, proposal: StoredProposal) -> RehearsalWord | None:
    found = newest_rehearsal(session, proposal.proposal.policy_bytes)
    return RehearsalWord(found.rehearsed_at, found.phones, found.blocked_share) if found else None
