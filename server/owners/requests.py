"""What owners ask for on the page of their phone: another check, or that their objection is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.fleet.phones import agreed_with
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows
from server.texts import storable

TEXT_MAX_LENGTH = 1000
_NUMBER_MAX = (1 << 31) - 1
OWNER = "owner"
"""Who acts on the page of a phone, as audit rows name them: nobody's name is known there."""


class RequestKind(StrEnum):
    """What is asked for."""

    CHECK = "check"
    """That the phone be checked again."""
    OBJECTION = "objection"
    """That somebody look at what the owner has against it."""


class _OwnerRequestTable(Base):
    __tablename__ = "owner_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(String(TEXT_MAX_LENGTH))
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    answered_by: Mapped[str | None] = mapped_column(String(64))
    answer: Mapped[str | None] = mapped_column(String(TEXT_MAX_LENGTH))


@dataclass(frozen=True)
class Answer:
    """What somebody of the organisation said to a request; the owner reads the text, and not by whom."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True)
class OwnerRequest:
    """One request; ``text`` is the owner's own words, which may be none."""

    number: int
    phone_id: PhoneId
    kind: RequestKind
    text: str
    asked_at: datetime
    answer: Answer | None


_OPEN = _OwnerRequestTable.answered_at.is_(None)
_BY_NUMBER = (_OwnerRequestTable.id,)
REQUESTS_NEWEST, REQUESTS_OLDEST = Order(_BY_NUMBER, descending=True), Order(_BY_NUMBER)
"""In which orders requests can be listed."""


def ask(session: Session, phone_id: PhoneId, kind: RequestKind, text: str, now: datetime) -> None:
    """Write down what an owner asks for; the phone's row in the audit chain names no person and not their words.

    Raises `Malformed` for a text that is too long, or none where one is needed, and `InConflict` where the same
    still waits for an answer.
    """
    # One paragraph: where it is shown it must not look like something that stands beside it.
    words = " ".join(text.split())
    if not storable(words, TEXT_MAX_LENGTH) or (kind is RequestKind.OBJECTION and not words):
        raise Malformed(
            "text_malformed",
            f"Expected what you object to, in 1 to {TEXT_MAX_LENGTH} characters, found {len(words)}. Nothing was sent.",
            "Go back and change the text.",
        )
    # Held until the transaction ends: of two that are sent at once, the second finds the first.
    agreed_with(session, [phone_id], lock=True)
    waiting = select(_OwnerRequestTable.id).where(
        _OwnerRequestTable.phone_id == phone_id, _OwnerRequestTable.kind == kind.value, _OPEN
    )
    if session.scalar(waiting.limit(1)) is not None:
        raise InConflict(
            "already_asked",
            "The same was asked for this phone before, and waits for an answer. Nothing was added.",
            "Go back: the page shows since when.",
        )
    session.add(_OwnerRequestTable(phone_id=phone_id, kind=kind.value, text=words, asked_at=now))
    audit.record(session, OWNER, f"{kind.value} asked for", phone_id, {}, now)


def answer_request(session: Session, number: int, answer: Answer) -> OwnerRequest:
    """Write down what the owner is told, and return the request.

    Raises `Malformed`, `NotThere`, and `InConflict` where somebody answered before.
    """
    words = " ".join(answer.text.split())
    if not words or not storable(words, TEXT_MAX_LENGTH):
        raise Malformed(
            "answer_malformed",
            f"Expected what the owner is told, in 1 to {TEXT_MAX_LENGTH} characters, found {len(words)}.",
            "Write what was found and what is done about it; the owner reads it.",
        )
    # A larger number fits no column: databases fail on it instead of finding nothing.
    known = number <= _NUMBER_MAX
    row = session.get(_OwnerRequestTable, number, with_for_update=True) if known else None
    if row is None:
        raise NotThere("request_unknown", f"There is no request {number}.", "Choose one from the list.")
    if row.answered_at is not None:
        raise InConflict(
            "already_answered",
            f"{row.answered_by} answered this request before. Nothing was changed.",
            "Read that answer; the owner can ask again.",
        )
    row.answered_at, row.answered_by, row.answer = answer.at, answer.by, words
    detail = {"phone": row.phone_id, "kind": row.kind}
    audit.record(session, answer.by, "owner answered", f"owner request {number}", detail, answer.at)
    return _as_request(row)


def requests_of(session: Session, phone_id: PhoneId, since: datetime) -> Sequence[OwnerRequest]:
    """Return the requests about a phone since a moment, the newest first."""
    query = (
        select(_OwnerRequestTable)
        .where(_OwnerRequestTable.phone_id == phone_id, _OwnerRequestTable.asked_at >= since)
        .order_by(_OwnerRequestTable.id.desc())
    )
    return [_as_request(row) for row in session.scalars(query)]


def list_requests(
    session: Session, is_open: bool | None, order: Order, after: str, limit: int
) -> RowPiece[OwnerRequest]:
    """Return the requests behind a place: those that wait, those that were answered, or whichever (None)."""
    query = select(_OwnerRequestTable)
    if is_open is not None:
        query = query.where(_OPEN if is_open else ~_OPEN)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([_as_request(row) for row in found.rows], found.next)


def open_requests(session: Session) -> int:
    """Return how many requests wait for an answer."""
    return session.scalar(select(func.count()).select_from(_OwnerRequestTable).where(_OPEN)) or 0


def _as_request(row: _OwnerRequestTable) -> OwnerRequest:
    answer = None
    if row.answered_at is not None:
        answer = Answer(row.answered_by or "", row.answered_at, row.answer or "")
    return OwnerRequest(row.id, PhoneId(row.phone_id), RequestKind(row.kind), row.text, row.asked_at, answer)
