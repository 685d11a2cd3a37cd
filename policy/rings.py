"""The rings of a policy: which phones each has, from when on they are enforced, and how both are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.counted import counted
from policy.document import Policy, Ring
from policy.plain_text import printable


@dataclass(frozen=True)
class RingPart:
    """One ring of a policy: the phones that no ring lists and whose share is ``above`` or more and below ``below``.

    Or those that it lists: then both shares are 0.
    """

    number: int
    """1 is the first."""
    above: float
    below: float
    starts_at: datetime
    """Never before the deadline."""
    rule: Ring
    """As the policy has it."""
    is_beside_lists: bool = False
    """Whether it is a share, and other rings list phones that are not in it therefore."""

    @property
    def is_list(self) -> bool:
        """Whether it lists its phones."""
        return self.rule.share is None


def rings_of(policy: Policy) -> Sequence[RingPart]:
    """Return the rings in their order, none where the policy has none: then everybody starts at the deadline."""
    found, above = [], 0.0
    for number, ring in enumerate(policy.rings, 1):
        starts_at = max(policy.deadline, ring.starts_at)
        if ring.share is None:
            found.append(RingPart(number, 0.0, 0.0, starts_at, ring))
            continue
        # Shares add up: each ring has what lies between the one before and itself.
        found.append(RingPart(number, above, ring.share, starts_at, ring, bool(policy.listed)))
        above = ring.share
    return found


def ring_starts(policy: Policy) -> Sequence[datetime]:
    """Return when enforcement starts for each ring, in their order: without rings at the deadline, for everybody."""
    return [ring.starts_at for ring in rings_of(policy)] or [policy.deadline]


def share_held_from(policy: Policy, held_ring: int | None) -> float | None:
    """Return a hold as older stations are told of it: from which share on; None: none, or one that they cannot know."""
    # A policy with lists is none of theirs: it asks for a newer judgement.
    return None if held_ring is None or policy.listed else rings_of(policy)[held_ring - 1].above


def whom(ring: RingPart) -> str:
    """Return which phones a ring has: ``5 % to 10 % of all phones``, or ``214 phones by list (unit A)``."""
    if ring.is_list:
        return f"{counted(len(ring.rule.phones), 'phone')} by list ({printable(ring.rule.called)})"
    others = "all other phones" if ring.is_beside_lists else "all phones"
    return f"{100 * ring.above:g} % to {100 * ring.below:g} % of {others}"
