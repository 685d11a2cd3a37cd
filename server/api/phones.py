"""What stations tell and ask of single phones: registering one, proving to have met it, its ledger."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from policy.errors import InvalidName
from policy.names import PhoneId
from policy.schemas import dump_ledger
from server.api.blueprint import STATION, described
from server.api.schemas import (
    LedgerAnswerSchema,
    MeetingSchema,
    MetSchema,
    RegisteredSchema,
    RegistrationSchema,
)
from server.api.station_access import requesting_station
from server.clock import written
from server.context import context
from server.errors import NotAllowed, NotThere
from server.evidence import audit
from server.fleet import phones
from server.fleet.meetings import has_met, meet
from server.fleet.phones import Registration
from server.policies import bundles
from server.reports import kept_reports

_UNSIGNED = "the request is not signed by an enrolled station"


@described(
    "/phones",
    RegisteredSchema,
    method="POST",
    status=201,
    body=RegistrationSchema,
    proof=STATION,
    also={200: "the phone was known"},
    refusals={401: _UNSIGNED, 403: "station_revoked, virtual_refused", 409: "phone_id_taken"},
)
def register(registration: Registration) -> tuple[dict[str, Any], int]:
    """Register a phone that was just provisioned

    201 if it is new here, 200 if it was known: then its description is replaced, and it keeps the id it has.
    """
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        # In the same transaction: a registration that is refused uses up no nonce.
        station = requesting_station(session, now)
        if registration.virtual and not bundles.newest(session).demo:
            raise NotAllowed(
                "virtual_refused",
                "virtual phones are taken under a demo root only",
                "Use them against a server with demo trust.",
            )
        changed = phones.changed_by(session, registration, here.config.holder_key)
        phone_id, is_new = phones.register_phone(
            session, registration, station.station_id, here.config.holder_key, now
        )
        action = "phone registered" if is_new else "phone registered again"
        # That holder and label changed, but neither of them: what stands in the chain is never deleted.
        detail = {"station": station.station_id, "consent": registration.consent.value}
        if not is_new:
            detail["changed"] = ", ".join(changed) or "nothing"
        audit.record(session, f"station {station.name}", action, phone_id, detail, now)
    told = {"phone_id": phone_id, "changed": list(changed), "server_time": written(now)}
    return told, 201 if is_new else 200


@described(
    "/phones/<phone_id>/ledger",
    LedgerAnswerSchema,
    proof=STATION,
    refusals={401: _UNSIGNED, 403: "station_revoked, phone_not_met", 404: "phone_unknown"},
)
def ledger(phone_id: str) -> dict[str, Any]:
    """Return a phone's newest known ledger, from which any station that has met it can restore"""
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:  # the request's nonce is used up
        station = requesting_station(session, now)
        wanted = _registered(session, phone_id)
        # It tells the marker, by which any station would have met the phone.
        if not has_met(session, station.station_id, wanted):
            raise _not_met()
        known = kept_reports.newest_ledger(session, wanted)
    return {
        "phone_id": phone_id,
        "ledger": None if known is None else json.loads(dump_ledger(known)),
        "server_time": written(now),
    }


@described(
    "/phones/<phone_id>/meetings",
    MetSchema,
    method="POST",
    body=MeetingSchema,
    proof=STATION,
    refusals={401: _UNSIGNED, 403: "station_revoked, phone_not_met", 404: "phone_unknown"},
)
def prove_meeting(shown: dict[str, str], phone_id: str) -> dict[str, Any]:
    """Prove that the station has met a phone, by the marker that only the phone shows

    Not needed where the station registered the phone, or has reported on it.
    """
    here = context()
    now = here.clock.now()
    with here.database.writing() as session:
        station = requesting_station(session, now)
        wanted = _registered(session, phone_id)
        if not phones.is_marker_of(session, wanted, shown["marker"]):
            raise _not_met()
        meet(session, station.station_id, wanted, now)
    return {"phone_id": wanted, "server_time": written(now)}


def _registered(session: Session, phone_id: str) -> PhoneId:
    try:
        wanted = PhoneId(phone_id)
    except InvalidName as error:
        raise _unknown() from error
    if wanted not in phones.agreed_with(session, [wanted]):
        raise _unknown()
    return wanted


def _unknown() -> NotThere:
    return NotThere("phone_unknown", "this phone is not registered here", "Provision it again.")


def _not_met() -> NotAllowed:
    return NotAllowed(
        "phone_not_met",
        "this station has not met this phone, or its marker was lost",
        "Connect it here and check it, or provision it at this station.",
    )
