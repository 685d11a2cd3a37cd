"""Rehearsals as they are kept: of which policy and for which draft, how far they are, what came out, and for whom."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from policy.document import Policy
from policy.errors import PolicyError
from policy.names import PhoneId
from policy.rehearsal import Outcome, fully_enforced_at
from policy.schemas import load_policy_document
from server.errors import ComeLater, Malformed, NotThere
from server.evidence import audit
from server.storage.database import Base, UtcTime

WAITING_MAX = 4
"""So many may be under way or wait at once, over all nodes."""
_DEAD_AFTER = timedelta(minutes=1)
_LISTS_KEPT = 5


class _RehearsalTable(Base):
    __tablename__ = "rehearsal"
    __table_args__ = (Index("ix_rehearsal_draft_id_revision", "draft_id", "revision"),)

    rehearsal_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    started_by: Mapped[str] = mapped_column(String(200))
    draft_id: Mapped[int | None] = mapped_column(BigInteger)
    revision: Mapped[int | None] = mapped_column(BigInteger)
    policy_sha256: Mapped[str] = mapped_column(String(64), index=True)
    policy_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    moment: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(String(10))
    phones_done: Mapped[int] = mapped_column(BigInteger)
    phones_total: Mapped[int] = mapped_column(BigInteger)
    beat_at: Mapped[datetime] = mapped_column(UtcTime)
    failure: Mapped[str] = mapped_column(Text)
    result: Mapped[str | None] = mapped_column(Text)


class _PhonesTable(Base):
    """Up to some hundred phones of one outcome a row, in order of their ids: a fleet of rows would take minutes."""

    __tablename__ = "rehearsed_phones"

    rehearsal_id: Mapped[str] = mapped_column(ForeignKey("rehearsal.rehearsal_id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(20), primary_key=True)
    last_phone_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class RehearsalState(Enum):
    """How far a rehearsal is."""

    RUNNING = "running"
    """Waiting for its turn included."""
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """Its server ended before it did: nothing will come of it, and another may be started."""


@dataclass(frozen=True)
class KeptRehearsal:
    """One rehearsal; ``result`` is None until it is done (`server.rehearsal.result` says what is in it)."""

    rehearsal_id: str
    started_at: datetime
    started_by: str
    draft: tuple[int, int] | None
    """The draft that it belongs to, with the revision that was rehearsed."""
    policy_sha256: str
    moment: datetime
    """When the policy is imagined to be in force."""
    state: RehearsalState
    phones_done: int
    phones_total: int
    failure: str
    result: Mapping[str, Any] | None

    @property
    def blocked_share(self) -> float | None:
        """The share of all phones that this policy would cut off for certain; None before it is done."""
        share: float | None = self.result["blocked_share"] if self.result else None
        return share


class Ordered(NamedTuple):
    """What one rehearsal is to do."""

    policy_bytes: bytes
    moment: datetime


def policy_of(policy_bytes: bytes) -> tuple[int, Policy]:
    """Return number and policy of a document that is to be rehearsed; raises `Malformed`."""
    try:
        return load_policy_document(policy_bytes)
    except PolicyError as error:
        raise Malformed(
            "policy_malformed", f"this is no policy document: {error}", "Correct it, and send it again."
        ) from error


def new_rehearsal(
    session: Session,
    policy_bytes: bytes,
    person: str,
    now: datetime,
    draft: tuple[int, int] | None = None,
    moment: datetime | None = None,
) -> str:
    """Note that a policy is to be rehearsed, with its audit row, and return the rehearsal's id.

    `moment` is when it is imagined to be in force: unless told, once it bears on every phone. Raises `Malformed` for
    what is no policy, and `ComeLater` where enough of them are under way.
    """
    _, policy = policy_of(policy_bytes)
    if _under_way(session, now) >= WAITING_MAX:
        raise ComeLater(
            "rehearsals_busy",
            f"{WAITING_MAX} rehearsals are under way or waiting",
            "Ask again once one of them is done.",
        )
    made = _RehearsalTable(
        rehearsal_id=str(uuid4()),
        started_at=now,
        started_by=person,
        draft_id=None if draft is None else draft[0],
        revision=None if draft is None else draft[1],
        policy_sha256=hashlib.sha256(policy_bytes).hexdigest(),
        policy_bytes=policy_bytes,
        moment=moment or fully_enforced_at(policy, now),
        state=RehearsalState.RUNNING.value,
        phones_done=0,
        phones_total=0,
        beat_at=now,
        failure="",
    )
    session.add(made)
    detail: dict[str, Any] = {
        "policy": policy.name,
        "policy_sha256": made.policy_sha256,
        "as_of": made.moment.isoformat(),
    }
    if draft is not None:
        detail |= {"draft": draft[0], "revision": draft[1]}
    audit.record(session, person, "policy rehearsed", f"rehearsal {made.rehearsal_id}", detail, now)
    session.flush()
    return made.rehearsal_id


def _under_way(session: Session, now: datetime) -> int:
    alive = (
        _RehearsalTable.state == RehearsalState.RUNNING.value,
        _RehearsalTable.beat_at > now - _DEAD_AFTER,
    )
    return session.scalars(select(func.count()).select_from(_RehearsalTable).where(*alive)).one()


def ordered(session: Session, rehearsal_id: str) -> Ordered:
    """Return what a rehearsal is to do."""
    found = session.get_one(_RehearsalTable, rehearsal_id)
    return Ordered(found.policy_bytes, found.moment)


def note_progress(session: Session, rehearsal_id: str, done: int, total: int) -> None:
    """Let it be known how many phones were looked at."""
    _change(session, [rehearsal_id], phones_done=done, phones_total=total)


def note_alive(session: Session, rehearsal_ids: Sequence[str], now: datetime) -> None:
    """Let it be known that somebody still works on these, or will."""
    _change(session, rehearsal_ids, beat_at=now)


def note_result(session: Session, rehearsal_id: str, result: Mapping[str, Any]) -> None:
    """Keep what came out, and no longer the lists of phones of the rehearsals before the newest few."""
    _change(session, [rehearsal_id], state=RehearsalState.DONE.value, result=json.dumps(result))
    newest = (
        select(_RehearsalTable.rehearsal_id)
        .where(_RehearsalTable.state == RehearsalState.DONE.value)
        .order_by(_RehearsalTable.started_at.desc(), _RehearsalTable.rehearsal_id)
        .limit(_LISTS_KEPT)
    )
    session.execute(
        delete(_PhonesTable).where(
            _PhonesTable.rehearsal_id.not_in([*session.scalars(newest), rehearsal_id]),
            _PhonesTable.rehearsal_id.in_(
                select(_RehearsalTable.rehearsal_id).where(
                    _RehearsalTable.state != RehearsalState.RUNNING.value
                )
            ),
        )
    )


def note_failure(session: Session, rehearsal_id: str, why: str) -> None:
    """Keep why nothing came out; the phones that it had listed go."""
    session.execute(delete(_PhonesTable).where(_PhonesTable.rehearsal_id == rehearsal_id))
    _change(session, [rehearsal_id], state=RehearsalState.FAILED.value, failure=why)


def _change(session: Session, rehearsal_ids: Sequence[str], **values: object) -> None:
    session.execute(
        update(_RehearsalTable).where(_RehearsalTable.rehearsal_id.in_(rehearsal_ids)).values(**values)
    )


# Asking -----------------------------------------------------------------------------------------------------------


def find_rehearsal(session: Session, rehearsal_id: str, now: datetime) -> KeptRehearsal:
    """Return one rehearsal; raises `NotThere`."""
    found = session.get(_RehearsalTable, rehearsal_id)
    if found is None:
        raise NotThere(
            "rehearsal_unknown", "there is no such rehearsal", "Start one, or look at the list of rehearsals."
        )
    return _as_kept(found, now)


def newest_rehearsals(session: Session, now: datetime, limit: int = 20) -> Sequence[KeptRehearsal]:
    """Return the newest rehearsals, newest first."""
    query = select(_RehearsalTable).order_by(_RehearsalTable.started_at.desc(), _RehearsalTable.rehearsal_id)
    return [_as_kept(row, now) for row in session.scalars(_without_bytes(query).limit(limit))]


def rehearsals_of(session: Session, draft_id: int, now: datetime) -> Sequence[KeptRehearsal]:
    """Return the rehearsals of a draft, of its newest revision first."""
    query = (
        select(_RehearsalTable)
        .where(_RehearsalTable.draft_id == draft_id)
        .order_by(_RehearsalTable.revision.desc(), _RehearsalTable.started_at.desc())
    )
    return [_as_kept(row, now) for row in session.scalars(_without_bytes(query))]


def done_rehearsals(session: Session, policy_sha256: str) -> Iterator[KeptRehearsal]:
    """Yield the rehearsals of exactly these bytes that came to an end, newest first."""
    query = (
        select(_RehearsalTable)
        .where(
            _RehearsalTable.policy_sha256 == policy_sha256,
            _RehearsalTable.state == RehearsalState.DONE.value,
        )
        .order_by(_RehearsalTable.started_at.desc())
    )
    for row in session.scalars(_without_bytes(query)):
        yield _as_kept(row, row.beat_at)


def _without_bytes(query: Any) -> Any:
    return query.options(defer(_RehearsalTable.policy_bytes))


def _as_kept(row: _RehearsalTable, now: datetime) -> KeptRehearsal:
    state = RehearsalState(row.state)
    if state is RehearsalState.RUNNING and now - row.beat_at > _DEAD_AFTER:
        state = RehearsalState.STOPPED
    return KeptRehearsal(
        rehearsal_id=row.rehearsal_id,
        started_at=row.started_at,
        started_by=row.started_by,
        draft=None if row.draft_id is None or row.revision is None else (row.draft_id, row.revision),
        policy_sha256=row.policy_sha256,
        moment=row.moment,
        state=state,
        phones_done=row.phones_done,
        phones_total=row.phones_total,
        failure=row.failure,
        result=json.loads(row.result) if row.result else None,
    )


# Whom an outcome is of --------------------------------------------------------------------------------------------


class RehearsedPhone(NamedTuple):
    """One phone of a rehearsal. ``before`` is its outcome under the policy in force, None where none is."""

    phone_id: PhoneId
    unit: str
    before: str | None
    cause: str | None
    found: Sequence[str]
    disabled: Sequence[str]
    restored: Sequence[str]


class Piece(NamedTuple):
    """Phones of one outcome, in order of their ids: id, unit, and which of ``said`` holds for each."""

    outcome: Outcome
    said: Sequence[Sequence[Any]]
    phones: Sequence[tuple[str, str, int]]


def keep_phones(session: Session, rehearsal_id: str, pieces: Iterable[Piece]) -> None:
    """Keep whom outcomes are of; behind what was kept of the same outcome before."""
    rows = [
        {
            "rehearsal_id": rehearsal_id,
            "outcome": piece.outcome.value,
            "last_phone_id": piece.phones[-1][0],
            "body": zlib.compress(json.dumps([piece.said, piece.phones]).encode(), 1),
        }
        for piece in pieces
    ]
    if rows:
        session.execute(_PhonesTable.__table__.insert(), rows)  # type: ignore[attr-defined]


def phones_of(
    session: Session, rehearsal_id: str, outcome: Outcome, after: str, limit: int
) -> Sequence[RehearsedPhone]:
    """Return the next phones of one outcome behind one, in order of their ids, as they were rehearsed."""
    query = (
        select(_PhonesTable.body)
        .where(
            _PhonesTable.rehearsal_id == rehearsal_id,
            _PhonesTable.outcome == outcome.value,
            _PhonesTable.last_phone_id > after,
        )
        .order_by(_PhonesTable.last_phone_id)
    )
    found: list[RehearsedPhone] = []
    for body in session.scalars(query.execution_options(yield_per=4)):
        said, phones = json.loads(zlib.decompress(body))
        found += [
            RehearsedPhone(phone_id, unit, *said[place])
            for phone_id, unit, place in phones
            if phone_id > after
        ]
        if len(found) >= limit:
            break
    return found[:limit]
