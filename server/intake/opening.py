"""From an envelope to a report: whether its form holds, who sent it, and whether the signature is that station's.

Steps 1 to 5 of `server.intake.intake`; nothing is asked but stations' keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certs.envelope import UnverifiedEnvelope
from certs.errors import EnvelopeRefused
from policy.errors import InvalidDocument, PolicyError
from policy.report import REPORT_PAYLOAD_TYPE, Report
from policy.report_results import ReportResult, ReportStatus
from policy.schemas import parse_report, read_report
from policy.schemas.strict_json import quick_json
from server.texts import storable

UNKNOWN_STATION = "this station is not enrolled here; enrol it with a new code"

KeysOf = Callable[[Collection[str]], Mapping[str, bytes]]
"""Returns the public keys (PEM) of those of these stations that are enrolled."""


@dataclass(frozen=True)
class Verified:
    """A report whose signature and form hold; ``form`` is its envelope as it was parsed."""

    report: Report
    payload_sha256: str
    form: Mapping[str, Any]

    @property
    def envelope(self) -> bytes:
        """The envelope in the form that stations write it in; what they signed is the payload inside, as it came."""
        return quick_json(self.form)


@dataclass(frozen=True)
class _Claim:
    """What an envelope says before anybody has looked at its signature; parsed once, for all that follows."""

    form: Mapping[str, Any]
    unverified: UnverifiedEnvelope
    sender: str
    document: Mapping[str, Any] | InvalidDocument


def open_all(envelopes: Sequence[Any], keys_of: KeysOf) -> Sequence[Verified | ReportResult]:
    """Return the report in each envelope (JSON, parsed already), or why it is rejected."""
    claims = [_claim(envelope) for envelope in envelopes]
    keys = keys_of({claim.sender for claim in claims if claim is not None})
    return [_opened(claim, keys) for claim in claims]


def rejected(report_id: str, code: str, message: str) -> ReportResult:
    """Return the answer to a report that is not taken; without an id where none can be believed."""
    return ReportResult(report_id, ReportStatus.REJECTED, code, message)


def _claim(envelope: Any) -> _Claim | None:
    try:
        unverified = UnverifiedEnvelope.of(envelope)
        document = _document(unverified.claimed_payload)
        # Unverified: it only says which key to try, and step 5 compares it with what was signed.
        named = _named_station(unverified.claimed_payload, document)
    except (EnvelopeRefused, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(named, str) or not storable(named, 36):
        return None
    return _Claim(envelope, unverified, named, document)


def _document(payload: bytes) -> Mapping[str, Any] | InvalidDocument:
    # Kept for later: that a payload is no report is told to nobody but who signed it.
    try:
        return parse_report(payload)
    except InvalidDocument as error:
        return error


def _named_station(payload: bytes, document: Mapping[str, Any] | InvalidDocument) -> Any:
    if isinstance(document, InvalidDocument):
        return json.loads(payload)["station_id"]
    return document["station_id"]


def _opened(claim: _Claim | None, keys: Mapping[str, bytes]) -> Verified | ReportResult:
    # No report id in the first four refusals: it is believed only once signature and form hold.
    if claim is None:
        return rejected(
            "", "bad_envelope", "this is no envelope with a report in it; the station's spool is damaged"
        )
    if claim.sender not in keys:
        return rejected("", "station_unknown", UNKNOWN_STATION)
    try:
        payload = claim.unverified.verified(REPORT_PAYLOAD_TYPE, keys[claim.sender])
        if isinstance(claim.document, InvalidDocument):
            raise claim.document
        report = read_report(claim.document)
    except EnvelopeRefused as error:
        return rejected("", "bad_signature", str(error))
    except PolicyError as error:
        return rejected("", "bad_report", str(error))
    # The same payload parsed twice by two readers could name two stations.
    if report.station_id != claim.sender:
        return rejected(report.report_id, "wrong_station", "the report names a station that did not sign it")
    # Of the payload: the same report signed once more has another signature, and is still the same.
    return Verified(report, hashlib.sha256(payload).hexdigest(), claim.form)
