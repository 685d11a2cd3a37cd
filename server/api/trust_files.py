"""``/trust``: the signed files, byte for byte as they were published."""

from __future__ import annotations

from flask import Blueprint, Flask, Response

from certs.publication import TIMESTAMP_FILE, is_served_name
from server.context import context
from server.drafts.set_times import publish_due_proposals
from server.errors import NotThere
from server.policies.bundles import trust_file
from server.policies.publishing import current_timestamp
from server.stations.enrolment import authority_certificate

_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_AT_ALL = "no-store"

_trust = Blueprint("trust", __name__, url_prefix="/trust")


def register_trust(app: Flask) -> None:
    """Let `app` serve the trust files."""
    app.register_blueprint(_trust)


@_trust.get("/authority.pem")
def authority() -> Response:
    """Return the TLS authority, which stations compare with the hash in their enrolment code."""
    return Response(
        authority_certificate(context().config),
        mimetype="application/x-pem-file",
        headers={"Cache-Control": _NOT_AT_ALL},
    )


@_trust.get(f"/{TIMESTAMP_FILE}")
def timestamp() -> Response:
    """Return the newest timestamp, renewed when it is due; never to be cached."""
    here = context()
    now = here.clock.now()
    # Before it is looked at: what is due now is what this timestamp has to lead to.
    publish_due_proposals(here.database, here.config, now)
    return _answer(TIMESTAMP_FILE, current_timestamp(here.database, here.config, now), _NOT_AT_ALL)


# `timestamp.json` never comes here, where it would be cached for ever: a rule without variables goes first.
@_trust.get("/<path:name>")
def file(name: str) -> Response:
    """Return a file whose name carries its version or hash: it never changes."""
    # By its form, before the database is asked for whatever somebody types.
    if not is_served_name(name):
        raise _missing(name)
    with context().database.reading() as session:
        return _answer(name, trust_file(session, name), _FOR_EVER)


def _answer(name: str, body: bytes | None, caching: str) -> Response:
    if body is None:
        raise _missing(name)
    return Response(body, mimetype="application/json", headers={"Cache-Control": caching})


def _missing(name: str) -> NotThere:
    return NotThere("trust_file_unknown", f"there is no trust file {name[:80]!r}", "Start from 1.root.json.")
