"""The commands that make a server ready: its folder, its schema, what it publishes."""

from __future__ import annotations

import secrets
from pathlib import Path
from shlex import quote

import click
from cryptography.fernet import Fernet

from certs.durable import create_private_file, make_private_folder
from certs.keys import create_key
from certs.logs import Log
from certs.terminal import tell
from server.commands.settings import given_config, opened, operator, takes_config
from server.exemptions.recording import record_exemptions
from server.policies import publishing

_log = Log(__name__)


@click.command()
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
    make_private_folder(folder)
    # Typed here, and to be found from there: relative paths in the file are taken from its own folder.
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
    # Refused where there is one already: what was stored under its keys could not be opened any more.
    create_private_file(folder / "server.env", ("\n".join(lines) + "\n").encode())
    create_key(folder / "audit.key")
    tell(
        f"Made {folder / 'server.env'}. Next: curfew-server --config {quote(str(folder / 'server.env'))} publish"
        f" {quote(str(trust))}"
    )


@click.command()
@takes_config
def migrate() -> None:
    """Bring the database to the newest schema; serve does this too."""
    with opened(given_config()):
        tell("The database has the newest schema.")


@click.command()
@takes_config
@click.argument("trust_folder", type=click.Path(path_type=Path))
def publish(trust_folder: Path) -> None:
    """Verify what is published in TRUST_FOLDER and serve it from now on."""
    config = given_config()
    with opened(config) as database:
        published = publishing.publish(database, config, trust_folder, operator(), record_exemptions)
    publication = published.publication
    named = f"Bundle {publication.number} ({publication.policy.name})"
    if not published.is_new:
        also = "its timestamp was renewed from the folder" if published.renewed else "nothing was changed"
        tell(f"{named} is already published as number {publication.number}; {also}.")
        return
    _log.info("bundle published", number=publication.number, demo=publication.demo)
    demo = " It is demo trust: virtual phones are accepted." if publication.demo else ""
    tell(f"{named} is published.{demo}")
