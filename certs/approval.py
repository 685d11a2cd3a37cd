"""One signature over targets that somebody else has made: how their bytes are read, signed, and held to be those.

What is signed are the canonical bytes of TUF targets; whoever signs reads them from these very bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import SerializationError

from certs.errors import ApprovalRefused, KeyUnusable, ProposalRefused
from certs.logs import Log

_log = Log(__name__)


@dataclass(frozen=True)
class Approval:
    """One signature over proposed targets; ``signed_sha256`` says over which bytes it was made."""

    key_id: str
    signature: str
    signed_sha256: str


def sha256_of(targets_bytes: bytes) -> str:
    """Return the SHA-256 by which all speak of the bytes that are signed."""
    return hashlib.sha256(targets_bytes).hexdigest()


def targets_in(targets_bytes: bytes) -> Targets:
    """Return the targets in these bytes; raises `ProposalRefused` unless the bytes say nothing else besides."""
    try:
        # Not strict: the canonical form leaves the line feeds of a key's PEM as they are.
        targets = Targets.from_dict(json.loads(targets_bytes, strict=False))
        canonical = Metadata(targets).signed_bytes
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        SerializationError,
    ) as error:
        raise ProposalRefused(
            "expected the bytes of targets to sign, found something else; fetch the proposal anew"
        ) from error
    # A signature is over the canonical form: other bytes would not be the ones that were hashed and shown.
    if canonical != targets_bytes:
        raise ProposalRefused(
            "expected targets in their canonical form, found another; fetch the proposal anew"
        )
    return targets


def signed_by(signer: Signer, targets: Targets, role: str) -> Approval:
    """Return the signature of `signer`; raises `KeyUnusable` if the token or key service fails."""
    metadata = Metadata(targets)
    try:
        signature = metadata.sign(signer)
    except UnsignedMetadataError as error:
        raise KeyUnusable(f"the key could not sign ({error}); check the token or key service") from error
    key_id = signer.public_key.keyid
    _log.info("signed", role=role, version=targets.version, key=key_id[:12])
    return Approval(key_id, signature.signature, sha256_of(metadata.signed_bytes))


def require_signed(approval: Approval, key: Key, targets_bytes: bytes) -> None:
    """Raise `ApprovalRefused` unless this is a signature of `key` over these very bytes."""
    if approval.signed_sha256 != sha256_of(targets_bytes):
        raise ApprovalRefused(
            f"this signature is for other bytes ({approval.signed_sha256[:16]}…) than those that are proposed now"
            f" ({sha256_of(targets_bytes)[:16]}…); fetch the proposal anew and sign that"
        )
    try:
        key.verify_signature(Signature(approval.key_id, approval.signature), targets_bytes)
    # A signature that is no hex at all ends in a ValueError of its own.
    except (UnverifiedSignatureError, ValueError) as error:
        raise ApprovalRefused(
            "this signature does not hold over the bytes that are proposed; fetch the proposal anew and sign that"
        ) from error
