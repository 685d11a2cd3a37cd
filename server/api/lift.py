"""``/lift``: how far a lift has come, who waits, and its certificates."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.lift_schemas import (
    CertifySchema,
    LiftCertificateFileSchema,
    LiftCertificateSchema,
    LiftSchema,
    WaitingPhoneSchema,
    WaitingPhonesSchema,
)
from server.api.list_schemas import PieceSchema, columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.fleet.lift import CAUSES, WaitingPhone, lift_counts, lifted_since, waiting_phones
from server.fleet.lift_certifying import (
    KeptCertificate,
    certificate_of,
    certificates,
    certify,
    collect,
)
from server.people.people import Right
from server.policies.bundles import situation_and_history

_ASKED = {401: "no token, or one that is not good", 403: "right_missing"}


@described("/lift", LiftSchema, proof=PERSON, refusals=_ASKED)
def tell_lift() -> dict[str, Any]:
    """Tell how far the lift has come: who waits, by cause and age; before one, who would"""
    now = context().clock.now()
    with context().database.reading() as session:
        requesting_person(session, Right.LOOK)
        here = situation_and_history(session, now)
        since = lifted_since(here)
        counts = lift_counts(session, here, since or now)
        made = certificates(session)
    return {
        "lifted_since": since and written(since),
        "waiting": counts.waiting,
        "by_cause": {cause.value: phones for cause, phones in counts.by_cause.items()},
        "by_age": dict(counts.by_age),
        "certificates": [_certificate(one) for one in made],
        "server_time": written(now),
    }


@described("/lift/phones", WaitingPhonesSchema, query=PieceSchema, proof=PERSON, refusals=REFUSALS)
def list_waiting_phones(wanted: dict[str, Any]) -> Response:
    """List the phones that wait to be restored, those not seen for longest first"""
    return answer_list(Listing("phones", columns_of(WaitingPhoneSchema), Right.LOOK, _read), wanted)


def _read(session: Session, now: datetime, after: str, limit: int) -> Rows:
    since = lifted_since(situation_and_history(session, now))
    rows, behind = waiting_phones(session, since or now, after, limit)
    return [_row(one) for one in rows], behind


@described(
    "/lift/certificates",
    LiftCertificateSchema,
    method="POST",
    status=201,
    body=CertifySchema,
    proof=PERSON,
    refusals={**_ASKED, 409: "not_lifted, phones_not_proven"},
)
def certify_lift(told: dict[str, Any]) -> dict[str, Any]:
    """Have it signed that all is restored, with the proof of each phone that was ever switched off"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.CERTIFY_LIFT)
        collected = collect(session)
    with here.database.writing() as session:
        person = requesting_person(session, Right.CERTIFY_LIFT)
        situation = situation_and_history(session, now)
        name = person.name
        certified = certify(session, here.head_signer, situation, collected, told["accept_rest"], name, name)
    return {**_certificate(certified.settled()), "server_time": written(now)}


@described(
    "/lift/certificates/<int:number>",
    LiftCertificateFileSchema,
    proof=PERSON,
    refusals={**_ASKED, 404: "certificate_unknown"},
)
def get_lift_certificate(number: int) -> dict[str, Any]:
    """Return a certificate as it is verified: the signed envelope, and the proofs beside it"""
    with context().database.reading() as session:
        requesting_person(session, Right.LOOK)
        found: dict[str, Any] = json.loads(certificate_of(session, number))
    return found


def _row(one: WaitingPhone) -> dict[str, Any]:
    return {
        "phone_id": one.phone.phone_id,
        "label": one.phone.label,
        "unit": one.phone.unit,
        "cause": one.cause.value,
        "next_step": CAUSES[one.cause][1],
        "last_at": written(one.last_at),
        "attempted_at": one.attempt and written(one.attempt.at),
        "attempt_cause": one.attempt.cause.value if one.attempt else "",
    }


def _certificate(one: KeptCertificate) -> dict[str, Any]:
    return {
        "number": one.number,
        "made_at": written(one.made_at),
        "made_by": one.made_by,
        "phones": one.phones,
        "unproven": one.unproven,
    }
