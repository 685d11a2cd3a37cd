"""``GET /phones``, ``/stations`` and ``/attempts``: the lists of phones and stations that pages show, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.list_schemas import (
    AttemptPieceSchema,
    ListedAttemptSchema,
    ListedAttemptsSchema,
    ListedPhoneSchema,
    ListedPhonesSchema,
    ListedStationSchema,
    ListedStationsSchema,
    PhonePieceSchema,
    Sort,
    StationPieceSchema,
    StationSort,
    columns_of,
)
from server.api.lists import Listing, Rows, answer_list
from server.clock import written
from server.errors import Malformed, NoSuchPlace
from server.fleet.attempts import (
    ATTEMPTS_NEWEST,
    ATTEMPTS_OLDEST,
    ListedAttempt,
    WantedAttempts,
    list_attempts,
)
from server.fleet.listing import Cursor, Wanted, list_phones, read_cursor
from server.fleet.ring_phones import RingPhones, ring_numbered
from server.listed import listed_phone, listed_station
from server.people.people import Right
from server.policies.bundles import situation
from server.stations.stations import BY_ENROLMENT, BY_NAME, BY_STATION_ID, list_stations

REFUSALS = {400: "after_malformed", 401: "no token, or one that is not good", 403: "right_missing"}
"""What any list may be refused for."""
_STATION_ORDERS = {
    StationSort.STATION_ID: BY_STATION_ID,
    StationSort.NAME: BY_NAME,
    StationSort.ENROLLED_AT: BY_ENROLMENT,
}
_ATTEMPT_ORDERS = {Sort.NEWEST: ATTEMPTS_NEWEST, Sort.OLDEST: ATTEMPTS_OLDEST}


@described(
    "/phones",
    ListedPhonesSchema,
    query=PhonePieceSchema,
    proof=PERSON,
    refusals={**REFUSALS, 400: "after_malformed, ring_missing", 404: "ring_unknown"},
)
def list_fleet(wanted: dict[str, Any]) -> Response:
    """List the phones: what needs a person first, and of one standing those not seen for longest"""
    if wanted["ring"] is None and (wanted["progress"] or wanted["failure"]):
        raise Malformed(
            "ring_missing",
            "progress and failure are of one ring's phones, and no ring is named",
            "Send `ring` beside them.",
        )
    read = partial(_read_phones, wanted)
    listing = Listing("phones", columns_of(ListedPhoneSchema), Right.LOOK, read, may_be_old=True)
    return answer_list(listing, wanted)


def _read_phones(wanted: Mapping[str, Any], session: Session, now: datetime, after: str, limit: int) -> Rows:
    here, number = situation(session, now), wanted["ring"]
    ring = RingPhones(ring_numbered(here, number), wanted["progress"], wanted["failure"]) if number else None
    asked = Wanted(wanted["standing"], wanted["search"].strip(), ring)
    found = list_phones(session, here, asked, _cursor(after), limit)
    return [listed_phone(row) for row in found.rows], found.next.written() if found.next else None


@described("/stations", ListedStationsSchema, query=StationPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_stations(wanted: dict[str, Any]) -> Response:
    """List the stations"""
    read = partial(_read_stations, wanted["in_service"], wanted["sort"])
    listing = Listing("stations", columns_of(ListedStationSchema), Right.LOOK, read, may_be_old=True)
    return answer_list(listing, wanted)


def _read_stations(
    in_service: bool | None, sort: StationSort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    order = _STATION_ORDERS[sort]
    found = list_stations(session, in_service, order, after, limit)
    return [listed_station(row) for row in found.rows], found.next


@described("/attempts", ListedAttemptsSchema, query=AttemptPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_attempts(wanted: dict[str, Any]) -> Response:
    """List the phones that stations visited in vain, the newest visit of each station to each phone"""
    asked = WantedAttempts(wanted["open"], wanted["station"], wanted["phone"], wanted["cause"])
    read = partial(_read_attempts, asked, wanted["sort"])
    listing = Listing("attempts", columns_of(ListedAttemptSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read_attempts(
    asked: WantedAttempts, sort: Sort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    order = _ATTEMPT_ORDERS[sort]
    found = list_attempts(session, asked, order, after, limit)
    return [_attempt(row) for row in found.rows], found.next


def _cursor(after: str) -> Cursor | None:
    try:
        return read_cursor(after) if after else None
    except ValueError as error:
        raise NoSuchPlace from error


def _attempt(row: ListedAttempt) -> dict[str, Any]:
    return {
        "station_id": row.station_id,
        "station": row.told.station_name,
        "phone_id": row.phone_id,
        "at": written(row.told.at),
        "since": written(row.told.since),
        "time_trusted": row.told.time_trusted,
        "transport": row.told.transport,
        "cause": row.told.cause.value,
        "open": row.is_open,
    }
