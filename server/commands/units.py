"""The commands about units: which phones belong to which."""

from __future__ import annotations

from pathlib import Path

import click

from certs.lazy_commands import CommandAt, LazyGroup
from certs.terminal import tell
from policy.counted import counted
from server.commands.settings import given_config, now_of, opened, operator, takes_config
from server.errors import Malformed
from server.fleet.units import read_units, set_units


@click.group(
    cls=LazyGroup,
    commands_at={
        "import": CommandAt(
            "server.commands.units:import_units",
            "Say by a CSV which unit phones belong to.",
            (
                "curfew-server units import units.csv --dry-run",
                "curfew-server units import units.csv",
            ),
        )
    },
)
def units() -> None:
    """Group phones by the organisation's units, for rehearsals."""


@click.command("import")
@takes_config
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only tell what would be changed.")
def import_units(file: Path, dry_run: bool) -> None:
    """Set the units of the phones in FILE: a CSV with the columns unit and phone_id, or unit and label.

    All of them are set, or none where a phone is not known. An empty unit takes a phone out of its unit. A unit is a
    label of the organisation's own and names no person.
    """
    config = given_config()
    try:
        wanted = read_units(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed(
            "units_malformed", f"expected {file} in UTF-8, found something else", "Save it as UTF-8."
        ) from error
    with opened(config) as database, database.writing() as session:
        done = set_units(session, wanted, operator(), now_of(config, database), dry_run=dry_run)
    moved = (
        f"{counted(done.changed, 'phone')} {'would be' if dry_run else 'are now'} in another unit than before"
    )
    tell(f"{moved}; {counted(done.unchanged, 'phone')} were in theirs already.")
