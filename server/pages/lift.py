"""The lift: how one lifts; then who still waits to be restored, by cause and age, and the certificate at the end."""

from __future__ import annotations

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as PlainResponse

from server.context import context
from server.fleet.deadline_words import AGES
from server.fleet.lift import CAUSES, lift_counts, lifted_since, waiting_phones
from server.fleet.lift_certifying import (
    REASON_MAX_LENGTH,
    certificate_of,
    certificates,
    certify,
    collect,
)
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right
from server.policies.bundles import situation_and_history

_SHOWN = 100


@pages.get("/lift")
@needs(Right.LOOK)
def lift() -> str:
    """Show how far the lift has come, or how one lifts."""
    after = request.args.get("after", "")
    with context().database.reading() as session:
        here = situation_and_history(session, now())
        since = lifted_since(here)
        # Before a lift these are the phones that it would have to restore.
        counts = lift_counts(session, here, since or now())
        rows, behind = waiting_phones(session, since, after, _SHOWN) if since else ((), None)
        made = certificates(session)
    return render_template(
        "lift.html",
        tab="pages.deadline",
        in_force=here.bundle,
        since=since,
        counts=counts,
        causes=CAUSES,
        ages=AGES,
        rows=rows,
        after=after,
        behind=behind,
        certificates=made,
        may_certify=person().may(Right.CERTIFY_LIFT),
        may_draft=person().may(Right.DRAFT),
        reason_max_length=REASON_MAX_LENGTH,
    )


@pages.post("/lift/certificates")
@needs(Right.CERTIFY_LIFT)
def certify_lift() -> PlainResponse:
    """Sign that all is restored, with the proof of each phone."""
    here = context()
    with here.database.reading() as session:
        collected = collect(session)
    with here.database.writing() as session:
        certified = certify(
            session,
            here.head_signer,
            situation_and_history(session, now()),
            collected,
            request.form.get("accept_rest", ""),
            person().name,
            person().name,
        )
    certificate = certified.settled()
    flash(f"Certificate {certificate.number} is signed. Keep a copy of it outside this server.", "good")
    return redirect(url_for("pages.lift"))


@pages.get("/lift/certificates/<int:number>.json")
@needs(Right.LOOK)
def download_lift_certificate(number: int) -> Response:
    """Return a certificate as a file."""
    with context().database.reading() as session:
        file = certificate_of(session, number)
    headers = {"Content-Disposition": f'attachment; filename="lift-{number}.json"'}
    return Response(file, mimetype="application/json", headers=headers)
