"""Exemptions signed from afar: what the fleet key is to sign for the requests that wait, and its signature taken.

Nothing of a proposal is stored. From the numbers of its requests and its moment the same bytes are made again when the
signature comes, so what is published is what the requests say now: one that was withdrawn meanwhile cannot be signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from certs.errors import ApprovalRefused, CertsError, NotAnApprover, ProposalRefused
from certs.fleet_proposal import (
    FleetBase,
    FleetProposal,
    assembled_fleet,
    fleet_base_of,
    make_fleet_proposal,
    require_fleet_fit,
    require_fleet_signature,
    require_moment,
)
from certs.fleet_proposal_document import (
    REQUESTS_MAX,
    AskedExemption,
    FleetApproval,
    FleetProposalDocument,
)
from certs.publication import reachable
from policy.errors import PolicyError
from server.config import Config
from server.errors import InConflict, NotAllowed, PublicationRefused, RequestRefused
from server.evidence import audit
from server.exemptions.recording import record_exemptions
from server.exemptions.requests import open_requests, requests_to_sign
from server.fleet.phones import find_phones
from server.policies.bundles import trust_files
from server.policies.publishing import By, publish_approved, require_online_keys

_ANEW = "Fetch the proposal anew, and sign that."


@dataclass(frozen=True)
class Received:
    """What became of a signature: how many requests it signed, or the refusal, whose row the transaction holds."""

    fleet_number: int
    requests: int
    refusal: RequestRefused | None = None

    def settled(self) -> Received:
        """Return this, or raise the refusal; behind the transaction, which would lose the row otherwise."""
        if self.refusal is not None:
            raise self.refusal
        return self


def proposed(session: Session, config: Config, now: datetime) -> FleetProposalDocument:
    """Return what the fleet key is to sign now: the requests that wait, the oldest first, on what is published.

    Without any request it prolongs the signature on the exemptions in force. Raises `InConflict`.
    """
    asked = open_requests(session, now)[:REQUESTS_MAX]
    base = _base(session)
    try:
        require_online_keys(config)
        proposal = make_fleet_proposal(base, [one.exemption for one in asked], now)
    except (CertsError, PublicationRefused) as error:
        raise InConflict(
            "exemptions_not_proposable", str(error), "Exempt the phones in the trust folder meanwhile."
        ) from error
    labels = {
        one.phone_id: one.label for one in find_phones(session, {one.exemption.phone_id for one in asked})
    }
    return FleetProposalDocument(
        proposal=proposal,
        asked=tuple(
            AskedExemption(
                one.request_id,
                one.exemption.phone_id,
                labels.get(one.exemption.phone_id, ""),
                one.asked_by,
                one.asked_at,
            )
            for one in asked
        ),
        published=reachable(trust_files(session)),
    )


def receive(
    session: Session, config: Config, handed_in: FleetApproval, actor: str, now: datetime
) -> Received:
    """Take the fleet key's signature, and publish what it signs; writes the audit rows, of a refusal too.

    The caller has locked the trust files.
    """
    try:
        return _published(session, config, handed_in, actor, now)
    except RequestRefused as refusal:
        detail = {"act": "sign", "reason": refusal.code, "key_id": handed_in.approval.key_id}
        subject = f"fleet document {handed_in.fleet_number}"
        audit.record(session, actor, "exemption act refused", subject, detail, now)
        return Received(handed_in.fleet_number, len(handed_in.requests), refusal)


def _published(
    session: Session, config: Config, handed_in: FleetApproval, actor: str, now: datetime
) -> Received:
    asked = requests_to_sign(session, handed_in.requests, now)
    base = _base(session)
    if handed_in.fleet_number != base.fleet.number + 1:
        raise InConflict(
            "fleet_overtaken",
            f"fleet document {base.fleet.number} is published, so the next one has number {base.fleet.number + 1}; this"
            f" signature is for number {handed_in.fleet_number}",
            _ANEW,
        )
    try:
        require_moment(handed_in.made_at, now)
        proposal = make_fleet_proposal(base, [one.exemption for one in asked], handed_in.made_at)
        require_fleet_fit(proposal, base, now)
    except (ProposalRefused, PolicyError) as error:
        raise InConflict("exemptions_not_fitting", str(error), _ANEW) from error
    key = _verified(proposal, base, handed_in)
    numbers = [one.request_id for one in asked]
    by = By(actor, record_exemptions, {"requests": numbers, "key": key})
    try:
        publish_approved(session, config, assembled_fleet(proposal, handed_in.approval), by, now)
    except PublicationRefused as error:
        raise InConflict(
            "exemptions_not_published", f"the signature is right, but it cannot be published: {error}", _ANEW
        ) from error
    return Received(proposal.fleet.number, len(numbers))


def _verified(proposal: FleetProposal, base: FleetBase, handed_in: FleetApproval) -> str:
    try:
        return require_fleet_signature(proposal, base, handed_in.approval)
    except NotAnApprover as error:
        raise NotAllowed("key_not_fleet", str(error), "Sign with the fleet key.") from error
    except ApprovalRefused as error:
        raise InConflict("signature_of_other_bytes", str(error), _ANEW) from error


def _base(session: Session) -> FleetBase:
    try:
        return fleet_base_of(trust_files(session))
    except CertsError as error:
        raise InConflict("nothing_published", str(error), "Publish the first policy.") from error
