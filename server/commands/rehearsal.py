"""The command that tries a policy on the fleet before anybody signs it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from certs.terminal import tell
from policy.counted import counted
from policy.rehearsal import Cause, Outcome
from server.commands.settings import given_config, moment_at, now_of, opened, operator, takes_config
from server.config import Config
from server.drafts.beginnings import document_in
from server.drafts.drafts import find_draft
from server.drafts.listed_rings import taken_up
from server.errors import NotThere, ServiceError
from server.policies import bundles
from server.rehearsal import kept_rehearsals
from server.rehearsal.kept_rehearsals import KeptRehearsal
from server.rehearsal.result import told
from server.rehearsal.running import run_rehearsal
from server.rehearsal.words import AGES, CAUSES, OUTCOMES
from server.storage.database import Database


@click.command()
@takes_config
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--draft", "draft_id", type=int, help="Rehearse the newest revision of this draft, which keeps it."
)
@click.option("--in-force", "in_force", is_flag=True, help="Rehearse the policy that is published.")
@click.option("--at", help="When it is in force, as 2027-03-15T12:00Z; unless told, once it bears on all.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as one object.")
def rehearse(file: Path | None, draft_id: int | None, in_force: bool, at: str | None, as_json: bool) -> None:
    """Tell what the policy in FILE, a draft or the one in force would mean for each phone, from the latest reports.

    FILE is JSON, or YAML by its name. Nothing is changed but that the rehearsal is kept, with a row in the audit chain.
    What no check has asked about is counted as unknown.
    """
    if (file is not None) + (draft_id is not None) + in_force != 1:
        raise click.UsageError("Name a FILE, --draft or --in-force, and one of them alone.")
    config, moment = given_config(), moment_at(at, "--at")
    with opened(config) as database:
        document, draft = _wanted(database, file, draft_id)
        done = _rehearsed(config, database, document, moment, draft)
    assert done.result is not None
    shown = told(done.result, config.smallest_cell)
    if as_json:
        tell(json.dumps({"rehearsal_id": done.rehearsal_id, "moment": done.moment.isoformat(), **shown}))
        return
    for line in _lines(done, shown):
        tell(line)


def _wanted(
    database: Database, file: Path | None, draft_id: int | None
) -> tuple[bytes, tuple[int, int] | None]:
    """Return the document to rehearse, and the draft with the revision that it is of."""
    with database.reading() as session:
        if file is not None:
            return taken_up(session, document_in(file.read_bytes(), file.name)), None
        if draft_id is not None:
            draft = find_draft(session, draft_id)
            return draft.document, (draft_id, draft.revision)
        document = bundles.newest_policy_bytes(session)
    if document is None:
        raise NotThere("nothing_published", "no policy is published yet", "Rehearse one from a FILE.")
    return document, None


def _rehearsed(
    config: Config,
    database: Database,
    document: bytes,
    moment: datetime | None,
    draft: tuple[int, int] | None,
) -> KeptRehearsal:
    def now() -> datetime:
        return now_of(config, database)

    with database.writing() as session:
        made = kept_rehearsals.new_rehearsal(session, document, operator(), now(), draft, moment)
    run_rehearsal(database, made, now)
    with database.reading() as session:
        found = kept_rehearsals.find_rehearsal(session, made, now())
    if found.result is None:
        raise ServiceError(f"the rehearsal came to nothing: {found.failure}; run it again with -v")
    return found


def _lines(done: KeptRehearsal, result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{result['policy']}, as of {done.moment:%Y-%m-%d %H:%M} UTC, for {counted(result['phones'], 'phone')}, from"
        " the latest reports:"
    )
    yield ""
    in_force = _in_force_counts(result)
    beside = "" if in_force is None else f"{'in force':>10}"
    yield f"{'outcome':<18}{'phones':>10}{'share':>9}{beside}"
    for outcome, (label, _) in OUTCOMES.items():
        phones = result["outcomes"][outcome.value]
        share = f"{100 * phones / result['phones']:.1f} %" if result["phones"] else ""
        before = "" if in_force is None else f"{in_force[outcome.value]:>10}"
        yield f"{label:<18}{phones:>10}{share:>9}{before}"
    yield ""
    for cause, phones in result["causes"].items():
        yield f"unknown: {counted(phones, 'phone')}, {CAUSES[Cause(cause)]}"
    ages = ", ".join(f"{AGES[age]} {phones}" for age, phones in result["ages"].items() if phones)
    yield f"newest report: {ages or 'of no phone'}"
    yield _share(result)
    yield f"kept as rehearsal {done.rehearsal_id}; its page, /rehearsals/{done.rehearsal_id}, names the phones"


def _in_force_counts(result: Mapping[str, Any]) -> Counter[str] | None:
    """Return the outcomes under the policy in force, None where none is."""
    if result["in_force"] is None:
        return None
    found: Counter[str] = Counter()
    for before, _, phones in result["changes"]:
        found[before] += phones
    return found


def _share(result: Mapping[str, Any]) -> str:
    cut_off = result["outcomes"][Outcome.BLOCKED.value] + result["outcomes"][Outcome.NOT_ENFORCEABLE.value]
    least, most = 100 * result["blocked_share"], 100 * result["blocked_share_at_most"]
    return (
        f"cut off, by the phone or by the mail side: {counted(cut_off, 'phone')}, {least:.1f} % of all; at most"
        f" {most:.1f} %, if every unknown one were"
    )
