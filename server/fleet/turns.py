"""When each phone last turned: began to violate, complied again, was first switched off, was last put back.

One row for each phone and kind of turn, the newest, in the transaction that stores the check: so what changed since
yesterday is a stretch of an index, and not a walk over the fleet or its reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import cast

from sqlalchemy import ForeignKey, Index, String, Table, literal, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from policy.verdict import Verdict
from server.fleet.entries import Place
from server.fleet.standing import CheckFacts
from server.storage.database import Base, UtcTime
from server.storage.prepared import upsert


class Turn(Enum):
    """What a check can find to be otherwise than the one before."""

    VIOLATING = "violating"
    COMPLYING = "complying"
    SWITCHED_OFF = "switched_off"
    """Something of ours is in force on the phone, and nothing was before."""
    RESTORED = "restored"
    """Nothing of ours is in force on it any more."""
    HANDED_BACK = "handed_back"
    """Everything was put back, and nothing of ours is left on it."""


class _TurnTable(Base):
    __tablename__ = "phone_turn"
    __table_args__ = (Index("ix_phone_turn_kind", "kind", "at", "phone_id"),)

    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


_TURNS = cast(Table, _TurnTable.__table__)
_STORE = upsert(_TURNS)


@dataclass(frozen=True)
class Turned:
    """One phone, how it turned, and the time of the check that found it."""

    phone_id: str
    turn: Turn
    at: datetime


def turns_between(before: CheckFacts | None, looked: Verdict | None, after: CheckFacts) -> Iterator[Turn]:
    """Yield how a phone turned from one check to the next. Pure.

    ``looked`` is the verdict of the last check before that could look: one that could not neither begins nor ends
    anything (docs/design.md, rule 1).
    """
    if after.verdict is Verdict.VIOLATING and looked is not Verdict.VIOLATING:
        yield Turn.VIOLATING
    if after.verdict is Verdict.COMPLIANT and looked is Verdict.VIOLATING:
        yield Turn.COMPLYING
    had_open = before is not None and before.open_entries > 0
    if after.open_entries and not had_open:
        yield Turn.SWITCHED_OFF
    if had_open and not after.open_entries:
        yield Turn.RESTORED
    if after.handed_back and not after.open_entries and not (before and before.handed_back):
        yield Turn.HANDED_BACK


def note_turns(session: Session, turned: Iterable[Turned]) -> None:
    """Keep these, the oldest first: of each phone and kind the last counts."""
    newest = {(one.phone_id, one.turn): one for one in turned}
    rows = ({"phone_id": one.phone_id, "kind": one.turn.value, "at": one.at} for one in newest.values())
    # In one order: two transactions that turn the same phones must not wait for each other.
    _STORE.run(session, sorted(rows, key=lambda row: (row["phone_id"], row["kind"])))


def walk(session: Session, turn: Turn, since: datetime, after: Place | None, step: int) -> Iterator[Place]:
    """Yield the phones that turned so at ``since`` or later, in the order in which they did; `step` at a time."""
    while True:
        query = select(_TURNS.c.at, _TURNS.c.phone_id).where(
            _TURNS.c.kind == turn.value, _TURNS.c.at >= since
        )
        if after is not None:
            here = tuple_(literal(after.last_at, UtcTime), literal(after.phone_id))
            query = query.where(tuple_(_TURNS.c.at, _TURNS.c.phone_id) > here)
        found = session.execute(query.order_by(_TURNS.c.at, _TURNS.c.phone_id).limit(step)).all()
        for at, phone_id in found:
            after = Place(at, cast(PhoneId, phone_id))
            yield after
        if len(found) < step:
            return
