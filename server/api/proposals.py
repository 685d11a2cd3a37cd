"""``/drafts/ID/proposal`` and ``/drafts/ID/approvals``: what approvers are to sign, and their signatures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from certs.approval import Approval
from certs.proposal_document import dump_proposal
from certs.publication import TIMESTAMP_FILE
from server.api.blueprint import PERSON, described
from server.api.person_access import requesting_person
from server.api.proposal_schemas import (
    ApprovalSchema,
    ProposalSchema,
    ProposeSchema,
    ReceivedSchema,
    WithdrawnSchema,
)
from server.clock import written
from server.context import context
from server.drafts.approvals import receive
from server.drafts.drafts import find_draft
from server.drafts.proposals import propose, require_proposal, withdraw
from server.drafts.telling import proposal_document
from server.errors import InConflict
from server.people.people import Right
from server.policies.bundles import lock_trust_files

_REFUSALS = {401: "no token, or one that is not good", 403: "right_missing", 404: "draft_unknown"}


@described(
    "/drafts/<int:draft_id>/proposal",
    ProposalSchema,
    method="POST",
    status=201,
    body=ProposeSchema,
    proof=PERSON,
    refusals={**_REFUSALS, 409: "proposal_open, rehearsal_missing, draft_not_proposable, draft_closed"},
)
def propose_draft(told: dict[str, Any], draft_id: int) -> dict[str, Any]:
    """Put a draft's newest revision before the approvers"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.PROPOSE)
        lock_trust_files(session, TIMESTAMP_FILE)
        draft = find_draft(session, draft_id)
        proposal = propose(
            session,
            here.config,
            draft,
            person.name,
            person.name,
            told["publish_at"],
            now,
        )
        return dump_proposal(proposal_document(session, here.config, draft, proposal, now))


@described("/drafts/<int:draft_id>/proposal", ProposalSchema, proof=PERSON, refusals=_REFUSALS)
def tell_proposal(draft_id: int) -> dict[str, Any]:
    """Tell what approvers are to sign, who has signed and who is missing"""
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        return told_proposal(session, draft_id, here.clock.now())


@described(
    "/drafts/<int:draft_id>/proposal",
    WithdrawnSchema,
    method="DELETE",
    proof=PERSON,
    refusals={**_REFUSALS, 409: "proposal_not_open"},
)
def withdraw_proposal(draft_id: int) -> dict[str, Any]:
    """Withdraw a proposal: its signatures count for nothing any more, and the draft can be changed"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.PROPOSE)
        lock_trust_files(session, TIMESTAMP_FILE)
        withdrawn = withdraw(session, find_draft(session, draft_id), person.name, now)
    return {"draft_id": draft_id, "revision": withdrawn.revision, "server_time": written(now)}


@described(
    "/drafts/<int:draft_id>/approvals",
    ReceivedSchema,
    method="POST",
    body=ApprovalSchema,
    proof=PERSON,
    refusals={
        **_REFUSALS,
        403: "right_missing, author_cannot_approve, key_of_author, key_of_another, key_not_approver",
        409: "signature_of_other_bytes, person_has_signed, and for each state of a proposal that takes none its own",
    },
)
def approve_draft(told: dict[str, Any], draft_id: int) -> dict[str, Any]:
    """Hand in a signature that was made on the approver's own machine; the last that is needed publishes"""
    here = context()
    now = here.clock.now()
    if told["draft_id"] != draft_id:
        raise InConflict(
            "approval_of_another_draft",
            f"this signature is for draft {told['draft_id']}, and not for draft {draft_id}",
            "Hand it in at its own draft.",
        )
    approval = Approval(told["key_id"], told["signature"], told["signed_sha256"])
    with here.database.writing() as session:
        person = requesting_person(session, Right.APPROVE)
        lock_trust_files(session, TIMESTAMP_FILE)
        received = receive(
            session,
            here.config,
            find_draft(session, draft_id),
            person,
            approval,
            now,
        )
    # Behind the transaction, which holds the audit row of a refusal as well.
    if received.outcome is None:
        assert received.refusal is not None
        raise received.refusal
    return {
        "outcome": received.outcome.value,
        "signed": received.signed,
        "needed": received.needed,
        "trouble": received.trouble,
        "server_time": written(now),
    }


def told_proposal(session: Session, draft_id: int, now: datetime) -> dict[str, Any]:
    """Return a draft's proposal as plain JSON values; raises `NotThere`."""
    draft = find_draft(session, draft_id)
    proposal = require_proposal(session, draft, now)
    return dump_proposal(proposal_document(session, context().config, draft, proposal, now))
