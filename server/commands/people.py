"""The commands about people: accounts and API tokens."""

from __future__ import annotations

import sys

import click

from certs.terminal import tell
from server.commands.settings import given_config, now_of, opened, operator, takes_config
from server.config import Config
from server.people import people, sign_ins


@click.command()
@takes_config
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice([r.value for r in people.Role]))
@click.option("--off/--on", "off", default=None, help="Switch the account off at once, or on again.")
def person(name: str, roles: tuple[str, ...], off: bool | None) -> None:
    """Make the account NAME, or give it a new password and roles; or switch it off or on.

    The password is asked for, or read from stdin. Off: no sign-in, and every session and token has ended for good.
    """
    # Exactly one of the two.
    if (off is None) is (not roles):
        raise click.UsageError("Name --role (several are possible), or one of --off and --on.")
    config = given_config()
    if off is not None:
        _switch(config, name, on=not off)
        return
    # Before the database is opened: nobody who thinks at a prompt holds it.
    password = _password()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            made = people.put_person(session, name, password, map(people.Role, roles), operator(), now)
            sign_ins.end_all(session, made.person_id)
    if made.off_since is not None:
        tell(
            f"{made.name} is changed and stays off; switch it on:"
            f" curfew-server --config SERVER.env person {made.name} --on"
        )
        return
    tell(f"{made.name} can sign in as {', '.join(sorted(role.value for role in made.roles))}.")


def _switch(config: Config, name: str, on: bool) -> None:
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            switched = sign_ins.switch_person(session, name, on, operator(), now)
            missing = people.rights_without_anybody(session)
    if on:
        tell(
            f"{switched.name} is on and can sign in; new tokens:"
            f" curfew-server --config SERVER.env token {switched.name}"
        )
        return
    tell(f"{switched.name} is off: no sign-in, and every session and token has ended.")
    # It is not refused: an account that is misused has to stop now, and this command line can always make another.
    lost = [right for right in missing if switched.may(right)]
    if lost:
        roles = sorted({role.value for right in lost for role in people.roles_with(right)})
        tell(
            f"Nobody who is on may now {', '.join(right.value for right in lost)}. Make or change an account with"
            f" `curfew-server --config SERVER.env person NAME --role ROLE`, ROLE among {', '.join(roles)}.",
            err=True,
        )


@click.command()
@takes_config
@click.argument("name")
def token(name: str) -> None:
    """Print an API token for the person NAME; it is shown this once."""
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            made = sign_ins.issue_token(session, name, operator(), now)
    tell(made)


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    # Only the line's end goes: blanks may belong to the password.
    return sys.stdin.readline().rstrip("\n")
