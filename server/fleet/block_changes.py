"""Which holders' places in the list of blocks may be other than at an earlier moment (decision 0021).

Three things move a place: a report or a registration, a publication, and the clock alone. The first leave a number
here, in the transaction that stores them. What publications and the clock did follows from when the list was read.

Numbers rise in the order in which transactions are committed: whoever takes one holds the row until then, so that
nobody reads a higher one while a lower is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from policy.document import Bundle
from policy.names import PhoneId
from server.fleet.standing import CheckFacts
from server.policies.situation import Situation
from server.storage.database import Base, UtcTime

KEPT_FOR = timedelta(days=30)
"""A cursor that is older is not answered, and a holder without a phone is forgotten some time after."""
AWAY = timedelta(hours=1)
"""A phone that comes back after so long may have been silent before."""
LEAST_LIMIT = 2 * AWAY
"""Under a policy that calls phones silent sooner, who came back cannot be told from who was never away."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""Two nodes' clocks, at most."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _ChangeTable(Base):
    """One row for each holder whose place was ever moved by a report or a registration."""

    __tablename__ = "block_change"
    __table_args__ = (Index("ix_block_change_number", "number"), Index("ix_block_change_at", "at"))

    holder_tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcTime)
    # Of a holder whose last phone went to another: who that was, so that it can be told. NULL: not known to be so.
    sealed_holder: Mapped[bytes | None] = mapped_column(LargeBinary)


class _NumberTable(Base):
    """One row: the newest number, and which past it belongs to."""

    __tablename__ = "block_change_number"
    __table_args__ = (CheckConstraint("id = 1", name="ck_block_change_number_single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
    history: Mapped[str] = mapped_column(String(32))


_CHANGES = cast(Table, _ChangeTable.__table__)
_NUMBERS = cast(Table, _NumberTable.__table__)
_NEXT = update(_NUMBERS).values(number=_NUMBERS.c.number + 1).returning(_NUMBERS.c.number)
_NOW = select(_NUMBERS.c.number, _NUMBERS.c.history)


def _upsert(dialect: Any) -> Any:
    statement = dialect.insert(_CHANGES)
    replaced = {name: statement.excluded[name] for name in ("number", "at", "sealed_holder")}
    return statement.on_conflict_do_update(index_elements=[_CHANGES.c.holder_tag], set_=replaced)


_UPSERTS = {"sqlite": _upsert(sqlite), "postgresql": _upsert(postgresql)}


@dataclass(frozen=True)
class Cursor:
    """Up to where a list of blocks was read: the moment it is of, the newest number and publication it had seen."""

    at: datetime
    number: int
    serial: int
    history: str

    def written(self) -> str:
        """Return it as a word for an address."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.number}.{self.serial}.{self.history}"


def read_cursor(text: str) -> Cursor:
    """Return the cursor that was written so; raises `ValueError` for anything else."""
    microseconds, number, serial, history = text.split(".")
    try:
        return Cursor(_EPOCH + timedelta(microseconds=int(microseconds)), int(number), int(serial), history)
    except OverflowError as error:
        raise ValueError(f"no cursor: {text[:100]!r}") from error


# Keeping it up ---------------------------------------------------------------------------------------------------


def moves_block(before: CheckFacts | None, after: CheckFacts, now: datetime) -> bool:
    """Whether a check may have moved its holder's place. Pure.

    That a phone was seen again does not, unless it was away so long that it may have been silent. That it was handed
    back again does: it is gone from then on, and may have been provisioned in between.
    """
    if before is None or before.handed_back or after.handed_back:
        return True
    return _told(before) != _told(after) or now - before.effective_at > AWAY


def _told(facts: CheckFacts) -> tuple[Any, ...]:
    return facts.verdict, facts.enforceable, facts.unchanged_since, facts.not_enforceable_since


def note_changes(
    session: Session, holder_tags: Iterable[str], now: datetime, left: Mapping[str, bytes] | None = None
) -> None:
    """Note that these holders' places may have moved; `left` are those that a phone went away from, sealed.

    To be called behind all else that others wait for: until this transaction ends, nobody else can take a number.
    """
    rows = dict.fromkeys(holder_tags) | dict(left or {})
    if not rows:
        return
    connection = session.connection()
    number = connection.execute(_NEXT).scalar_one()
    connection.execute(
        _UPSERTS[connection.dialect.name],
        [
            {"holder_tag": tag, "number": number, "at": now, "sealed_holder": sealed}
            for tag, sealed in rows.items()
        ],
    )
    if left:
        # Some days longer than any cursor is answered, whatever clocks say.
        old = _CHANGES.c.at < now - KEPT_FOR - timedelta(days=1)
        connection.execute(delete(_CHANGES).where(old, _CHANGES.c.sealed_holder.is_not(None)))


def forget_cursors(session: Session) -> None:
    """Let no cursor of before be answered: what is stored does not follow from what it had seen."""
    session.execute(update(_NUMBERS).values(history=uuid4().hex))


# Asking it -------------------------------------------------------------------------------------------------------


def cursor_at(session: Session, here: Situation) -> Cursor:
    """Return up to where a list is read in this transaction."""
    number, history = session.execute(_NOW).one()
    return Cursor(here.now, number, here.serial, history)


def not_told(since: Cursor, now: Cursor, here: Situation) -> str | None:
    """Return why the changes since a cursor cannot be told, None if they can. Pure."""
    if since.history != now.history or since.number > now.number or since.serial > now.serial:
        return "the database was put back from a backup, or made anew, since then"
    if here.now - since.at > KEPT_FOR:
        return f"that is longer than {counted(KEPT_FOR.days, 'day')} ago"
    if since.at > here.now:
        return "the server's clock was put back since then"
    if here.bundle is None:
        return None if since.serial == now.serial else "a policy was published since then"
    published = [one for one in here.publications if one.serial >= since.serial]
    ruling = _ruled_by(here.bundle)
    # Dated ahead by another node's clock, a publication moves what counts from it once more.
    if since.serial != published[0].serial or any(
        _ruled_by(one.bundle) != ruling or (one is published[0] and one.at > since.at) for one in published
    ):
        return "another policy was published since then"
    policy = here.bundle.policy
    if any(
        since.at < at <= here.now
        for at in (policy.deadline, policy.ends_at, *(r.starts_at for r in policy.rings))
    ):
        return "the measure, or a ring of it, began or ended since then"
    if policy.overdue_limit < LEAST_LIMIT:
        return "the policy calls phones silent within two hours"
    return None


def _ruled_by(bundle: Bundle) -> tuple[Any, ...]:
    return bundle.number, bundle.policy


def exemptions_moved(since: Cursor, here: Situation) -> set[PhoneId]:
    """Return the phones whose exemption came, changed, went or ended since a cursor. Pure."""
    published = [one.bundle.fleet for one in here.publications if one.serial >= since.serial]
    moved: set[PhoneId] = set()
    for before, after in pairwise(published):
        moved |= {one.phone_id for one in {*before.exemptions} ^ {*after.exemptions}}
    for fleet in published[-1:]:
        moved |= {one.phone_id for one in fleet.exemptions if since.at < one.until <= here.now}
    return moved


def overdue_between(since: Cursor, here: Situation) -> tuple[datetime, datetime] | None:
    """Return from when to when (before that) what is overdue by now, and was not then, was last well. Pure.

    None where nothing follows from it: without a measure in force.
    """
    if here.bundle is None or here.lifted or here.now < here.bundle.policy.deadline:
        return None
    limit = here.bundle.policy.overdue_limit
    return since.at - limit, here.now - limit


def noted_since(session: Session, since: Cursor, limit: int) -> set[str]:
    """Return the tags of holders whose places may have moved by what was stored since a cursor, up to so many."""
    # What another node's clock had dated ahead was seen then, and did not count yet.
    later = or_(_CHANGES.c.number > since.number, _CHANGES.c.at > since.at)
    return set(session.scalars(select(_CHANGES.c.holder_tag).where(later).limit(limit)))


def noted_after(session: Session, at: datetime, limit: int) -> Sequence[str]:
    """Return the tags of holders whose places may have moved by what was stored at a moment or later, up to so many."""
    return session.scalars(select(_CHANGES.c.holder_tag).where(_CHANGES.c.at >= at).limit(limit)).all()


_LEFT = select(_CHANGES.c.holder_tag, _CHANGES.c.at, _CHANGES.c.sealed_holder).where(
    _CHANGES.c.sealed_holder.is_not(None), _CHANGES.c.holder_tag.in_(bindparam("tags", expanding=True))
)


def left_holders(session: Session, tags: Sequence[str]) -> Sequence[tuple[str, datetime, bytes]]:
    """Return of those of these holders that a phone has left: the tag, since when, and the holder, sealed."""
    return [(row[0], row[1], row[2]) for row in session.execute(_LEFT, {"tags": list(tags)})]
