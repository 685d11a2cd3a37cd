"""Requests for exemptions: who asked for which phone to be left alone until when and why, and what became of it.

A request exempts nothing. The fleet key does, on the machine of whoever holds it; what is published then is compared
with the requests (`note_signed`), whichever way it came. Every act and every refusal writes its audit row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from policy.document import Exemption, Fleet
from policy.exemption_reasons import ExemptionReason
from policy.names import PhoneId
from policy.schemas.values import write_utc_time
from server.config import Config
from server.errors import InConflict, Malformed, NotAllowed, NotThere, RequestRefused
from server.evidence import audit
from server.fleet.phones import agreed_with, phones_named
from server.people.people import Person
from server.policies.bundles import newest_bundle
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows
from server.texts import storable

WHY_MAX_LENGTH = 300
PHONE_MAX_LENGTH = 100

# The columns' bound: PostgreSQL fails on a larger number, and there is no request of it.
_NUMBER_MAX = (1 << 31) - 1


class RequestState(Enum):
    """What became of a request; the value completes "the request is …" or "was …"."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    SIGNED = "signed"
    OVER = "over"
    """The end that was asked for came before anybody signed it."""


class _RequestTable(Base):
    """One row per request; it is changed once, when it ends."""

    __tablename__ = "exemption_request"

    request_id: Mapped[int] = mapped_column(primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), index=True)
    until: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(String(20))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_as: Mapped[str | None] = mapped_column(String(10))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str] = mapped_column(String(200), default="")
    why: Mapped[str] = mapped_column(String(WHY_MAX_LENGTH), default="")


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for; ``phone`` is an id or a label."""

    phone: str
    until: datetime
    reason: ExemptionReason


@dataclass(frozen=True)
class ExemptionRequest:
    """One request as it stands; ``ended_by`` and ``why`` (of a refusal) are empty until it ended so."""

    request_id: int
    exemption: Exemption
    person_id: int
    asked_by: str
    asked_at: datetime
    state: RequestState
    ended_at: datetime | None = None
    ended_by: str = ""
    why: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of an act: the request, or the refusal, whose audit row the transaction holds."""

    request: ExemptionRequest | None
    refusal: RequestRefused | None = None

    def settled(self) -> ExemptionRequest:
        """Return the request, or raise the refusal; behind the transaction, which would lose the row otherwise."""
        if self.request is None:
            assert self.refusal is not None
            raise self.refusal
        return self.request


REQUESTS_NEWEST = Order((_RequestTable.request_id,), descending=True)
REQUESTS_OLDEST = Order((_RequestTable.request_id,))
"""In which orders requests can be listed."""


def ask(
    session: Session, config: Config, wanted: Wanted, asker: Person, actor: str, now: datetime
) -> Outcome:
    """Keep that somebody asks for an exemption.

    Refused: a phone that is not known or a label of several, an end that is over or too far, a phone that is exempt for
    as long already, and one that somebody has asked for before.
    """
    # Whole minutes, as forms have them; what is signed and compared has no parts of seconds in any case.
    wanted = Wanted(wanted.phone.strip(), wanted.until.replace(microsecond=0), wanted.reason)

    def act() -> ExemptionRequest:
        phone_id = _phone(session, wanted.phone)
        _require_end(wanted.until, config, now)
        # Held until the transaction ends: of two who ask at once, the second finds the first one's request.
        agreed_with(session, [phone_id], lock=True)
        _require_news(session, phone_id, wanted.until, now)
        row = _RequestTable(
            phone_id=phone_id,
            until=wanted.until,
            reason=wanted.reason.value,
            person_id=asker.person_id,
            asked_by=asker.name,
            asked_at=now,
            ended_by="",
            why="",
        )
        session.add(row)
        session.flush()
        detail = {"phone": phone_id, "until": write_utc_time(wanted.until), "reason": wanted.reason.value}
        audit.record(session, actor, "exemption asked for", _subject(row.request_id), detail, now)
        return _as_request(row, now)

    # Without what was typed for a phone: it could be anything, and the chain is kept for ever.
    return _tried(session, act, actor, "ask", "exemption request", now)


def withdraw(session: Session, request_id: int, person: Person, actor: str, now: datetime) -> Outcome:
    """Take a request back; only who has asked may. Raises `NotThere`."""
    row = _row(session, request_id, lock=True)

    def act() -> ExemptionRequest:
        if row.person_id != person.person_id:
            raise NotAllowed(
                "request_of_another",
                f"{row.asked_by} has asked for this exemption, and only they withdraw it",
                "Ask them; an approver can refuse it.",
            )
        _require_open(row, now)
        return _end(session, row, RequestState.WITHDRAWN, actor, "", now)

    return _tried(session, act, actor, "withdraw", _subject(request_id), now)


def refuse(session: Session, request_id: int, why: str, actor: str, now: datetime) -> Outcome:
    """Refuse a request, for whoever asked to read why. Raises `NotThere`."""
    row, why = _row(session, request_id, lock=True), why.strip()

    def act() -> ExemptionRequest:
        if not why or not storable(why, WHY_MAX_LENGTH):
            raise Malformed(
                "why_malformed",
                f"expected a reason of 1 to {WHY_MAX_LENGTH} printable characters, found"
                f" {counted(len(why), 'character')}",
                "Say in a line why it is refused; no person's story.",
            )
        _require_open(row, now)
        return _end(session, row, RequestState.REFUSED, actor, why, now)

    return _tried(session, act, actor, "refuse", _subject(request_id), now)


def note_signed(session: Session, fleet: Fleet, actor: str, now: datetime) -> Mapping[str, ExemptionRequest]:
    """End the requests that a fleet document which is published now fulfils, and return them by phone."""
    until: dict[str, datetime] = {}
    for one in fleet.exemptions:
        until[one.phone_id] = max(one.until, until.get(one.phone_id, one.until))
    signed: dict[str, ExemptionRequest] = {}
    for row in session.scalars(_open_rows(now)).all():
        if row.phone_id in until and until[row.phone_id] >= row.until:
            signed[row.phone_id] = _end(session, row, RequestState.SIGNED, actor, "", now)
    return signed


def find_request(session: Session, request_id: int, now: datetime) -> ExemptionRequest:
    """Return one request; raises `NotThere`."""
    return _as_request(_row(session, request_id, lock=False), now)


def open_requests(session: Session, now: datetime) -> Sequence[ExemptionRequest]:
    """Return the requests that nobody has ended, oldest first."""
    return [_as_request(row, now) for row in session.scalars(_open_rows(now))]


def requests_to_sign(
    session: Session, request_ids: Sequence[int], now: datetime
) -> Sequence[ExemptionRequest]:
    """Return these requests, all of which still wait; raises `NotThere` or `InConflict` for the first that does not."""
    found = []
    # In one order: two who hand in at once wait for each other and not each for the other.
    for request_id in sorted(set(request_ids)):
        row = _row(session, request_id, lock=True)
        _require_open(row, now)
        found.append(_as_request(row, now))
    return found


def list_requests(
    session: Session, is_open: bool | None, order: Order, after: str, limit: int, now: datetime
) -> RowPiece[ExemptionRequest]:
    """Return the requests behind a place: the open ones, those that have ended, or all."""
    query = select(_RequestTable)
    if is_open is not None:
        asked = _RequestTable.ended_as.is_(None) & (_RequestTable.until > now)
        query = query.where(asked if is_open else ~asked)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([_as_request(row, now) for row in found.rows], found.next)


def _open_rows(now: datetime) -> Any:
    query = select(_RequestTable).where(_RequestTable.ended_as.is_(None), _RequestTable.until > now)
    return query.order_by(_RequestTable.request_id)


def _tried(
    session: Session,
    act: Callable[[], ExemptionRequest],
    actor: str,
    name: str,
    subject: str,
    now: datetime,
) -> Outcome:
    try:
        return Outcome(act())
    except RequestRefused as refusal:
        detail = {"act": name, "reason": refusal.code}
        audit.record(session, actor, "exemption act refused", subject, detail, now)
        return Outcome(None, refusal)


def _phone(session: Session, named: str) -> PhoneId:
    found = phones_named(session, [named]).get(named, {}) if named else {}
    if not found:
        raise NotThere(
            "phone_unknown",
            "no phone is registered under this id or label",
            "Look it up in the fleet; capitals and blanks count.",
        )
    if len(found) > 1:
        raise InConflict(
            "phone_ambiguous",
            f"{counted(len(found), 'phone')} have this label",
            "Name the one that is meant by its id; its page shows it.",
        )
    return next(iter(found))


def _require_end(until: datetime, config: Config, now: datetime) -> None:
    if until <= now:
        raise Malformed(
            "end_is_over",
            f"expected an end in the future, found {until:%Y-%m-%d %H:%M} UTC; it is {now:%Y-%m-%d %H:%M} UTC",
            "Choose a later end.",
        )
    latest = now + timedelta(days=config.exemption_days)
    if until > latest:
        raise Malformed(
            "end_too_far",
            f"an exemption is asked for at most {counted(config.exemption_days, 'day')} ahead, so until"
            f" {latest:%Y-%m-%d %H:%M} UTC; found {until:%Y-%m-%d %H:%M} UTC",
            "Choose an earlier end; it can be asked for anew before that.",
        )


def _require_news(session: Session, phone_id: PhoneId, until: datetime, now: datetime) -> None:
    bundle = newest_bundle(session)
    exempt = [one.until for one in bundle.fleet.exemptions if one.phone_id == phone_id] if bundle else []
    if exempt and max(exempt) >= until:
        raise InConflict(
            "already_exempt",
            f"this phone is exempt until {max(exempt):%Y-%m-%d %H:%M} UTC already",
            "Nothing has to be asked for; or choose a later end.",
        )
    open_row = session.scalar(_open_rows(now).where(_RequestTable.phone_id == phone_id).limit(1))
    if open_row is not None:
        raise InConflict(
            "request_open",
            f"{open_row.asked_by} has asked for this phone already, until {open_row.until:%Y-%m-%d %H:%M} UTC"
            f" (request {open_row.request_id})",
            "Wait for the answer, or let them withdraw it first.",
        )


def _require_open(row: _RequestTable, now: datetime) -> None:
    state = _state(row, now)
    if state is RequestState.ASKED:
        return
    raise InConflict(
        f"request_{state.value}", f"too late: {_told_end(row, state)}", "Look at the page of exemptions."
    )


def _told_end(row: _RequestTable, state: RequestState) -> str:
    if row.ended_at is None:
        return f"the end that was asked for, {row.until:%Y-%m-%d %H:%M} UTC, is over"
    return f"the request was {state.value} by {row.ended_by} at {row.ended_at:%Y-%m-%d %H:%M} UTC"


def _end(
    session: Session, row: _RequestTable, state: RequestState, actor: str, why: str, now: datetime
) -> ExemptionRequest:
    row.ended_as, row.ended_at, row.ended_by, row.why = state.value, now, actor[:200], why
    session.flush()
    detail = {"phone": row.phone_id, "asked_by": row.asked_by, **({"why": why} if why else {})}
    audit.record(session, actor, f"exemption request {state.value}", _subject(row.request_id), detail, now)
    return _as_request(row, now)


def _row(session: Session, request_id: int, *, lock: bool) -> _RequestTable:
    query = select(_RequestTable).where(_RequestTable.request_id == request_id)
    if lock:
        # Of two who end it at once, the second finds how it ended.
        query = query.with_for_update()
    row = session.scalar(query) if request_id <= _NUMBER_MAX else None
    if row is None:
        raise NotThere(
            "request_unknown",
            f"there is no request {request_id} for an exemption",
            "Choose one from the list of requests.",
        )
    return row


def _state(row: _RequestTable, now: datetime) -> RequestState:
    if row.ended_as is not None:
        return RequestState(row.ended_as)
    return RequestState.OVER if row.until <= now else RequestState.ASKED


def _as_request(row: _RequestTable, now: datetime) -> ExemptionRequest:
    return ExemptionRequest(
        request_id=row.request_id,
        exemption=Exemption(PhoneId(row.phone_id), row.until, row.reason),
        person_id=row.person_id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        state=_state(row, now),
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        why=row.why,
    )


def _subject(request_id: int) -> str:
    return f"exemption request {request_id}"
