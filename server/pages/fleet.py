"""The fleet: how many phones stand how, and a table to search and filter. Holders are not shown here."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request, url_for

from policy.verdict import Stage
from server.context import context
from server.evidence.alarms import open_causes
from server.fleet.overview import look_at_fleet
from server.fleet.standing import Standing
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.bundles import enforcement_begins_at, later_rings_wait, stage_of_first_ring
from server.pages.moment import now
from server.pages.standing_words import managed_apps_gone
from server.pages.words import REACHES, STANDINGS
from server.people.people import Right
from server.policies.bundles import newest, newest_bundle
from server.stations.refused_bundles import open_refusals
from server.stations.stations import station_names

ROWS_PER_PAGE = 100
_SEARCH_MAX_LENGTH = 100
_PAGE_MAX = 1_000_000
_WAITING_WORDS = {
    "day": "checked within the last day",
    "week": "within the last week",
    "month": "within the last month",
    "longer": "longer ago",
}
_CAUSES_SHOWN = 5


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
        view = look_at_fleet(
            session,
            now(),
            selection.search,
            selection.standing,
            limit=ROWS_PER_PAGE,
            offset=(selection.page - 1) * ROWS_PER_PAGE,
        )
        # One more than is shown tells whether there are more.
        causes = open_causes(session, limit=_CAUSES_SHOWN + 1, each=1)
        names = station_names(session) if causes else {}
        refusing = len(open_refusals(session))
        published, bundle = newest(session), newest_bundle(session)
    first = (selection.page - 1) * ROWS_PER_PAGE + 1
    return render_template(
        "fleet.html",
        tab="pages.fleet",
        counts=view.counts,
        standings=STANDINGS,
        reaches=REACHES,
        waiting=[(words, view.counts.waiting_by_age[age]) for age, words in _WAITING_WORDS.items()],
        selection=selection,
        rows=view.rows,
        matching=view.matching,
        first=first,
        last=first + len(view.rows) - 1,
        last_page=-(-view.matching // ROWS_PER_PAGE),
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
    )


def _selection() -> Selection:
    try:
        standing = Standing(request.args.get("standing", ""))
    except ValueError:
        standing = None
    page = request.args.get("page", default=1, type=int)
    search = request.args.get("search", "").strip()[:_SEARCH_MAX_LENGTH]
    return Selection(search, standing, min(max(page, 1), _PAGE_MAX))
