"""``POST /refusals``: a station says which bundle it refuses, and why."""

from __future__ import annotations

from typing import Any

from server.api.blueprint import STATION, described
from server.api.schemas import RefusalKeptSchema, RefusalSchema
from server.api.station_access import requesting_station
from server.clock import written
from server.context import context
from server.stations.refused_bundles import RefusedBundle, keep_refusal


@described(
    "/refusals",
    RefusalKeptSchema,
    method="POST",
    body=RefusalSchema,
    proof=STATION,
    refusals={401: "the request does not prove its station", 403: "station_revoked"},
)
def take_refusal(refusal: RefusedBundle) -> dict[str, Any]:
    """Store that a station refuses a bundle"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        station = requesting_station(session, now)
        keep_refusal(session, station.station_id, refusal, now)
    return {"server_time": written(now)}
