"""``GET /audit-rows/NUMBER`` and ``POST /audit-heads``: the chain to be compared, and heads that do not fit it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from certs.audit_chain import AuditHead, ChainCheck, open_head
from certs.errors import EnvelopeRefused
from server.api.blueprint import PERSON, STATION, described
from server.api.person_access import requesting_person
from server.api.schemas import AuditHeadsSchema, AuditRowsSchema, HeadsComparedSchema
from server.api.station_access import requesting_station
from server.clock import written
from server.context import context
from server.errors import Malformed
from server.evidence import audit
from server.evidence.chain_trouble import raise_trouble
from server.people.people import Right

ROWS_PER_ANSWER = 500
# The column's bound: PostgreSQL fails on a larger one, and there is no row above it.
_NUMBER_MAX = (1 << 31) - 1


@described(
    "/audit-rows/<int:number>",
    AuditRowsSchema,
    proof=PERSON,
    refusals={401: "no token, or one that is not good", 403: "right_missing"},
)
def list_rows(number: int) -> dict[str, Any]:
    """List the audit rows above a number, oldest first

    As they were hashed, so that whoever asks can compute the chain without believing this server. None: the end.
    """
    here = context()
    with here.database.reading() as session:
        requesting_person(session, Right.READ_AUDIT)
        after = min(number, _NUMBER_MAX)
        rows = [asdict(row) for row in audit.rows_after(session, after, ROWS_PER_ANSWER)]
        newest = audit.stored_head(session)
    return {
        "rows": rows,
        "head": None if newest is None else json.loads(here.head_signer.signed_head(newest)),
        "audit_key_pem": here.head_signer.public_key_pem.decode(),
        "server_time": written(here.clock.now()),
    }


@described(
    "/audit-heads",
    HeadsComparedSchema,
    method="POST",
    body=AuditHeadsSchema,
    proof=STATION,
    refusals={400: "head_not_ours", 401: "the request does not prove its station", 403: "station_revoked"},
)
def compare_heads(told: dict[str, Any]) -> dict[str, Any]:
    """Compare signed heads that a station kept with the chain; one that does not fit raises an alarm"""
    here = context()
    now = here.clock.now()
    envelopes = [json.dumps(head, separators=(",", ":"), sort_keys=True).encode() for head in told["heads"]]
    with here.database.writing() as session:
        station = requesting_station(session, now)
        seen = {_opened(envelope): envelope for envelope in envelopes}
        check = _looked_up(session, list(seen))
        evidence = seen[check.misfits[0]] if check.misfits else b""
        is_news = raise_trouble(session, check, now, station.station_id, evidence)
    # Only for news, and outside of a transaction that others wait for: a long chain takes a while.
    if is_news:
        _walk_whole_chain(now)
    return {"fits": check.fits, "server_time": written(now)}


def _opened(envelope: bytes) -> AuditHead:
    try:
        return open_head(envelope, context().head_signer.public_key_pem)
    except EnvelopeRefused as error:
        raise Malformed(
            "head_not_ours",
            "one of these is no head that this server has signed",
            "Keep the file for an auditor.",
        ) from error


def _looked_up(session: Session, seen: Sequence[AuditHead]) -> ChainCheck:
    """Return what single looks show, without a walk over all rows."""
    misfits = tuple(head for head in seen if not audit.stands(session, head))
    newest = audit.stored_head(session)
    if newest is None:
        return ChainCheck(0, 1, "the head is missing", head_is_missing=True, misfits=misfits)
    return ChainCheck(newest.number, misfits=misfits)


def _walk_whole_chain(now: datetime) -> None:
    database = context().database
    with database.reading() as session:
        check = audit.verify_chain(session)
    if not check.whole:
        with database.writing() as session:
            raise_trouble(session, check, now)
