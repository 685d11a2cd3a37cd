"""The deadline: who is not ready and why, what happens then, how it came about day by day, and its dates as a file."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, render_template

from server.context import context
from server.errors import NotThere
from server.fleet.daily_counts import day_of
from server.fleet.deadline import deadline_view
from server.fleet.deadline_words import AGES, CAUSES, NEXT_STEPS
from server.fleet.readiness import Moment
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import ring_lines
from server.pages.daily_chart import BANDS, HEIGHT, chart_of
from server.pages.moment import now
from server.pages.words import STANDINGS
from server.people.people import Right
from server.policies.bundles import bundles as published_bundles
from server.policies.bundles import newest_bundle
from server.policies.calendar import calendar_file, events_of

_UNITS_SHOWN = 200


@pages.get("/deadline")
@needs(Right.LOOK)
def deadline() -> str:
    """Show how ready the fleet is."""
    smallest_cell = context().config.smallest_cell
    with context().lists.reading() as (session, seen):
        view = deadline_view(session, now(), smallest_cell)
    policy = view.here.bundle.policy if view.here.bundle else None
    return render_template(
        "deadline.html",
        tab="pages.deadline",
        seen=seen,
        moment=view.moment.value,
        policy=policy,
        begins_at=view.begins_at,
        ready=view.ready,
        counts=view.counts,
        next_steps=NEXT_STEPS,
        paragraph=view.paragraph,
        told=[(CAUSES[one.cause], one.phones, view.when_told(later=one.later)) for one in view.follows.told],
        may_see_holders=person().may(Right.SEE_HOLDERS),
        tells_mail=view.moment in (Moment.BEFORE, Moment.AFTER, Moment.PAUSED),
        rings=ring_lines(policy, now()) if policy else (),
        ages=[(words, view.ages[age]) for age, words in AGES.items()],
        never=view.never_checked,
        units=view.units.units[:_UNITS_SHOWN],
        more_units=max(0, len(view.units.units) - _UNITS_SHOWN),
        hides_larger=view.units.hides_larger,
        has_units=any(one.unit for one in view.units.units),
        smallest_cell=smallest_cell,
        reminders=view.reminders,
        chart=chart_of(view.days, day_of(now()), day_of(view.begins_at) if view.begins_at else None),
        chart_height=HEIGHT,
        bands=BANDS,
        standings=STANDINGS,
        events=view.dates,
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
