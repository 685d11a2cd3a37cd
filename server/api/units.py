"""``POST /units``: which unit phones belong to."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import PERSON, described
from server.api.person_access import requesting_person
from server.api.schemas import UnitsSchema, UnitsSetSchema
from server.clock import written
from server.context import context
from server.fleet.units import WantedUnit, set_units
from server.people.people import Right


@described(
    "/units",
    UnitsSetSchema,
    method="POST",
    body=UnitsSchema,
    proof=PERSON,
    refusals={
        401: "no token, or one that is not good",
        403: "right_missing",
        404: "phones_unknown",
        409: "units_contradict",
    },
)
def put_phones_in_units(asked: dict[str, Any]) -> dict[str, Any]:
    """Say which unit phones belong to: all of them, or none where one is not known"""
    here = context()
    now = here.clock.now()
    wanted = [WantedUnit(one["phone"], one["unit"]) for one in asked["units"]]
    with here.database.writing() as session:
        person = requesting_person(session, Right.SET_UNITS)
        done = set_units(session, wanted, person.name, now, dry_run=asked["dry_run"])
    return {
        "changed": done.changed,
        "unchanged": done.unchanged,
        "dry_run": asked["dry_run"],
        "server_time": written(now),
    }
