"""Which stretches of the fleet's index make up each standing at one moment. Pure.

What is kept of a phone does not change with the clock: its fresh standing, whether something of ours is open on it,
and when it was seen last (`server.fleet.entries`). What it stands as now does. So each kind of phone is one stretch of
time, or two: those seen before the overdue limit, and those seen since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from server.fleet.failures import Failure
from server.fleet.standing import Standing, may_fall_silent, standing_when_over
from server.policies.situation import Situation

FRESH_STANDINGS = (
    Standing.NOT_ENFORCEABLE,
    Standing.VIOLATING,
    Standing.UNREADABLE,
    Standing.DECLINED,
    Standing.UNSEEN,
    Standing.COMPLIANT,
    Standing.HANDED_BACK,
    Standing.RETIRED,
)
"""What `fresh_standing` can say."""


@dataclass(frozen=True)
class Span:
    """The phones of one kind that were seen last at ``since`` or later, and before ``until``; None: no bound.

    Of these alone those whose share of the fleet (`policy.stage.share_of`) is ``above`` at least, and less than
    ``below``, and whose latest check failed in one of these ways (None among them: it did not fail).
    """

    fresh: Standing
    has_open: bool
    since: datetime | None = None
    until: datetime | None = None
    above: float | None = None
    below: float | None = None
    failures: frozenset[Failure | None] | None = None


def spans(situation: Situation) -> Iterator[tuple[Span, Standing]]:
    """Yield all stretches, each with what its phones stand as now unless they are exempt; every phone is in one."""
    for fresh, has_open in product(FRESH_STANDINGS, (False, True)):
        if situation.lifted:
            yield Span(fresh, has_open), standing_when_over(fresh, has_open)
        elif may_fall_silent(fresh) and situation.overdue_limit is not None:
            # Of exactly that age is not overdue yet (`Situation.overdue`).
            limit = situation.now - situation.overdue_limit
            yield Span(fresh, has_open, until=limit), Standing.SILENT
            yield Span(fresh, has_open, since=limit), fresh
        else:
            yield Span(fresh, has_open), fresh
