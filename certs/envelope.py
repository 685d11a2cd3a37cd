"""Signed envelopes: bytes of one named kind under one signature (DSSE).

The kind is part of what is signed, so a request can never pass for a report. Form (JSON, UTF-8)::

    {"payload":"<base64>","payloadType":"application/vnd.curfew.report+json","signatures":[{"keyid":"..","sig":"<base64>"}]}

Source: DSSE protocol 1.0 (github.com/secure-systems-lab/dsse), as built by securesystemslib.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signer, SSlibKey

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

    _parsed: Envelope

    @classmethod
    def parse(cls, envelope: bytes) -> UnverifiedEnvelope:
        """Return what is in these bytes; raises `EnvelopeRefused` for another form."""
        return cls(_parse(envelope))

    @property
    def claimed_payload(self) -> bytes:
        """The payload as anybody may have written it: good for finding out whose key to try, and nothing else."""
        return bytes(self._parsed.payload)

    def verified(self, payload_type: str, public_key_pem: bytes) -> bytes:
        """Return the payload if it is of kind `payload_type` and signed by this key; raises `EnvelopeRefused`."""
        # The kind before the signature: a report under a valid key is still no request.
        if self._parsed.payload_type != payload_type:
            raise EnvelopeRefused(
                f"expected an envelope of kind {payload_type}, found {self._parsed.payload_type!r:.100}"
            )
        try:
            # The keyid in the envelope is not used: which key may have signed is ours to say.
            self._parsed.verify([_key(public_key_pem)], threshold=1)
        except VerificationError as error:
            raise EnvelopeRefused(
                "the signature does not belong to this content and key; send the envelope exactly as it was signed"
            ) from error
        except KeyUnusable as error:
            raise EnvelopeRefused(f"the signature cannot be checked: {error}") from error
        return self.claimed_payload


@lru_cache(maxsize=4096)
def _key(pem: bytes) -> SSlibKey:
    # Computing a key's id costs as much as verifying; a server meets the same stations all day.
    return load_public_key(pem)


def _parse(envelope: bytes) -> Envelope:
    try:
        data = json.loads(envelope, object_pairs_hook=_without_duplicates)
        return Envelope.from_dict(_of_agreed_form(data))
    except (ValueError, RecursionError, KeyError, TypeError, SecureSystemsError) as error:
        raise EnvelopeRefused(
            f"expected a DSSE envelope with one signature, found something else: {str(error)!r:.120}"
        ) from error


def _of_agreed_form(data: Any) -> dict[str, Any]:
    """Check the types that securesystemslib takes for granted; more than one signature has no meaning here."""
    if not isinstance(data, dict) or set(data) != {"payload", "payloadType", "signatures"}:
        raise ValueError("expected exactly payload, payloadType and signatures")
    if not isinstance(data["payload"], str) or not isinstance(data["payloadType"], str):
        raise ValueError("payload and payloadType must be texts")
    signatures = data["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise ValueError("expected a list of one signature")
    if set(signatures[0]) != {"keyid", "sig"} or not all(isinstance(v, str) for v in signatures[0].values()):
        raise ValueError("a signature has the texts keyid and sig")
    return data


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two fields with one name readers take different ones; then two programs would verify different texts.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found
