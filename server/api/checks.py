"""``GET /phones/ID/checks``: a phone's timeline, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from policy.errors import InvalidName
from policy.names import PhoneId
from policy.schemas import dump_report
from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import CheckSchema, ChecksSchema, PieceSchema, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.clock import written
from server.errors import NotThere
from server.fleet import phones
from server.people.people import Right
from server.reports.timeline import TimelineCheck, checks_of
from server.stations.stations import station_names

_WHOLE_REPORT = "report"


@described(
    "/phones/<phone_id>/checks",
    ChecksSchema,
    query=PieceSchema,
    proof=PERSON,
    refusals={**REFUSALS, 404: "phone_unknown"},
)
def list_checks(wanted: dict[str, Any], phone_id: str) -> Response:
    """List the checks of one phone, newest first, each with its whole report as long as that is kept

    As CSV without the reports.
    """
    read = partial(_read, phone_id)
    columns = [name for name in columns_of(CheckSchema) if name != _WHOLE_REPORT]
    return answer_list(Listing("checks", columns, Right.LOOK, read), wanted)


def _read(phone_id: str, session: Session, _now: datetime, after: str, limit: int) -> Rows:
    found = checks_of(session, _known(session, phone_id), after, limit)
    names = station_names(session, {one.check.station_id for one in found.rows})
    return [_row(one, names) for one in found.rows], found.next


def _known(session: Session, phone_id: str) -> PhoneId:
    try:
        wanted = PhoneId(phone_id)
    except InvalidName as error:
        raise _unknown() from error
    if not phones.find_phones(session, [wanted]):
        raise _unknown()
    return wanted


def _unknown() -> NotThere:
    return NotThere("phone_unknown", "no phone has this id", "Take one that GET /api/v1/phones lists.")


def _row(one: TimelineCheck, names: Mapping[str, str]) -> dict[str, Any]:
    check = one.check
    return {
        "report_id": check.report_id,
        "checked_at": written(check.checked_at),
        "effective_at": written(check.effective_at),
        "received_at": written(check.received_at),
        "late": check.late,
        "station_id": check.station_id,
        "station": names.get(check.station_id, ""),
        "verdict": check.verdict.value,
        "enforceable": check.enforceable,
        "bundle_number": check.bundle_number,
        "actions": check.actions,
        "thinned": one.report is None,
        _WHOLE_REPORT: None if one.report is None else json.loads(dump_report(one.report)),
    }
