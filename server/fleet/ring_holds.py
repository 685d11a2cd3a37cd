"""Holding rings: from which ring on phones are not newly disabled, by whom, why, and until when (decision 0026).

A hold is of one bundle and only makes less happen: stations are told of it in every answer, restore and judge as
before, and forget it when it is not renewed. Whoever publishes the next bundle decides anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Index, String, Table, bindparam, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.document import Bundle
from policy.schemas.values import write_utc_time
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.fleet.ring_phones import ring_numbered
from server.policies.situation import Situation
from server.storage.database import Base, UtcTime
from server.storage.prepared import Prepared
from server.texts import storable

REASON_MAX_LENGTH = 300
_SHOWN = 20


class _HoldTable(Base):
    __tablename__ = "ring_hold"
    __table_args__ = (
        # Of one bundle one hold at most; of two servers that find a reason at once the second is refused.
        Index(
            "ix_ring_hold_open",
            "bundle_number",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    hold_id: Mapped[int] = mapped_column(primary_key=True)
    bundle_number: Mapped[int] = mapped_column(BigInteger)
    ring: Mapped[int]
    held_at: Mapped[datetime] = mapped_column(UtcTime)
    held_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(REASON_MAX_LENGTH))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_reason: Mapped[str | None] = mapped_column(String(REASON_MAX_LENGTH))


@dataclass(frozen=True)
class RingHold:
    """Ring ``ring`` of a bundle and all behind it, held by somebody or the stop rule; ``ended_at`` is None while so."""

    bundle_number: int
    ring: int
    held_at: datetime
    held_by: str
    reason: str
    ended_at: datetime | None = None
    ended_by: str | None = None
    ended_reason: str | None = None


_HOLDS = cast(Table, _HoldTable.__table__)
# Every check-in asks.
_HELD = Prepared(
    select(_HOLDS.c.ring).where(
        _HOLDS.c.bundle_number == bindparam("bundle_number"), _HOLDS.c.ended_at.is_(None)
    )
)


def held_ring(session: Session, bundle: Bundle | None) -> int | None:
    """Return from which ring on phones are not newly disabled under the newest bundle; None: no ring is held."""
    if bundle is None or not bundle.policy.rings:
        return None
    found = _HELD.rows(session, {"bundle_number": bundle.number})
    return int(found[0][0]) if found else None


def holds_of(session: Session, bundle_number: int) -> Sequence[RingHold]:
    """Return the newest holds of a bundle, the newest first: one that lasts, and those that were released."""
    query = select(_HoldTable).where(_HoldTable.bundle_number == bundle_number)
    found = session.scalars(query.order_by(_HoldTable.hold_id.desc()).limit(_SHOWN))
    return [_as_hold(row) for row in found]


def current_hold(session: Session, bundle_number: int) -> RingHold | None:
    """Return the hold of a bundle that lasts, if there is one."""
    return next((one for one in holds_of(session, bundle_number) if one.ended_at is None), None)


def hold_ring(
    session: Session, here: Situation, number: int, reason: str, actor: str, now: datetime
) -> RingHold:
    """Hold a ring of the policy in force and all behind it; writes the audit row.

    Raises `NotThere` for a ring that there is not, `Malformed` for no reason, `InConflict` where a ring is held.
    """
    ring_numbered(here, number)
    reason = _accepted(reason)
    bundle_number = here.bundle.number if here.bundle else 0
    row = _HoldTable(bundle_number=bundle_number, ring=number, held_at=now, held_by=actor, reason=reason)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        held = current_hold(session, bundle_number)
        raise InConflict(
            "ring_held",
            f"ring {held.ring} and all behind it are held already" if held else "a ring is held already",
            "Release it first, to hold from another ring on.",
        ) from error
    audit.record(
        session, actor, "ring held", f"bundle {bundle_number}", {"ring": number, "reason": reason}, now
    )
    return _as_hold(row)


def release_rings(session: Session, here: Situation, reason: str, actor: str, now: datetime) -> RingHold:
    """End the hold of the policy in force; writes the audit row. Raises `NotThere` where none lasts."""
    reason = _accepted(reason)
    number = here.bundle.number if here.bundle else 0
    # Locked: of two people who release it at once the second is told that it was released before.
    query = select(_HoldTable).where(_HoldTable.bundle_number == number, _HoldTable.ended_at.is_(None))
    row = session.scalar(query.with_for_update())
    if row is None:
        raise NotThere("ring_not_held", "no ring of the policy in force is held", "Look at /rings.")
    row.ended_at, row.ended_by, row.ended_reason = now, actor, reason
    session.flush()
    audit.record(
        session, actor, "ring released", f"bundle {number}", {"ring": row.ring, "reason": reason}, now
    )
    return _as_hold(row)


def _accepted(reason: str) -> str:
    reason = reason.strip()
    if not reason or not storable(reason, REASON_MAX_LENGTH):
        raise Malformed(
            "reason_malformed",
            f"expected why, in 1 to {REASON_MAX_LENGTH} characters on one line; nothing was changed",
            "Say why, for those who come after you.",
        )
    return reason


def _as_hold(row: _HoldTable) -> RingHold:
    return RingHold(
        row.bundle_number,
        row.ring,
        row.held_at,
        row.held_by,
        row.reason,
        row.ended_at,
        row.ended_by,
        row.ended_reason,
    )


def told_hold(hold: RingHold | None) -> dict[str, Any] | None:
    """Return a hold as plain JSON values; None: nothing is held."""
    if hold is None:
        return None
    return {
        "ring": hold.ring,
        "held_at": write_utc_time(hold.held_at),
        "held_by": hold.held_by,
        "reason": hold.reason,
    }
