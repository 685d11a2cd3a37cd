"""The commands about drafts of policies: what pages do, and files for those who keep policies in git."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from certs.cli_tables import print_document
from certs.durable import create_private_file
from certs.errors import KeyExists
from certs.family_lines import review_lines
from certs.lazy_commands import CommandAt, LazyGroup
from certs.rendering import policy_changes, policy_rows
from certs.terminal import tell
from policy.document import Policy
from policy.errors import PolicyError
from policy.families import review_families
from policy.plain_text import printable
from policy.schemas import load_policy_document
from policy.schemas.yaml_form import yaml_of_json
from server.commands.settings import (
    given_config,
    looked_at,
    now_of,
    opened,
    operator,
    takes_config,
)
from server.drafts import drafts as kept
from server.drafts.beginnings import Beginning, beginning, document_in, numbered_next, returning
from server.drafts.drafts import DRAFTS_NEWEST, DraftEnd
from server.drafts.listed_rings import taken_up
from server.errors import Malformed, NotThere
from server.people.people import Right, person_with
from server.policies.bundles import newest_policy_bytes

_LISTED = 1000
_FILE = click.Path(path_type=Path, dir_okay=False)
_AUTHOR = click.option(
    "--author",
    required=True,
    metavar="NAME",
    help="The account that answers for it; it cannot approve it, too.",
)


@click.group(
    cls=LazyGroup,
    commands_at={
        "drafts": CommandAt(
            "server.commands.policy:drafts", "List the drafts.", ("curfew-server policy drafts",)
        ),
        "draft": CommandAt(
            "server.commands.policy:draft",
            "Begin a draft.",
            (
                "curfew-server policy draft --author author-1 --title 'Later deadline'",
                "curfew-server policy draft --author author-1 --title Lift --from lift",
                "curfew-server policy draft --author author-1 --title Back --return-to 3",
            ),
        ),
        "import": CommandAt(
            "server.commands.policy:import_",
            "Take a file as a draft, or as its next revision.",
            (
                "curfew-server policy import policy.yaml --author author-1 --title Next",
                "curfew-server policy import policy.yaml --author author-1 --draft 3",
            ),
        ),
        "export": CommandAt(
            "server.commands.policy:export",
            "Write a policy into a file.",
            (
                "curfew-server policy export policy.yaml",
                "curfew-server policy export policy.json --draft 3",
            ),
        ),
        "lint": CommandAt(
            "server.commands.policy:lint",
            "Judge a file as a policy.",
            ("curfew-server policy lint policy.yaml",),
        ),
        "diff": CommandAt(
            "server.commands.policy:diff",
            "Show what a policy changes.",
            (
                "curfew-server policy diff policy.yaml",
                "curfew-server policy diff policy.yaml --draft 3",
            ),
        ),
        "rehearse": CommandAt(
            "server.commands.rehearsal:rehearse",
            "Tell what a policy would mean for each phone.",
            (
                "curfew-server policy rehearse policy.yaml",
                "curfew-server policy rehearse --draft 3",
                "curfew-server policy rehearse --in-force --at 2027-03-15T12:00Z",
            ),
        ),
        "propose": CommandAt(
            "server.commands.proposing:propose",
            "Put a draft before the approvers.",
            ("curfew-server policy propose 3 --author author-1",),
        ),
        "rings": CommandAt(
            "server.commands.rings:rings",
            "Tell how far each ring has come.",
            ("curfew-server policy rings", "curfew-server policy rings --json"),
        ),
        "hold": CommandAt(
            "server.commands.rings:hold",
            "Hold a ring and all behind it.",
            ("curfew-server policy hold 2 --approver approver-1 --reason closed",),
        ),
        "release": CommandAt(
            "server.commands.rings:release",
            "Release the rings that are held.",
            ("curfew-server policy release --approver approver-1 --reason opened",),
        ),
        "withdraw": CommandAt(
            "server.commands.policy:withdraw",
            "End a draft that is not wanted.",
            ("curfew-server policy withdraw 3 --author author-1",),
        ),
    },
)
def policy() -> None:
    """Draft the next policy; nothing is published by it."""


@click.command()
@takes_config
@click.option("--all", "all_", is_flag=True, help="Those that have ended, too.")
def drafts(all_: bool) -> None:
    """List the drafts that are open."""
    with looked_at(given_config()) as database, database.reading() as session:
        rows = kept.list_drafts(session, None if all_ else True, DRAFTS_NEWEST, "", _LISTED).rows
    for row in rows:
        state = row.closed.value if row.closed else "open"
        tell(f"{row.draft_id}: {printable(row.title)} (revision {row.revision}, {state})")
    if not rows:
        begin = "curfew-server --config SERVER.env policy draft --author NAME --title TITLE"
        tell(f"No draft is open; begin one: {begin}", err=True)


@click.command()
@takes_config
@_AUTHOR
@click.option("--title", required=True, help="What it is for, in a line.")
@click.option(
    "--from",
    "wanted",
    type=click.Choice([one.value for one in Beginning]),
    help="The policy that is there already; in_force unless given.",
)
@click.option("--return-to", type=int, metavar="NUMBER", help="The earlier bundle whose content it takes up.")
def draft(author: str, title: str, wanted: str | None, return_to: int | None) -> None:
    """Begin a draft with a policy that is there already, or was."""
    if wanted is not None and return_to is not None:
        raise click.UsageError("Name either --from or --return-to.")
    config = given_config()
    with opened(config) as database, database.writing() as session:
        writer = person_with(session, author, Right.DRAFT)
        document = (
            returning(session, return_to)
            if return_to is not None
            else beginning(session, Beginning(wanted or Beginning.IN_FORCE.value))
        )
        found = kept.open_draft(session, title, document, writer, operator(), now_of(config, database))
    _tell_of(found)


@click.command("import")
@takes_config
@click.argument("file", type=_FILE)
@_AUTHOR
@click.option("--title", help="What it is for, in a line; of a new draft.")
@click.option("--draft", "draft_id", type=int, help="The draft whose next revision it becomes.")
@click.option("--note", default="", help="What changed, in a line.")
def import_(file: Path, author: str, title: str | None, draft_id: int | None, note: str) -> None:
    """Take FILE (JSON, or YAML by its name) as a new draft, or as the next revision of one.

    Its number is set to the one that follows on the newest bundle. A ring that names a unit gets the unit's phones, and
    labels of phones become their ids.
    """
    if (title is None) == (draft_id is None):
        raise click.UsageError("Expected either --title, for a new draft, or --draft, for its next revision.")
    config, document = given_config(), _read(file)
    with opened(config) as database, database.writing() as session:
        now, writer = now_of(config, database), person_with(session, author, Right.DRAFT)
        document = numbered_next(session, taken_up(session, document))
        if draft_id is None:
            found = kept.open_draft(session, str(title), document, writer, operator(), now)
        else:
            revision = kept.find_draft(session, draft_id).revision
            found = kept.revise_draft(session, draft_id, revision, document, note, writer, operator(), now)
    _tell_of(found)


@click.command()
@takes_config
@click.argument("file", type=_FILE)
@click.option("--draft", "draft_id", type=int, help="This draft; the policy in force unless given.")
@click.option("--revision", type=int, help="This revision of it; the newest unless given.")
def export(file: Path, draft_id: int | None, revision: int | None) -> None:
    """Write the policy in force, or a draft, into FILE: YAML where its name says so, else the very bytes."""
    with looked_at(given_config()) as database, database.reading() as session:
        document = _document(session, draft_id, revision)
    is_yaml = file.suffix.lower() in (".yaml", ".yml")
    try:
        create_private_file(file, yaml_of_json(document).encode() if is_yaml else document)
    except KeyExists as error:
        raise Malformed("file_exists", f"{file} is there already", "Name another file.") from error
    tell(f"Written to {file}.")


@click.command()
@click.argument("file", type=_FILE)
def lint(file: Path) -> None:
    """Judge FILE as a policy, as every station will, and name what is missing of the families that are known."""
    number, found = _loaded(_read(file))
    for label, text in policy_rows(number, found):
        if label == "MIXED SCRIPTS":
            tell(f"{label}: {text}")
    reviews = review_families(found, datetime.now(UTC).date())
    for line in review_lines(reviews, "this policy", "left out on purpose, go on"):
        tell(line)
    tell(f"{file}: a policy that this version understands whole.")


@click.command()
@takes_config
@click.argument("file", type=_FILE)
@click.option("--draft", "draft_id", type=int, help="Against this draft; the policy in force unless given.")
def diff(file: Path, draft_id: int | None) -> int:
    """Show what FILE says otherwise; exit code 1 if it does."""
    with looked_at(given_config()) as database, database.reading() as session:
        document, before = taken_up(session, _read(file)), _document(session, draft_id, None)
    # Under one number: alone it would be no difference.
    rows = policy_changes(0, _loaded(document)[1], (0, _loaded(before)[1]))
    changed = [row for row in rows if row[2]]
    if not changed:
        tell("They say the same.")
        return 0
    print_document(changed)
    return 1


@click.command()
@takes_config
@click.argument("draft_id", type=int)
@_AUTHOR
def withdraw(draft_id: int, author: str) -> None:
    """End DRAFT_ID; it stays readable, and nothing of it can be published."""
    config = given_config()
    with opened(config) as database, database.writing() as session:
        person_with(session, author, Right.DRAFT)
        kept.close_draft(session, draft_id, DraftEnd.WITHDRAWN, operator(), now_of(config, database))
    tell(f"Draft {draft_id} is withdrawn.")


def _document(session: Session, draft_id: int | None, revision: int | None) -> bytes:
    if draft_id is not None:
        return kept.find_draft(session, draft_id, revision).document
    document = newest_policy_bytes(session)
    if document is None:
        raise NotThere("nothing_in_force", "no policy is published yet", "Name a draft: --draft NUMBER.")
    return document


def _read(file: Path) -> bytes:
    try:
        return document_in(file.read_bytes(), file.name)
    except OSError as error:
        raise Malformed("file_unreadable", f"{file}: {error.strerror}", "Check its name.") from error


def _loaded(document: bytes) -> tuple[int, Policy]:
    try:
        return load_policy_document(document)
    except PolicyError as error:
        raise Malformed("policy_refused", str(error), "Correct the file.") from error


def _tell_of(found: kept.Draft) -> None:
    tell(f"Draft {found.draft_id} stands at revision {found.revision}; nothing is published by it.")
