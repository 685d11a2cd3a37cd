"""``/deadline``: how much of the fleet is not ready, why, and what follows."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import PERSON, described
from server.api.deadline_schemas import DeadlineSchema
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.fleet.deadline import deadline_view
from server.listed import listed_deadline
from server.people.people import Right

_ASKED = {401: "no token, or one that is not good", 403: "right_missing"}


@described("/deadline", DeadlineSchema, proof=PERSON, refusals=_ASKED)
def tell_deadline() -> dict[str, Any]:
    """Tell how ready the fleet is for the deadline: who is left, why, and what happens if nothing changes"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        view = deadline_view(session, now, here.config.smallest_cell)
    return {**listed_deadline(view), "server_time": written(now)}
