"""``GET /phones`` and ``GET /stations``: the lists that pages show, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response

from server.api.blueprint import PERSON, described
from server.api.list_schemas import (
    ListedPhoneSchema,
    ListedPhonesSchema,
    ListedStationSchema,
    ListedStationsSchema,
    PhonePieceSchema,
    PieceSchema,
)
from server.api.lists import answer_list
from server.api.person_access import requesting_person
from server.context import context
from server.errors import Malformed
from server.fleet.listing import Cursor, Wanted, list_phones, read_cursor
from server.fleet.phone_rows import PhoneRow
from server.people.people import Right
from server.policies.bundles import situation
from server.running.error_handlers import written
from server.stations.stations import StationRow, stations_after

_REFUSALS = {401: "no token, or one that is not good", 403: "right_missing"}


@described(
    "/phones",
    ListedPhonesSchema,
    query=PhonePieceSchema,
    proof=PERSON,
    refusals={400: "after_malformed", **_REFUSALS},
)
def list_fleet(wanted: dict[str, Any]) -> Response:
    """List the phones: what needs a person first, and of one standing those not seen for longest"""
    here = context()
    now = here.clock.now()
    after = _cursor(wanted["after"]) if wanted["after"] else None
    # Who may look is asked of the primary: a token that was withdrawn is good nowhere.
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
    with here.lists.reading() as (session, seen):
        asked = Wanted(wanted["standing"], wanted["search"].strip())
        found = list_phones(session, situation(session, now), asked, after, wanted["limit"])
    rows = [_phone(row) for row in found.rows]
    answer = answer_list(
        "phones", list(ListedPhoneSchema().fields), rows, found.next.written() if found.next else None, now
    )
    return _with_age(answer, seen.as_of if seen else None)


@described("/stations", ListedStationsSchema, query=PieceSchema, proof=PERSON, refusals=_REFUSALS)
def list_stations(wanted: dict[str, Any]) -> Response:
    """List the stations, by their ids"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
    with here.lists.reading() as (session, seen):
        found = stations_after(session, wanted["after"], wanted["limit"] + 1)
    shown = found[: wanted["limit"]]
    behind = shown[-1].station_id if len(found) > len(shown) else None
    answer = answer_list(
        "stations", list(ListedStationSchema().fields), [_station(row) for row in shown], behind, now
    )
    return _with_age(answer, seen.as_of if seen else None)


def _with_age(answer: Response, as_of: datetime | None) -> Response:
    # Beside the rows, in whichever form they come.
    if as_of is not None:
        answer.headers["Curfew-As-Of"] = written(as_of)
    return answer


def _cursor(text: str) -> Cursor:
    try:
        return read_cursor(text)
    except ValueError as error:
        raise Malformed(
            "after_malformed",
            "expected in `after` what an earlier answer gave as `next`",
            "Leave it out to begin at the top.",
        ) from error


def _phone(row: PhoneRow) -> dict[str, Any]:
    latest = row.latest
    return {
        "phone_id": row.phone_id,
        "label": row.label,
        "manufacturer": row.manufacturer,
        "model": row.model,
        "standing": row.standing.value,
        "exempt": row.exempt,
        "consent": row.consent.value,
        "virtual": row.virtual,
        "registered_at": written(row.registered_at),
        "last_check_at": written(latest.effective_at) if latest else None,
        "families": list(latest.families) if latest else [],
        "open_entries": latest.open_entries if latest else 0,
        "station": row.station_name,
    }


def _station(row: StationRow) -> dict[str, Any]:
    return {
        "station_id": row.station_id,
        "name": row.name,
        "enrolled_at": written(row.enrolled_at),
        "revoked_at": row.revoked_at and written(row.revoked_at),
        "last_report_at": row.last_report_at and written(row.last_report_at),
        "reports": row.reports,
        "bundle_number": row.bundle_number,
        "alarms": row.alarms,
    }
