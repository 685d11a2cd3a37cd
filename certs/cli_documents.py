"""The commands about what is signed: draft a policy, sign it, exempt phones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import click

from certs import repository
from certs.cli_prompts import FOLDER, KEY_HELP, confirm, open_key
from certs.cli_tables import print_document
from certs.drafting import next_policy, with_exemptions, without_exemptions
from certs.durable import create_private_file
from certs.errors import KeyExists, RepositoryProblem
from certs.family_lines import added_lines, review_lines
from certs.rendering import fleet_rows, policy_changes, with_changes
from certs.roles import FLEET
from certs.terminal import tell
from certs.trust_folder import TrustFolder
from policy.document import Exemption, Policy
from policy.families import FamilyReview, review_families
from policy.names import PhoneId
from policy.schemas import load_fleet, load_policy_document

_SIGN_WITH = click.option("--key", "key_uri", required=True, help=KEY_HELP)
_YES = click.option("--yes", is_flag=True, help="Sign without being asked.")


@click.command()
@FOLDER
@click.argument("document", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--lift", is_flag=True, help="Let it give everything back, and say the same in all else.")
@click.option(
    "--update-families", is_flag=True, help="Add the names of banned families that this version knows."
)
def draft(folder: Path, document: Path, lift: bool, update_families: bool) -> None:
    """Write the newest policy under the next number into DOCUMENT, to be edited; the ready-made one at first."""
    if lift and update_families:
        raise click.UsageError(
            "Expected --lift or --update-families, not both: a lifted policy bans nothing."
        )
    in_force = repository.published_policy(folder)
    added = _reviews(in_force[1]) if in_force and update_families else ()
    data = next_policy(folder, lift=lift, missing=added)
    policy = load_policy_document(data)[1]
    try:
        create_private_file(document, data)
    except KeyExists as error:
        raise RepositoryProblem(str(error)) from error
    tell(f"written to {document}" if lift else f"written to {document}: edit it")
    advice = f"to add them, draft anew: curfew-certs draft {quote(str(folder))} OTHER.json --update-families"
    _say([*added_lines(added), *review_lines(_reviews(policy), "the policy in force", advice)])
    tell(f"next: {_signing(folder, document)}")


@click.command()
@FOLDER
@click.argument("document", type=click.Path(path_type=Path, dir_okay=False))
@_SIGN_WITH
@_YES
@click.option("--replace", is_flag=True, help="Throw an open policy draft away first.")
def sign(folder: Path, document: Path, key_uri: str, yes: bool, replace: bool) -> None:
    """Show what DOCUMENT says (a policy, or the fleet's exemptions), ask, and sign those very bytes."""
    # Read once: what is shown, asked about and signed are the same bytes, whatever becomes of the file meanwhile.
    data = document.read_bytes()
    if _kind(data) == "curfew-fleet":
        _sign_fleet(folder, data, key_uri, yes)
        return
    number, policy = load_policy_document(data)
    in_force = repository.published_policy(folder)
    print_document(policy_changes(number, policy, in_force))
    advice = f"to ban them too, add them to that family in {document} first; left out on purpose, go on"
    _say(review_lines(_reviews(policy), "this policy", advice))
    confirm(yes, f"Sign this as policy number {number}?")
    signer = open_key(key_uri, repository.approver_keys(folder))
    # After the yes and the key: whoever says no, or has no key, must not have thrown the open draft away.
    if replace:
        TrustFolder(folder).discard_policy_draft()
    signed = repository.sign_policy(folder, data, signer, datetime.now(UTC))
    tell(f"signed by {', '.join(signed.signed_by)}: {len(signed.signed_by)} of {signed.threshold}")
    tell(f"holds until {signed.expires:%Y-%m-%d %H:%M} UTC")
    publish = f"curfew-certs publish {quote(str(folder))}"
    tell(f"next: {publish if signed.ready else f'another approver runs: {_signing(folder, document)}'}")


@click.command()
@FOLDER
@click.argument("phone_ids", nargs=-1, required=True, metavar="PHONE_ID...")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When it ends, in UTC, like 2023-04-01T12:00Z.",
)
@click.option("--reason", help="A code that says why, like field_test; never a person's story.")
@click.option("--end", is_flag=True, help="End the exemptions of these phones instead.")
@_SIGN_WITH
@_YES
def exempt(
    folder: Path,
    phone_ids: tuple[str, ...],
    until: datetime | None,
    reason: str | None,
    end: bool,
    key_uri: str,
    yes: bool,
) -> None:
    """Let nothing be disabled on these phones for a while; their page names PHONE_ID. Signed with the fleet key."""
    phones = [PhoneId(phone_id) for phone_id in phone_ids]
    if end and until is None and reason is None:
        _sign_fleet(folder, without_exemptions(folder, phones), key_uri, yes)
        return
    if end or until is None or reason is None:
        raise click.UsageError("Expected both --until and --reason, or --end alone.")
    ends = until.replace(tzinfo=UTC)
    if ends <= datetime.now(UTC):
        raise RepositoryProblem(f"--until {ends:%Y-%m-%dT%H:%MZ} is over already; --end ends an exemption")
    exemptions = [Exemption(phone_id, ends, reason) for phone_id in phones]
    _sign_fleet(folder, with_exemptions(folder, exemptions), key_uri, yes)


def _signing(folder: Path, document: Path) -> str:
    # KEY is the approver's own: nobody else knows where it is.
    return f"curfew-certs sign {quote(str(folder))} {quote(str(document))} --key KEY"


def _reviews(policy: Policy) -> tuple[FamilyReview, ...]:
    return review_families(policy, datetime.now(UTC).date())


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        tell(line)


def _sign_fleet(folder: Path, data: bytes, key_uri: str, yes: bool) -> None:
    fleet = load_fleet(data)
    print_document(with_changes(fleet_rows(fleet), []))
    confirm(yes, f"Sign this as fleet document number {fleet.number}?")
    signer = open_key(key_uri, repository.approver_keys(folder, FLEET))
    repository.sign_fleet(folder, data, signer, datetime.now(UTC))
    tell(f"next: curfew-certs publish {quote(str(folder))}")


def _kind(data: bytes) -> str:
    """Return what the document says it is; its own schema judges it afterwards."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    return str(document.get("kind")) if isinstance(document, dict) else ""
