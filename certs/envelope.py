"""Signed envelopes: bytes of one named kind under one signature (DSSE).

The kind is part of what is signed, so a request can never pass for a report. Form (JSON, UTF-8)::

    {"payload":"<base64>","payloadType":"application/vnd.curfew.report+json","signatures":[{"keyid":"..","sig":"<base64>"}]}

Source: DSSE protocol 1.0 (github.com/secure-systems-lab/dsse), as built by securesystemslib.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signature, Signer

from certs.errors import EnvelopeRefused, KeyUnusable
from certs.keys import load_public_key, public_key_pem

__all__ = ["UnverifiedEnvelope", "open_envelope", "public_key_pem", "sign_envelope"]


def sign_envelope(payload: bytes, payload_type: str, signer: Signer) -> bytes:
    """Return `payload` in an envelope of kind `payload_type`, signed, as JSON bytes."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), separators=(",", ":"), sort_keys=True).encode()


def open_envelope(envelope: bytes, payload_type: str, public_key_pem: bytes) -> bytes:
    """Return the payload of an envelope that is of kind `payload_type` and signed by this public key (PEM).

    Raises `EnvelopeRefused` for anything else: another form, another kind, another key, a flipped bit.
    """
    return UnverifiedEnvelope.parse(envelope).verified(payload_type, public_key_pem)


@dataclass(frozen=True)
class UnverifiedEnvelope:
    """An envelope of the agreed form, parsed once; nobody has looked at its signature yet."""

    claimed_payload: bytes
    """The payload as anybody may have written it: good for finding out whose key to try, and nothing else."""
    payload_type: str
    keyid: str
    signature: bytes

    @classmethod
    def parse(cls, envelope: bytes) -> UnverifiedEnvelope:
        """Return what is in these bytes; raises `EnvelopeRefused` for another form."""
        try:
            data = json.loads(envelope, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError) as error:
            raise _another_form(error) from error
        return cls.of(data)

    @classmethod
    def of(cls, data: Any) -> UnverifiedEnvelope:
        """Return what is in this object, parsed already from JSON without doubles; raises `EnvelopeRefused`."""
        try:
            signature = _only_signature(data)
            payload, signed = _from_base64(data["payload"]), _from_base64(signature["sig"])
        except ValueError as error:
            raise _another_form(error) from error
        return cls(payload, data["payloadType"], signature["keyid"], signed)

    def verified(self, payload_type: str, public_key_pem: bytes) -> bytes:
        """Return the payload if it is of kind `payload_type` and signed by this key; raises `EnvelopeRefused`."""
        # The kind before the signature: a report under a valid key is still no request.
        if self.payload_type != payload_type:
            raise EnvelopeRefused(
                f"expected an envelope of kind {payload_type}, found {self.payload_type!r:.100}"
            )
        try:
            _key(public_key_pem).verify(self)
        except (VerificationError, InvalidSignature) as error:
            raise EnvelopeRefused(
                "the signature does not belong to this content and key; send the envelope exactly as it was signed"
            ) from error
        except KeyUnusable as error:
            raise EnvelopeRefused(f"the signature cannot be checked: {error}") from error
        return self.claimed_payload

    def as_envelope(self) -> Envelope:
        """Return it as securesystemslib knows it."""
        signature = Signature(self.keyid, self.signature.hex())
        return Envelope(self.claimed_payload, self.payload_type, {self.keyid: signature})


class _Key:
    """A public key, opened once: a server meets the same stations all day.

    By securesystemslib, opening it anew for each signature costs more than verifying does. So stations' keys, which are
    P-256, are asked by what it asks itself; that both answer alike is held by tests/certs/test_envelope.py.
    """

    def __init__(self, pem: bytes) -> None:
        self._key = load_public_key(pem)
        opened = load_pem_public_key(pem)
        is_p256 = isinstance(opened, ec.EllipticCurvePublicKey) and isinstance(opened.curve, ec.SECP256R1)
        self._p256 = cast(ec.EllipticCurvePublicKey, opened) if is_p256 else None

    def verify(self, envelope: UnverifiedEnvelope) -> None:
        """Return if the envelope is signed by this key; raises `VerificationError` or `InvalidSignature`."""
        if self._p256 is None:
            envelope.as_envelope().verify([self._key], threshold=1)
            return
        # Which key may have signed is ours to say; one that names another is another's envelope.
        if envelope.keyid != self._key.keyid:
            raise InvalidSignature
        self._p256.verify(envelope.signature, _signed_bytes(envelope), _ECDSA)


_ECDSA = ec.ECDSA(SHA256())


@lru_cache(maxsize=4096)
def _key(pem: bytes) -> _Key:
    return _Key(pem)


def _signed_bytes(envelope: UnverifiedEnvelope) -> bytes:
    """Return what the signature is over: the kind and the payload, each behind its length (DSSE 1.0, "PAE")."""
    kind, payload = envelope.payload_type.encode(), envelope.claimed_payload
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _another_form(error: Exception) -> EnvelopeRefused:
    return EnvelopeRefused(
        f"expected a DSSE envelope with one signature, found something else: {str(error)!r:.120}"
    )


def _only_signature(data: Any) -> dict[str, str]:
    """Return the one signature of an envelope of the agreed form; more than one has no meaning here."""
    if not isinstance(data, dict) or set(data) != {"payload", "payloadType", "signatures"}:
        raise ValueError("expected exactly payload, payloadType and signatures")
    if not isinstance(data["payload"], str) or not isinstance(data["payloadType"], str):
        raise ValueError("payload and payloadType must be texts")
    signatures = data["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise ValueError("expected a list of one signature")
    signature: dict[str, str] = signatures[0]
    if set(signature) != {"keyid", "sig"} or not all(isinstance(v, str) for v in signature.values()):
        raise ValueError("a signature has the texts keyid and sig")
    return signature


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        # Both alphabets are allowed (DSSE 1.0, "Protocol").
        return base64.b64decode(text, altchars=b"-_", validate=True)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two fields with one name readers take different ones; then two programs would verify different texts.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found
