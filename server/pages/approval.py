"""Approving a draft on its page: who has signed, who is missing, the proposal to download, signatures to hand in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import flash, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from certs.errors import ApprovalRefused
from certs.proposal_document import (
    APPROVAL_MAX_BYTES,
    ProposalDocument,
    dump_proposal,
    load_approval,
)
from certs.publication import TIMESTAMP_FILE
from server.context import context
from server.drafts import approvals, proposals
from server.drafts.drafts import Draft, find_draft
from server.drafts.telling import proposal_document
from server.errors import InConflict, Malformed
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right
from server.policies.bundles import lock_trust_files

_OUTCOMES = {
    approvals.Outcome.STORED: ("The signature is taken; others have to sign, too.", "good"),
    approvals.Outcome.ALREADY_SIGNED: ("This key had signed the same bytes before. Nothing was changed.", ""),
    approvals.Outcome.WAITING: ("The signature is taken. Enough have signed: it waits for its time.", "good"),
    approvals.Outcome.PUBLISHED: ("The signature is taken. Enough have signed: it is published.", "good"),
    approvals.Outcome.NOT_PUBLISHED: (
        "The signature is taken and enough have signed, but it could not be published: see below.",
        "bad",
    ),
}


@dataclass(frozen=True)
class ApprovalPart:
    """What ``_approval.html`` shows of a draft, for the page of whoever is signed in."""

    draft: Draft
    proposal: proposals.StoredProposal | None
    told: ProposalDocument | None
    is_open: bool
    is_author: bool
    may_propose: bool
    may_withdraw: bool
    may_approve: bool
    address: str
    signing_days: int


def approval_part(session: Session, draft: Draft) -> ApprovalPart:
    """Return the approving part of a draft's page: ``_approval.html`` expects it as ``approval``."""
    here = context()
    found = proposals.newest_proposal(session, draft, now())
    is_open = found is not None and found.state is proposals.ProposalState.OPEN
    may = person().may
    return ApprovalPart(
        draft=draft,
        proposal=found,
        told=proposal_document(session, here.config, draft, found, now()) if found else None,
        is_open=is_open,
        is_author=person().person_id in draft.authors,
        may_propose=may(Right.PROPOSE) and draft.closed is None and not is_open,
        may_withdraw=may(Right.PROPOSE) and is_open,
        may_approve=may(Right.APPROVE) and is_open,
        address=f"{here.config.public_url}/drafts/{draft.draft_id}",
        signing_days=here.config.signing_days,
    )


@pages.post("/drafts/<int:draft_id>/proposal")
@needs(Right.PROPOSE)
def propose_draft(draft_id: int) -> Response:
    """Put the draft's newest revision before the approvers."""
    here = context()
    publish_at = _time_wanted()
    with here.database.writing() as session:
        lock_trust_files(session, TIMESTAMP_FILE)
        draft = find_draft(session, draft_id)
        name = person().name
        proposals.propose(session, here.config, draft, name, name, publish_at, now())
    flash("Proposed. Each approver signs on their own machine; the command is below.", "good")
    return _back(draft_id)


@pages.post("/drafts/<int:draft_id>/proposal/withdraw")
@needs(Right.PROPOSE)
def withdraw_proposal(draft_id: int) -> Response:
    """Take the proposal back, so that the draft can be changed."""
    with context().database.writing() as session:
        lock_trust_files(session, TIMESTAMP_FILE)
        proposals.withdraw(session, find_draft(session, draft_id), person().name, now())
    flash("The proposal is withdrawn. Its signatures count for nothing any more.", "")
    return _back(draft_id)


@pages.get("/drafts/<int:draft_id>/proposal.json")
@needs(Right.LOOK)
def download_proposal(draft_id: int) -> Response:
    """Return the proposal as a file, for a machine without network."""
    here = context()
    with here.database.reading() as session:
        draft = find_draft(session, draft_id)
        found = proposals.require_proposal(session, draft, now())
        told = dump_proposal(proposal_document(session, here.config, draft, found, now()))
    name = f"proposal-{draft_id}-{told['revision']}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(json.dumps(told, indent=1), mimetype="application/json", headers=headers)


@pages.post("/drafts/<int:draft_id>/approvals")
@needs(Right.APPROVE)
def hand_in_approval(draft_id: int) -> Response:
    """Take the signature file that an approver's machine has written."""
    here = context()
    file = request.files.get("signature")
    # One byte more than any has: it alone says that this is none.
    data = file.read(APPROVAL_MAX_BYTES + 1) if file else b""
    try:
        of_draft, approval = load_approval(data)
    except ApprovalRefused as error:
        raise Malformed("approval_malformed", str(error), "Go back and choose the file.") from error
    if of_draft != draft_id:
        raise InConflict(
            "approval_of_another_draft",
            f"This signature is for draft {of_draft}, and not for draft {draft_id}.",
            "Hand it in on that draft's page.",
        )
    with here.database.writing() as session:
        lock_trust_files(session, TIMESTAMP_FILE)
        draft = find_draft(session, draft_id)
        received = approvals.receive(session, here.config, draft, person(), approval, now())
    # Behind the transaction, which holds the audit row of a refusal as well.
    if received.outcome is None:
        assert received.refusal is not None
        raise received.refusal
    flash(*_OUTCOMES[received.outcome])
    return _back(draft_id)


def _back(draft_id: int) -> Response:
    return redirect(f"/drafts/{draft_id}")


def _time_wanted() -> datetime | None:
    text = request.form.get("publish_at", "").strip()
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed(
            "publish_at_malformed",
            "Expected a time in UTC like 2023-03-15T11:00, or none.",
            "Go back and type the time anew, or leave it empty.",
        ) from error
