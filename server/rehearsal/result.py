"""What comes out of a rehearsal, as it is kept and told: counts by outcome, cause, app and unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy.rehearsal import CUT_OFF, Outcome
from server.rehearsal.trying import AGES, Plan, Tally

_UNITS_MAX = 1000


def result_of(plan: Plan, tally: Tally) -> dict[str, Any]:
    """Return what is kept: all of it plain JSON."""
    known = tally.phones - tally.outcomes[Outcome.UNKNOWN]
    cut_off = sum(tally.outcomes[outcome] for outcome in CUT_OFF)
    return {
        "policy": plan.bundle.policy.name,
        "number": plan.bundle.number,
        "in_force": plan.in_force.number if plan.in_force else None,
        "phones": tally.phones,
        "known": known,
        # Of all phones, so at least: no unknown one is taken for either. With all of these it would be at most.
        "blocked_share": cut_off / tally.phones if tally.phones else 0.0,
        "blocked_share_at_most": (cut_off + tally.outcomes[Outcome.UNKNOWN]) / max(1, tally.phones),
        "outcomes": {outcome.value: tally.outcomes[outcome] for outcome in Outcome},
        "changes": [
            [before.value if before else None, outcome.value, phones]
            for (before, outcome), phones in sorted(
                tally.changes.items(), key=lambda one: (-one[1], str(one[0]))
            )
        ],
        "causes": {cause.value: phones for cause, phones in tally.causes.most_common()},
        "ages": {age: tally.ages[age] for age in AGES},
        "banned": _by_name(tally.found),
        "disabled": dict(tally.disabled.most_common()),
        "restored": dict(tally.restored.most_common()),
        "units": _by_name(tally.units),
    }


def _by_name(counted: Mapping[tuple[str, Outcome], int]) -> dict[str, dict[str, int]]:
    """Return for each name the phones of each outcome, the largest first, and no more names than a page can hold."""
    table: dict[str, dict[str, int]] = {}
    for (name, outcome), phones in counted.items():
        table.setdefault(name, {})[outcome.value] = phones
    largest = sorted(table, key=lambda name: (-sum(table[name].values()), name))[:_UNITS_MAX]
    return {name: table[name] for name in largest}


def told(result: Mapping[str, Any], smallest_cell: int) -> dict[str, Any]:
    """Return a result as it is shown: of a unit, no count that could be somebody, null in its place."""
    return {
        **result,
        "smallest_cell": smallest_cell,
        "units": {
            unit: {outcome: phones if phones >= smallest_cell else None for outcome, phones in counts.items()}
            for unit, counts in result["units"].items()
        },
    }
