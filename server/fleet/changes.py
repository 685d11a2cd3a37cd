"""What changed in the fleet since a moment: from kept turns and stretches of indexes, and not by walking the fleet."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice

from sqlalchemy.orm import Session

from policy.errors import InvalidName
from policy.names import PhoneId
from server.fleet import block_changes, entries, phone_states, phones, turns
from server.fleet.block_list import phones_that_may_ask
from server.fleet.blocks import BLOCKING, cause_of
from server.fleet.counts import exempt_entries
from server.fleet.entries import Place
from server.fleet.phone_rows import PhoneRow, phone_rows
from server.fleet.spans import Span, spans
from server.fleet.standing import Standing
from server.fleet.turns import Turn
from server.policies.bundles import situation_and_history
from server.policies.situation import Situation

COUNTED = 1_000
"""Of more changes of one kind it is only told that they are more."""
_ASKED = 2_000
"""So many phones of a kind are asked at most whether their holders are to be blocked since then."""
_ASKED_TO_TELL = 300
"""As `_ASKED`, where only how many is told: *at least*, on the day on which enforcing begins for a fleet."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Change(Enum):
    """What happened to a phone; in the order in which people are told."""

    VIOLATING = "violating"
    BLOCKED = "blocked"
    """Its holder is to be blocked by the mail side because of it."""
    SWITCHED_OFF = "switched_off"
    RESTORED = "restored"
    COMPLYING = "complying"
    SILENT = "silent"
    HANDED_BACK = "handed_back"
    NEW = "new"


_TURNS = {
    Change.VIOLATING: Turn.VIOLATING,
    Change.COMPLYING: Turn.COMPLYING,
    Change.SWITCHED_OFF: Turn.SWITCHED_OFF,
    Change.RESTORED: Turn.RESTORED,
    Change.HANDED_BACK: Turn.HANDED_BACK,
}


@dataclass(frozen=True)
class Changed:
    """A phone as it stands now, and when it changed."""

    at: datetime
    row: PhoneRow


@dataclass(frozen=True)
class ChangedPiece:
    """Some phones in the order in which they changed, and behind which place the next come; None behind the last."""

    rows: Sequence[Changed]
    next: Place | None
    may_be_more: bool = False
    """Whether there may be others to which it happened, in no piece: too many would have to be asked."""


def written_place(place: Place) -> str:
    """Return a place as a word for an address, such as ``1677062400000000~<phone id>``."""
    return f"{(place.last_at - _EPOCH) // timedelta(microseconds=1)}~{place.phone_id}"


def read_place(text: str) -> Place:
    """Return the place that `written_place` wrote; raises `ValueError` for anything else."""
    microseconds, phone_id = text.split("~")
    try:
        return Place(_EPOCH + timedelta(microseconds=int(microseconds)), PhoneId(phone_id))
    except (OverflowError, InvalidName) as error:
        raise ValueError(f"no place in the list: {text[:100]!r}") from error


@dataclass(frozen=True)
class Told:
    """How many phones changed in one way, and the first of them; one more than `COUNTED` stands for all above."""

    count: int
    first: Sequence[Changed]
    may_be_more: bool = False
    """Whether these are only those of the phones that were asked: too many would have to be."""


def list_changes(
    session: Session,
    now: datetime,
    since: datetime,
    change: Change,
    after: Place | None = None,
    limit: int = 100,
) -> ChangedPiece:
    """Return the phones to which this happened at ``since`` or later, behind a place."""
    here = situation_and_history(session, now)
    walk = _walk(session, here, since, change, after, limit + 1, _ASKED)
    found = list(islice(walk.places, limit + 1))
    shown = found[:limit]
    behind = shown[-1] if len(found) > limit else None
    return ChangedPiece(_rows(session, here, shown), behind, walk.may_be_more)


def tell_changes(session: Session, now: datetime, since: datetime, shown: int) -> Mapping[Change, Told]:
    """Return of every change how many phones it happened to at ``since`` or later, and the first `shown` of them."""
    here = situation_and_history(session, now)
    told = {}
    for change in Change:
        walk = _walk(session, here, since, change, None, COUNTED + 1, _ASKED_TO_TELL)
        found = list(islice(walk.places, COUNTED + 1))
        told[change] = Told(len(found), _rows(session, here, found[:shown]), walk.may_be_more)
    return told


def _rows(session: Session, here: Situation, places: Sequence[Place]) -> Sequence[Changed]:
    known = {phone.phone_id: phone for phone in phones.find_phones(session, [one.phone_id for one in places])}
    rows = phone_rows(session, [known[one.phone_id] for one in places], here)
    return [Changed(one.last_at, row) for one, row in zip(places, rows, strict=True)]


@dataclass(frozen=True)
class _Walk:
    places: Iterable[Place]
    may_be_more: bool = False


def _walk(
    session: Session,
    here: Situation,
    since: datetime,
    change: Change,
    after: Place | None,
    step: int,
    asked: int,
) -> _Walk:
    if change in _TURNS:
        return _Walk(turns.walk(session, _TURNS[change], since, after, step))
    if change is Change.SILENT:
        return _Walk(_fell_silent(session, here, since, after, step))
    found = (
        _Walk(_registered(session, since)) if change is Change.NEW else _blocked(session, here, since, asked)
    )
    behind = (place for place in found.places if after is None or place > after)
    return _Walk(behind, found.may_be_more)


def _registered(session: Session, since: datetime) -> Sequence[Place]:
    return sorted(Place(at, phone_id) for phone_id, at in phones.registered_since(session, since))


def _fell_silent(
    session: Session, here: Situation, since: datetime, after: Place | None, step: int
) -> Iterator[Place]:
    """Yield the phones that are silent now and were not then; each fell so the overdue limit after its check."""
    limit = here.overdue_limit
    if limit is None or here.lifted:
        return
    behind = None if after is None else Place(after.last_at - limit, after.phone_id)
    stretches = [
        entries.walk(session, Span(span.fresh, span.has_open, since - limit, span.until), behind, step)
        for span, standing in spans(here)
        if standing is Standing.SILENT
    ]
    exempt = exempt_entries(session, here)
    for place in heapq.merge(*stretches):
        if place.phone_id not in exempt:
            yield Place(place.last_at + limit, place.phone_id)


def _blocked(session: Session, here: Situation, since: datetime, most: int) -> _Walk:
    """Return the phones because of which a holder is to be blocked since then.

    Asked are those whose reports or registrations moved something, those whom the clock alone made overdue, those whose
    exemption ended, and, where enforcing began meanwhile for others, whoever may ask for a block at all.
    """
    groups = [*_moved(session, here, since, most)]
    if here.enforcing_began(since):
        groups.append(set(islice(phones_that_may_ask(session, here), most)))
    # These are all known, however many they are.
    asked = set().union(*groups, here.exempt_before(since))
    facts = phone_states.check_facts(session, asked)
    causes = (
        (one.phone_id, cause_of(one, facts.get(one.phone_id), here))
        for one in phones.find_phones(session, asked)
    )
    places = sorted(
        Place(at, phone_id) for phone_id, (cause, at) in causes if cause in BLOCKING and at >= since
    )
    return _Walk(places, any(len(group) >= most for group in groups))


def _moved(session: Session, here: Situation, since: datetime, most: int) -> Iterator[Collection[PhoneId]]:
    """Yield groups of phones, each of at most `most` holders or phones."""
    tags = block_changes.noted_after(session, since, most)
    yield {one.phone_id for of_one in phones.phones_of_holders(session, tags).values() for one in of_one}
    if here.overdue_limit is None:
        return
    first, last = since - here.overdue_limit, here.now - here.overdue_limit
    yield set(islice(phone_states.unread_between(session, first, last), most))
    for span, standing in spans(here):
        if standing is Standing.SILENT:
            overdue = Span(span.fresh, span.has_open, first, span.until)
            yield {place.phone_id for place in islice(entries.walk(session, overdue, None, most), most)}
