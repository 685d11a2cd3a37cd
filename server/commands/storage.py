"""The command that keeps the database small."""

from __future__ import annotations

from datetime import timedelta

import click

from certs.terminal import tell
from policy.counted import counted
from server.commands.settings import given_config, looked_at, now_of, opened, operator, takes_config
from server.retention import thinning


@click.command()
@takes_config
@click.option("--older-than", "days", required=True, type=click.IntRange(1), help="Days since the check.")
@click.option("--yes", is_flag=True, help="Do it; without this, only tell what would be done.")
def thin(days: int, yes: bool) -> None:
    """Drop the signed envelopes of old reports in which nothing changed.

    Kept whole: the latest of each phone, the newest with its ledger, every report that differs from the one before or
    in which something was done, and what an alarm or the audit chain names. Of the others id, hash, counter, times and
    verdict stay, so that sending one again changes nothing. It cannot be taken back: make a copy of the database first.
    """
    config = given_config()
    # Only to tell what would be done, the database is left at the schema it has.
    with (opened if yes else looked_at)(config) as database:
        now = now_of(config, database)
        plan = thinning.plan(database, now - timedelta(days=days))
        told = (
            f"{len(plan.report_ids)} of {counted(plan.older, 'report')} older than {counted(days, 'day')} tell nothing"
            f" new; their envelopes take {plan.envelope_bytes / 1_000_000:.1f} MB."
        )
        if not yes:
            tell(f"{told} Nothing was changed; --yes drops them.")
            return
        dropped = thinning.drop(database, plan, days, operator(), now)
    tell(f"{told} {dropped} were dropped. The space is used for new reports; a VACUUM gives it back.")
