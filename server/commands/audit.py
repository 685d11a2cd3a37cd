"""The command for auditors: whether the audit chain is whole, and whether what the stations saw still stands in it."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy.orm import Session

from certs.errors import EnvelopeRefused
from certs.terminal import tell
from policy.counted import counted
from server.commands.settings import given_config, opened, takes_config
from server.evidence.audit import HeadSigner, verify_chain, verify_witness

_REWRITTEN = "Keep the database and this file as they are, and compare with the newest backup from before."


@click.group()
def audit() -> None:
    """Look into the chain of what people and stations changed."""


@audit.command()
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
    """
    config = given_config()
    with opened(config) as database, database.reading() as session:
        check = verify_chain(session)
        if not check.whole:
            tell(f"The chain is broken after row {check.rows}: {check.fault}. {_REWRITTEN}", err=True)
            return 1
        tell(f"The chain is whole: {counted(check.rows, 'row')}.")
        key = HeadSigner(config.audit_key).public_key_pem
        return max((_compared(session, file, key) for file in files), default=0)


def _compared(session: Session, file: Path, audit_key_pem: bytes) -> int:
    heads = file.read_bytes().splitlines()
    for number, line in enumerate(heads, start=1):
        try:
            stands = verify_witness(session, line, audit_key_pem)
        except (EnvelopeRefused, ValueError, KeyError) as error:
            tell(
                f"{file}, line {number}: expected a head signed by this server, found none: {error}", err=True
            )
            return 1
        if not stands:
            tell(f"{file}, line {number}: this station saw a head that is not in the chain any more. The chain was"
                 f" rewritten. {_REWRITTEN}", err=True)  # fmt: skip
            return 1
    tell(f"{file}: all {counted(len(heads), 'head')} that this station saw stand in the chain.")
    return 0
