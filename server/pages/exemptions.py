"""Exemptions: those in force, the next to end first; what is asked for; and what has ended, for ever."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from certs.errors import ApprovalRefused
from certs.fleet_proposal_document import (
    FLEET_APPROVAL_MAX_BYTES,
    dump_fleet_proposal,
    load_fleet_approval,
)
from certs.publication import TIMESTAMP_FILE
from policy.exemption_reasons import MEANINGS, ExemptionReason
from server.context import context
from server.errors import Malformed
from server.exemptions import requests as kept
from server.exemptions.known import (
    ENDS_SOON,
    ExemptionSort,
    ExemptionState,
    KnownExemption,
    WantedExemptions,
    known_exemptions,
    list_exemptions,
)
from server.exemptions.requests import REQUESTS_NEWEST, Wanted
from server.exemptions.signing import proposed, receive
from server.fleet.phones import Phone, find_phones
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.people.people import Right
from server.policies.bundles import lock_trust_files
from server.storage.keyset import RowPiece

_SHOWN = 100
_REQUEST = "<int:request_id>"
# "" is what each table is looked at for: the next to end, and the latest ended.
_SORTS: Mapping[str, tuple[ExemptionSort, bool]] = {
    "ends": (ExemptionSort.END, False),
    "-ends": (ExemptionSort.END, True),
    "newest": (ExemptionSort.SINCE, True),
    "oldest": (ExemptionSort.SINCE, False),
}
_IN_FORCE = {"in_force": True, "ended": False}
EXEMPTIONS = ListPage(
    "exemptions",
    "pages.exemptions",
    Right.LOOK,
    {"state": _IN_FORCE.keys(), "reason": {reason.value for reason in ExemptionReason}, "of": 36},
    ("", *_SORTS),
)


def read_exemptions(
    known: Sequence[KnownExemption], asked: Asked, after: str, limit: int, in_force: bool | None = None
) -> RowPiece[KnownExemption]:
    """Return a piece of the exemptions that were asked for; `in_force` narrows it to one table."""
    if in_force is None:
        in_force = _IN_FORCE.get(asked.get("state"))
    wanted = WantedExemptions(in_force, asked.get("reason") or None, asked.get("of") or None)
    sort, falling = _SORTS.get(asked.sort, (ExemptionSort.END, in_force is False))
    return list_exemptions(known, wanted, sort, falling, after, limit)


@pages.get("/exemptions")
@needs(Right.LOOK)
def exemptions() -> str:
    """Show which phones are exempt, who has asked for which, and what has ended."""
    here = context()
    with here.database.reading() as session:
        known = known_exemptions(session, now())
        asked_for, (in_force, ended) = from_its_place(
            wanted := EXEMPTIONS.asked(), lambda after: _tables(known, wanted, after)
        )
        asked = kept.open_requests(session, now())
        ended_requests = kept.list_requests(session, False, REQUESTS_NEWEST, "", _SHOWN, now())
        all_in_force = [one for one in known if one.state is ExemptionState.IN_FORCE]
        shown = [one.exemption.phone_id for one in (*in_force.rows, *ended.rows)]
        shown += [one.exemption.phone_id for one in (*asked, *ended_requests.rows)]
        phones = _phones(session, shown)
    return render_template(
        "exemptions.html",
        tab="pages.exemptions",
        list_asked=asked_for,
        in_force=in_force,
        in_force_count=len(all_in_force),
        ending=sum(one.ends_soon(now()) for one in all_in_force),
        soon_days=ENDS_SOON.days,
        asked=asked,
        ended_requests=ended_requests.rows,
        more_requests=ended_requests.next is not None,
        ended=ended,
        ended_count=len(known) - len(all_in_force),
        phones=phones,
        meanings={reason.value: meaning for reason, meaning in MEANINGS.items()},
        phone=request.args.get("phone", "")[: kept.PHONE_MAX_LENGTH],
        may_ask=person().may(Right.REQUEST_EXEMPTION),
        may_decide=person().may(Right.DECIDE_EXEMPTION),
        address=f"{here.config.public_url}/exemptions",
        may_sign=here.config.trust_keys is not None,
        exemption_days=here.config.exemption_days,
        phone_max_length=kept.PHONE_MAX_LENGTH,
        why_max_length=kept.WHY_MAX_LENGTH,
    )


def _tables(
    known: Sequence[KnownExemption], asked: Asked, after: str
) -> tuple[RowPiece[KnownExemption], RowPiece[KnownExemption]]:
    """Return what is in force and what has ended: both from their tops, or from a place on the one asked for."""
    state = asked.get("state")
    nothing = RowPiece[KnownExemption]((), None)

    def table(name: str) -> RowPiece[KnownExemption]:
        if state not in ("", name):
            return nothing
        return read_exemptions(known, asked, after if state else "", _SHOWN, _IN_FORCE[name])

    return table("in_force"), table("ended")


@pages.get("/exemptions/proposal.json")
@needs(Right.LOOK)
def download_fleet_proposal() -> Response:
    """Return what the fleet key is to sign as a file, for a machine without network."""
    here = context()
    with here.database.reading() as session:
        told = dump_fleet_proposal(proposed(session, here.config, now()))
    headers = {
        "Content-Disposition": 'attachment; filename="exemptions.json"',
        "Cache-Control": "no-store",
    }
    return Response(json.dumps(told, indent=1), mimetype="application/json", headers=headers)


@pages.post("/exemptions/approvals")
@needs(Right.DECIDE_EXEMPTION)
def hand_in_fleet_approval() -> Response:
    """Take the signature file that the fleet key's machine has written."""
    here = context()
    file = request.files.get("signature")
    # One byte more than any has: it alone says that this is none.
    data = file.read(FLEET_APPROVAL_MAX_BYTES + 1) if file else b""
    try:
        handed_in = load_fleet_approval(data)
    except ApprovalRefused as error:
        raise Malformed("approval_malformed", str(error), "Go back and choose the file.") from error
    with here.database.writing() as session:
        lock_trust_files(session, TIMESTAMP_FILE)
        received = receive(session, here.config, handed_in, person().name, now())
    received.settled()
    flash(f"Signed and published as fleet document {received.fleet_number}.", "good")
    return redirect(url_for("pages.exemptions"))


@pages.post("/exemption-requests")
@needs(Right.REQUEST_EXEMPTION)
def ask_for_exemption() -> Response:
    """Ask for an exemption of one phone."""
    here = context()
    wanted = Wanted(request.form.get("phone", ""), _until(), _reason())
    with here.database.writing() as session:
        outcome = kept.ask(session, here.config, wanted, person(), person().name, now())
    outcome.settled()
    flash("Asked. Nothing changes for the phone until an approver signs it with the fleet key.", "good")
    return redirect(url_for("pages.exemptions"))


@pages.post(f"/exemption-requests/{_REQUEST}/withdraw")
@needs(Right.REQUEST_EXEMPTION)
def withdraw_exemption_request(request_id: int) -> Response:
    """Take one's own request back."""
    with context().database.writing() as session:
        outcome = kept.withdraw(session, request_id, person(), person().name, now())
    outcome.settled()
    flash("The request is withdrawn.", "")
    return redirect(url_for("pages.exemptions"))


@pages.post(f"/exemption-requests/{_REQUEST}/refuse")
@needs(Right.DECIDE_EXEMPTION)
def refuse_exemption_request(request_id: int) -> Response:
    """Refuse a request, with a reason for whoever asked."""
    with context().database.writing() as session:
        outcome = kept.refuse(session, request_id, request.form.get("why", ""), person().name, now())
    outcome.settled()
    flash("The request is refused. Whoever asked reads why on this page.", "")
    return redirect(url_for("pages.exemptions"))


def _phones(session: Session, phone_ids: Iterable[str]) -> Mapping[str, Phone]:
    return {phone.phone_id: phone for phone in find_phones(session, set(phone_ids))}


def _reason() -> ExemptionReason:
    try:
        return ExemptionReason(request.form.get("reason", ""))
    except ValueError as error:
        raise Malformed(
            "reason_unknown", "Choose a reason for the exemption.", "Go back and choose one."
        ) from error


def _until() -> datetime:
    try:
        return datetime.strptime(request.form.get("until", "").strip(), "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise Malformed(
            "until_malformed",
            "Expected the end of the exemption as a time in UTC like 2023-03-15T11:00.",
            "Go back and type it anew: every exemption has an end.",
        ) from error
