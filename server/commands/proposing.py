"""The command that puts a draft before its approvers: what its page does, for those who keep policies in files."""

from __future__ import annotations

import click

from certs.publication import TIMESTAMP_FILE
from certs.terminal import tell
from policy.counted import counted
from policy.schemas.values import write_utc_time
from server.commands.settings import given_config, moment_at, now_of, opened, operator, takes_config
from server.drafts import proposals
from server.drafts.drafts import find_draft
from server.drafts.telling import proposal_document
from server.people.people import Right, person_with
from server.policies.bundles import lock_trust_files


@click.command()
@takes_config
@click.argument("draft_id", type=int)
@click.option("--author", required=True, metavar="NAME", help="The account that answers for it.")
@click.option(
    "--publish-at", "at", metavar="TIME", help="As 2027-03-15T12:00Z; with the last signature unless given."
)
def propose(draft_id: int, author: str, at: str | None) -> None:
    """Put the newest revision of DRAFT_ID before the approvers, who sign it on their own machines.

    From then on its bytes are fixed: a change of the draft ends the proposal, as another publication does.
    """
    config, publish_at = given_config(), moment_at(at, "--publish-at")
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            account = person_with(session, author, Right.PROPOSE)
            lock_trust_files(session, TIMESTAMP_FILE)
            draft = find_draft(session, draft_id)
            made = proposals.propose(session, config, draft, account.name, operator(), publish_at, now)
            told = proposal_document(session, config, draft, made, now)
    for warning in told.warnings:
        tell(warning)
    needed, names = counted(told.needed, "approver"), ", ".join(told.missing)
    tell(f"Draft {draft_id}, revision {told.revision}, is proposed until {write_utc_time(told.until)}.")
    tell(f"{needed} of {names} to sign, each on their own machine:")
    tell(f"    curfew-certs approve {config.public_url}/drafts/{draft_id} --key KEY --trust FOLDER")
