"""The heads that a station or a signer kept of a server's audit chain, and what comparing them with it has shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from certs.audit_chain import AuditHead, ChainCheck, open_head
from certs.envelope import UnverifiedEnvelope
from certs.errors import EnvelopeRefused, WitnessRefused
from policy.counted import counted

KEEP = "Keep the database and this file as they are, and compare with the newest backup from before."


@dataclass(frozen=True)
class Witness:
    """One file of heads, in the order in which they were seen; line 1 holds the first."""

    file: Path
    heads: tuple[AuditHead, ...]


def read_witness(file: Path, audit_key_pem: bytes) -> Witness:
    """Return the heads in `file`, each verified; raises `WitnessRefused` for a file of anything else."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise WitnessRefused(
            f"{file}: expected a file of heads, found none to read ({error.strerror}); a station keeps its own in"
            " audit_heads.jsonl"
        ) from error
    if not lines:
        raise WitnessRefused(f"{file}: expected a head signed by this server, found an empty file")
    return Witness(
        file, tuple(_head(file, number, line, audit_key_pem) for number, line in enumerate(lines, start=1))
    )


def told(check: ChainCheck, witnesses: Sequence[Witness]) -> Iterator[tuple[str, bool]]:
    """Yield sentences about the chain and about each file, each with whether it tells of something good."""
    if not check.whole:
        yield f"The chain is broken after row {check.rows}: {check.fault}. {KEEP}", False
        # The rows themselves hold where the head alone is gone; only then can heads be compared with them.
        if not check.head_is_missing:
            return
    else:
        yield f"The chain is whole: {counted(check.rows, 'row')}.", True
    for witness in witnesses:
        yield _compared(check, witness)


def _compared(check: ChainCheck, witness: Witness) -> tuple[str, bool]:
    for line, head in enumerate(witness.heads, start=1):
        if head not in check.misfits:
            continue
        begun = f"{witness.file}, line {line}: row {head.number} was the newest when this head was seen, and"
        if head.number > check.rows:
            return f"{begun} the chain ends at row {check.rows}: its newest rows were cut off. {KEEP}", False
        return f"{begun} another row stands there: the chain was rewritten, there or before. {KEEP}", False
    return (
        f"{witness.file}: all {counted(len(witness.heads), 'head')} that it holds stand in the chain.",
        True,
    )


def _head(file: Path, number: int, line: bytes, audit_key_pem: bytes) -> AuditHead:
    expected = f"{file}, line {number}: expected a head signed by this server's audit key"
    try:
        UnverifiedEnvelope.parse(line)
    except EnvelopeRefused as error:
        raise WitnessRefused(
            f"{expected}, found no head at all; choose a station's audit_heads.jsonl"
        ) from error
    try:
        return open_head(line, audit_key_pem)
    except (EnvelopeRefused, ValueError) as error:
        raise WitnessRefused(
            f"{expected}, found something that this key has not signed as one; choose a file that was kept of this very"
            " server, and if this one was, the server's audit key is another one than before"
        ) from error
