"""The rings of the policy in force: whom each has, since when, how far it has come, and why it has not come further."""

from __future__ import annotations

from flask import render_template

from server.context import context
from server.fleet.ring_phones import count_rings
from server.fleet.ring_words import failure_words
from server.fleet.rings import Progress
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.bundles import stage_of_first_ring
from server.pages.moment import now
from server.pages.words import PROGRESS
from server.people.people import Right
from server.policies.bundles import situation

_NOTHING_DUE = (Progress.EXEMPT, Progress.DECLINED)


@pages.get("/rings")
@needs(Right.LOOK)
def rings() -> str:
    """Show the rings of the policy in force."""
    with context().lists.reading() as (session, seen):
        here = situation(session, now())
        counts = count_rings(session, here)
    policy = here.bundle.policy if here.bundle else None
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
        not_done=(Progress.NOT_DONE, Progress.UNDONE, Progress.NOT_ENFORCEABLE),
        unknown=(Progress.UNREADABLE, Progress.NOT_HEARD),
        nothing_due=_NOTHING_DUE,
        hidden_when_empty=_NOTHING_DUE,
        why=failure_words,
        may_draft=person().may(Right.DRAFT),
    )
