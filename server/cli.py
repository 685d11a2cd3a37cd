"""``curfew-server``: prepare, migrate, publish, serve; make people, tokens and enrolment codes; revoke stations."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography.fernet import Fernet

from certs.durable import create_private_file
from certs.errors import CertsError
from certs.keys import create_key
from server import audit, enrolment, people, publishing, sign_ins, stations, thinning
from server.bundles import require_demo_root
from server.clock import Clock
from server.config import Config, read_config
from server.database import Database
from server.errors import ConfigurationRefused, RequestRefused, ServerError
from server.migrating import migrate as migrate_database
from server.serving import serve as serve_until_stopped

_ACTOR = "command line"
_HOURS_MAX = 24 * 7
_Command = Callable[..., None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 refused (one sentence on stderr), 2 wrongly typed."""
    try:
        result = cli.main(
            args=None if argv is None else list(argv), prog_name="curfew-server", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("stopped; nothing was changed", err=True)
        return 1
    except RequestRefused as error:
        click.echo(f"curfew-server: {error.message}. {error.next_step}", err=True)
        return 1
    except (ServerError, CertsError) as error:
        click.echo(f"curfew-server: {error}", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _remember_config(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.find_root().obj = value


def _takes_config(command: Any) -> Any:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember_config,
        help="The server.env to use; ./server.env unless given.",
    )(command)


@click.group()
@_takes_config
def cli() -> None:
    """Run the authority of Curfew."""


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--url", default="https://127.0.0.1:8443", show_default=True, help="The address that stations use."
)
@click.option(
    "--trust",
    default=Path("trust"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder curfew-certs made: its tls/ and online keys are used.",
)
def init(folder: Path, url: str, trust: Path) -> None:
    """Make FOLDER with a server.env of fresh secrets and a key for the audit chain."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationRefused(
            f"{folder} cannot be made: {error.strerror}; choose another folder"
        ) from error
    trust = trust.resolve()
    lines = [
        f"CURFEW_DATABASE_URL=sqlite:///{folder.resolve() / 'curfew.sqlite'}",
        f"CURFEW_SECRET_KEY={secrets.token_urlsafe(32)}",
        f"CURFEW_HOLDER_KEY={Fernet.generate_key().decode()}",
        "CURFEW_AUDIT_KEY=audit.key",
        f"CURFEW_PUBLIC_URL={url}",
        f"CURFEW_TLS_FOLDER={trust / 'tls'}",
        f"CURFEW_TRUST_KEYS={trust / 'keys'}",
    ]
    create_private_file(folder / "server.env", ("\n".join(lines) + "\n").encode())
    create_key(folder / "audit.key")
    click.echo(
        f"Made {folder / 'server.env'}. Next: curfew-server --config {folder / 'server.env'} publish {trust}"
    )


@cli.command()
@_takes_config
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8443, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="One per core.")
def serve(host: str, port: int, workers: int) -> None:
    """Bring the database to the newest schema, then serve over HTTPS until stopped."""
    config = _config()
    with _opened(config):
        pass
    click.echo(f"Serving on https://{host}:{port}; stop with Ctrl-C.", err=True)
    serve_until_stopped(config, host, port, workers)


@cli.command()
@_takes_config
def migrate() -> None:
    """Bring the database to the newest schema; serve does this too."""
    with _opened(_config()):
        click.echo("The database has the newest schema.")


@cli.command()
@_takes_config
@click.argument("trust_folder", type=click.Path(path_type=Path))
def publish(trust_folder: Path) -> None:
    """Verify what is published in TRUST_FOLDER and serve it from now on."""
    config = _config()
    with _opened(config) as database:
        publication = publishing.publish(database, config, trust_folder, _ACTOR)
    demo = " It is demo trust: virtual phones are accepted." if publication.demo else ""
    click.echo(f"Bundle {publication.number} ({publication.policy.name}) is published.{demo}")


@cli.command()
@_takes_config
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice([r.value for r in people.Role]))
@click.option("--off/--on", "off", default=None, help="Switch the account off at once, or on again.")
def person(name: str, roles: tuple[str, ...], off: bool | None) -> None:
    """Make the account NAME, or give it a new password and roles; or switch it off or on.

    The password is asked for, or read from stdin. Off: no sign-in, and every session and token has ended for good.
    """
    if (off is None) is (not roles):
        raise click.UsageError("Name --role (several are possible), or one of --off and --on.")
    config = _config()
    if off is not None:
        _switch(config, name, on=not off)
        return
    password = _password()
    with _opened(config) as database:
        now = _now(config, database)
        with database.writing() as session:
            made = people.put_person(session, name, password, map(people.Role, roles), _ACTOR, now)
    if made.off_since is not None:
        click.echo(
            f"{made.name} is changed and stays off; switch it on: curfew-server person {made.name} --on"
        )
        return
    click.echo(f"{made.name} can sign in as {', '.join(sorted(role.value for role in made.roles))}.")


def _switch(config: Config, name: str, on: bool) -> None:
    with _opened(config) as database:
        now = _now(config, database)
        with database.writing() as session:
            switched = sign_ins.switch_person(session, name, on, _ACTOR, now)
            missing = people.rights_without_anybody(session)
    if on:
        click.echo(f"{switched.name} is on and can sign in; new tokens: curfew-server token {switched.name}")
        return
    click.echo(f"{switched.name} is off: no sign-in, and every session and token has ended.")
    # It is not refused: an account that is misused has to stop now, and this command line can always make another.
    lost = [right for right in missing if switched.may(right)]
    if lost:
        roles = sorted({role.value for right in lost for role in people.roles_with(right)})
        click.echo(
            f"Nobody who is on may now {', '.join(right.value for right in lost)}. Make or change an account:"
            f" curfew-server person NAME --role ROLE, with ROLE among {', '.join(roles)}.",
            err=True,
        )


@cli.command("enrolment-code")
@_takes_config
@click.option("--for", "made_for", default="", help="Whom the code is for; shown in the audit chain.")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, _HOURS_MAX))
def enrolment_code(made_for: str, hours: int) -> None:
    """Print a code that enrols one station, once."""
    config = _config()
    with _opened(config) as database:
        now = _now(config, database)
        with database.writing() as session:
            code = enrolment.new_code(session, config, made_for[:100], now + timedelta(hours=hours), now)
            audit.record(session, _ACTOR, "enrolment code made", made_for[:100], {"hours": hours}, now)
    click.echo(f"Good for one station within {hours} hours; give it to nobody else.", err=True)
    click.echo(code.line())


@cli.command()
@_takes_config
@click.argument("station_id")
def revoke(station_id: str) -> None:
    """Refuse everything STATION_ID sends from now on."""
    config = _config()
    with _opened(config) as database:
        now = _now(config, database)
        with database.writing() as session:
            revoked = stations.revoke_station(session, station_id, now)
            if revoked:
                audit.record(session, _ACTOR, "station revoked", station_id, {}, now)
    click.echo("Revoked." if revoked else "It was revoked before.")


@cli.command()
@_takes_config
@click.option("--older-than", "days", required=True, type=click.IntRange(1), help="Days since the check.")
@click.option("--yes", is_flag=True, help="Do it; without this, only tell what would be done.")
def thin(days: int, yes: bool) -> None:
    """Drop the signed envelopes of old reports in which nothing changed.

    Kept whole: the latest of each phone, the newest with its ledger, every report that differs from the one before or
    in which something was done, and what an alarm or the audit chain names. Of the others id, hash, counter, times and
    verdict stay, so that sending one again changes nothing. It cannot be taken back: make a copy of the database first.
    """
    config = _config()
    with _opened(config) as database:
        now = _now(config, database)
        plan = thinning.plan(database, now - timedelta(days=days))
        told = (
            f"{len(plan.report_ids)} of {plan.older} reports older than {days} days tell nothing new;"
            f" their envelopes take {plan.envelope_bytes / 1_000_000:.1f} MB."
        )
        if not yes:
            click.echo(f"{told} Nothing was changed; --yes drops them.")
            return
        dropped = thinning.drop(database, plan, days, _ACTOR, now)
    click.echo(f"{told} {dropped} were dropped. The space is used for new reports; a VACUUM gives it back.")


@cli.command()
@_takes_config
@click.argument("name")
def token(name: str) -> None:
    """Print an API token for the person NAME; it is shown this once."""
    config = _config()
    with _opened(config) as database:
        now = _now(config, database)
        with database.writing() as session:
            made = sign_ins.issue_token(session, name, _ACTOR, now)
    click.echo(made)


def _config() -> Config:
    return read_config(click.get_current_context().find_root().obj or Path("server.env"))


@contextmanager
def _opened(config: Config) -> Iterator[Database]:
    """Lend the database at its newest schema, and give every connection back."""
    database = Database(config.database_url)
    try:
        migrate_database(database)
        yield database
    finally:
        database.close()


def _now(config: Config, database: Database) -> datetime:
    if config.story_clock is not None:
        require_demo_root(database)
    return Clock(config.story_clock).now()


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
