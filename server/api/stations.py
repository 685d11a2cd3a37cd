"""``POST /stations``: a technician's computer becomes a station."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import described
from server.api.schemas import EnrolledSchema, EnrolmentSchema
from server.clock import written
from server.context import context
from server.evidence import audit
from server.stations.enrolment import use_token
from server.stations.stations import add_station


@described(
    "/stations",
    EnrolledSchema,
    method="POST",
    status=201,
    body=EnrolmentSchema,
    refusals={403: "code_unknown, code_used, code_expired", 409: "key_known"},
)
def enrol(enrolment: dict[str, str]) -> dict[str, Any]:
    """Enrol a station with a one-time code"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        # In one transaction with the station: a key that is refused must not use the code up.
        made_for = use_token(session, enrolment["token"], now)
        station = add_station(session, enrolment["name"], enrolment["public_key_pem"].encode(), now)
        detail = {"name": station.name}
        # Whoever had the code: all that is known of them is whom it was made for.
        actor = f"enrolment code for {made_for}"
        audit.record(session, actor, "station enrolled", station.station_id, detail, now)
    return {"station_id": station.station_id, "server_time": written(now)}
