"""The command that brings a trust folder up to what its server has published meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import click

from certs.asking import AskedServer
from certs.cli_prompts import FOLDER
from certs.fetching import fetch_publication
from certs.terminal import tell


@click.command()
@FOLDER
@click.argument("url")
@click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The TLS authority to believe; else that of FOLDER, if it is there.",
)
def fetch(folder: Path, url: str, authority: Path | None) -> None:
    """Take over into FOLDER what the server at URL published, so that the next document builds on it.

    It is verified as a station would; a draft in FOLDER that it overtook is thrown away.
    """
    own = folder / "tls" / "authority.pem"
    believed = authority or (own if own.exists() else None)
    server = AskedServer(url, believed, undone="nothing was taken over")
    publication, discarded = fetch_publication(folder, server.fetch_trust_file, datetime.now(UTC))
    tell(f"{folder} holds what the server publishes: bundle {publication.number}")
    if discarded:
        tell(
            "the draft that waited in the folder was overtaken and is thrown away; build it anew:"
            f" curfew-certs draft {quote(str(folder))} NEXT.json"
        )
