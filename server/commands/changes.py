"""The command that tells what changed in the fleet."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from certs.terminal import tell
from policy.counted import counted
from server.commands.settings import given_config, now_of, opened, takes_config
from server.fleet.changes import COUNTED, Change, tell_changes

_SHOWN = 20
_WORDS = {
    Change.VIOLATING: "newly violating",
    Change.BLOCKED: "newly to block",
    Change.SWITCHED_OFF: "newly switched off",
    Change.RESTORED: "put back",
    Change.COMPLYING: "complying again",
    Change.SILENT: "newly silent",
    Change.HANDED_BACK: "handed back",
    Change.NEW: "new",
}


@click.command()
@takes_config
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 24 * 366), help="Since how long ago."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as one object.")
def changes(hours: int, as_json: bool) -> None:
    """Tell which phones changed since yesterday: how many in each way, and the first of them."""
    with opened(given_config()) as database, database.reading() as session:
        now = now_of(given_config(), database)
        told = tell_changes(session, now, now - timedelta(hours=hours), _SHOWN)
    if as_json:
        tell(
            json.dumps(
                {
                    change.value: {
                        "phones": min(one.count, COUNTED),
                        "more": one.count > COUNTED or one.may_be_more,
                        "first": [{"phone_id": c.row.phone_id, "at": c.at.isoformat()} for c in one.first],
                    }
                    for change, one in told.items()
                }
            )
        )
        return
    for change, one in told.items():
        more = "more than " if one.count > COUNTED else "at least " if one.may_be_more else ""
        tell(f"{_WORDS[change]}: {more}{counted(min(one.count, COUNTED), 'phone')}")
        for changed in one.first:
            row = changed.row
            tell(f"  {changed.at:%Y-%m-%d %H:%M}  {row.phone_id}  {row.label or row.model}")
        if one.count > len(one.first):
            tell("  ... all of them: the page /changes, or GET /api/v1/changes")
