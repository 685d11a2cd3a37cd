"""Signed requests: each way the proof can fail has its own code."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from certs.envelope import sign_envelope
from policy.names import PhoneId
from server.stations.stations import revoke_station
from tests.server.authority import NOW, Authority, Bench, disabled_ledger, registration_body

PATH = "/api/v1/phones"


def register(client: FlaskClient, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    answer = client.post(PATH, data=body, headers=headers)
    return answer.status_code, answer.get_json()


def test_a_signed_registration_is_stored(client: FlaskClient, bench: Bench) -> None:
    phone_id = PhoneId.random()
    body = registration_body(phone_id=phone_id)

    status, answer = register(client, body, bench.authorization("POST", PATH, body))

    assert (status, answer["phone_id"]) == (201, phone_id)


def test_a_known_phone_gets_the_id_it_has(client: FlaskClient, bench: Bench) -> None:
    first, second = registration_body(identity="a" * 64), registration_body(identity="a" * 64)
    _, known = register(client, first, bench.authorization("POST", PATH, first))

    status, answer = register(client, second, bench.authorization("POST", PATH, second))

    assert (status, answer["phone_id"]) == (200, known["phone_id"])


def test_a_request_received_before_is_refused(client: FlaskClient, bench: Bench) -> None:
    body = registration_body()
    authorization = bench.authorization("POST", PATH, body)
    register(client, body, authorization)

    status, answer = register(client, body, authorization)

    assert (status, answer["error"]["code"]) == (401, "nonce_used")


def _other_kind(bench: Bench, body: bytes) -> str:
    statement = json.dumps({"station_id": bench.station_id}).encode()
    envelope = sign_envelope(statement, "application/vnd.curfew.report+json", bench.signer)
    return "Curfew " + base64.b64encode(envelope).decode()


def _flipped(bench: Bench, body: bytes) -> str:
    envelope = json.loads(base64.b64decode(bench.authorization("POST", PATH, body).removeprefix("Curfew ")))
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[payload.index(b"POST")] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode()
    return "Curfew " + base64.b64encode(json.dumps(envelope).encode()).decode()


def _ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize(
    ("authorize", "code"),
    [
        (lambda *_: "", "authorization_missing"),
        (lambda *_: "Bearer abc", "authorization_missing"),
        (lambda *_: "Curfew " + "A" * 9000, "authorization_missing"),
        (lambda *_: "Curfew !!!", "authorization_malformed"),
        (lambda *_: "Curfew e30=", "authorization_malformed"),
        (lambda b, body: b.authorization("POST", PATH, body, station_id=["x"]), "authorization_malformed"),
        (lambda b, body: b.authorization("POST", PATH, body, station_id="nobody"), "station_unknown"),
        (_other_kind, "bad_signature"),
        (_flipped, "bad_signature"),
        (lambda b, body: b.authorization("POST", PATH, body + b" "), "wrong_request"),
        (lambda b, body: b.authorization("GET", PATH, body), "wrong_request"),
        (lambda b, body: b.authorization("POST", PATH + "/x", body), "wrong_request"),
        (lambda b, body: b.authorization("POST", PATH, body, time=_ago(6)), "wrong_time"),
        (lambda b, body: b.authorization("POST", PATH, body, time=_ago(-6)), "wrong_time"),
        (
            lambda b, body: b.authorization("POST", PATH, body, time="2023-03-15T12:00:00"),
            "authorization_malformed",
        ),
        (lambda b, body: b.authorization("POST", PATH, body, nonce="short"), "authorization_malformed"),
        (
            lambda b, body: b.authorization("POST", PATH, body, time="9999-12-31T23:59:59-23:59"),
            "authorization_malformed",
        ),
        (
            lambda b, body: b.authorization("POST", PATH, body, time="0001-01-01T00:00:00+23:59"),
            "authorization_malformed",
        ),
        (lambda b, body: b.authorization("POST", PATH, body, time="9999-12-31T23:59:59+00:00"), "wrong_time"),
        (lambda b, body: b.authorization("POST", PATH, body, extra="x"), "authorization_malformed"),
    ],
)
def test_a_request_that_proves_nothing_is_refused_by_its_own_code(
    client: FlaskClient, bench: Bench, authorize: Callable[[Bench, bytes], str], code: str
) -> None:
    body = registration_body()

    status, answer = register(client, body, authorize(bench, body))

    assert (status, answer["error"]["code"]) == (401, code)
    assert answer["server_time"].endswith("Z")


def test_a_clock_four_minutes_off_is_accepted(client: FlaskClient, bench: Bench) -> None:
    body = registration_body()

    status, _ = register(client, body, bench.authorization("POST", PATH, body, time=_ago(4)))

    assert status == 201


def test_a_revoked_station_is_refused(client: FlaskClient, bench: Bench, small_authority: Authority) -> None:
    with small_authority.database.writing() as session:
        revoke_station(session, bench.station_id, NOW)
    body = registration_body()

    status, answer = register(client, body, bench.authorization("POST", PATH, body))

    assert (status, answer["error"]["code"]) == (403, "station_revoked")


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": "A" * 64},
        {"identity": "a" * 64 + "\n"},
        {"holder": ""},
        {"holder": "mail\u0000box"},
        {"label": "x" * 101},
        {"phone_id": "not-a-uuid"},
        {"api_level": True},
        {"api_level": "34"},
        {"api_level": 1 << 70},
        {"virtual": 1},
        {"virtual": "yes"},
    ],
)
def test_a_malformed_registration_is_refused(
    client: FlaskClient, bench: Bench, changes: dict[str, Any]
) -> None:
    body = json.dumps(json.loads(registration_body()) | changes).encode()

    status, answer = register(client, body, bench.authorization("POST", PATH, body))

    assert status in (400, 422)
    assert answer["error"]["message"]


def test_the_ledger_of_the_newest_report_is_returned(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)
    small_authority.accept(bench.sign(bench.report(phone_id, ledger=disabled_ledger())))
    path = f"/api/v1/phones/{phone_id}/ledger"

    answer = client.get(path, headers={"Authorization": bench.authorization("GET", path)})

    assert answer.status_code == 200
    [entry] = answer.get_json()["ledger"]["entries"]
    assert (entry["user"], entry["state"]) == (10, "done")


def test_a_phone_without_report_has_a_null_ledger(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    path = f"/api/v1/phones/{small_authority.phone(bench)}/ledger"

    answer = client.get(path, headers={"Authorization": bench.authorization("GET", path)})

    assert answer.get_json()["ledger"] is None


@pytest.mark.parametrize("phone_id", ["0f7d3a52-6c1e-4b52-9d7c-2a1b3c4d5e6f", "x"])
def test_the_ledger_of_an_unknown_phone_is_not_there(
    client: FlaskClient, bench: Bench, phone_id: str
) -> None:
    path = f"/api/v1/phones/{phone_id}/ledger"

    answer = client.get(path, headers={"Authorization": bench.authorization("GET", path)})

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "phone_unknown")
