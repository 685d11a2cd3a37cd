"""The fleet: how many phones stand how, and a table to search and filter. Holders are not shown here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from flask import render_template
from sqlalchemy.orm import Session

from policy.verdict import Stage
from server.context import context
from server.errors import NoSuchPlace, NotThere
from server.evidence.alarms import open_causes
from server.fleet.counts import fleet_counts
from server.fleet.failures import Failure
from server.fleet.listing import Cursor, PhoneSort, Piece, Wanted, list_phones, read_cursor
from server.fleet.phone_rows import PhoneRow
from server.fleet.readiness import begins_at
from server.fleet.ring_phones import RingPhones, ring_numbered
from server.fleet.ring_words import failure_words
from server.fleet.rings import Progress
from server.fleet.standing import GONE, FleetCounts, Standing
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import later_rings_wait, stage_of_first_ring
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.pages.standing_words import managed_apps_gone
from server.pages.words import REACHES, STANDINGS
from server.people.people import Right
from server.policies.bundles import newest, situation
from server.policies.situation import Situation
from server.stations.refused_bundles import open_refusals
from server.stations.stations import station_names
from server.storage.keyset import RowPiece

ROWS_PER_PAGE = 100
_WAITING_WORDS = {
    "day": "checked within the last day",
    "week": "within the last week",
    "month": "within the last month",
    "longer": "longer ago",
}
_CAUSES_SHOWN = 5
_Word = TypeVar("_Word", bound=Enum)


PHONES = ListPage(
    "phones",
    "pages.fleet",
    Right.LOOK,
    {
        "search": 100,
        "standing": {one.value for one in Standing},
        "ring": 4,
        "progress": {one.value for one in Progress},
        "failure": {one.value for one in Failure},
    },
    tuple(sort.value for sort in PhoneSort),
)


@dataclass(frozen=True)
class Selection:
    """What the reader asked to see, in the words of the fleet."""

    asked: Asked
    wanted: Wanted

    @property
    def ring_fields(self) -> Mapping[str, str]:
        """What an address or a form names the ring's phones by."""
        if self.wanted.ring is None:
            return {}
        return {name: value for name in ("ring", "progress", "failure") if (value := self.asked.get(name))}


def read_phones(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[PhoneRow]:
    """Return a piece of the phones that were asked for."""
    here = situation(session, now())
    piece = _piece(session, here, _wanted(here, asked), asked, after, limit)
    return RowPiece(piece.rows, piece.next.written() if piece.next else None)


@pages.get("/")
@needs(Right.LOOK)
def fleet() -> str:
    """Show the counts and one piece of the table."""
    with context().lists.reading() as (session, seen):
        here = situation(session, now())
        wanted = _wanted(here, PHONES.asked())
        asked, piece = from_its_place(
            told := PHONES.asked(), lambda after: _piece(session, here, wanted, told, after, ROWS_PER_PAGE)
        )
        selection = Selection(asked, wanted)
        counts = fleet_counts(session, here)
        # One more than is shown tells whether there are more.
        causes = open_causes(session, limit=_CAUSES_SHOWN + 1, each=1)
        names = station_names(session, {cause.station_id for cause in causes})
        refusing = len(open_refusals(session))
        published, bundle = newest(session), here.bundle
    return render_template(
        "fleet.html",
        tab="pages.fleet",
        counts=counts,
        standings=STANDINGS,
        gone=GONE,
        reaches=REACHES,
        waiting=[(words, counts.waiting_by_age[age]) for age, words in _WAITING_WORDS.items()],
        seen=seen,
        asked=asked,
        selection=selection,
        piece=piece,
        next=piece.next.written() if piece.next else None,
        matching=_matching(piece, counts, wanted),
        first=asked.shown + 1,
        last=asked.shown + len(piece.rows),
        causes=causes[:_CAUSES_SHOWN],
        station_names=names,
        more_alarms=len(causes) > _CAUSES_SHOWN,
        refusing=refusing,
        published=published,
        policy=bundle.policy if bundle else None,
        stage=stage_of_first_ring(bundle.policy, now()) if bundle else None,
        begins_at=begins_at(bundle.policy) if bundle else None,
        later_rings=later_rings_wait(bundle.policy, now()) if bundle else False,
        lifted=bundle is not None and stage_of_first_ring(bundle.policy, now()) is Stage.LIFTED,
        allowed=managed_apps_gone,
        why=failure_words,
        may_see_holders=person().may(Right.SEE_HOLDERS),
    )


def _matching(piece: Piece, counts: FleetCounts, wanted: Wanted) -> int | None:
    """Return how many phones the whole selection has, or None where a search finds too many to count."""
    if wanted.named:
        return piece.named
    if wanted.ring:
        # Along the ring and no further than the piece: /rings counts.
        return None
    return counts.by_standing[wanted.standing] if wanted.standing else counts.total


def _piece(session: Session, here: Situation, wanted: Wanted, asked: Asked, after: str, limit: int) -> Piece:
    return list_phones(session, here, wanted, _cursor(after), limit, PhoneSort(asked.sort))


def _cursor(after: str) -> Cursor | None:
    try:
        return read_cursor(after) if after else None
    except ValueError as error:
        raise NoSuchPlace from error


def _wanted(here: Situation, asked: Asked) -> Wanted:
    return Wanted(_word(Standing, asked.get("standing")), asked.get("search"), _ring(here, asked))


def _ring(here: Situation, asked: Asked) -> RingPhones | None:
    number = asked.get("ring")
    try:
        ring = ring_numbered(here, int(number) if number.isdecimal() else 0)
    except NotThere:
        return None
    return RingPhones(ring, _word(Progress, asked.get("progress")), _word(Failure, asked.get("failure")))


def _word(words: type[_Word], value: str) -> _Word | None:
    return words(value) if value else None
