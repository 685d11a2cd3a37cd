"""Which station a request comes from."""

from __future__ import annotations

from datetime import datetime

from flask import request
from sqlalchemy.orm import Session

from server.stations.station_requests import IncomingRequest, verify_station_request
from server.stations.stations import Station


def requesting_station(session: Session, now: datetime) -> Station:
    """Return the station that signed the current request; raises `NotSignedIn` or `NotAllowed`."""
    incoming = IncomingRequest(
        request.headers.get("Authorization", ""), request.method, request.path, request.get_data(cache=True)
    )
    return verify_station_request(session, incoming, now)
