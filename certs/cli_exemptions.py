"""Exemptions on the machine that holds the fleet key: what would be signed, told from its bytes, and the signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from certs.approver_trust import verified_fleet_base
from certs.cli_prompts import confirm, open_key
from certs.cli_tables import print_document
from certs.fleet_proposal import FleetBase, FleetChanges, require_fleet_fit, sign_fleet_proposal
from certs.fleet_proposal_document import (
    FleetProposalDocument,
    dump_fleet_approval,
    fleet_approval,
    load_fleet_proposal,
)
from certs.terminal import tell
from policy.counted import counted
from policy.document import Exemption
from policy.plain_text import printable, said_by_others


@dataclass(frozen=True)
class Signing:
    """Under whom what is fetched is verified, with which key it is signed, and whether that was said yes to before."""

    trust: Path
    root_sha256: str | None
    key_uri: str
    yes: bool
    now: datetime


@dataclass(frozen=True)
class Signed:
    """What is handed in, as plain JSON values, and on which page a file of it is."""

    told: Mapping[str, Any]
    page: str


def sign_exemptions(data: bytes, signing: Signing) -> Signed:
    """Show which exemptions a proposal makes and which end, ask, and return the fleet key's signature over it."""
    document = load_fleet_proposal(data)
    base = verified_fleet_base(document.published, signing.trust, signing.root_sha256, signing.now)
    changes = require_fleet_fit(document.proposal, base, signing.now)
    _show(document, base, changes)
    number = document.proposal.fleet.number
    confirm(signing.yes, f"Sign this as fleet document number {number}?")
    approval = sign_fleet_proposal(
        document.proposal, base, open_key(signing.key_uri, list(base.keys.values()))
    )
    return Signed(dump_fleet_approval(fleet_approval(document, approval)), "the page of exemptions")


def _show(document: FleetProposalDocument, base: FleetBase, changes: FleetChanges) -> None:
    print_document(list(_rows(document, changes)))
    if not changes.new:
        tell("no phone is exempted by this: it prolongs the signature on what is in force")
    proposal = document.proposal
    tell(
        f"follows on fleet document {base.fleet.number}, verified here; would be signed: {proposal.signed_sha256}"
    )
    tell(f"would hold until {proposal.targets.expires:%Y-%m-%d %H:%M} UTC")
    if document.asked:
        tell("the server says, and nothing here proves it:")
    for one in document.asked:
        label = f" ({said_by_others(one.label, 100)})" if one.label else ""
        tell(
            f"  request {one.request_id}: {printable(one.asked_by)} asked for {printable(one.phone_id)}{label} at"
            f" {one.asked_at:%Y-%m-%d %H:%M} UTC"
        )


def _rows(document: FleetProposalDocument, changes: FleetChanges) -> Iterator[tuple[str, str, str]]:
    fleet = document.proposal.fleet
    yield "fleet document", f"number {fleet.number}, {counted(len(fleet.exemptions), 'exemption')}", ""
    for label, found in (
        ("new", changes.new),
        ("replaced", changes.replaced),
        ("over, left out", changes.over),
    ):
        for one in found:
            yield "exempt", _words(one), label
    for one in changes.kept:
        yield "exempt", _words(one), ""


def _words(one: Exemption) -> str:
    return printable(f"{one.phone_id} until {one.until:%Y-%m-%d %H:%M} UTC: {one.reason}")
