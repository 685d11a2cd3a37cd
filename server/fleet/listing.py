"""The fleet as a list: what needs a person first, or by when each was seen; each piece from where the last one ended.

No piece costs more for being far down, or because the fleet is large: each standing is a few stretches of an index.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import islice

from sqlalchemy.orm import Session

from policy.errors import InvalidName
from policy.names import PhoneId
from server.fleet import entries, phones, search
from server.fleet.counts import exempt_entries
from server.fleet.entries import Entry, Place
from server.fleet.phone_rows import PhoneRow, phone_rows
from server.fleet.ring_phones import RingPhones
from server.fleet.spans import Span, spans
from server.fleet.standing import Standing, standing_now
from server.policies.situation import Situation

BY_URGENCY = (
    Standing.NOT_ENFORCEABLE,
    Standing.VIOLATING,
    Standing.WAITING_FOR_LIFT,
    Standing.UNREADABLE,
    Standing.SILENT,
    Standing.DECLINED,
    Standing.UNSEEN,
    Standing.COMPLIANT,
    Standing.NOTHING_DUE,
    Standing.HANDED_BACK,
    Standing.RETIRED,
)
"""What needs a person comes first."""

FEW = 1_000
"""Up to so many phones that a search finds are sorted and counted; of more, the list is walked."""

_WALKED = 20_000
"""So many phones are looked at for one piece of a list in which a search finds some here and there."""

_URGENCY = {standing: rank for rank, standing in enumerate(BY_URGENCY)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cursor:
    """Behind which phone a piece of the list begins."""

    standing: Standing
    place: Place

    def written(self) -> str:
        """Return it as a word for an address, such as ``silent~1677062400000000~<phone id>``."""
        microseconds = (self.place.last_at - _EPOCH) // timedelta(microseconds=1)
        return f"{self.standing.value}~{microseconds}~{self.place.phone_id}"


def read_cursor(text: str) -> Cursor:
    """Return the cursor that was written so; raises `ValueError` for anything else."""
    standing, microseconds, phone_id = text.split("~")
    try:
        at = _EPOCH + timedelta(microseconds=int(microseconds))
        return Cursor(Standing(standing), Place(at, PhoneId(phone_id)))
    except (OverflowError, InvalidName) as error:
        raise ValueError(f"no place in the list: {text[:100]!r}") from error


class PhoneSort(Enum):
    """In which order phones can be listed."""

    URGENCY = "urgency"
    """What needs a person first, and of one standing those not seen for longest."""
    LONGEST_UNSEEN = "longest_unseen"
    LATEST_SEEN = "latest_seen"

    def key(self, cursor: Cursor) -> tuple[object, ...]:
        """Return what a phone is sorted by, rising; of `LATEST_SEEN` falling."""
        return (_URGENCY[cursor.standing], cursor.place) if self is PhoneSort.URGENCY else (cursor.place,)

    def is_behind(self, cursor: Cursor, after: Cursor | None) -> bool:
        """Whether a phone comes behind another in this order; behind none all do."""
        if after is None:
            return True
        here, there = self.key(cursor), self.key(after)
        return here < there if self is PhoneSort.LATEST_SEEN else here > there


@dataclass(frozen=True)
class Wanted:
    """Which phones are asked for: of one standing or of all (None), with a piece of text in a name or any ("").

    ``ring`` says which of the phones of one ring, None of any.
    """

    standing: Standing | None = None
    named: str = ""
    ring: RingPhones | None = None


@dataclass(frozen=True)
class Piece:
    """A piece of the list: ``rows``, and behind which phone the next begins; None where there is none.

    With a ``next``, a search that finds phones here and there may show fewer than were asked for, or none.
    """

    rows: Sequence[PhoneRow]
    next: Cursor | None
    named: int | None
    """How many phones a search found in all; None without a search, and where they are more than `FEW`."""


def list_phones(
    session: Session,
    here: Situation,
    wanted: Wanted,
    after: Cursor | None = None,
    limit: int = 100,
    sort: PhoneSort = PhoneSort.URGENCY,
) -> Piece:
    """Return the phones that come after a place in an order."""
    exempt = exempt_entries(session, here)
    few = _few(session, here, exempt, wanted, sort)
    if few is not None:
        shown, behind = take((c for c in few if sort.is_behind(c, after)), limit, lambda part: part)
    else:
        walk = _walk if sort is PhoneSort.URGENCY else partial(_walk_by_time, sort)
        walked = walk(session, here, exempt, wanted, after, limit + 1)
        shown, behind = take(walked, limit, lambda part: _with_name(session, part, wanted.named))
    found = {
        phone.phone_id: phone for phone in phones.find_phones(session, [c.place.phone_id for c in shown])
    }
    # The database gives them in no order.
    rows = phone_rows(session, [found[cursor.place.phone_id] for cursor in shown], here)
    return Piece(rows, behind, len(few) if few is not None and wanted.named else None)


def take(
    cursors: Iterator[Cursor],
    limit: int,
    keep: Callable[[Sequence[Cursor]], Iterable[Cursor]],
    most: int = _WALKED,
) -> tuple[Sequence[Cursor], Cursor | None]:
    """Return the first of those that `keep` lets through, and behind which to go on; None at the end.

    No more than about `most` are looked at.
    """
    shown: list[Cursor] = []
    walked = 0
    while part := list(islice(cursors, limit + 1)):
        for cursor in keep(part):
            if len(shown) == limit:
                return shown, shown[-1]
            shown.append(cursor)
        walked += len(part)
        if walked >= most:
            return shown, part[-1]
    return shown, None


def _walk(
    session: Session,
    here: Situation,
    exempt: Mapping[str, Entry],
    wanted: Wanted,
    after: Cursor | None,
    step: int,
) -> Iterator[Cursor]:
    """Yield every phone of one standing and ring, or of all, in the order of the list."""
    order = [wanted.standing] if wanted.standing else BY_URGENCY
    ring = wanted.ring
    others_exempt = _of_ring(here, exempt, exempt, ring)
    apart = _apart(here, exempt, ring)
    for one in order:
        if after and _URGENCY[one] < _URGENCY[after.standing]:
            continue
        place = after.place if after and after.standing is one else None
        stretches = [
            entries.walk(session, part, place, step)
            for span, stands in spans(here)
            if stands is one
            for part in (ring.within(span, here) if ring else [span])
        ]
        by_index = (place for place in heapq.merge(*stretches) if place.phone_id not in apart)
        others = [c.place for c in _standing(here, exempt, others_exempt) if c.standing is one]
        by_hand = (other for other in sorted(others) if place is None or other > place)
        for found in heapq.merge(by_index, by_hand):
            yield Cursor(one, found)


def _walk_by_time(
    sort: PhoneSort,
    session: Session,
    here: Situation,
    exempt: Mapping[str, Entry],
    wanted: Wanted,
    after: Cursor | None,
    step: int,
) -> Iterator[Cursor]:
    """Yield the same phones by when they were seen last: the stretches of all standings are walked side by side."""
    ring, latest_first = wanted.ring, sort is PhoneSort.LATEST_SEEN
    apart = _apart(here, exempt, ring)

    def stretch(span: Span, standing: Standing) -> Iterator[Cursor]:
        places = entries.walk(session, span, after.place if after else None, step, latest_first)
        return (Cursor(standing, place) for place in places if place.phone_id not in apart)

    def is_wanted(standing: Standing) -> bool:
        return wanted.standing in (None, standing)

    by_index = [
        stretch(part, stands)
        for span, stands in spans(here)
        if is_wanted(stands)
        for part in (ring.within(span, here) if ring else [span])
    ]
    others = _standing(here, exempt, _of_ring(here, exempt, exempt, ring))
    by_hand = [c for c in others if is_wanted(c.standing) and sort.is_behind(c, after)]
    by_hand.sort(key=sort.key, reverse=latest_first)
    yield from heapq.merge(*by_index, by_hand, key=sort.key, reverse=latest_first)


def _apart(here: Situation, exempt: Mapping[str, Entry], ring: RingPhones | None) -> Container[str]:
    """Return the phones that a walk along the index passes over."""
    # Of a ring that is a share: no ring that lists its phones is walked so.
    return {*exempt, *here.bundle.policy.listed} if ring and here.bundle else exempt


def _few(
    session: Session, here: Situation, exempt: Mapping[str, Entry], wanted: Wanted, sort: PhoneSort
) -> Sequence[Cursor] | None:
    """Return the phones that a search finds or a ring lists, in the order of the list; None where they are many."""
    phone_ids: Collection[str] = wanted.ring.ring.rule.phones if wanted.ring else ()
    if phone_ids:
        phone_ids = search.named_among(session, wanted.named, phone_ids) if wanted.named else phone_ids
    elif not wanted.named or len(phone_ids := search.phones_named(session, wanted.named, FEW + 1)) > FEW:
        return None
    found = _of_ring(here, exempt, entries.entries_of(session, phone_ids), wanted.ring)
    cursors = _standing(here, exempt, found)
    found_here = (c for c in cursors if wanted.standing in (None, c.standing))
    return sorted(found_here, key=sort.key, reverse=sort is PhoneSort.LATEST_SEEN)


def _with_name(session: Session, part: Sequence[Cursor], named: str) -> Iterable[Cursor]:
    if not named:
        return part
    having = search.named_among(session, named, [cursor.place.phone_id for cursor in part])
    return (cursor for cursor in part if cursor.place.phone_id in having)


def _of_ring(
    here: Situation, exempt: Container[str], found: Mapping[str, Entry], ring: RingPhones | None
) -> Mapping[str, Entry]:
    if ring is None:
        return found
    return {
        phone_id: entry
        for phone_id, entry in found.items()
        if ring.has(PhoneId(phone_id), entry, phone_id in exempt, here)
    }


def _standing(here: Situation, exempt: Container[str], found: Mapping[str, Entry]) -> Iterator[Cursor]:
    for phone_id, entry in found.items():
        is_over = here.lifted or phone_id in exempt
        standing = standing_now(entry.fresh, entry.has_open, entry.last_at, is_over, here)
        yield Cursor(standing, Place(entry.last_at, PhoneId(phone_id)))
