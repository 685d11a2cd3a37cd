"""``/exemption-requests``: exemptions asked for, withdrawn and refused by programs."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.exemption_schemas import (
    AskForExemptionSchema,
    ExemptionRequestSchema,
    ListedRequestSchema,
    ListedRequestsSchema,
    RefuseExemptionSchema,
    RequestPieceSchema,
)
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import Sort, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.exemptions import requests as kept
from server.exemptions.requests import REQUESTS_NEWEST, REQUESTS_OLDEST, ExemptionRequest, Wanted
from server.people.people import Right

_ORDERS = {Sort.NEWEST: REQUESTS_NEWEST, Sort.OLDEST: REQUESTS_OLDEST}
_ASKED = {401: "no token, or one that is not good", 403: "right_missing"}
_ENDED = "request_withdrawn, request_refused, request_signed, request_over"
_REQUEST = "/exemption-requests/<int:request_id>"


@described(
    "/exemption-requests", ListedRequestsSchema, query=RequestPieceSchema, proof=PERSON, refusals=REFUSALS
)
def list_exemption_requests(wanted: dict[str, Any]) -> Response:
    """List the requests for exemptions, those that wait and those that have ended"""
    read = partial(_read, wanted["open"], wanted["sort"])
    listing = Listing("exemption_requests", columns_of(ListedRequestSchema), Right.LOOK, read)
    return answer_list(listing, wanted)


def _read(is_open: bool | None, sort: Sort, session: Session, now: datetime, after: str, limit: int) -> Rows:
    found = kept.list_requests(session, is_open, _ORDERS[sort], after, limit, now)
    return [_row(one) for one in found.rows], found.next


@described(
    "/exemption-requests",
    ExemptionRequestSchema,
    method="POST",
    status=201,
    body=AskForExemptionSchema,
    proof=PERSON,
    refusals={
        **_ASKED,
        400: "end_is_over, end_too_far",
        404: "phone_unknown",
        409: "phone_ambiguous, already_exempt, request_open",
    },
)
def ask_for_exemption(told: dict[str, Any]) -> dict[str, Any]:
    """Ask for an exemption of one phone; nothing changes until it is signed with the fleet key"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.REQUEST_EXEMPTION)
        wanted = Wanted(told["phone"], told["until"], told["reason"])
        outcome = kept.ask(session, here.config, wanted, person, person.name, now)
    return _told(outcome.settled(), now)


@described(_REQUEST, ExemptionRequestSchema, proof=PERSON, refusals={**_ASKED, 404: "request_unknown"})
def get_exemption_request(request_id: int) -> dict[str, Any]:
    """Tell one request for an exemption, and what became of it"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        return _told(kept.find_request(session, request_id, now), now)


@described(
    _REQUEST,
    ExemptionRequestSchema,
    method="DELETE",
    proof=PERSON,
    refusals={**_ASKED, 403: "right_missing, request_of_another", 404: "request_unknown", 409: _ENDED},
)
def withdraw_exemption_request(request_id: int) -> dict[str, Any]:
    """Withdraw a request of one's own"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.REQUEST_EXEMPTION)
        outcome = kept.withdraw(session, request_id, person, person.name, now)
    return _told(outcome.settled(), now)


@described(
    f"{_REQUEST}/refusal",
    ExemptionRequestSchema,
    method="POST",
    body=RefuseExemptionSchema,
    proof=PERSON,
    refusals={**_ASKED, 400: "why_malformed", 404: "request_unknown", 409: _ENDED},
)
def refuse_exemption_request(told: dict[str, Any], request_id: int) -> dict[str, Any]:
    """Refuse a request, and say why to whoever asked"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.DECIDE_EXEMPTION)
        outcome = kept.refuse(session, request_id, told["why"], person.name, now)
    return _told(outcome.settled(), now)


def _told(one: ExemptionRequest, now: datetime) -> dict[str, Any]:
    return {**_row(one), "server_time": written(now)}


def _row(one: ExemptionRequest) -> dict[str, Any]:
    return {
        "request_id": one.request_id,
        "phone_id": one.exemption.phone_id,
        "until": written(one.exemption.until),
        "reason": one.exemption.reason,
        "asked_by": one.asked_by,
        "asked_at": written(one.asked_at),
        "state": one.state.value,
        "ended_at": one.ended_at and written(one.ended_at),
        "ended_by": one.ended_by,
        "why": one.why,
    }
