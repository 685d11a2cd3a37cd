"""The command that looks whether what the server stores is whole."""

from __future__ import annotations

import json

import click

from certs.terminal import tell
from certs.typed_options import as_typed_here
from server.commands.settings import given_config, opened, takes_config
from server.fleet.recounting import make_anew
from server.maintenance.checks import CheckResult, run_checks
from server.storage.database import Database


@click.command()
@takes_config
@click.option("--json", "as_json", is_flag=True, help="Print one object a line, for programs.")
@click.option(
    "--recount", is_flag=True, help="First make kept lists and counts anew from phones and reports."
)
def check(as_json: bool, recount: bool) -> int:
    """Look whether what the server stores is whole; it may serve meanwhile, and without --recount nothing is changed.

    One line for each part: the database itself, its schema, rows that name others, kept lists and counts, the audit
    chain, and what stations are given. The exit code is 1 if any of them fails.
    """
    config = given_config()
    if recount:
        with opened(config) as database, database.writing() as session:
            make_anew(session)
    database = Database(config.database_url, read_only=True)
    all_well = True
    try:
        for part, finding in run_checks(config, database):
            all_well = all_well and finding.ok
            tell(_as_json(part, finding) if as_json else _as_line(part, finding))
    finally:
        database.close()
    return 0 if all_well else 1


def _as_line(part: str, finding: CheckResult) -> str:
    next_step = f". Next: {finding.next_step}" if finding.next_step else ""
    return f"{part:<11}{'ok' if finding.ok else 'FAILED':<7} {finding.found}{next_step}"


def _as_json(part: str, finding: CheckResult) -> str:
    facts = {
        "kind": "part",
        "part": part,
        "ok": finding.ok,
        # Before it is JSON: a path with a quotation mark would end a string of it.
        "found": as_typed_here(finding.found),
        "next_step": as_typed_here(finding.next_step),
    }
    return json.dumps(facts, sort_keys=True)
