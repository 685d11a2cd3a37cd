"""Who is left by unit: counted along the fleet's index, and no number that could be somebody.

Which unit a phone is in is kept beside what lists go by, and not as a count: this grows with those who are left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.fleet import entries
from server.fleet.counts import exempt_entries
from server.fleet.phones import find_phones
from server.fleet.spans import Span, spans
from server.fleet.standing import Standing, standing_now
from server.policies.situation import Situation


@dataclass(frozen=True)
class UnitLeft:
    """How many phones of a unit are left; None where it is not told. The unit without a name has the empty one."""

    unit: str
    phones: int | None


@dataclass(frozen=True)
class UnitsLeft:
    """The units with somebody left, the largest first and those that are not told last."""

    units: Sequence[UnitLeft]
    hides_larger: bool = False
    """Whether a larger number than the smallest cell is left out too, or one could be worked out from the total."""


def count_by_unit(session: Session, here: Situation, standings: Collection[Standing]) -> Mapping[str, int]:
    """Return how many phones of each unit stand so."""
    wanted = _joined(span for span, standing in spans(here) if standing in standings)
    found = Counter(entries.count_by_unit(session, wanted))
    # Counted above as what they would be without their exemptions.
    exempt = exempt_entries(session, here)
    for one in find_phones(session, list(exempt)):
        entry_of = exempt[one.phone_id]
        for is_over, step in ((False, -1), (True, 1)):
            standing = standing_now(entry_of.fresh, entry_of.has_open, entry_of.last_at, is_over, here)
            found[one.unit] += step * (standing in standings)
    return {unit: phones for unit, phones in found.items() if phones}


def _joined(found: Iterable[Span]) -> Sequence[Span]:
    """Return the same phones in fewer stretches: both halves of a kind are the kind."""
    by_kind: dict[tuple[Standing, bool], list[Span]] = {}
    for span in found:
        by_kind.setdefault((span.fresh, span.has_open), []).append(span)
    return [halves[0] if len(halves) == 1 else Span(*kind) for kind, halves in by_kind.items()]


def told_by_unit(left: Mapping[str, int], smallest_cell: int) -> UnitsLeft:
    """Return what may be told of each unit.

    No number below `smallest_cell` is. All of them together are known: they add up to the fleet's own number. Where
    that tells one of them, the next larger ones are left out, too, and then none is said to be small.
    """
    ordered = sorted(left, key=lambda unit: (left[unit], unit))
    small = [unit for unit in ordered if left[unit] < smallest_cell]
    hidden = list(small)
    while hidden and len(hidden) < len(ordered) and _is_told_by_sum(hidden, left, small, smallest_cell):
        hidden.append(ordered[len(hidden)])
    shown = [UnitLeft(unit, left[unit]) for unit in reversed(ordered) if unit not in hidden]
    # By name: an order by their sizes would tell of them.
    return UnitsLeft([*shown, *(UnitLeft(unit, None) for unit in sorted(hidden))], len(hidden) > len(small))


def _is_told_by_sum(
    hidden: Sequence[str], left: Mapping[str, int], small: Sequence[str], smallest_cell: int
) -> bool:
    total = sum(left[unit] for unit in hidden)
    if len(hidden) == 1 or total < smallest_cell:
        return True
    # All of them one, or all of them one less than the cell.
    return len(hidden) == len(small) and total in (len(small), len(small) * (smallest_cell - 1))
