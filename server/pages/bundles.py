"""Bundles: every published version, who signed it, until when it counts, and how far its measure has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template

from policy.document import Policy
from policy.verdict import Stage
from server.bundles import bundles as published_bundles
from server.context import context
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.refusal_words import by_bundle_and_reason
from server.people import Right
from server.refusals import open_refusals


@dataclass(frozen=True)
class RingLine:
    """One ring as the page shows it: which percent of all phones, and from when they are enforced."""

    from_percent: float
    to_percent: float
    starts_at: datetime
    started: bool


@pages.get("/bundles")
@needs(Right.LOOK)
def bundles() -> str:
    """Show all bundles, the current one in full."""
    with context().database.reading() as session:
        published = published_bundles(session)
        refused = by_bundle_and_reason(open_refusals(session))
    current = next((bundle for bundle in published if bundle.current), None)
    return render_template(
        "bundles.html",
        tab="pages.bundles",
        published=published,
        current=current,
        refused=refused,
        stage=stage_of_first_ring(current.policy, now()) if current else None,
        rings=ring_lines(current.policy, now()) if current else (),
    )


def stage_of_first_ring(policy: Policy, now: datetime) -> Stage:
    """Return the furthest stage any phone is in; later rings may still be reminded (`ring_lines` tells)."""
    if policy.lifted or now >= policy.ends_at:
        return Stage.LIFTED
    if now >= policy.review_at:
        return Stage.PAUSED
    starts = [max(policy.deadline, ring.starts_at) for ring in policy.rings] or [policy.deadline]
    return Stage.ENFORCE if now >= min(starts) else Stage.REMIND


def ring_lines(policy: Policy, now: datetime) -> tuple[RingLine, ...]:
    """Return the rings with the share each adds; none may start before the deadline."""
    lines = []
    before = 0.0
    for ring in policy.rings:
        starts_at = max(policy.deadline, ring.starts_at)
        lines.append(RingLine(before * 100, ring.share * 100, starts_at, now >= starts_at))
        before = ring.share
    return tuple(lines)
