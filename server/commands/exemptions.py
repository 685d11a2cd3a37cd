"""The commands about exemptions: what pages do of asking for them, for whoever runs the server."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from certs.lazy_commands import CommandAt, LazyGroup
from certs.terminal import tell
from policy.exemption_reasons import ExemptionReason
from policy.plain_text import printable
from server.commands.settings import given_config, looked_at, now_of, opened, operator, takes_config
from server.exemptions import requests as kept
from server.exemptions.known import ExemptionState, known_exemptions
from server.exemptions.requests import REQUESTS_NEWEST, ExemptionRequest, RequestState, Wanted
from server.people.people import Right, person_with

_LISTED = 1000
_REQUEST_ID = click.argument("request_id", type=click.IntRange(1))
_BY = click.option("--by", "name", required=True, metavar="NAME", help="The account that answers for it.")


@click.group(
    cls=LazyGroup,
    commands_at={
        "list": CommandAt(
            "server.commands.exemptions:list_",
            "List the exemptions, the next to end first.",
            ("curfew-server exemptions list", "curfew-server exemptions list --all"),
        ),
        "requests": CommandAt(
            "server.commands.exemptions:requests",
            "List what is asked for.",
            ("curfew-server exemptions requests",),
        ),
        "ask": CommandAt(
            "server.commands.exemptions:ask",
            "Ask for an exemption of one phone.",
            (
                "curfew-server exemptions ask CW-17 --until 2027-04-01T12:00Z \\",
                "    --reason travel --by desk-1",
            ),
        ),
        "withdraw": CommandAt(
            "server.commands.exemptions:withdraw",
            "Take a request back.",
            ("curfew-server exemptions withdraw 4 --by desk-1",),
        ),
        "refuse": CommandAt(
            "server.commands.exemptions:refuse",
            "Refuse a request.",
            ("curfew-server exemptions refuse 4 --by approver-1 --why 'a bench is near'",),
        ),
    },
)
def exemptions() -> None:
    """Ask for exemptions; the fleet key signs them, on its own machine."""


@click.command("list")
@takes_config
@click.option("--all", "all_", is_flag=True, help="Those that have ended, too.")
def list_(all_: bool) -> None:
    """List which phones are exempt until when, and why."""
    config = given_config()
    with looked_at(config) as database:
        now = now_of(config, database)
        with database.reading() as session:
            known = known_exemptions(session, now)
    shown = [one for one in known if all_ or one.state is ExemptionState.IN_FORCE]
    for one in shown:
        mark = "  ends soon" if one.ends_soon(now) else ""
        if one.ended_at:
            mark = f"  {one.state.value} {one.ended_at:%Y-%m-%d %H:%M}Z"
        tell(f"{one.exemption.phone_id}  {one.exemption.until:%Y-%m-%d %H:%M}Z  {one.exemption.reason}{mark}")
    if not shown:
        tell("No phone is exempt.", err=True)


@click.command()
@takes_config
@click.option("--all", "all_", is_flag=True, help="Those that have ended, too.")
def requests(all_: bool) -> None:
    """List the requests that wait for an approver."""
    config = given_config()
    with looked_at(config) as database:
        now = now_of(config, database)
        with database.reading() as session:
            found = kept.list_requests(session, None if all_ else True, REQUESTS_NEWEST, "", _LISTED, now)
    for one in found.rows:
        tell(_line(one))
    if not found.rows:
        tell("Nobody asks for an exemption.", err=True)


@click.command()
@takes_config
@click.argument("phone")
@click.option(
    "--until",
    required=True,
    type=click.DateTime(["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"]),
    help="When it is to end, in UTC, like 2027-04-01T12:00Z.",
)
@click.option("--reason", required=True, type=click.Choice([one.value for one in ExemptionReason]))
@_BY
def ask(phone: str, until: datetime, reason: str, name: str) -> None:
    """Ask that nothing is disabled on PHONE (its label or id) for a while; an approver signs that or refuses it."""
    config = given_config()
    wanted = Wanted(phone, until.replace(tzinfo=UTC), ExemptionReason(reason))
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            asker = person_with(session, name, Right.REQUEST_EXEMPTION)
            outcome = kept.ask(session, config, wanted, asker, operator(), now)
    tell(f"Asked: {_line(outcome.settled())}. Nothing changes until the fleet key signs it.")


@click.command()
@takes_config
@_REQUEST_ID
@_BY
def withdraw(request_id: int, name: str) -> None:
    """Take request REQUEST_ID back, for whoever has asked."""
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            asker = person_with(session, name, Right.REQUEST_EXEMPTION)
            outcome = kept.withdraw(session, request_id, asker, operator(), now)
    tell(_line(outcome.settled()))


@click.command()
@takes_config
@_REQUEST_ID
@_BY
@click.option("--why", required=True, help="For whoever asked to read; no person's story.")
def refuse(request_id: int, name: str, why: str) -> None:
    """Refuse request REQUEST_ID."""
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            person_with(session, name, Right.DECIDE_EXEMPTION)
            outcome = kept.refuse(session, request_id, why, operator(), now)
    tell(_line(outcome.settled()))


def _line(one: ExemptionRequest) -> str:
    state = one.state.value
    if one.state is RequestState.REFUSED:
        state = f"refused ({printable(one.why)})"
    wanted = one.exemption
    return (
        f"{one.request_id}: {wanted.phone_id} until {wanted.until:%Y-%m-%d %H:%M}Z, {wanted.reason},"
        f" asked by {printable(one.asked_by)}, {state}"
    )
