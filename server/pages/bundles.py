"""Bundles: every published version, who signed it, until when it counts, and how far its measure has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template

from policy.document import Policy
from policy.families import REVIEW_HOLDS_FOR, review_families
from policy.rings import rings_of, whom
from policy.verdict import Stage
from server.context import context
from server.fleet.readiness import begins_at
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.refused_bundle_words import by_bundle_and_reason
from server.people.people import Right
from server.policies.bundles import bundles as published_bundles
from server.policies.bundles import newest_bundle
from server.stations.refused_bundles import open_refusals
from server.stations.stations import count_in_service, count_judging_by


@dataclass(frozen=True)
class RingLine:
    """One ring as the page shows it: which phones, and from when they are enforced."""

    whom: str
    starts_at: datetime
    started: bool


@pages.get("/bundles")
@needs(Right.LOOK)
def bundles() -> str:
    """Show all bundles, the current one in full."""
    with context().database.reading() as session:
        published = published_bundles(session)
        current = next((bundle for bundle in published if bundle.current), None)
        whole = newest_bundle(session)
        refused = by_bundle_and_reason(open_refusals(session))
        judging = count_judging_by(session, current.number) if current else 0
        in_service = count_in_service(session)
    return render_template(
        "bundles.html",
        tab="pages.bundles",
        published=published,
        current=current,
        refused=refused,
        exempt=[one for one in whole.fleet.exemptions if now() < one.until] if whole else (),
        judging=judging,
        in_service=in_service,
        begins_at=begins_at(current.policy) if current else None,
        stage=stage_of_first_ring(current.policy, now()) if current else None,
        rings=ring_lines(current.policy, now()) if current else (),
        later_rings=later_rings_wait(current.policy, now()) if current else False,
        reviews=review_families(current.policy, now().date()) if current else (),
        review_holds_for=REVIEW_HOLDS_FOR,
        may_draft=person().may(Right.DRAFT),
    )


def stage_of_first_ring(policy: Policy, now: datetime) -> Stage:
    """Return the furthest stage any phone is in; later rings may still be reminded (`ring_lines` tells)."""
    if policy.lifted or now >= policy.ends_at:
        return Stage.LIFTED
    if now >= policy.review_at:
        return Stage.PAUSED
    return Stage.ENFORCE if now >= begins_at(policy) else Stage.REMIND


def later_rings_wait(policy: Policy, now: datetime) -> bool:
    """Whether some phones are enforced on by now and those of a later ring are not yet."""
    waiting = any(not ring.started for ring in ring_lines(policy, now))
    return waiting and stage_of_first_ring(policy, now) is Stage.ENFORCE


def ring_lines(policy: Policy, now: datetime) -> tuple[RingLine, ...]:
    """Return the rings in their order; none may start before the deadline."""
    return tuple(RingLine(whom(ring), ring.starts_at, now >= ring.starts_at) for ring in rings_of(policy))
