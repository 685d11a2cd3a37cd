"""Stations: who listens for us, stopping a lost one, and enrolment codes that are shown once."""

from __future__ import annotations

from datetime import timedelta

import segno
from flask import flash, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from server.context import context
from server.errors import Malformed, NotThere
from server.evidence import audit
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.people.people import Right
from server.policies import bundles
from server.stations.enrolment import new_code
from server.stations.refused_bundles import refusals_by_station
from server.stations.stations import (
    BY_ENROLMENT,
    BY_NAME,
    IN_SERVICE_FIRST,
    StationRow,
    count_stations,
    list_stations,
    revoke_station,
    station_row,
)
from server.storage.keyset import RowPiece
from server.texts import storable

STATIONS_PER_PAGE = 100
CODE_HOURS = (1, 8, 24, 72)
_NAME_MAX_LENGTH = 100
REASON_MAX_LENGTH = 300
_ORDERS = {
    "state": IN_SERVICE_FIRST,
    "-state": IN_SERVICE_FIRST.turned(),
    "name": BY_NAME,
    "-name": BY_NAME.turned(),
    "newest": BY_ENROLMENT.turned(),
    "oldest": BY_ENROLMENT,
}
_IN_SERVICE = {"in_service": True, "revoked": False}
STATIONS = ListPage(
    "stations", "pages.stations", Right.LOOK, {"search": 100, "state": _IN_SERVICE.keys()}, tuple(_ORDERS)
)


def read_stations(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[StationRow]:
    """Return a piece of the stations that were asked for."""
    in_service = _IN_SERVICE.get(asked.get("state"))
    return list_stations(session, in_service, _ORDERS[asked.sort], after, limit, asked.get("search"))


@pages.get("/stations")
@needs(Right.LOOK)
def stations() -> str:
    """Show a page of the stations, and the form for an enrolment code to those who may make one."""
    with context().database.reading() as session:
        asked, piece = from_its_place(
            wanted := STATIONS.asked(), lambda after: read_stations(session, wanted, after, STATIONS_PER_PAGE)
        )
        total = count_stations(session)
        refusals = refusals_by_station(session)
        newest = bundles.newest(session).number
    may = person().may
    return render_template(
        "stations.html",
        tab="pages.stations",
        asked=asked,
        stations=piece.rows,
        next=piece.next,
        total=total,
        refusals=refusals,
        newest=newest,
        may_revoke=may(Right.REVOKE_STATIONS),
        may_enrol=may(Right.ENROL_STATIONS),
        code_hours=CODE_HOURS,
    )


@pages.get("/stations/<station_id>/revoke")
@needs(Right.REVOKE_STATIONS)
def ask_to_revoke(station_id: str) -> str:
    """Say what revoking does, before it is done."""
    return render_template(
        "revoke.html",
        tab="pages.stations",
        station=_station(station_id),
        reason_max_length=REASON_MAX_LENGTH,
    )


@pages.post("/stations/<station_id>/revoke")
@needs(Right.REVOKE_STATIONS)
def revoke(station_id: str) -> Response:
    """Refuse everything the station sends from now on."""
    station = _station(station_id)
    reason = request.form.get("reason", "").strip()
    if not storable(reason, REASON_MAX_LENGTH):
        raise Malformed(
            "reason_malformed",
            f"Say why in at most {REASON_MAX_LENGTH} characters on one line. Nothing was changed.",
            "Go back and shorten it, or leave it empty.",
        )
    # Not asked for as a condition: a lost station must be stopped at once.
    detail = {"name": station.name, "reason": reason or "not said"}
    with context().database.writing() as session:
        if revoke_station(session, station_id, now()):
            audit.record(session, person().name, "station revoked", station_id, detail, now())
            flash(f"{station.name} is revoked: nothing it sends is accepted any more.", "good")
        else:
            flash(f"{station.name} was revoked before. Nothing was changed.", "")
    return redirect(url_for("pages.stations"))


def _station(station_id: str) -> StationRow:
    with context().database.reading() as session:
        found = station_row(session, station_id)
    if found is None:
        raise NotThere(
            "station_unknown", f"No station has the id {station_id[:60]}.", "Choose one from the list."
        )
    return found


@pages.post("/stations/enrolment-codes")
@needs(Right.ENROL_STATIONS)
def make_enrolment_code() -> Response:
    """Show a new code, as a line and as a QR code. Only its hash is stored, so it cannot be shown again."""
    here = context()
    made_for, hours = _code_wanted()
    expires_at = now() + timedelta(hours=hours)
    with here.database.writing() as session:
        code = new_code(session, here.config, made_for, expires_at, now())
        audit.record(session, person().name, "enrolment code made", made_for, {"hours": hours}, now())
    # The answer is the page itself, without a redirect: what is kept nowhere cannot be fetched a second time.
    page = render_template(
        "enrolment_code.html",
        tab="pages.stations",
        made_for=made_for,
        line=code.line(),
        expires_at=expires_at,
        qr=Markup(segno.make(code.line(), micro=False).svg_inline(scale=4, omitsize=True)),  # noqa: S704 - ours
    )
    return make_response(page, 201)


def _code_wanted() -> tuple[str, int]:
    made_for = request.form.get("made_for", "").strip()
    if not made_for or not storable(made_for, _NAME_MAX_LENGTH):
        raise Malformed(
            "made_for_malformed",
            f"Say whom or what the code is for, in 1 to {_NAME_MAX_LENGTH} characters on one line.",
            "Go back and fill in the field.",
        )
    hours = request.form.get("hours", type=int)
    if hours not in CODE_HOURS:
        raise Malformed("hours_malformed", "Choose for how long the code is good.", "Go back and choose.")
    return made_for, hours
