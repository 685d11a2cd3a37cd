"""What a lift leaves behind: a signed statement that all is restored, with the proof of each phone that was off.

A proof names the report that read the phone back: whoever has a copy of its envelope can hold it against the
certificate, without the server. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from certs.envelope import open_envelope
from certs.errors import EnvelopeRefused
from policy.counted import counted

LIFT_CERTIFICATE_PAYLOAD_TYPE = "application/vnd.curfew.lift-certificate+json"
"""The DSSE payload type of a certificate; no other document can pass for one."""
_KIND = "curfew-lift-certificate"


@dataclass(frozen=True)
class Proof:
    """Which report read a phone back with nothing of ours in force: its id, its time, the SHA-256 of its payload."""

    phone_id: str
    report_id: str
    checked_at: str
    payload_sha256: str


@dataclass(frozen=True)
class Unproven:
    """A phone that was switched off and was not read back restored, and why."""

    phone_id: str
    cause: str


@dataclass(frozen=True)
class LiftCertificate:
    """What is signed; times are in UTC by ISO 8601. ``digest`` is over the proofs and what is not proven, in order.

    ``accepted_by`` and ``accepted_because`` say who let the rest be; both are empty where nothing was left.
    """

    bundle_number: int
    lifted_since: str
    phones: int
    unproven: int
    digest: str
    accepted_by: str
    accepted_because: str
    made_at: str
    made_by: str
    audit_row: int
    audit_hash: str


@dataclass(frozen=True)
class ProvenLift:
    """A certificate whose signature holds, with the proofs that were signed."""

    certificate: LiftCertificate
    proofs: Sequence[Proof]
    unproven: Sequence[Unproven]

    def proof_by(self, report_id: str, payload_sha256: str) -> Proof | None:
        """Return the proof that this report is, if it is one."""
        found = (one for one in self.proofs if one.report_id == report_id)
        return next((one for one in found if one.payload_sha256 == payload_sha256), None)


def digest_of(proofs: Sequence[Proof], unproven: Sequence[Unproven]) -> str:
    """Return the SHA-256 over all of them, a line of JSON each, in hex."""
    told = [*(asdict(one) for one in proofs), *(asdict(one) for one in unproven)]
    lines = (json.dumps(one, sort_keys=True) for one in told)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def certificate_payload(certificate: LiftCertificate) -> bytes:
    """Return what is signed of a certificate."""
    return json.dumps({**asdict(certificate), "kind": _KIND}, sort_keys=True, separators=(",", ":")).encode()


def certificate_file(envelope: bytes, proofs: Sequence[Proof], unproven: Sequence[Unproven]) -> bytes:
    """Return what is handed out: the envelope, and beside it what it proves, as JSON."""
    told = {
        "certificate": json.loads(envelope),
        "proofs": [asdict(one) for one in proofs],
        "unproven": [asdict(one) for one in unproven],
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def open_lift_certificate(file: bytes, audit_key_pem: bytes) -> ProvenLift:
    """Return what a certificate's file proves; raises `EnvelopeRefused` unless the audit key has signed it all."""
    try:
        told = json.loads(file)
        envelope = json.dumps(told["certificate"]).encode()
        proofs = [Proof(**one) for one in told["proofs"]]
        unproven = [Unproven(**one) for one in told["unproven"]]
        digest = digest_of(proofs, unproven)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EnvelopeRefused(
            "expected a certificate and its proofs in the file, found something else"
        ) from error
    certificate = _certificate(open_envelope(envelope, LIFT_CERTIFICATE_PAYLOAD_TYPE, audit_key_pem))
    counts = (certificate.phones, certificate.unproven, certificate.digest)
    if (len(proofs), len(unproven), digest) != counts:
        raise EnvelopeRefused(
            f"expected the proofs of {counted(certificate.phones, 'phone')} as they were signed, found"
            f" {counted(len(proofs), 'proof')} that differ"
        )
    return ProvenLift(certificate, proofs, unproven)


def _certificate(payload: bytes) -> LiftCertificate:
    told: dict[str, Any] = json.loads(payload)
    try:
        return LiftCertificate(**{field.name: told[field.name] for field in fields(LiftCertificate)})
    except KeyError as error:
        raise EnvelopeRefused(f"expected a certificate that tells {error}, found none of it") from error
