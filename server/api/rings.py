"""``/rings``: how far each ring of the policy in force has come; holding and releasing them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.person_access import requesting_person
from server.api.ring_schemas import HeldSchema, HoldRingSchema, ReleaseRingsSchema, RingsSchema
from server.clock import written
from server.context import context
from server.fleet.ring_holds import RingHold, current_hold, hold_ring, release_rings, told_hold
from server.fleet.ring_phones import count_rings, told_rings
from server.people.people import Right
from server.policies.bundles import situation


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
        number = holds.bundle.number if holds.bundle else 0
        counts, hold = count_rings(session, holds), current_hold(session, number)
    return {
        "bundle_number": number,
        "rings": told_rings(counts),
        "hold": told_hold(hold),
        "server_time": written(now),
    }


_CHANGED = {
    400: "reason_malformed",
    401: REFUSALS[401],
    403: REFUSALS[403],
    404: "ring_unknown, ring_not_held",
    409: "ring_held",
}


@described("/rings/hold", HeldSchema, method="POST", body=HoldRingSchema, proof=PERSON, refusals=_CHANGED)
def hold_one_ring(asked: dict[str, Any]) -> dict[str, Any]:
    """Hold a ring of the policy in force and all behind it: nothing new is disabled there until they are released"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.HOLD_RINGS)
        made = hold_ring(session, situation(session, now), asked["ring"], asked["reason"], person.name, now)
    return _held(made, now)


@described(
    "/rings/release", HeldSchema, method="POST", body=ReleaseRingsSchema, proof=PERSON, refusals=_CHANGED
)
def release_held_rings(asked: dict[str, Any]) -> dict[str, Any]:
    """Release the rings that are held: each is enforced from its start on"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.HOLD_RINGS)
        ended = release_rings(session, situation(session, now), asked["reason"], person.name, now)
    return _held(ended, now)


def _held(hold: RingHold, now: datetime) -> dict[str, Any]:
    return {
        "bundle_number": hold.bundle_number,
        "ring": hold.ring,
        "held": hold.ended_at is None,
        "server_time": written(now),
    }
