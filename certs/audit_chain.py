"""Whether an audit chain is whole, and whether the heads that others kept stand in it; knows no database, no network.

One judgement for both who ask: ``curfew-server audit verify`` about its own database, ``curfew-certs verify-witness``
about what a server answers. Each row carries the hash of the row before, so a row that was altered, removed or slipped
in shows where it stands; a chain that was cut or written anew from some row on contradicts the heads seen before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from certs.envelope import open_envelope
from certs.errors import EnvelopeRefused

AUDIT_HEAD_PAYLOAD_TYPE = "application/vnd.curfew.audit-head+json"
"""The DSSE payload type of a signed head; no other document can pass for one."""

GENESIS = "0" * 64
"""Stands for the hash of the row before the first."""


@dataclass(frozen=True)
class AuditHead:
    """The newest row of a chain: its number and hash. Number 0 is the chain before its first row."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True)
class ChainRow:
    """One row in the very texts that were hashed: ``at`` in UTC by ISO 8601, ``detail`` as JSON."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str


@dataclass(frozen=True)
class ChainCheck:
    """What walking a chain showed: how many rows hold, and the number and fault of the first that does not.

    ``misfits`` are those of the heads seen before that do not stand in it.
    """

    rows: int
    broken_at: int | None = None
    fault: str = ""
    head_is_missing: bool = False
    misfits: tuple[AuditHead, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every row is as it was written and none is missing."""
        return self.broken_at is None

    @property
    def fits(self) -> bool:
        """Whether the chain is whole and every head that was seen before stands in it."""
        return self.whole and not self.misfits


def check_chain(
    rows: Iterable[ChainRow], head: Callable[[], AuditHead | None], seen: Iterable[AuditHead] = ()
) -> ChainCheck:
    """Walk all `rows`, oldest first, and compare them with the chain's own `head` and with the heads `seen` before.

    `head` is called behind the last row; None says that there is none.
    """
    seen = tuple(dict.fromkeys(seen))
    wanted = {one.number for one in seen}
    hashes = {0: GENESIS}
    last = AuditHead()
    for row in rows:
        fault = _fault(row, last)
        if fault:
            # Nothing behind it can be compared: whatever stands there follows on something else.
            return ChainCheck(last.number, last.number + 1, fault)
        last = AuditHead(row.number, row.hash)
        if row.number in wanted:
            hashes[row.number] = row.hash
    misfits = tuple(one for one in seen if hashes.get(one.number) != one.hash)
    stored = head()
    # Last, since a tail that was cut off leaves a chain in which every row holds: only the head still names it.
    if stored is None:
        fault = "the head is missing: somebody has taken it away"
        return ChainCheck(last.number, last.number + 1, fault, head_is_missing=True, misfits=misfits)
    if stored != last:
        fault = f"the head names row {stored.number}, the last is {last.number}"
        if stored.number == last.number:
            fault = f"the head names another row {stored.number} than stands there"
        return ChainCheck(last.number, last.number + 1, fault, misfits=misfits)
    return ChainCheck(last.number, misfits=misfits)


def row_hash(number: int, at: str, actor: str, action: str, subject: str, detail: str, previous: str) -> str:
    """Return the hash of a row, in lower-case hex."""
    # A list in JSON, not one text after another: what was moved over the border of two fields would hash the same.
    parts = [number, at, actor, action, subject, detail, previous]
    text = json.dumps(parts, ensure_ascii=False)
    # No row that was written has half a character; one that a server makes up must not end the walk.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def head_payload(head: AuditHead) -> bytes:
    """Return what is signed of a head: ``{"hash":…,"kind":"curfew-audit-head","number":…}``."""
    payload = {"kind": "curfew-audit-head", "number": head.number, "hash": head.hash}
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()


def open_head(envelope: bytes, audit_key_pem: bytes) -> AuditHead:
    """Return the head in a signed envelope; raises `EnvelopeRefused` unless the audit key has signed it."""
    told = json.loads(open_envelope(envelope, AUDIT_HEAD_PAYLOAD_TYPE, audit_key_pem))
    number, digest = (told.get("number"), told.get("hash")) if isinstance(told, dict) else (None, None)
    if type(number) is not int or not isinstance(digest, str):
        raise EnvelopeRefused("expected the number and hash of a row in the envelope, found something else")
    return AuditHead(number, digest)


def _fault(row: ChainRow, last: AuditHead) -> str:
    """Return what is wrong with `row` behind `last`, empty if nothing is."""
    expected = last.number + 1
    if row.number != expected:
        return f"row {expected} is missing"
    if row.previous != last.hash:
        return f"row {expected} does not follow the row before it"
    found = row_hash(row.number, row.at, row.actor, row.action, row.subject, row.detail, row.previous)
    return "" if row.hash == found else f"row {expected} was altered after it was written"
