"""What an admin or approver is told of the names that the installed version knows and a policy does not ban."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policy.counted import counted
from policy.families import REVIEW_HOLDS_FOR, FamilyReview, KnownName
from policy.plain_text import printable


def review_lines(reviews: Sequence[FamilyReview], policy: str, advice: str) -> list[str]:
    """Return lines about every family that `policy` bans, ending with `advice` where a name is missing."""
    lines = [line for review in reviews for line in _lines_of(review, policy)]
    return [*lines, advice] if any(review.missing for review in reviews) else lines


def added_lines(reviews: Sequence[FamilyReview]) -> list[str]:
    """Return a line for every name that was missing and has been added."""
    return [
        f"added to family {printable(review.banned_as)}: {_known(known)}"
        for review in reviews
        for known in review.missing
    ]


def plain_reviews(reviews: Sequence[FamilyReview]) -> list[dict[str, Any]]:
    """Return the same as plain JSON values."""
    return [
        {
            "family": review.banned_as,
            "reviewed_on": review.family.reviewed_on.isoformat(),
            "review_is_old": review.is_old,
            "missing": [known.package for known in review.missing],
        }
        for review in reviews
    ]


def _lines_of(review: FamilyReview, policy: str) -> list[str]:
    family, day = printable(review.banned_as), review.family.reviewed_on
    if review.missing:
        lines = [
            f"NAMES MISSING: {policy} does not ban these names of family {family}, which this version knows"
            f" (reviewed on {day}); a phone with such an app counts as compliant:",
            *(f"  {_known(known)}" for known in review.missing),
        ]
    else:
        lines = [f"family {family}: every name that this version knows is banned (reviewed on {day})"]
    if review.is_old:
        lines.append(
            f"OLD LIST: nobody has reviewed this version's names of family {family} since {day}, more than"
            f" {counted(REVIEW_HOLDS_FOR.days, 'day')}: newer names may be missing; install a newer Curfew"
        )
    return lines


def _known(name: KnownName) -> str:
    return f"{name.package}: {name.app} ({name.source})"
