"""Who is left by unit: one question for every phone that is not ready, and no number that could be somebody.

Which unit a phone is in is not kept as a count, so this grows with those who are left: on SQLite some 35 ms of CPU
where 7,000 of 32,000 phones are, 160 ms where all are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from server.fleet.counts import exempt_entries
from server.fleet.entries import within
from server.fleet.phones import find_phones
from server.fleet.spans import spans
from server.fleet.standing import Standing, standing_now
from server.policies.situation import Situation
from server.storage.database import Base


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
    entry, phone = Base.metadata.tables["fleet_entry"], Base.metadata.tables["phone"]
    wanted = [within(span) for span, standing in spans(here) if standing in standings]
    if not wanted:
        return {}
    query = (
        select(phone.c.unit, func.count())
        .select_from(entry.join(phone, and_(phone.c.phone_id == entry.c.phone_id)))
        .where(or_(*wanted))
        .group_by(phone.c.unit)
    )
    found = Counter({unit: int(phones) for unit, phones in session.execute(query)})
    # Counted above as what they would be without their exemptions.
    exempt = exempt_entries(session, here)
    for one in find_phones(session, list(exempt)):
        entry_of = exempt[one.phone_id]
        for is_over, step in ((False, -1), (True, 1)):
            standing = standing_now(entry_of.fresh, entry_of.has_open, entry_of.last_at, is_over, here)
            found[one.unit] += step * (standing in standings)
    return {unit: phones for unit, phones in found.items() if phones}


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
