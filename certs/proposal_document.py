"""A proposal as it travels: what the server answers, what a file carries to a machine without network, and back.

Everything beside the bytes to be signed is the server's word, and is shown as such (`certs.proposal` checks the bytes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certs.approval import Approval
from certs.document_values import line, number, read_bytes, written_bytes
from certs.errors import ApprovalRefused, ProposalRefused
from certs.proposal import Proposal
from policy.errors import InvalidDocument
from policy.schemas.strict_json import parse_object
from policy.schemas.values import utc_time, write_utc_time

PROPOSAL_KIND = "curfew-proposal"
APPROVAL_KIND = "curfew-approval"
PROPOSAL_MAX_BYTES = 8 * 1024 * 1024
"""Of a proposal with all that is published; far more than any honest one."""
APPROVAL_MAX_BYTES = 4096
SIGNATURE_MAX_LENGTH = 1024


@dataclass(frozen=True)
class RehearsalWord:
    """What a rehearsal of these very bytes found, by the server's word."""

    rehearsed_at: datetime
    phones: int
    """That it looked at."""
    blocked_share: float | None
    """Of those whose outcome it knows, the share that would be cut off; None: it knows none."""


@dataclass(frozen=True)
class Signed:
    """One approval that was handed in: under which name root knows the key, whose account, and when."""

    key: str
    person: str
    at: datetime


@dataclass(frozen=True)
class ProposalDocument:
    """A proposal with the server's word on it, and the published files that it follows on."""

    draft_id: int
    revision: int
    title: str
    proposal: Proposal
    proposed_by: str
    proposed_at: datetime
    until: datetime
    publish_at: datetime | None
    state: str
    """``open`` while signatures are taken; else why not."""
    signed: tuple[Signed, ...]
    missing: tuple[str, ...]
    """The names of the approvers' keys under the newest root that have not signed."""
    needed: int
    needed_because: str
    """Why more are needed than root demands; empty where they are not."""
    rehearsal: RehearsalWord | None
    warnings: tuple[str, ...]
    published: Mapping[str, bytes]


def dump_proposal(document: ProposalDocument) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    rehearsal = document.rehearsal
    return {
        "kind": PROPOSAL_KIND,
        "draft_id": document.draft_id,
        "revision": document.revision,
        "title": document.title,
        "policy": written_bytes(document.proposal.policy_bytes),
        "targets": written_bytes(document.proposal.targets_bytes),
        "signed_sha256": document.proposal.signed_sha256,
        "proposed_by": document.proposed_by,
        "proposed_at": write_utc_time(document.proposed_at),
        "until": write_utc_time(document.until),
        "publish_at": document.publish_at and write_utc_time(document.publish_at),
        "state": document.state,
        "signed": [
            {"key": one.key, "person": one.person, "at": write_utc_time(one.at)} for one in document.signed
        ],
        "missing": list(document.missing),
        "needed": document.needed,
        "needed_because": document.needed_because,
        "rehearsal": rehearsal
        and {
            "rehearsed_at": write_utc_time(rehearsal.rehearsed_at),
            "phones": rehearsal.phones,
            "blocked_share": rehearsal.blocked_share,
        },
        "warnings": list(document.warnings),
        "published": {name: written_bytes(data) for name, data in document.published.items()},
    }


def load_proposal(data: bytes) -> ProposalDocument:
    """Return the document in `data`; raises `ProposalRefused` unless it has the agreed form."""
    try:
        # Not as strictly as what is signed: a publication may be longer than any one document, and all of this is the
        # server's word but for bytes that are verified by themselves.
        told = json.loads(_bounded(data))
        if told["kind"] != PROPOSAL_KIND:
            raise ValueError(told["kind"])
        return ProposalDocument(
            draft_id=number(told["draft_id"]),
            revision=number(told["revision"]),
            title=line(told["title"]),
            proposal=Proposal(read_bytes(told["policy"]), read_bytes(told["targets"])),
            proposed_by=line(told["proposed_by"]),
            proposed_at=utc_time(told["proposed_at"]),
            until=utc_time(told["until"]),
            publish_at=None if told["publish_at"] is None else utc_time(told["publish_at"]),
            state=line(told["state"]),
            signed=tuple(
                Signed(line(one["key"]), line(one["person"]), utc_time(one["at"])) for one in told["signed"]
            ),
            missing=tuple(map(line, told["missing"])),
            needed=number(told["needed"]),
            needed_because=line(told["needed_because"]),
            rehearsal=_rehearsal(told["rehearsal"]),
            warnings=tuple(map(line, told["warnings"])),
            published={line(name): read_bytes(text) for name, text in told["published"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProposalRefused(
            "expected a proposal as a Curfew server of this version gives it, found something else; download it anew"
            " from the draft's page"
        ) from error


def dump_approval(draft_id: int, approval: Approval) -> dict[str, Any]:
    """Return what is handed in, as plain JSON values."""
    return {
        "kind": APPROVAL_KIND,
        "draft_id": draft_id,
        "key_id": approval.key_id,
        "signature": approval.signature,
        "signed_sha256": approval.signed_sha256,
    }


def load_approval(data: bytes) -> tuple[int, Approval]:
    """Return the draft's number and the approval in a file; raises `ApprovalRefused`."""
    try:
        told = parse_object(data[: APPROVAL_MAX_BYTES + 1], "an approval")
        if told.keys() != {"kind", "draft_id", "key_id", "signature", "signed_sha256"} or (
            told["kind"] != APPROVAL_KIND
        ):
            raise ValueError(told["kind"])
        approval = Approval(line(told["key_id"]), line(told["signature"]), line(told["signed_sha256"]))
        return number(told["draft_id"]), approval
    except (InvalidDocument, ValueError, KeyError, TypeError) as error:
        raise ApprovalRefused(
            "expected the signature file that the approver's machine wrote under the name behind --out, found something"
            " else; choose that file"
        ) from error


def write_approval(told: Mapping[str, Any]) -> bytes:
    """Return the bytes of a signature file."""
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"


def _rehearsal(told: Any) -> RehearsalWord | None:
    if told is None:
        return None
    share = told["blocked_share"]
    if share is not None and not (type(share) in (int, float) and 0 <= share <= 1):
        raise ValueError(share)
    return RehearsalWord(utc_time(told["rehearsed_at"]), number(told["phones"]), share)


def _bounded(data: bytes) -> bytes:
    if len(data) > PROPOSAL_MAX_BYTES:
        raise ValueError(len(data))
    return data
