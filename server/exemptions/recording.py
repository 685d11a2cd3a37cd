"""Exemptions as acts: which phones a publication exempts that were not, and which no longer, each an audit row.

Requests that it fulfils are signed by it, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from certs.online import Publication
from certs.roles import FLEET
from policy.document import Exemption, Fleet
from policy.schemas.values import write_utc_time
from server.evidence import audit
from server.exemptions.requests import note_signed
from server.fleet import phone_states, phones


def record_exemptions(
    session: Session, before: Fleet, publication: Publication, actor: str, now: datetime
) -> None:
    """Write a row for each exemption that came, changed or ended with `publication`, and end the requests for them."""
    requests = note_signed(session, publication.fleet, actor, now)
    changes = list(_changes(before, publication.fleet, now))
    known = _words(session, {exemption.phone_id for _, exemption in changes})
    signed = {"fleet": publication.fleet.number, "signers": list(publication.signers[FLEET])}
    for action, exemption in changes:
        about = known.get(exemption.phone_id, {"phone": "not registered here"})
        request = requests.get(exemption.phone_id)
        if request:
            about = {**about, "request": request.request_id, "asked_by": request.asked_by}
        detail = {**about, "until": write_utc_time(exemption.until), "reason": exemption.reason, **signed}
        audit.record(session, actor, action, exemption.phone_id, detail, now)


def _changes(before: Fleet, after: Fleet, now: datetime) -> Iterator[tuple[str, Exemption]]:
    old = {exemption.phone_id: exemption for exemption in before.exemptions}
    new = {exemption.phone_id: exemption for exemption in after.exemptions}
    for phone_id, exemption in new.items():
        if phone_id not in old:
            yield "phone exempted", exemption
        elif old[phone_id] != exemption:
            yield "exemption changed", exemption
    for phone_id, exemption in old.items():
        # One that was over by itself is only tidied away.
        if phone_id not in new and now < exemption.until:
            yield "exemption ended", exemption


def _words(session: Session, phone_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what an auditor knows each phone by: its label and its latest report."""
    latest = phone_states.latest_checks(session, phone_ids)
    return {
        phone.phone_id: {
            "label": phone.label or "none",
            "report": latest[phone.phone_id].report_id if phone.phone_id in latest else "none yet",
        }
        for phone in phones.find_phones(session, phone_ids)
    }
