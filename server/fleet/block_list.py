"""Whom the mail side is told to block, by cause: found along the fleet's index, and not by walking every holder.

Each cause asks for a phone of some kinds, of which those that were not seen for longest come first. Where a holder has
several phones the worst one decides, and it is where the holder stands in the list.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from policy.names import PhoneId
from server.fleet import entries, holders
from server.fleet.blocks import BLOCKING, Block, BlockCause, worst_of_holders
from server.fleet.listing import Cursor, take
from server.fleet.readiness import Moment, moment_of
from server.fleet.spans import FRESH_STANDINGS, Span
from server.fleet.standing import GONE, Standing
from server.policies.bundles import situation_and_history
from server.policies.situation import Situation

_LOOKED_AT = 2_000
"""So many phones are looked at for one piece, of which few or none may ask for a block."""

_KINDS: Mapping[BlockCause, Collection[Standing]] = {
    # One that could not be read since is not told to be free of it (docs/design.md, rule 1).
    BlockCause.NOT_ENFORCEABLE: (Standing.NOT_ENFORCEABLE, Standing.UNREADABLE),
    BlockCause.DECLINED: (Standing.DECLINED,),
    BlockCause.UNREADABLE: (Standing.UNREADABLE,),
    BlockCause.SILENT: tuple(fresh for fresh in FRESH_STANDINGS if fresh not in GONE | {Standing.DECLINED}),
}
"""The fresh standings that phones of each cause can have."""


@dataclass(frozen=True)
class ToBlock:
    """A piece of the list, and behind which phone the next begins; None behind the last.

    With a ``next``, it may show fewer than were asked for, or none.
    """

    blocks: Sequence[Block]
    next: Cursor | None


def to_block(
    session: Session,
    now: datetime,
    holder_key: str,
    causes: Collection[BlockCause],
    after: Cursor | None = None,
    limit: int = 100,
) -> ToBlock:
    """Return the holders to block for one of `causes`, behind a place; holders are opened for this piece only."""
    here = situation_and_history(session, now)
    if moment_of(here) in (Moment.NO_POLICY, Moment.BEFORE, Moment.LIFTED):
        return ToBlock((), None)
    found: dict[PhoneId, Block] = {}

    def keep(part: Sequence[Cursor]) -> Iterable[Cursor]:
        worst = worst_of_holders(session, here, holders.tags_of(session, [c.place.phone_id for c in part]))
        asked = {one.phone_id: one for one in worst.values() if one.cause in causes}
        for cursor in part:
            if cursor.place.phone_id in asked:
                found[cursor.place.phone_id] = asked[cursor.place.phone_id]
                yield cursor

    shown, behind = take(_walk(session, here, causes, after, limit + 1), limit, keep, _LOOKED_AT)
    phone_ids = [cursor.place.phone_id for cursor in shown]
    names = holders.holders_of(session, holder_key, phone_ids)
    return ToBlock([replace(found[one], holder=names[one]) for one in phone_ids], behind)


def phones_that_may_ask(session: Session, here: Situation) -> Iterator[PhoneId]:
    """Yield the phones whose holders may be to block; whether they are, `cause_of` tells."""
    return (cursor.place.phone_id for cursor in _walk(session, here, BLOCKING, None, 1000))


def _walk(
    session: Session, here: Situation, causes: Collection[BlockCause], after: Cursor | None, step: int
) -> Iterator[Cursor]:
    """Yield every phone that may ask for a block for one of these causes, in the order of the list."""
    for fresh in FRESH_STANDINGS:
        told = {cause for cause in causes if fresh in _KINDS.get(cause, ())}
        if not told or (after and FRESH_STANDINGS.index(fresh) < FRESH_STANDINGS.index(after.standing)):
            continue
        # Silent is only who was not seen for longer than the policy allows.
        until = here.now - here.overdue_limit if told == {BlockCause.SILENT} and here.overdue_limit else None
        place = after.place if after and after.standing is fresh else None
        stretches = [
            entries.walk(session, Span(fresh, has_open, until=until), place, step)
            for has_open in (False, True)
        ]
        for found in heapq.merge(*stretches):
            yield Cursor(fresh, found)
