"""The fleet: how many phones stand how, and a table to search and filter. Holders are not shown here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from flask import render_template, request, url_for

from policy.verdict import Stage
from server.context import context
from server.errors import NotThere
from server.evidence.alarms import open_causes
from server.fleet.counts import fleet_counts
from server.fleet.failures import Failure
from server.fleet.listing import Cursor, Piece, Wanted, list_phones, read_cursor
from server.fleet.ring_phones import RingPhones, ring_numbered
from server.fleet.ring_words import failure_words
from server.fleet.rings import Progress
from server.fleet.standing import FleetCounts, Standing
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import enforcement_begins_at, later_rings_wait, stage_of_first_ring
from server.pages.moment import now
from server.pages.standing_words import managed_apps_gone
from server.pages.words import REACHES, STANDINGS
from server.people.people import Right
from server.policies.bundles import newest, situation
from server.policies.situation import Situation
from server.stations.refused_bundles import open_refusals
from server.stations.stations import station_names

ROWS_PER_PAGE = 100
_SEARCH_MAX_LENGTH = 100
_SHOWN_MAX = 1_000_000_000
_WAITING_WORDS = {
    "day": "checked within the last day",
    "week": "within the last week",
    "month": "within the last month",
    "longer": "longer ago",
}
_CAUSES_SHOWN = 5
_Word = TypeVar("_Word", bound=Enum)


@dataclass(frozen=True)
class Selection:
    """What the reader asked to see; made from the address, so that every view of the table can be linked."""

    wanted: Wanted
    after: Cursor | None
    """Behind which phone this piece of the table begins; None: at its top."""
    shown_before: int
    """How many rows the reader has come past; told by the address, for the caption only."""

    @property
    def search(self) -> str:
        """The piece of text to look for."""
        return self.wanted.named

    @property
    def standing(self) -> Standing | None:
        """The standing asked for; None: all."""
        return self.wanted.standing

    @property
    def ring(self) -> RingPhones | None:
        """Which phones of a ring are asked for; None: of any."""
        return self.wanted.ring

    @property
    def ring_fields(self) -> Mapping[str, Any]:
        """What an address or a form names the ring's phones by."""
        if self.ring is None:
            return {}
        named = {"progress": self.ring.progress, "failure": self.ring.failure}
        return {"ring": str(self.ring.ring.number)} | {name: one.value for name, one in named.items() if one}

    def address(self, after: Cursor | None = None, shown_before: int = 0) -> str:
        """Return the address of another piece of the same selection."""
        return url_for(
            "pages.fleet",
            search=self.search or None,
            standing=self.standing.value if self.standing else None,
            **self.ring_fields,
            after=after.written() if after else None,
            shown=shown_before or None,
        )


@pages.get("/")
@needs(Right.LOOK)
def fleet() -> str:
    """Show the counts and one piece of the table."""
    with context().lists.reading() as (session, seen):
        here = situation(session, now())
        selection = _selection(here)
        counts = fleet_counts(session, here)
        piece = list_phones(session, here, selection.wanted, selection.after, ROWS_PER_PAGE)
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
        reaches=REACHES,
        waiting=[(words, counts.waiting_by_age[age]) for age, words in _WAITING_WORDS.items()],
        seen=seen,
        selection=selection,
        piece=piece,
        matching=_matching(piece, counts, selection),
        first=selection.shown_before + 1,
        last=selection.shown_before + len(piece.rows),
        causes=causes[:_CAUSES_SHOWN],
        station_names=names,
        more_alarms=len(causes) > _CAUSES_SHOWN,
        refusing=refusing,
        published=published,
        policy=bundle.policy if bundle else None,
        stage=stage_of_first_ring(bundle.policy, now()) if bundle else None,
        begins_at=enforcement_begins_at(bundle.policy) if bundle else None,
        later_rings=later_rings_wait(bundle.policy, now()) if bundle else False,
        lifted=bundle is not None and stage_of_first_ring(bundle.policy, now()) is Stage.LIFTED,
        allowed=managed_apps_gone,
        why=failure_words,
        may_see_holders=person().may(Right.SEE_HOLDERS),
    )


def _matching(piece: Piece, counts: FleetCounts, selection: Selection) -> int | None:
    """Return how many phones the whole selection has, or None where a search finds too many to count."""
    if selection.search:
        return piece.named
    if selection.ring:
        # Along the ring and no further than the piece: /rings counts.
        return None
    return counts.by_standing[selection.standing] if selection.standing else counts.total


def _selection(here: Situation) -> Selection:
    standing = _asked(Standing, "standing")
    try:
        after = read_cursor(request.args.get("after", ""))
    except ValueError:
        # Whatever the address says: the top of the table is a place, too.
        after = None
    shown = request.args.get("shown", default=0, type=int) if after else 0
    search = request.args.get("search", "").strip()[:_SEARCH_MAX_LENGTH]
    return Selection(Wanted(standing, search, _ring(here)), after, min(max(shown, 0), _SHOWN_MAX))


def _ring(here: Situation) -> RingPhones | None:
    try:
        ring = ring_numbered(here, request.args.get("ring", default=0, type=int))
    except NotThere:
        return None
    return RingPhones(ring, _asked(Progress, "progress"), _asked(Failure, "failure"))


def _asked(words: type[_Word], name: str) -> _Word | None:
    try:
        return words(request.args.get(name, ""))
    except ValueError:
        return None
