"""Who sends a request: a station proves it with a signed statement about this very request.

``Authorization: Curfew BASE64(DSSE envelope)`` over ``{station_id, method, path, body_sha256, time, nonce}``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.envelope import UnverifiedEnvelope
from certs.errors import EnvelopeRefused
from server.clock import ALLOWED_SKEW
from server.errors import NotAllowed, NotSignedIn
from server.stations.stations import Station, find_stations
from server.storage.database import Base, UtcTime
from server.texts import storable

REQUEST_PAYLOAD_TYPE = "application/vnd.curfew.request+json"
"""The DSSE payload type: a signed request can never pass for a report."""

TIME_WINDOW = ALLOWED_SKEW
"""How far a station's clock may be off; an answer of 401 tells it the server's time."""

_SCHEME = "Curfew "
_FIELDS = ("station_id", "method", "path", "body_sha256", "time", "nonce")
# In characters; an honest header has about a thousand.
_HEADER_LIMIT = 8192


class _NonceTable(Base):
    """Nonces seen within the window of time; older ones are refused by their time alone."""

    __tablename__ = "nonce"

    station_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(128), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


@dataclass(frozen=True)
class IncomingRequest:
    """What of a request is signed."""

    authorization: str
    method: str
    # Without the query: no address that a station signs for takes one.
    path: str
    body: bytes


def verify_station_request(session: Session, incoming: IncomingRequest, now: datetime) -> Station:
    """Return the station that signed `incoming`, and use its nonce up in the caller's transaction.

    Raises `NotSignedIn` with a code for each way the proof can fail, `NotAllowed` for a revoked station.
    """
    envelope = _envelope(incoming.authorization)
    # Unverified until the next line: it says whose key to try.
    station = _named_station(session, envelope)
    try:
        statement = json.loads(envelope.verified(REQUEST_PAYLOAD_TYPE, station.public_key_pem))
    except (EnvelopeRefused, ValueError) as error:
        raise NotSignedIn(
            "bad_signature", "the request's signature does not hold", "Sign the request anew."
        ) from error
    # After the signature: whoever does not hold the key is not told what became of the station.
    if station.revoked:
        raise NotAllowed("station_revoked", "this station was revoked", "Ask for a new enrolment code.")
    # Its `station_id` is not compared again: the same reader took it from the same bytes to choose the key.
    _check_form(statement)
    _check_subject(statement, incoming)
    _check_time(statement["time"], now)
    # Last: a request that is refused for another reason may be sent again as it is.
    _use_nonce(session, station, statement["nonce"], now)
    return station


def _envelope(authorization: str) -> UnverifiedEnvelope:
    if not authorization.startswith(_SCHEME) or len(authorization) > _HEADER_LIMIT:
        raise NotSignedIn(
            "authorization_missing",
            "this address needs the Authorization header of a station",
            "Send `Authorization: Curfew BASE64(envelope)`.",
        )
    try:
        # Validated, because Python would skip what is no Base64: one signed statement would have many headers.
        return UnverifiedEnvelope.parse(base64.b64decode(authorization.removeprefix(_SCHEME), validate=True))
    except (EnvelopeRefused, ValueError) as error:
        raise _malformed() from error


def _named_station(session: Session, envelope: UnverifiedEnvelope) -> Station:
    try:
        named = json.loads(envelope.claimed_payload)["station_id"]
    # Nobody has signed this yet, so nesting without end is anybody's to try.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed() from error
    if not isinstance(named, str) or not storable(named, 36):
        raise _malformed()
    station = find_stations(session, [named]).get(named)
    if station is None:
        raise NotSignedIn("station_unknown", "this station is not enrolled here", "Enrol it with a new code.")
    return station


def _check_form(statement: Any) -> None:
    if not isinstance(statement, dict) or set(statement) != set(_FIELDS):
        raise _malformed()
    if not all(isinstance(value, str) for value in statement.values()):
        raise _malformed()
    # Shorter ones could meet by chance, and an honest request would be refused as a replay.
    if not storable(statement["nonce"], 128) or len(statement["nonce"]) < 16:
        raise _malformed()


def _check_subject(statement: dict[str, str], incoming: IncomingRequest) -> None:
    found = (incoming.method, incoming.path, hashlib.sha256(incoming.body).hexdigest())
    if (statement["method"], statement["path"], statement["body_sha256"]) != found:
        raise NotSignedIn(
            "wrong_request",
            "the signature belongs to another request",
            "Sign method, path and body as they are sent.",
        )


def _check_time(text: str, now: datetime) -> None:
    try:
        signed_at = datetime.fromisoformat(text)
        if signed_at.utcoffset() is None:
            raise _malformed()
        signed_at = signed_at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        # Near the ends of the calendar another zone lies beyond it: 9999-12-31T23:59:59-23:59.
        raise _malformed() from error
    # Both ways: a signature from the future would outlive its nonce.
    if abs(now - signed_at) > TIME_WINDOW:
        raise NotSignedIn(
            "wrong_time",
            f"the request was signed at {text}, more than {TIME_WINDOW.seconds // 60} minutes off the server's time",
            "Take the server_time of this answer and sign again.",
        )


def _use_nonce(session: Session, station: Station, nonce: str, now: datetime) -> None:
    # Older ones are refused by their time, so the table holds ten minutes and no more.
    session.execute(delete(_NonceTable).where(_NonceTable.expires_at < now))
    known = select(_NonceTable.nonce).where(
        _NonceTable.station_id == station.station_id, _NonceTable.nonce == nonce
    )
    if session.scalar(known) is not None:
        raise _replayed()
    # Twice the window: what was signed by a clock five minutes ahead stays good for ten.
    values = {"station_id": station.station_id, "nonce": nonce, "expires_at": now + 2 * TIME_WINDOW}
    try:
        # Of two at once both have looked and found nothing; the primary key lets one in.
        session.execute(insert(_NonceTable).values(values))
    except IntegrityError as error:
        raise _replayed() from error


def _replayed() -> NotSignedIn:
    return NotSignedIn(
        "nonce_used", "this request was received before", "Sign the request anew with a new nonce."
    )


def _malformed() -> NotSignedIn:
    return NotSignedIn(
        "authorization_malformed",
        "the Authorization header does not hold a signed request",
        f"Sign a JSON object of {', '.join(_FIELDS)}.",
    )
