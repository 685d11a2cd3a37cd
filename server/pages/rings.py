"""The rings of the policy in force: whom each has, since when, how far it has come, and why it has not come further."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from policy.rings import whom
from server.context import context
from server.fleet.ring_holds import REASON_MAX_LENGTH, hold_ring, holds_of, release_rings
from server.fleet.ring_phones import count_rings
from server.fleet.ring_words import failure_words
from server.fleet.rings import Progress
from server.fleet.stop_rule import judge_ring
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import stage_of_first_ring
from server.pages.moment import now
from server.pages.words import PROGRESS
from server.people.people import Right
from server.policies.bundles import bundles as published_bundles
from server.policies.bundles import situation

_RETURNS_SHOWN = 3
_NOTHING_DUE = (Progress.EXEMPT, Progress.DECLINED)


@pages.get("/rings")
@needs(Right.LOOK)
def rings() -> str:
    """Show the rings of the policy in force."""
    with context().lists.reading() as (session, seen):
        here = situation(session, now())
        counts = count_rings(session, here)
        holds = holds_of(session, here.bundle.number) if here.bundle else ()
        earlier = [one.number for one in published_bundles(session) if not one.current]
    policy, config = here.bundle.policy if here.bundle else None, context().config
    return render_template(
        "rings.html",
        tab="pages.bundles",
        seen=seen,
        number=here.bundle.number if here.bundle else 0,
        policy=policy,
        stage=stage_of_first_ring(policy, now()) if policy else None,
        counts=counts,
        progress=PROGRESS,
        done=(Progress.DONE, Progress.SWITCHED_OFF),
        not_done=(Progress.NOT_DONE, Progress.HELD, Progress.UNDONE, Progress.NOT_ENFORCEABLE),
        unknown=(Progress.UNREADABLE, Progress.NOT_HEARD),
        nothing_due=_NOTHING_DUE,
        hidden_when_empty=(*_NOTHING_DUE, Progress.HELD),
        why=failure_words,
        whom=whom,
        earlier=earlier[:_RETURNS_SHOWN],
        hold=next((one for one in holds if one.ended_at is None), None),
        released=[one for one in holds if one.ended_at is not None],
        rule=judge_ring(counts, config.ring_failure_percent, config.ring_smallest),
        limit=config.ring_failure_percent,
        smallest=config.ring_smallest,
        may_draft=person().may(Right.DRAFT),
        may_hold=person().may(Right.HOLD_RINGS),
        reason_max_length=REASON_MAX_LENGTH,
    )


@pages.post("/rings/<int(max=1000):number>/hold")
@needs(Right.HOLD_RINGS)
def hold(number: int) -> Response:
    """Hold a ring and all behind it."""
    with context().database.writing() as session:
        here = situation(session, now())
        hold_ring(session, here, number, request.form.get("reason", ""), person().name, now())
    flash(f"Ring {number} and all behind it are held: stations hear of it with their next report.", "good")
    return redirect(url_for("pages.rings"))


@pages.post("/rings/release")
@needs(Right.HOLD_RINGS)
def release() -> Response:
    """End the hold."""
    with context().database.writing() as session:
        here = situation(session, now())
        ended = release_rings(session, here, request.form.get("reason", ""), person().name, now())
    flash(f"Ring {ended.ring} and all behind it are released: each is enforced from its start on.", "good")
    return redirect(url_for("pages.rings"))
