from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Signer

from certs.envelope import open_envelope, public_key_pem, sign_envelope
from certs.errors import EnvelopeRefused
from certs.keys import load_public_key
from tests.certs.simulated_repository import spare_key

KIND = "application/vnd.curfew.report+json"
SIGNER = spare_key("a station")
PEM = public_key_pem(SIGNER)
ED25519_SIGNER = CryptoSigner(Ed25519PrivateKey.generate())
ED25519_PEM = public_key_pem(ED25519_SIGNER)
ENVELOPE = sign_envelope(b'{"report":1}', KIND, SIGNER)


def refused(envelope: bytes, kind: str = KIND, pem: bytes = PEM) -> str:
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(envelope, kind, pem)
    return str(caught.value)


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ENVELOPE), **changes}).encode()


def test_what_was_signed_comes_out() -> None:
    assert open_envelope(ENVELOPE, KIND, PEM) == b'{"report":1}'


def test_a_request_cannot_pass_for_a_report() -> None:
    request = sign_envelope(b"{}", "application/vnd.curfew.request+json", SIGNER)
    assert "expected an envelope of kind" in refused(request)


def test_a_relabelled_request_cannot_pass_for_a_report() -> None:
    request = json.loads(sign_envelope(b"{}", "application/vnd.curfew.request+json", SIGNER))
    refused(json.dumps({**request, "payloadType": KIND}).encode())


def test_a_foreign_key_is_refused() -> None:
    refused(ENVELOPE, pem=public_key_pem(spare_key("another station")))


def test_a_foreign_signature_under_our_key_id_is_refused() -> None:
    theirs = json.loads(sign_envelope(b'{"report":1}', KIND, spare_key("another station")))["signatures"][0][
        "sig"
    ]
    refused(changed(signatures=[{"keyid": SIGNER.public_key.keyid, "sig": theirs}]))


def test_a_changed_payload_is_refused() -> None:
    refused(changed(payload=base64.b64encode(b'{"report":2}').decode()))


def test_every_flipped_bit_is_refused_or_changes_nothing() -> None:
    for position in range(len(ENVELOPE)):
        for bit in range(8):
            flipped = bytearray(ENVELOPE)
            flipped[position] ^= 1 << bit
            try:
                assert open_envelope(bytes(flipped), KIND, PEM) == b'{"report":1}'
            except EnvelopeRefused:
                continue


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        changed(signatures=[]),
        changed(signatures=None),
        changed(signatures=["x"]),
        changed(signatures=[{"keyid": "a"}]),
        changed(signatures=[{"keyid": "a", "sig": 7}]),
        changed(signatures=[{"keyid": "a", "sig": "%"}]),
        changed(payload=7),
        changed(payload="%"),
        changed(payload="é"),
        changed(payloadType=None),
        changed(more=1),
        b'{"payload":"","payload":"","payloadType":"","signatures":[]}',
    ],
)
def test_another_form_is_refused(envelope: bytes) -> None:
    refused(envelope)


def test_a_second_signature_has_no_meaning_and_is_refused() -> None:
    refused(changed(signatures=json.loads(ENVELOPE)["signatures"] * 2))


def test_a_public_key_that_is_none_is_a_refusal() -> None:
    refused(ENVELOPE, pem=b"no key")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(envelope: bytes) -> None:
    refused(envelope)


@given(st.binary(max_size=500), st.text(max_size=30))
def test_any_payload_of_any_kind_survives_the_journey(payload: bytes, kind: str) -> None:
    try:
        kind.encode()
    except UnicodeEncodeError:
        return
    assert open_envelope(sign_envelope(payload, kind, SIGNER), kind, PEM) == payload


ANOTHER = public_key_pem(spare_key("another station"))


def library_says(envelope: bytes, pem: bytes) -> bool:
    """Whether securesystemslib, whose envelopes these are, takes this one for signed by that key."""
    try:
        read = Envelope.from_dict(json.loads(envelope))
        return bool(read.verify([load_public_key(pem)], threshold=1))
    except (VerificationError, ValueError):
        return False


@given(
    payload=st.binary(max_size=60),
    spoilt=st.sampled_from(["", "payload", "sig", "keyid", "payloadType"]),
    is_urlsafe=st.booleans(),
    pem=st.sampled_from([PEM, ANOTHER, ED25519_PEM]),
    signer=st.sampled_from([SIGNER, ED25519_SIGNER]),
)
def test_the_quick_way_by_p256_answers_as_the_library_does(
    payload: bytes, spoilt: str, is_urlsafe: bool, pem: bytes, signer: Signer
) -> None:
    envelope = json.loads(sign_envelope(payload, KIND, signer))
    signature = envelope["signatures"][0]
    if is_urlsafe:
        signature["sig"] = signature["sig"].replace("+", "-").replace("/", "_")
    for part in (envelope, signature):
        if spoilt in part:
            part[spoilt] = "AAAA" + part[spoilt]
    written = json.dumps(envelope).encode()
    try:
        open_envelope(written, envelope["payloadType"], pem)
        is_taken = True
    except EnvelopeRefused:
        is_taken = False
    assert is_taken is library_says(written, pem)
