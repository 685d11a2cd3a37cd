"""Who changed what, as a chain: each row carries the hash of the one before, and stations witness its signed head.

A row is written in the transaction of the change it tells of: both are stored, or neither. What a chain must hold to
be whole is judged in `certs.audit_chain`, for whoever asks a server as for the server itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import structlog
from sqlalchemy import CheckConstraint, String, Table, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.audit_chain import (
    AUDIT_HEAD_PAYLOAD_TYPE,
    GENESIS,
    AuditHead,
    ChainCheck,
    ChainRow,
    check_chain,
    head_payload,
    row_hash,
)
from certs.envelope import public_key_pem, sign_envelope
from certs.keys import load_signer
from server.evidence.alarms import AlarmKind, raise_chain_alarm
from server.storage.database import Base, UtcTime, stored_by_nobody_else
from server.storage.keyset import Order, RowPiece, next_rows
from server.storage.prepared import Prepared

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


# Of the table's columns: asking by the mapper costs more than the answer, and every answer to a report asks.
_HEADS = cast(Table, _HeadTable.__table__)
_HEAD = select(_HEADS.c.number, _HEADS.c.hash)
_FIND_HEAD = Prepared(_HEAD)


_log = structlog.get_logger()
_LOOKED_BACK = 500


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


def record(
    session: Session, actor: str, action: str, subject: str, detail: Mapping[str, Any], now: datetime
) -> AuditHead:
    """Append one row in the caller's transaction and return the new head.

    ``actor`` is who did it, in one of the forms of docs/audit.md 2; ``detail`` must be plain JSON and holds no
    secrets and no holders: what is written here is never deleted.
    """
    # Locked before the row is hashed: two changes at once would both follow the same row, and the chain would fork.
    before = _lock_head(session, now)
    number = before.number + 1
    # Hashed as the text that is stored: reading it back must not need to write it in the same way again.
    text = _as_text(detail)
    digest = row_hash(number, _hashed_time(now), actor, action, subject, text, before.hash)
    session.add(
        _AuditTable(
            number=number,
            at=now,
            actor=actor,
            action=action,
            subject=subject,
            detail=text,
            previous=before.hash,
            hash=digest,
        )
    )
    # Without WHERE: a constraint of the table holds it to one row.
    session.execute(update(_HeadTable).values(number=number, hash=digest))
    session.flush()
    return AuditHead(number, digest)


def was_recorded(
    session: Session, actor: str, action: str, subject: str, detail: Mapping[str, Any], since: datetime
) -> bool:
    """Return whether the same row was appended since then, as far as the newest 500 rows tell."""
    query = (
        select(_AuditTable.number)
        .where(_AuditTable.number > head(session).number - _LOOKED_BACK, _AuditTable.at >= since)
        .where(_AuditTable.actor == actor, _AuditTable.action == action)
        .where(_AuditTable.subject == subject, _AuditTable.detail == _as_text(detail))
    )
    return session.scalar(query.limit(1)) is not None


def _as_text(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, ensure_ascii=False)


def head(session: Session) -> AuditHead:
    """Return the newest row's number and hash; of a chain whose head was taken away those before its first row."""
    return stored_head(session) or AuditHead()


def newest_rows(session: Session, limit: int = 100, before: int | None = None) -> Sequence[AuditRow]:
    """Return up to `limit` rows, newest first; `before` continues below that number."""
    query = select(_AuditTable).order_by(_AuditTable.number.desc()).limit(limit)
    if before is not None:
        query = query.where(_AuditTable.number < before)
    return [
        AuditRow(row.number, row.at, row.actor, row.action, row.subject, json.loads(row.detail), row.hash)
        for row in session.scalars(query)
    ]


@dataclass(frozen=True)
class WantedRows:
    """Which audit rows are asked for; None: whichever."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None


_BY_NUMBER = (_AuditTable.number,)
ROWS_NEWEST, ROWS_OLDEST = Order(_BY_NUMBER, descending=True), Order(_BY_NUMBER)
"""In which orders audit rows can be listed."""


def list_rows(
    session: Session, wanted: WantedRows, order: Order, after: str, limit: int
) -> RowPiece[ChainRow]:
    """Return the audit rows behind a place, in the very texts that were hashed."""
    query = select(_AuditTable)
    for column, value in (
        (_AuditTable.actor, wanted.actor),
        (_AuditTable.action, wanted.action),
        (_AuditTable.subject, wanted.subject),
    ):
        if value is not None:
            query = query.where(column == value)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([_as_chain_row(row) for row in found.rows], found.next)


def rows_after(session: Session, number: int, limit: int | None = None) -> Iterator[ChainRow]:
    """Yield the rows above `number`, oldest first, in the very texts that were hashed."""
    query = (
        select(_AuditTable)
        .where(_AuditTable.number > number)
        .order_by(_AuditTable.number)
        .limit(limit)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    yield from map(_as_chain_row, session.scalars(query))


def _as_chain_row(row: _AuditTable) -> ChainRow:
    return ChainRow(
        number=row.number,
        at=_hashed_time(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        previous=row.previous,
        hash=row.hash,
    )


def stored_head(session: Session) -> AuditHead | None:
    """Return the newest row's number and hash, None if somebody has taken the head away."""
    stored = _FIND_HEAD.rows(session)
    return AuditHead(*stored[0]) if stored else None


def verify_chain(session: Session, seen: Sequence[AuditHead] = ()) -> ChainCheck:
    """Walk the whole chain; tell the first row that is not as it was written, and which heads `seen` do not fit."""
    return check_chain(rows_after(session, 0), lambda: stored_head(session), seen)


def stands(session: Session, seen: AuditHead) -> bool:
    """Whether a head that was seen before is in the chain; False: history was rewritten."""
    if seen.number == 0:
        return seen.hash == GENESIS
    return session.scalar(select(_AuditTable.hash).where(_AuditTable.number == seen.number)) == seen.hash


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
        """The key that whoever compares a kept head needs."""
        return public_key_pem(self._signer)

    def signed(self, payload: bytes, payload_type: str) -> bytes:
        """Return the DSSE envelope (JSON) over something else that the audit key stands for."""
        return sign_envelope(payload, payload_type, self._signer)

    def signed_head(self, newest: AuditHead) -> bytes:
        """Return the DSSE envelope (JSON) over `head_payload`."""
        # One signature a change, however many threads meet it at once; a thread with an older head gets one of its own.
        with self._lock:
            if self._last is None or self._last[0] != newest:
                self._last = (newest, self._sign(newest))
            return self._last[1]

    def _sign(self, newest: AuditHead) -> bytes:
        return self.signed(head_payload(newest), AUDIT_HEAD_PAYLOAD_TYPE)


def _lock_head(session: Session, now: datetime) -> AuditHead:
    locked = session.execute(_HEAD.with_for_update()).one_or_none()
    if locked:
        return AuditHead(*locked)
    # The migration makes this row. Made anew rather than refused: nobody's change must wait for an auditor. It takes up
    # from the last row there is, and the stations' heads tell what is gone.
    newest = session.execute(
        select(_AuditTable.number, _AuditTable.hash).order_by(_AuditTable.number.desc()).limit(1)
    ).one_or_none()
    last = AuditHead(*newest) if newest else AuditHead()
    _log.error(
        "audit_head_missing",
        last=last.number,
        next="curfew-server --config SERVER.env audit verify --witness FILE",
    )
    with stored_by_nobody_else():
        session.add(_HeadTable(id=1, number=last.number, hash=last.hash))
        session.flush()
    detail = f"somebody had taken the head away; it was made anew at row {last.number}, the last there is"
    raise_chain_alarm(session, AlarmKind.AUDIT_HEAD_MISSING, detail, now)
    return last


def _hashed_time(time: datetime) -> str:
    # In UTC, as the database gives it back.
    return time.astimezone(UTC).isoformat()
