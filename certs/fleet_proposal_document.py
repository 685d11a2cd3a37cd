"""A fleet proposal as it travels: what the server answers, what a file carries to a machine without network, and back.

Everything beside the bytes to be signed is the server's word, and is shown as such. Back come the numbers of the
requests and the moment, from which the server makes the bytes anew: it publishes what its requests say, nothing else.
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
from certs.fleet_proposal import FleetProposal
from policy.schemas.strict_json import parse_object
from policy.schemas.values import utc_time, write_utc_time

FLEET_PROPOSAL_KIND = "curfew-fleet-proposal"
FLEET_APPROVAL_KIND = "curfew-fleet-approval"
FLEET_PROPOSAL_MAX_BYTES = 8 * 1024 * 1024
"""Of a proposal with all that is published; far more than any honest one."""
FLEET_APPROVAL_MAX_BYTES = 16 * 1024
REQUESTS_MAX = 500
"""So many requests go into one proposal; the next ones into the one after it."""


@dataclass(frozen=True)
class AskedExemption:
    """One request that a proposal fulfils, by the server's word: for which phone, who asked, and when."""

    request_id: int
    phone_id: str
    label: str
    asked_by: str
    asked_at: datetime


@dataclass(frozen=True)
class FleetProposalDocument:
    """A fleet proposal with the server's word on it, and the published files that it follows on."""

    proposal: FleetProposal
    asked: tuple[AskedExemption, ...]
    published: Mapping[str, bytes]


@dataclass(frozen=True)
class FleetApproval:
    """What is handed in: for which requests, made when, under which number, and the signature."""

    requests: tuple[int, ...]
    made_at: datetime
    fleet_number: int
    approval: Approval


def dump_fleet_proposal(document: FleetProposalDocument) -> dict[str, Any]:
    """Return the document as plain JSON values."""
    return {
        "kind": FLEET_PROPOSAL_KIND,
        "fleet": written_bytes(document.proposal.fleet_bytes),
        "targets": written_bytes(document.proposal.targets_bytes),
        "signed_sha256": document.proposal.signed_sha256,
        "requests": [
            {
                "request_id": one.request_id,
                "phone_id": one.phone_id,
                "label": one.label,
                "asked_by": one.asked_by,
                "asked_at": write_utc_time(one.asked_at),
            }
            for one in document.asked
        ],
        "published": {name: written_bytes(data) for name, data in document.published.items()},
    }


def is_fleet_proposal(data: bytes) -> bool:
    """Whether this says of itself that it is a fleet proposal; `load_fleet_proposal` judges it."""
    try:
        told = json.loads(data[: FLEET_PROPOSAL_MAX_BYTES + 1])
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("kind") == FLEET_PROPOSAL_KIND


def load_fleet_proposal(data: bytes) -> FleetProposalDocument:
    """Return the document in `data`; raises `ProposalRefused` unless it has the agreed form."""
    try:
        if len(data) > FLEET_PROPOSAL_MAX_BYTES:
            raise ValueError(len(data))
        told = json.loads(data)
        if told["kind"] != FLEET_PROPOSAL_KIND:
            raise ValueError(told["kind"])
        return FleetProposalDocument(
            proposal=FleetProposal(read_bytes(told["fleet"]), read_bytes(told["targets"])),
            asked=tuple(
                AskedExemption(
                    number(one["request_id"]),
                    line(one["phone_id"]),
                    line(one["label"]),
                    line(one["asked_by"]),
                    utc_time(one["asked_at"]),
                )
                for one in told["requests"]
            ),
            published={line(name): read_bytes(text) for name, text in told["published"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProposalRefused(
            "expected a proposal of exemptions as a Curfew server of this version gives it, found something else;"
            " download it anew from the page of exemptions"
        ) from error


def fleet_approval(document: FleetProposalDocument, approval: Approval) -> FleetApproval:
    """Return what is handed in for a proposal that was signed."""
    proposal = document.proposal
    requests = tuple(one.request_id for one in document.asked)
    return FleetApproval(requests, proposal.made_at, proposal.fleet.number, approval)


def dump_fleet_approval(handed_in: FleetApproval) -> dict[str, Any]:
    """Return what is handed in, as plain JSON values."""
    return {
        "kind": FLEET_APPROVAL_KIND,
        "requests": list(handed_in.requests),
        "made_at": write_utc_time(handed_in.made_at),
        "fleet_number": handed_in.fleet_number,
        "key_id": handed_in.approval.key_id,
        "signature": handed_in.approval.signature,
        "signed_sha256": handed_in.approval.signed_sha256,
    }


def load_fleet_approval(data: bytes) -> FleetApproval:
    """Return what a signature file hands in; raises `ApprovalRefused`."""
    try:
        told = parse_object(data[: FLEET_APPROVAL_MAX_BYTES + 1], "a signature")
        approval = Approval(line(told["key_id"]), line(told["signature"]), line(told["signed_sha256"]))
        found = FleetApproval(
            tuple(map(number, told["requests"])),
            utc_time(told["made_at"]),
            number(told["fleet_number"]),
            approval,
        )
        if told != dump_fleet_approval(found):
            raise ValueError(told["kind"])
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise ApprovalRefused(
            "expected the signature file that curfew-certs wrote for these exemptions under the name behind --out,"
            " found something else; choose that file"
        ) from error
