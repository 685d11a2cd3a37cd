"""``/rehearsals``: a policy is tried on the fleet before anybody signs it; how far, what came out, and for whom."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.rehearsal import Outcome
from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import (
    RehearsedPhoneSchema,
    RehearsedPhonesSchema,
    RehearsedPieceSchema,
    columns_of,
)
from server.api.lists import Listing, Rows, answer_list
from server.api.person_access import requesting_person
from server.api.schemas import (
    RehearsalSchema,
    RehearsalStartedSchema,
    RehearsalTimeSchema,
    RehearsedPolicySchema,
)
from server.clock import written
from server.context import context
from server.drafts.listed_rings import taken_up
from server.fleet import phone_rows, phones
from server.people.people import Right
from server.policies.bundles import situation
from server.rehearsal.kept_rehearsals import KeptRehearsal, RehearsedPhone, find_rehearsal
from server.rehearsal.phones import rehearsed_phones
from server.rehearsal.result import told
from server.rehearsal.running import start_rehearsal

_UNKNOWN = {404: "rehearsal_unknown, rehearsed_phones_gone"}


@described(
    "/rehearsals",
    RehearsalStartedSchema,
    method="POST",
    status=202,
    body=RehearsedPolicySchema,
    query=RehearsalTimeSchema,
    proof=PERSON,
    refusals={
        400: "policy_malformed, policy_refused",
        401: REFUSALS[401],
        403: REFUSALS[403],
        429: "rehearsals_busy",
    },
)
def rehearse(wanted: dict[str, Any], _document: dict[str, Any]) -> dict[str, Any]:
    """Rehearse the policy document in the body: what it would mean for each phone, from the latest reports

    It is answered at once; ask for the rehearsal by its id until its state is no longer `running`.
    """
    here = context()
    with here.database.reading() as session:
        person = requesting_person(session, Right.DRAFT)
        document = taken_up(session, request.get_data(cache=True))
    made = start_rehearsal(here.database, here.clock.now, document, person.name, moment=wanted["at"])
    return {"rehearsal_id": made, "server_time": written(here.clock.now())}


@described(
    "/rehearsals/<rehearsal_id>",
    RehearsalSchema,
    proof=PERSON,
    refusals={**REFUSALS, 404: "rehearsal_unknown"},
)
def show_rehearsal(rehearsal_id: str) -> dict[str, Any]:
    """Tell how far a rehearsal is and, once it is done, what came out

    Of a unit no count below `smallest_cell` is told: null stands in its place.
    """
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.LOOK)
        found = find_rehearsal(session, rehearsal_id, now)
    return _rehearsal(found, here.config.smallest_cell) | {"server_time": written(now)}


def _rehearsal(found: KeptRehearsal, smallest_cell: int) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(found).items() if name not in ("draft", "result", "state")}
    return {
        **plain,
        "started_at": written(found.started_at),
        "moment": written(found.moment),
        "state": found.state.value,
        "draft_id": found.draft[0] if found.draft else None,
        "revision": found.draft[1] if found.draft else None,
        "result": told(found.result, smallest_cell) if found.result else None,
    }


@described(
    "/rehearsals/<rehearsal_id>/phones",
    RehearsedPhonesSchema,
    query=RehearsedPieceSchema,
    proof=PERSON,
    refusals={**REFUSALS, **_UNKNOWN},
)
def list_rehearsed_phones(wanted: dict[str, Any], rehearsal_id: str) -> Response:
    """List the phones that a rehearsal came to one outcome for, as they were then"""
    read = partial(_read_phones, rehearsal_id, wanted["outcome"])
    return answer_list(Listing("phones", columns_of(RehearsedPhoneSchema), Right.LOOK, read), wanted)


def _read_phones(
    rehearsal_id: str, outcome: Outcome, session: Session, now: datetime, after: str, limit: int
) -> Rows:
    found = rehearsed_phones(session, find_rehearsal(session, rehearsal_id, now), outcome, after, limit)
    known = phones.find_phones(session, [one.phone_id for one in found])
    rows = {row.phone_id: row for row in phone_rows.phone_rows(session, known, situation(session, now))}
    return [_phone(one, outcome, rows) for one in found], found[-1].phone_id if len(found) == limit else None


def _phone(one: RehearsedPhone, outcome: Outcome, rows: dict[PhoneId, phone_rows.PhoneRow]) -> dict[str, Any]:
    row = rows[one.phone_id]
    return {
        "phone_id": one.phone_id,
        "label": row.label,
        "unit": one.unit,
        "outcome": outcome.value,
        "before": one.before,
        "cause": one.cause,
        "found": list(one.found),
        "disabled": list(one.disabled),
        "restored": list(one.restored),
        "last_check_at": written(row.latest.effective_at) if row.latest else None,
    }
