"""The commands about stations: one joins by a code, one is refused from now on."""

from __future__ import annotations

from datetime import timedelta

import click

from certs.terminal import tell
from policy.counted import counted
from policy.plain_text import printable
from server.commands.settings import given_config, now_of, opened, operator, takes_config
from server.evidence import audit
from server.stations import enrolment, stations

_HOURS_MAX = 24 * 7
_TEXT_MAX_LENGTH = 100


@click.command("enrolment-code")
@takes_config
@click.option("--for", "made_for", default="anybody", help="Whom the code is for; shown in the audit chain.")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, _HOURS_MAX))
def enrolment_code(made_for: str, hours: int) -> None:
    """Print a code that enrols one station, once."""
    config = given_config()
    made_for = printable(made_for)[:_TEXT_MAX_LENGTH]
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            code = enrolment.new_code(session, config, made_for, now + timedelta(hours=hours), now)
            audit.record(session, operator(), "enrolment code made", made_for, {"hours": hours}, now)
    # stdout has the code alone, so that it can be handed on by a pipe.
    tell(f"Good for one station within {counted(hours, 'hour')}; give it to nobody else.", err=True)
    tell(code.line())


@click.command()
@takes_config
@click.argument("station_id")
@click.option("--reason", default="", help="Why; shown in the audit chain.")
def revoke(station_id: str, reason: str) -> None:
    """Refuse everything STATION_ID sends from now on."""
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            revoked = stations.revoke_station(session, station_id, now)
            if revoked:
                name = stations.station_names(session, [station_id])[station_id]
                detail = {"name": name, "reason": printable(reason)[:_TEXT_MAX_LENGTH] or "not said"}
                audit.record(session, operator(), "station revoked", station_id, detail, now)
    tell("Revoked." if revoked else "It was revoked before.")
