"""The fleet: how many phones stand how, and a table to search and filter. Holders are not shown here."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request, url_for

from server.context import context
from server.fleet import alarms, fleet_counts
from server.fleet import fleet as phones_of_fleet
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.words import STANDINGS
from server.people import Right
from server.standing import FleetCounts, Standing

ROWS_PER_PAGE = 100
_SEARCH_MAX_LENGTH = 100
_PAGE_MAX = 1_000_000
_WAITING_WORDS = {
    "day": "checked within the last day",
    "week": "within the last week",
    "month": "within the last month",
    "longer": "longer ago",
}
_ALARMS_SHOWN = 5


@dataclass(frozen=True)
class Selection:
    """What the reader asked to see; made from the address, so that every view of the table can be linked."""

    search: str
    standing: Standing | None
    page: int

    def address(self, page: int) -> str:
        """Return the address of another page of the same selection."""
        standing = self.standing.value if self.standing else None
        return url_for(
            "pages.fleet", search=self.search or None, standing=standing, page=page if page > 1 else None
        )


@pages.get("/")
@needs(Right.LOOK)
def fleet() -> str:
    """Show the counts and one page of the table."""
    selection = _selection()
    with context().database.reading() as session:
        counts = fleet_counts(session, now())
        found = phones_of_fleet(
            session,
            now(),
            selection.search,
            selection.standing,
            # One more than is shown tells whether a next page exists, without counting all that match.
            limit=ROWS_PER_PAGE + 1,
            offset=(selection.page - 1) * ROWS_PER_PAGE,
        )
        raised = alarms(session, limit=_ALARMS_SHOWN)
    return render_template(
        "fleet.html",
        tab="pages.fleet",
        counts=counts,
        standings=STANDINGS,
        waiting=[(words, counts.waiting_by_age.get(age, 0)) for age, words in _WAITING_WORDS.items()],
        selection=selection,
        rows=found[:ROWS_PER_PAGE],
        first=(selection.page - 1) * ROWS_PER_PAGE + 1,
        matching=_known_total(selection, counts),
        per_page=ROWS_PER_PAGE,
        more=len(found) > ROWS_PER_PAGE,
        alarms=raised,
    )


def _selection() -> Selection:
    try:
        standing = Standing(request.args.get("standing", ""))
    except ValueError:
        standing = None
    page = request.args.get("page", default=1, type=int)
    search = request.args.get("search", "").strip()[:_SEARCH_MAX_LENGTH]
    return Selection(search, standing, min(max(page, 1), _PAGE_MAX))


def _known_total(selection: Selection, counts: FleetCounts) -> int | None:
    if selection.search:
        return None
    return counts.total if selection.standing is None else counts.by_standing[selection.standing]
