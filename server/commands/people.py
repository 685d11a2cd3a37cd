"""The commands about people: accounts and API tokens."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import click
from sqlalchemy.orm import Session

from certs.terminal import tell
from policy.plain_text import printable
from policy.schemas.values import write_utc_time
from server.commands.settings import given_config, looked_at, now_of, opened, operator, takes_config
from server.config import Config
from server.people import people, sign_ins, tokens
from server.people.first_passwords import FirstPassword, new_first_password
from server.people.scopes import Scope

_AT_ONCE = 1000


@click.command("people")
@takes_config
@click.option("--role", type=click.Choice([r.value for r in people.Role]), help="Only those who have it.")
@click.option("--off/--on", "off", default=None, help="Only accounts that are off, or on.")
@click.option("--json", "as_json", is_flag=True, help="Print one object a line, for programs.")
def list_people(role: str | None, off: bool | None, as_json: bool) -> None:
    """List the accounts: name, roles, whether they are on, and when they last signed in."""
    wanted = people.WantedPeople(
        role=people.Role(role) if role else None, on=None if off is None else not off
    )
    after: str | None = ""
    with looked_at(given_config()) as database:
        while after is not None:
            with database.reading() as session:
                piece = people.list_people(session, wanted, people.PEOPLE_BY_NAME, after, _AT_ONCE)
            for one in piece.rows:
                tell(json.dumps(_facts(one), sort_keys=True) if as_json else _line(one))
            after = piece.next


def _line(one: people.Person) -> str:
    state = f"off since {one.off_since:%Y-%m-%d}" if one.off_since else "on"
    seen = f"last signed in {one.last_sign_in_at:%Y-%m-%d}" if one.last_sign_in_at else "never signed in"
    first = f", first password until {one.first_password_until:%Y-%m-%d}" if one.first_password_until else ""
    return f"{one.name}: {_named(one)} ({state}, {seen}{first})"


def _facts(one: people.Person) -> Mapping[str, object]:
    def time(value: datetime | None) -> str | None:
        return write_utc_time(value) if value else None

    return {
        "kind": "person",
        "name": one.name,
        "roles": sorted(role.value for role in one.roles),
        "on": one.off_since is None,
        "off_since": time(one.off_since),
        "made_at": time(one.made_at),
        "password_changed_at": time(one.password_changed_at),
        "first_password_until": time(one.first_password_until),
        "last_sign_in_at": time(one.last_sign_in_at),
    }


@click.command()
@takes_config
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice([r.value for r in people.Role]))
@click.option("--keep-password", is_flag=True, help="With --role: the password stays as it is.")
@click.option("--first-password", is_flag=True, help="Print a password that has to be changed, once.")
@click.option("--off/--on", "off", default=None, help="Switch the account off at once, or on again.")
@click.option("--sign-out", is_flag=True, help="End every sign-in; password and tokens stay.")
def person(
    name: str,
    roles: tuple[str, ...],
    keep_password: bool,
    first_password: bool,
    off: bool | None,
    sign_out: bool,
) -> None:
    """Make the account NAME, or give it a new password and roles; or switch it off or on.

    The password is asked for, or read from stdin. Off: no sign-in, and every session and token has ended for good.
    """
    # Exactly one of them; a first password goes with roles or without.
    if [bool(roles) or first_password, off is not None, sign_out].count(True) != 1:
        raise click.UsageError(
            "Name --role (several are possible), or one of --first-password, --off, --on and --sign-out."
        )
    if keep_password and (first_password or not roles):
        raise click.UsageError("--keep-password goes with --role, and without --first-password.")
    config, wanted = given_config(), [people.Role(role) for role in roles]
    if off is not None:
        _switch(config, name, on=not off)
    elif sign_out:
        with opened(config) as database, database.writing() as session:
            sign_ins.sign_out_everywhere(session, name, operator(), now_of(config, database))
        tell(f"{name} is signed out everywhere; password and tokens are as they were.")
    elif keep_password:
        with opened(config) as database, database.writing() as session:
            before = people.rights_without_anybody(session)
            made = people.set_roles(session, name, wanted, operator(), now_of(config, database))
            missing = people.rights_without_anybody(session)
        tell(f"{made.name} is {_named(made)} from now on.")
        _tell_lost(before, missing)
    elif first_password:
        _give_first_password(config, name, wanted)
    else:
        _give_password(config, name, wanted)


def _give_password(config: Config, name: str, roles: list[people.Role]) -> None:
    # Before the database is opened: nobody who thinks at a prompt holds it.
    password = _password()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            made = people.put_person(session, name, password, roles, operator(), now)
            sign_ins.end_all(session, made.person_id)
    if made.off_since is not None:
        tell(
            f"{made.name} is changed and stays off; switch it on:"
            f" curfew-server --config SERVER.env person {made.name} --on"
        )
        return
    tell(f"{made.name} can sign in as {_named(made)}.")


def _give_first_password(config: Config, name: str, roles: list[people.Role]) -> None:
    with opened(config) as database:
        now = now_of(config, database)
        first = new_first_password(now)
        with database.writing() as session:
            made = _with_first_password(session, name, roles, first, now)
    tell(f"{made.name} has to set a password of their own before {first.until:%Y-%m-%d %H:%M} UTC.", err=True)
    tell(first.text)


def _with_first_password(
    session: Session, name: str, roles: list[people.Role], first: FirstPassword, now: datetime
) -> people.Person:
    if roles and people.find_person(session, name) is None:
        accepted = people.accepted_name(name)
        return people.add_person(
            session, accepted, first.hash, frozenset(roles), first.until, operator(), now
        )
    if roles:
        people.set_roles(session, name, roles, operator(), now)
    return sign_ins.give_first_password(session, name, first, operator(), now)


def _switch(config: Config, name: str, on: bool) -> None:
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            before = people.rights_without_anybody(session)
            switched = sign_ins.switch_person(session, name, on, operator(), now)
            missing = people.rights_without_anybody(session)
    if on:
        tell(
            f"{switched.name} is on and can sign in; new tokens:"
            f" curfew-server --config SERVER.env token {switched.name}"
        )
        return
    tell(f"{switched.name} is off: no sign-in, and every session and token has ended.")
    _tell_lost(before, missing)


def _tell_lost(before: Sequence[people.Right], after: Sequence[people.Right]) -> None:
    # It is not refused: an account that is misused has to stop now, and this command line can always make another.
    lost = [right for right in after if right not in before]
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
@click.option("--for", "used_by", default="made on the command line", help="What will use it.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([one.value for one in Scope]),
    help="What it may do; all that NAME may, unless given.",
)
@click.option("--days", type=int, help=f"When it ends; in {tokens.DAYS} days unless given.")
def token(name: str, used_by: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Print an API token for the person NAME; it is shown this once."""
    config = given_config()
    wanted = tokens.WantedToken(
        used_by,
        [Scope(one) for one in scopes] or None,
        min(tokens.DAYS, config.token_days) if days is None else days,
        config.token_days,
    )
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            made = tokens.issue_token(session, name, operator(), now, wanted)
    # Alone: scripts take all that is printed. `curfew-server tokens` tells its id and end.
    tell(made.secret)


@click.command("tokens")
@takes_config
@click.option("--owner", help="Only those of this person.")
@click.option("--json", "as_json", is_flag=True, help="Print one object a line, for programs.")
def list_tokens(owner: str | None, as_json: bool) -> None:
    """List the API tokens, the next to end first: id, owner, use, scopes, and when each was last used."""
    after: str | None = ""
    with looked_at(given_config()) as database:
        while after is not None:
            with database.reading() as session:
                wanted = tokens.WantedTokens(owner)
                piece = tokens.list_tokens(session, wanted, tokens.TOKENS_BY_END, after, _AT_ONCE)
            for one in piece.rows:
                tell(json.dumps(_token_facts(one), sort_keys=True) if as_json else _token_line(one))
            after = piece.next


@click.command()
@takes_config
@click.argument("token_id")
def end_token(token_id: str) -> None:
    """End the API token with that id, as `curfew-server tokens` lists it."""
    config = given_config()
    with opened(config) as database, database.writing() as session:
        now = now_of(config, database)
        ended = tokens.take_token_away(session, token_id, None, operator(), now)
    tell(f"The token {printable(ended.name)!r} of {ended.owner} has ended.")


def _token_line(one: tokens.Token) -> str:
    scopes = ", ".join(sorted(scope.value for scope in one.scopes))
    used = f"last used on {one.last_used_on}" if one.last_used_on else "never used"
    return (
        f"{one.token_id} {one.owner}: {printable(one.name)} ({scopes}; ends {one.ends_at:%Y-%m-%d}, {used})"
    )


def _token_facts(one: tokens.Token) -> Mapping[str, object]:
    return {
        "kind": "token",
        "token_id": one.token_id,
        "owner": one.owner,
        "name": one.name,
        "scopes": sorted(scope.value for scope in one.scopes),
        "made_at": write_utc_time(one.made_at),
        "ends_at": write_utc_time(one.ends_at),
        "last_used_on": one.last_used_on and one.last_used_on.isoformat(),
    }


def _named(made: people.Person) -> str:
    return ", ".join(sorted(role.value for role in made.roles))


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    # Only the line's end goes: blanks may belong to the password.
    return sys.stdin.readline().rstrip("\n")
