"""What a purge leaves behind: a signed statement of what is gone, against which a copy of a report can be held. Pure.

The reports themselves are named by their leaves, a hash each over id and payload hash. What is signed holds the digest
over all of them, so whoever has a copy of a report, and the file, can show that it was among them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any

from certs.envelope import open_envelope
from certs.errors import EnvelopeRefused
from policy.counted import counted

PURGE_CERTIFICATE_PAYLOAD_TYPE = "application/vnd.curfew.purge-certificate+json"
"""The DSSE payload type of a certificate; no other document can pass for one."""
_KIND = "curfew-purge-certificate"


@dataclass(frozen=True)
class PurgeCertificate:
    """What was purged; times are in UTC by ISO 8601, of the first and the last check that is gone.

    ``setting`` is under which rule; ``audit_row`` and ``audit_hash`` are of the row in the audit chain that tells it.
    """

    reports: int
    phones: int
    first_check_at: str
    last_check_at: str
    digest: str
    setting: str
    purged_at: str
    purged_by: str
    audit_row: int
    audit_hash: str


def leaf_of(report_id: str, payload_sha256: str) -> bytes:
    """Return by what a certificate names one report."""
    # A newline stands in neither: what is moved over the border of the two is another text.
    return hashlib.sha256(f"{report_id}\n{payload_sha256}".encode()).digest()


def digest_of(leaves: Collection[bytes]) -> str:
    """Return the SHA-256 over these leaves in their order by value, in hex."""
    return hashlib.sha256(b"".join(sorted(leaves))).hexdigest()


def certificate_payload(certificate: PurgeCertificate) -> bytes:
    """Return what is signed of a certificate."""
    return json.dumps({**asdict(certificate), "kind": _KIND}, sort_keys=True, separators=(",", ":")).encode()


def certificate_file(envelope: bytes, leaves: Collection[bytes]) -> bytes:
    """Return what is handed out: the envelope and the leaves beside it, as JSON."""
    told = {"certificate": json.loads(envelope), "leaves": [leaf.hex() for leaf in sorted(leaves)]}
    return json.dumps(told, indent=1).encode() + b"\n"


@dataclass(frozen=True)
class ProvenPurge:
    """A certificate whose signature holds and whose leaves are those that were signed."""

    certificate: PurgeCertificate
    leaves: frozenset[bytes]

    def holds(self, report_id: str, payload_sha256: str) -> bool:
        """Whether this report was among what was purged."""
        return leaf_of(report_id, payload_sha256) in self.leaves


def open_certificate(file: bytes, audit_key_pem: bytes) -> ProvenPurge:
    """Return what a certificate's file proves; raises `EnvelopeRefused` unless the audit key has signed it all."""
    try:
        told = json.loads(file)
        envelope = json.dumps(told["certificate"]).encode()
        leaves = [bytes.fromhex(leaf) for leaf in told["leaves"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise EnvelopeRefused(
            "expected a certificate and its leaves in the file, found something else"
        ) from error
    certificate = _certificate(open_envelope(envelope, PURGE_CERTIFICATE_PAYLOAD_TYPE, audit_key_pem))
    if len(leaves) != certificate.reports or digest_of(leaves) != certificate.digest:
        raise EnvelopeRefused(
            f"expected the leaves of {counted(certificate.reports, 'report')} as they were signed, found"
            f" {counted(len(leaves), 'leaf', 'leaves')} that differ"
        )
    return ProvenPurge(certificate, frozenset(leaves))


def _certificate(payload: bytes) -> PurgeCertificate:
    told: dict[str, Any] = json.loads(payload)
    try:
        return PurgeCertificate(**{field.name: told[field.name] for field in fields(PurgeCertificate)})
    except KeyError as error:
        raise EnvelopeRefused(f"expected a certificate that tells {error}, found none of it") from error
