"""Who changed what, as a chain: each row carries the hash of the one before, and stations witness its signed head.

A row is written in the transaction of the change it tells of: both are stored, or neither. A row that was
altered, removed or slipped in breaks the chain where it stands (`verify_chain`); a chain that was rewritten
from there to its end contradicts the heads that stations hold (`verify_witness`).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import CheckConstraint, String, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.envelope import open_envelope, public_key_pem, sign_envelope
from certs.keys import load_signer
from server.storage.database import Base, UtcTime

AUDIT_HEAD_PAYLOAD_TYPE = "application/vnd.curfew.audit-head+json"
"""The DSSE payload type of a signed head; no other document can pass for one."""

_GENESIS = "0" * 64
_ROWS_AT_ONCE = 1000


class _AuditTable(Base):
    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(300))
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class _HeadTable(Base):
    """One row that every writer locks first: two changes at once queue here instead of forking the chain."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="ck_audit_head_single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column()
    hash: Mapped[str] = mapped_column(String(64))


_HEAD = select(_HeadTable.number, _HeadTable.hash)


_log = structlog.get_logger()


@dataclass(frozen=True)
class AuditRow:
    """One change as pages show it; ``detail`` is a flat mapping of what a reader needs to know."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    hash: str


@dataclass(frozen=True)
class AuditHead:
    """The newest row of the chain: its number and hash. Number 0 is the chain before its first row."""

    number: int = 0
    hash: str = _GENESIS


@dataclass(frozen=True)
class ChainCheck:
    """What walking the chain showed: how many rows hold, and the number and fault of the first that does not."""

    rows: int
    broken_at: int | None = None
    fault: str = ""

    @property
    def whole(self) -> bool:
        """Whether every row is as it was written and none is missing."""
        return self.broken_at is None


def record(
    session: Session, actor: str, action: str, subject: str, detail: Mapping[str, Any], now: datetime
) -> AuditHead:
    """Append one row in the caller's transaction and return the new head.

    ``actor`` is a person's name or a program's (``command line``); ``detail`` must be plain JSON and holds no
    secrets and no holders: what is written here is never deleted.
    """
    # Locked before the row is hashed: two changes at once would both follow the same row, and the chain would fork.
    before = _lock_head(session)
    number = before.number + 1
    # Hashed as the text that is stored: reading it back must not need to write it in the same way again.
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    row_hash = _hash(number, now, actor, action, subject, text, before.hash)
    session.add(
        _AuditTable(
            number=number,
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            detail=text,
            previous=before.hash,
            hash=row_hash,
        )
    )
    # Without WHERE: a constraint of the table holds it to one row.
    session.execute(update(_HeadTable).values(number=number, hash=row_hash))
    session.flush()
    return AuditHead(number, row_hash)


def head(session: Session) -> AuditHead:
    """Return the newest row's number and hash."""
    stored = session.execute(_HEAD).one_or_none()
    return AuditHead(*stored) if stored else AuditHead()


def newest_rows(session: Session, limit: int = 100, before: int | None = None) -> Sequence[AuditRow]:
    """Return up to `limit` rows, newest first; `before` continues below that number."""
    query = select(_AuditTable).order_by(_AuditTable.number.desc()).limit(limit)
    if before is not None:
        query = query.where(_AuditTable.number < before)
    return [
        AuditRow(row.number, row.at, row.actor, row.action, row.subject, json.loads(row.detail), row.hash)
        for row in session.scalars(query)
    ]


def verify_chain(session: Session) -> ChainCheck:
    """Walk the whole chain and tell the first row that is not as it was written."""
    last = AuditHead()
    query = select(_AuditTable).order_by(_AuditTable.number).execution_options(yield_per=_ROWS_AT_ONCE)
    for row in session.scalars(query):
        expected = last.number + 1
        if row.number != expected:
            return ChainCheck(last.number, expected, f"row {expected} is missing")
        if row.previous != last.hash:
            return ChainCheck(last.number, expected, f"row {expected} does not follow the row before it")
        found = _hash(row.number, row.at, row.actor, row.action, row.subject, row.detail, row.previous)
        if row.hash != found:
            return ChainCheck(last.number, expected, f"row {expected} was altered after it was written")
        last = AuditHead(row.number, row.hash)
    # Last, since a tail that was cut off leaves a chain in which every row holds: only the head still names it.
    stored = session.execute(_HEAD).one_or_none()
    if stored is None:
        return ChainCheck(last.number, last.number + 1, "the head is missing: somebody has taken it away")
    if AuditHead(*stored) != last:
        return ChainCheck(
            last.number, last.number + 1, f"the head names row {stored[0]}, the last is {last.number}"
        )
    return ChainCheck(last.number)


def verify_witness(session: Session, envelope: bytes, audit_key_pem: bytes) -> bool:
    """Return whether a signed head that a station kept still stands in the chain; False: history was rewritten.

    Raises `certs.errors.EnvelopeRefused` if the head was not signed by the audit key.
    """
    seen = json.loads(open_envelope(envelope, AUDIT_HEAD_PAYLOAD_TYPE, audit_key_pem))
    if seen["number"] == 0:
        return bool(seen["hash"] == _GENESIS)
    now_there = session.scalar(select(_AuditTable.hash).where(_AuditTable.number == seen["number"]))
    return bool(now_there == seen["hash"])


class HeadSigner:
    """Signs the head of the chain under the audit key; made once per process from the key file.

    The last envelope is kept, so that report answers cost a signature only when the chain has grown.
    """

    def __init__(self, audit_key: Path) -> None:
        self._signer = load_signer(str(audit_key))
        self._lock = threading.Lock()
        self._last: tuple[AuditHead, bytes] | None = None

    @property
    def public_key_pem(self) -> bytes:
        """The key that `verify_witness` needs."""
        return public_key_pem(self._signer)

    def signed_head(self, newest: AuditHead) -> bytes:
        """Return the DSSE envelope (JSON) over ``{"kind":"curfew-audit-head","number":…,"hash":…}``."""
        # One signature a change, however many threads meet it at once; a thread with an older head gets one of its own.
        with self._lock:
            if self._last is None or self._last[0] != newest:
                self._last = (newest, self._sign(newest))
            return self._last[1]

    def _sign(self, newest: AuditHead) -> bytes:
        payload = {"kind": "curfew-audit-head", "number": newest.number, "hash": newest.hash}
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
        return sign_envelope(text.encode(), AUDIT_HEAD_PAYLOAD_TYPE, self._signer)


def _lock_head(session: Session) -> AuditHead:
    locked = session.execute(_HEAD.with_for_update()).one_or_none()
    if locked:
        return AuditHead(*locked)
    # The migration makes this row. Begun anew rather than refused: a station's report must not wait for an auditor, and
    # the stations' heads tell what is gone.
    _log.error("audit_head_missing", next="curfew-server --config SERVER.env audit verify --witness FILE")
    session.add(_HeadTable(id=1, number=0, hash=_GENESIS))
    session.flush()
    return AuditHead()


def _hash(
    number: int, at: datetime, actor: str, action: str, subject: str, detail: str, previous: str
) -> str:
    # A list in JSON, not one text after another: what was moved over the border of two fields would hash the same. The
    # time in UTC, as the database gives it back.
    parts = [number, at.astimezone(UTC).isoformat(), actor, action, subject, detail, previous]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
