"""The deadline: who is not ready and why, what happens then, how it came about day by day, and its dates as a file."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, render_template

from server.context import context
from server.errors import NotThere
from server.fleet.counts import count_by_age, count_overdue, fleet_counts
from server.fleet.daily_counts import daily_counts, day_of
from server.fleet.readiness import (
    NOT_READY,
    Moment,
    bears_from,
    begins_at,
    moment_of,
    not_ready,
    outlook,
    overdue_before,
)
from server.fleet.standing import Standing
from server.fleet.units_left import count_by_unit, told_by_unit
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import ring_lines
from server.pages.daily_chart import BANDS, DAYS_BACK, HEIGHT, chart_of
from server.pages.deadline_words import AGES, CAUSES, NEXT_STEPS, what_happens, when_told
from server.pages.moment import now
from server.pages.words import STANDINGS
from server.people.people import Right
from server.policies.bundles import bundles as published_bundles
from server.policies.bundles import newest_bundle, situation
from server.policies.calendar import calendar_file, events_of

_UNITS_SHOWN = 200
_NEVER_CHECKED = frozenset({Standing.UNSEEN})


@pages.get("/deadline")
@needs(Right.LOOK)
def deadline() -> str:
    """Show how ready the fleet is."""
    today = day_of(now())
    with context().lists.reading() as (session, seen):
        here = situation(session, now())
        counts = fleet_counts(session, here)
        overdue = count_overdue(session, here, overdue_before(here, bears_from(here)))
        # Never checked is no contact: when such a phone was registered says nothing of its owner.
        ages = count_by_age(session, here, set(NOT_READY) - _NEVER_CHECKED)
        units = told_by_unit(count_by_unit(session, here, NOT_READY), context().config.smallest_cell)
        counted = daily_counts(session, today - timedelta(days=DAYS_BACK), today)
    moment, ready, follows = moment_of(here), not_ready(counts), outlook(counts.by_standing, overdue)
    policy = here.bundle.policy if here.bundle else None
    begins = begins_at(policy) if policy else None
    return render_template(
        "deadline.html",
        tab="pages.deadline",
        seen=seen,
        moment=moment.value,
        policy=policy,
        begins_at=begins,
        ready=ready,
        counts=counts,
        next_steps=NEXT_STEPS,
        paragraph=what_happens(moment, here, counts, ready, follows),
        told=[(CAUSES[one.cause], one.phones, when_told(moment, here, one.later)) for one in follows.told],
        may_see_holders=person().may(Right.SEE_HOLDERS),
        tells_mail=moment in (Moment.BEFORE, Moment.AFTER, Moment.PAUSED),
        rings=ring_lines(policy, now()) if policy else (),
        ages=[(words, ages[age]) for age, words in AGES.items()],
        never=counts.by_standing[Standing.UNSEEN],
        units=units.units[:_UNITS_SHOWN],
        more_units=max(0, len(units.units) - _UNITS_SHOWN),
        hides_larger=units.hides_larger,
        has_units=any(one.unit for one in units.units),
        smallest_cell=context().config.smallest_cell,
        chart=chart_of(counted, today, day_of(begins) if begins else None),
        chart_height=HEIGHT,
        bands=BANDS,
        standings=STANDINGS,
        events=events_of(policy) if policy else (),
    )


@pages.get("/deadline.ics")
@needs(Right.LOOK)
def deadline_calendar() -> Response:
    """Return the dates of the newest bundle as a calendar file."""
    with context().database.reading() as session:
        bundle = newest_bundle(session)
        published = next((one for one in published_bundles(session) if one.current), None)
    if bundle is None or published is None or not events_of(bundle.policy):
        raise NotThere(
            "no_dates", "no policy with dates is published", "Publish one, then ask for its dates again."
        )
    host = urlsplit(context().config.public_url).hostname or "curfew"
    answer = Response(
        calendar_file(bundle, published.published_at, host), content_type="text/calendar; charset=utf-8"
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="curfew-{bundle.number}.ics"'
    return answer
