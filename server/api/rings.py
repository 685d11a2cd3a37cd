"""``GET /rings``: how far each ring of the policy in force has come."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.person_access import requesting_person
from server.api.ring_schemas import RingsSchema
from server.context import context
from server.fleet.ring_phones import count_rings, told_rings
from server.people.people import Right
from server.policies.bundles import situation
from server.running.error_handlers import written


@described("/rings", RingsSchema, proof=PERSON, refusals={401: REFUSALS[401], 403: REFUSALS[403]})
def show_rings() -> dict[str, Any]:
    """Tell of each ring of the policy in force how many phones it has, how far they have come, and why not further

    The list is empty where the policy has no rings: then all phones are enforced from the deadline on.
    """
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        holds = situation(session, now)
        counts = count_rings(session, holds)
    return {
        "bundle_number": holds.bundle.number if holds.bundle else 0,
        "rings": told_rings(counts),
        "server_time": written(now),
    }
