"""The command of whoever kept heads of a server's audit chain: does what the server answers still fit them?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from certs.audit_chain import AuditHead, ChainCheck, check_chain
from certs.cli_prompts import api_token
from certs.durable import write_durably
from certs.served_chain import ServedChain, link
from certs.terminal import tell
from certs.witness import read_witness, told


@click.command("verify-witness")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--server", "url", required=True, help="The server's address, by https.")
@click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The TLS authority to believe (tls/authority.pem of the trust folder); else this computer's.",
)
@click.option(
    "--keep", is_flag=True, help="Add the newest head to FILE if all fits, so that FILE witnesses it, too."
)
def verify_witness(file: Path, url: str, authority: Path | None, keep: bool) -> int:
    """Ask a running server for its whole audit chain and compare it with the heads in FILE.

    FILE is a station's audit_heads.jsonl, or was begun by --keep. The chain is computed here; the server is not
    believed. An auditor's API token is read from CURFEW_TOKEN, else asked for.
    """
    chain = ServedChain(link(url, authority, api_token()))
    begins = keep and not file.exists()
    witnesses = [] if begins else [read_witness(file, chain.audit_key_pem)]
    seen = [head for witness in witnesses for head in witness.heads]
    check = check_chain(chain.rows(), chain.head, seen)
    for sentence, is_good in told(check, witnesses):
        tell(sentence, err=not is_good)
    if check.fits and keep:
        _keep(file, chain, check, seen)
    return 0 if check.fits else 1


def _keep(file: Path, chain: ServedChain, check: ChainCheck, seen: Sequence[AuditHead]) -> None:
    signed, head = chain.signed_head, chain.head()
    # What fits has a head: that there is none was found before.
    assert signed is not None
    # The same head, perhaps signed once more, is no news.
    if seen[-1:] != [head]:
        lines = file.read_bytes().splitlines() if seen else []
        write_durably(file, b"".join(line + b"\n" for line in [*lines, signed]))
    tell(f"{file}: keeps the head of row {check.rows}.")
