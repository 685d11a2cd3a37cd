"""The command of an approver on their own machine: read what is proposed, check it, sign it, hand it in.

A draft is signed with an approver's key, exemptions that were asked for with the fleet key (`certs.cli_exemptions`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from certs.approver_trust import verified_base
from certs.asking import Answer, AskedServer, refused
from certs.cli_exemptions import Signed, Signing, sign_exemptions
from certs.cli_prompts import KEY_HELP, api_token, confirm, open_key
from certs.cli_tables import print_document
from certs.durable import create_private_file
from certs.errors import AnswerRefused, ProposalRefused, RepositoryProblem
from certs.family_lines import review_lines
from certs.fleet_proposal_document import is_fleet_proposal
from certs.proposal import Base, require_fit, sign_proposal
from certs.proposal_document import (
    PROPOSAL_MAX_BYTES,
    ProposalDocument,
    dump_approval,
    load_proposal,
    write_approval,
)
from certs.proposal_words import policy_warnings, rehearsal_warnings, server_lines
from certs.rendering import policy_changes
from certs.roles import TARGETS
from certs.terminal import tell
from policy.document import Policy
from policy.families import review_families
from policy.plain_text import said_by_others

_PAGE = re.compile(r"(.*?)/(?:api/v1/)?(drafts/[1-9][0-9]{0,8}|exemptions)(?:/proposal)?/?")
_OWN_FOLDER = Path(click.get_app_dir("curfew")) / "approver"
_UNDONE = "nothing was signed"

# By the code of the server's error, in our words: what to do next never comes from the server.
_ADVICE: dict[int | str, str] = {
    401: "expected an approver's API token, which whoever runs the server makes",
    403: "expected the token of an approver who wrote nothing of this draft, and a key that is theirs alone",
    404: "check the number of the draft, and that it was proposed on its page",
    409: "look at the page; what was changed or overtaken is proposed anew, and exemptions are fetched anew",
}


@click.command()
@click.argument("proposal", metavar="URL|FILE")
@click.option("--key", "key_uri", required=True, help=KEY_HELP)
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False),
    default=_OWN_FOLDER,
    help="Whom to believe: a copy of the trust folder, or a folder of your own that remembers.",
)
@click.option("--root-sha256", help="The SHA-256 of the first root; once, for a folder of your own.")
@click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The TLS authority to believe; else that of the trust folder, else this computer's.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the signature here, to be handed in on the draft's page.",
)
@click.option("--yes", is_flag=True, help="Sign without being asked.")
def approve(
    proposal: str,
    key_uri: str,
    trust: Path,
    root_sha256: str | None,
    authority: Path | None,
    out: Path | None,
    yes: bool,
) -> None:
    """Show what is proposed, ask, sign those very bytes, and hand the signature in.

    The address of a draft's page names it, or that of the page of exemptions, or a file that was downloaded there. What
    is shown comes from the bytes that are signed; the server is not believed. An approver's API token is read from
    CURFEW_TOKEN, else asked for.
    """
    in_trust = trust / "tls" / "authority.pem"
    data, hand_in = _fetched(proposal, authority or (in_trust if in_trust.exists() else None), out)
    signing = Signing(trust, root_sha256, key_uri, yes, datetime.now(UTC))
    signed = sign_exemptions(data, signing) if is_fleet_proposal(data) else _sign_draft(data, signing)
    if out is not None:
        create_private_file(out, write_approval(signed.told))
        tell(f"signed, and written to {out}: hand it in on {signed.page}")
    else:
        _say_outcome(hand_in(dict(signed.told)))


def _sign_draft(data: bytes, signing: Signing) -> Signed:
    document = load_proposal(data)
    if document.state != "open":
        raise ProposalRefused(
            f"the server takes no signatures for this proposal: {said_by_others(document.state)}"
        )
    base = verified_base(document.published, signing.trust, signing.root_sha256, signing.now)
    number, policy = require_fit(document.proposal, base, signing.now)
    _show(document, base, number, policy, signing.now)
    confirm(signing.yes, f"Approve this as policy number {number}?")
    keys = [base.root.get_key(keyid) for keyid in base.root.roles[TARGETS].keyids]
    approval = sign_proposal(document.proposal, base, open_key(signing.key_uri, keys))
    return Signed(dump_approval(document.draft_id, approval), f"the page of draft {document.draft_id}")


HandIn = Callable[[dict[str, object]], Answer]


def _fetched(proposal: str, authority: Path | None, out: Path | None) -> tuple[bytes, HandIn]:
    """Return the proposal's bytes, and what hands a signature in where they came from."""
    if "://" not in proposal:
        if out is None:
            raise click.UsageError(
                "Expected --out with a proposal from a file: the signature has to go somewhere."
            )
        file = Path(proposal)
        if file.stat().st_size > PROPOSAL_MAX_BYTES:
            raise ProposalRefused(f"{file} has more than {PROPOSAL_MAX_BYTES} bytes, so it is no proposal")
        return file.read_bytes(), _nowhere
    url, path = _address(proposal)
    server = AskedServer(url, authority, api_token(), undone=_UNDONE)
    answer = server.ask(f"{path}/proposal", longest=PROPOSAL_MAX_BYTES)
    if answer.status != 200:
        raise refused(answer, proposal, _ADVICE)

    def hand_in(told: dict[str, object]) -> Answer:
        answer = server.ask(f"{path}/approvals", told)
        if answer.status != 200:
            raise refused(answer, proposal, _ADVICE)
        return answer

    return answer.body, hand_in


def _nowhere(_: dict[str, object]) -> Answer:
    raise RepositoryProblem("a signature for a proposal from a file is written with --out")


def _address(url: str) -> tuple[str, str]:
    """Return the server's address, and the path in its API of what is proposed."""
    parts = urlsplit(url)
    found = _PAGE.fullmatch(parts.path)
    if not found:
        raise AnswerRefused(
            f"expected the address of a draft's page like https://curfew.example.org/drafts/7, or of the page of"
            f" exemptions, found {said_by_others(url)}; copy it from the page"
        )
    return f"{parts.scheme}://{parts.netloc}{found[1]}", f"/api/v1/{found[2]}"


def _show(document: ProposalDocument, base: Base, number: int, policy: Policy, now: datetime) -> None:
    in_force, before = base.document
    print_document(policy_changes(number, policy, (in_force, before)))
    for line in review_lines(
        review_families(policy, now.date()),
        "this policy",
        "to ban them too, let the draft's author add them; left out on purpose, go on",
    ):
        tell(line)
    for warning in (*policy_warnings(policy, before, now), *rehearsal_warnings(document.rehearsal)):
        tell(warning)
    tell(f"follows on bundle {in_force}, verified here; would be signed: {document.proposal.signed_sha256}")
    tell(f"would hold until {document.proposal.targets.expires:%Y-%m-%d %H:%M} UTC")
    tell("the server says, and nothing here proves it:")
    for line in server_lines(document):
        tell(f"  {line}")


def _say_outcome(answer: Answer) -> None:
    told = answer.json()
    outcome = told.get("outcome") if isinstance(told, dict) else None
    said = _OUTCOMES.get(str(outcome))
    if said is None:
        raise AnswerRefused(f"expected what became of the signature, found {said_by_others(str(outcome))}")
    if "needed" not in told:  # one signature is enough for exemptions, and nobody counts
        tell(said)
        return
    count = f"{told.get('signed')} of {told.get('needed')}"
    tell(f"{said} ({said_by_others(count, 30)})")


_OUTCOMES = {
    "stored": "signed and handed in; others have to sign, too",
    "already_signed": "this key had signed the same bytes before; nothing changed",
    "waiting": "signed and handed in; it is complete and is published at the set time",
    "published": "signed and handed in; it is complete and published",
    "not_published": "signed and handed in; complete, but the server could not publish it: look at the draft's page",
}
"""By the server's word on what became of a signature."""
