"""The command for auditors: whether the audit chain is whole, and whether what the stations saw still stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from certs.audit_chain import ChainCheck
from certs.errors import WitnessRefused
from certs.lazy_commands import CommandAt, LazyGroup
from certs.terminal import tell
from certs.witness import Witness, read_witness, told
from server.commands.settings import given_config, looked_at, not_migrated, now_of, takes_config
from server.config import Config
from server.errors import StorageUnavailable
from server.evidence.audit import HeadSigner, verify_chain
from server.evidence.chain_trouble import raise_trouble
from server.storage.database import Database


@click.group(
    cls=LazyGroup,
    commands_at={
        "verify": CommandAt(
            "server.commands.audit:verify",
            "Walk the whole chain, and compare it with kept heads.",
            (
                "curfew-server audit verify",
                "curfew-server audit verify --witness bench-2/audit_heads.jsonl",
            ),
        )
    },
)
def audit() -> None:
    """Look into the chain of what people and stations changed."""


@click.command()
@takes_config
@click.option(
    "--witness",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A station's audit_heads.jsonl: what it saw must still stand in the chain. May be given several times.",
)
def verify(files: tuple[Path, ...]) -> int:
    """Walk the whole chain, and compare it with the heads that stations have kept.

    The database alone cannot tell that its newest rows were cut off together with its head: the stations' files can.
    It is only read, and never migrated; what is found is raised as an alarm.
    """
    config = given_config()
    witnesses, wrong = _read(files, config)
    with looked_at(config) as database:
        with database.reading() as session:
            seen = [head for witness in witnesses for head in witness.heads]
            check = verify_chain(session, seen)
        now = now_of(config, database)
    for sentence, is_good in told(check, witnesses):
        tell(sentence, err=not is_good)
    for sentence in wrong:
        tell(sentence, err=True)
    if not check.fits:
        with not_migrated(config) as writable:
            _raise(writable, check, now)
    return 0 if check.fits and not wrong else 1


def _read(files: Sequence[Path], config: Config) -> tuple[list[Witness], list[str]]:
    """Return the files that hold heads, and a sentence about each that does not."""
    if not files:
        return [], []
    key = HeadSigner(config.audit_key).public_key_pem
    witnesses, wrong = [], []
    for file in files:
        try:
            witnesses.append(read_witness(file, key))
        except WitnessRefused as error:
            wrong.append(str(error))
    return witnesses, wrong


def _raise(database: Database, check: ChainCheck, now: datetime) -> None:
    try:
        with database.writing() as session:
            raised = raise_trouble(session, check, now)
    except StorageUnavailable as error:
        tell(f"No alarm could be raised about it: {error}.", err=True)
        return
    known = "An alarm was raised" if raised else "An alarm about it was raised before"
    tell(f"{known}; see the page Alarms.", err=True)
