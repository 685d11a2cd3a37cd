"""``GET /owner-requests`` and ``POST /owner-requests/N/answer``: what owners ask for, and what they are told."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import Sort, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.owner_schemas import (
    OwnerAnswerSchema,
    OwnerRequestPieceSchema,
    OwnerRequestSchema,
    OwnerRequestsSchema,
)
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.owners.requests import (
    REQUESTS_NEWEST,
    REQUESTS_OLDEST,
    Answer,
    OwnerRequest,
    answer_request,
    list_requests,
)
from server.people.people import Right

_ORDERS = {Sort.NEWEST: REQUESTS_NEWEST, Sort.OLDEST: REQUESTS_OLDEST}


@described(
    "/owner-requests", OwnerRequestsSchema, query=OwnerRequestPieceSchema, proof=PERSON, refusals=REFUSALS
)
def list_owner_requests(wanted: dict[str, Any]) -> Response:
    """List what owners ask for on the pages of their phones, answered or not"""
    read = partial(_read, wanted["open"], wanted["sort"])
    listing = Listing("owner_requests", columns_of(OwnerRequestSchema), Right.ANSWER_OWNERS, read)
    return answer_list(listing, wanted)


def _read(is_open: bool | None, sort: Sort, session: Session, _now: datetime, after: str, limit: int) -> Rows:
    found = list_requests(session, is_open, _ORDERS[sort], after, limit)
    return [_listed(one) for one in found.rows], found.next


@described(
    "/owner-requests/<int:number>/answer",
    OwnerRequestSchema,
    method="POST",
    body=OwnerAnswerSchema,
    proof=PERSON,
    refusals={
        400: "answer_malformed",
        401: "no token, or one that is not good",
        403: "right_missing",
        404: "request_unknown",
        409: "already_answered",
    },
)
def answer_owner(given: dict[str, Any], number: int) -> dict[str, Any]:
    """Answer what an owner asked for; the answer stands on their page, without a name"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.ANSWER_OWNERS)
        return _listed(answer_request(session, number, Answer(person.name, now, given["answer"])))


def _listed(one: OwnerRequest) -> dict[str, Any]:
    answer = one.answer
    return {
        "number": one.number,
        "phone_id": one.phone_id,
        "kind": one.kind.value,
        "text": one.text,
        "asked_at": written(one.asked_at),
        "open": answer is None,
        "answered_at": written(answer.at) if answer else None,
        "answered_by": answer.by if answer else None,
        "answer": answer.text if answer else None,
    }
