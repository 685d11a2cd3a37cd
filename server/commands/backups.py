"""The commands that copy a server into one file, and stand it up again from it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import click

from certs.terminal import tell
from server.commands.settings import given_config, given_config_file, now_of, opened, operator, takes_config
from server.evidence import audit
from server.fleet.block_changes import forget_cursors
from server.maintenance.backup import make_backup
from server.maintenance.restore import restore_backup
from server.policies import publishing


@click.command()
@takes_config
@click.argument("to", type=click.Path(path_type=Path))
def backup(to: Path) -> None:
    """Copy all that the server needs into the one file TO, or into the folder TO.

    The database, as it is at one moment, whoever writes meanwhile; the settings with their secrets; the keys and
    certificates that they name. Not in it: the keys of root, approvers and fleet, and the organisation's key, which no
    server has.
    """
    made = make_backup(given_config(), to, datetime.now(UTC))
    tell(
        f"{made.path}: {made.size_bytes / 1_000_000:.1f} MB, schema {made.manifest.schema}, with its secrets."
    )
    for missing in made.missing:
        tell(f"NOT IN IT: {missing}, which the settings name, is not there.", err=True)
    tell(
        "KEEP IT LIKE THE SERVER ITSELF: whoever reads this file can read who has which phone and stand in for the"
        " server. It is closed to others here; encrypt it before it travels.",
        err=True,
    )


@click.command()
@takes_config
@click.option("--replace", is_flag=True, help="Overwrite the server that is there; stop it before.")
@click.argument("archive", metavar="FROM", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def restore(archive: Path, replace: bool) -> None:
    """Stand the server of the backup FROM up again, around the server.env that --config names.

    Keys and certificates go beside that file, and so does an SQLite database; PostgreSQL's goes where the backup says.
    A server that is replaced keeps its place for the database, and CURFEW_DATABASE_URL in the environment names
    another. Everything is verified before anything is changed.
    """
    env_file = given_config_file()
    manifest = restore_backup(archive, env_file, replace, os.environ)
    config = given_config()
    with opened(config) as database:
        now = now_of(config, database)
        with database.writing() as session:
            detail = {"made_at": manifest.made_at, "version": manifest.version, "schema": manifest.schema}
            audit.record(session, operator(), "database restored", "backup", detail, now)
            publishing.renew_above_all_seen(session, config, now)
            forget_cursors(session)
    tell(
        f"Restored what Curfew {manifest.version} had stored at {manifest.made_at}. Next: curfew-server --config"
        f" {quote(str(env_file))} check"
    )
    tell(
        "What came after that moment is not there. Publish the newest trust again, and repeat what was revoked or"
        " switched off since. Phones stand as they stood until their next check, and stations that saw more of the"
        " audit chain say so and raise an alarm.",
        err=True,
    )
