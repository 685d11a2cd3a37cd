"""``/exemptions/proposal`` and ``/exemptions/approvals``: what the fleet key is to sign, and its signature."""

from __future__ import annotations

from typing import Any

from certs.approval import Approval
from certs.fleet_proposal_document import FleetApproval, dump_fleet_proposal
from certs.publication import TIMESTAMP_FILE
from server.api.blueprint import PERSON, described
from server.api.exemption_schemas import (
    FleetApprovalSchema,
    FleetProposalSchema,
    SignedExemptionsSchema,
)
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.exemptions.signing import proposed, receive
from server.people.people import Right
from server.policies.bundles import lock_trust_files

_ASKED = {401: "no token, or one that is not good", 403: "right_missing"}


@described(
    "/exemptions/proposal",
    FleetProposalSchema,
    proof=PERSON,
    refusals={**_ASKED, 409: "nothing_published, exemptions_not_proposable"},
)
def tell_fleet_proposal() -> dict[str, Any]:
    """Tell what the fleet key is to sign for the requests that wait; without any, it prolongs what is in force"""
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        return dump_fleet_proposal(proposed(session, here.config, here.clock.now()))


@described(
    "/exemptions/approvals",
    SignedExemptionsSchema,
    method="POST",
    body=FleetApprovalSchema,
    proof=PERSON,
    refusals={
        **_ASKED,
        403: "right_missing, key_not_fleet",
        404: "request_unknown",
        409: "fleet_overtaken, signature_of_other_bytes, exemptions_not_fitting, exemptions_not_published, and for each"
        " way that a request ended its own",
    },
)
def approve_exemptions(told: dict[str, Any]) -> dict[str, Any]:
    """Hand in a signature that was made with the fleet key on its own machine; it publishes what it signs"""
    here = context()
    now = here.clock.now()
    approval = Approval(told["key_id"], told["signature"], told["signed_sha256"])
    handed_in = FleetApproval(tuple(told["requests"]), told["made_at"], told["fleet_number"], approval)
    with here.database.writing() as session:
        person = requesting_person(session, Right.DECIDE_EXEMPTION)
        lock_trust_files(session, TIMESTAMP_FILE)
        received = receive(session, here.config, handed_in, person.name, now)
    received.settled()
    return {
        "outcome": "published",
        "fleet_number": received.fleet_number,
        "requests": received.requests,
        "server_time": written(now),
    }
