"""``POST /attempts``: a station says which phones it visited in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policy.attempt import Attempt
from server.api.blueprint import STATION, described
from server.api.schemas import AttemptsKeptSchema, AttemptsSchema
from server.api.station_access import requesting_station
from server.clock import written
from server.context import context
from server.fleet.attempts import keep_attempts


@described(
    "/attempts",
    AttemptsKeptSchema,
    method="POST",
    body=AttemptsSchema,
    proof=STATION,
    refusals={401: "the request does not prove its station", 403: "station_revoked"},
)
def take_attempts(told: Mapping[str, Sequence[Attempt]]) -> dict[str, Any]:
    """Store which phones a station visited in vain, the latest time of each

    No check of them: nothing follows but that the phone's page shows it, until a newer check.
    """
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        station = requesting_station(session, now)
        refused = keep_attempts(session, station.station_id, told["attempts"], now)
    return {"refused": refused, "server_time": written(now)}
