"""``/phones/ID/retirement``: an admin's word that a phone does not come back, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import moment
from server.api.person_access import requesting_person
from server.api.schemas import BodySchema, said
from server.clock import written
from server.context import context
from server.fleet.phones import RETIRED_WHY_MAX_LENGTH
from server.fleet.retiring import Retiring, retire, take_back
from server.people.people import Right

_PATH = "/phones/<phone_id>/retirement"
_REFUSED = {401: REFUSALS[401], 403: REFUSALS[403], 404: "phone_unknown"}


class RetireSchema(BodySchema):
    """Why the phone does not come back."""

    reason = said(RETIRED_WHY_MAX_LENGTH, metadata={"description": "without anybody's name"})


class RetirementSchema(Schema):
    """Whether the phone is retired; the others are null where it is not."""

    phone_id = fields.String(required=True)
    retired = fields.Boolean(required=True)
    retired_at = moment(allow_none=True)
    retired_by = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    server_time = moment()


@described(
    _PATH,
    RetirementSchema,
    method="POST",
    body=RetireSchema,
    proof=PERSON,
    refusals={400: "reason_malformed", **_REFUSED, 409: "phone_gone, phone_ambiguous"},
)
def retire_phone(given: dict[str, Any], phone_id: str) -> dict[str, Any]:
    """Retire a phone that is lost, stolen or broken, by its id or label: nobody waits for it, nor blocks its holder

    The first newer check, or provisioning it again, takes that back by itself; a check raises an alarm.
    """
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.RETIRE_PHONES)
        return _told(retire(session, phone_id, given["reason"], person.name, person.name, now), now)


@described(
    _PATH,
    RetirementSchema,
    method="DELETE",
    proof=PERSON,
    refusals={**_REFUSED, 409: "phone_not_retired, phone_ambiguous"},
)
def take_phone_back(phone_id: str) -> dict[str, Any]:
    """Take back that a phone is retired: it stands as its latest check says"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        person = requesting_person(session, Right.RETIRE_PHONES)
        return _told(take_back(session, phone_id, person.name, now), now)


def _told(became: Retiring, now: datetime) -> dict[str, Any]:
    found = became.retirement
    return {
        "phone_id": became.phone_id,
        "retired": found is not None,
        "retired_at": written(found.at) if found else None,
        "retired_by": found.by if found else None,
        "reason": found.why if found else None,
        "server_time": written(now),
    }
