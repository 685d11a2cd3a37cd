"""The door of the API: one shape of errors, nothing read that is too large, nothing told that is secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from certs.audit_chain import AUDIT_HEAD_PAYLOAD_TYPE
from certs.envelope import open_envelope
from server.app import create_app
from server.context import context
from server.people.people import Role
from tests.server.authority import NOT_ENFORCEABLE, Authority, Bench, post_reports, registration_body

MIB = 1024 * 1024


def error_of(answer: TestResponse) -> dict[str, Any]:
    told = answer.get_json()
    assert set(told) == {"error", "request_id", "server_time"}
    assert set(told["error"]) == {"code", "message", "next"}
    error: dict[str, Any] = told["error"]
    return error


def test_the_status_is_told_to_anybody(client: FlaskClient) -> None:
    told = client.get("/api/v1/status").get_json()

    assert set(told) == {
        *("server_time", "bundle_number", "fleet_number", "next_contact_s", "demo"),
        "held_from",
        "held_ring",
    }
    assert (told["bundle_number"], told["next_contact_s"], told["demo"]) == (1, 3600, True)


def test_a_stored_report_is_answered_with_time_bundle_and_signed_head(
    app: Flask, client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    report = bench.report(small_authority.phone(bench))

    told = post_reports(client, bench.sign(report)).get_json()

    assert [(r["report_id"], r["status"]) for r in told["results"]] == [(report.report_id, "stored")]
    with app.app_context():
        audit_key = context().head_signer.public_key_pem
    head = open_envelope(json.dumps(told["audit_head"]).encode(), AUDIT_HEAD_PAYLOAD_TYPE, audit_key)
    assert json.loads(head)["number"] >= 1
    assert told["bundle_number"] == 1


def test_a_single_conflict_is_answered_by_409_with_its_result(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    report = bench.report(small_authority.phone(bench))
    post_reports(client, bench.sign(report))
    other = bench.report(report.phone_id, report_id=report.report_id)

    answer = post_reports(client, bench.sign(other))

    assert answer.status_code == 409
    assert answer.get_json()["error"]["code"] == "report_id_reused"
    assert answer.get_json()["results"][0]["status"] == "conflict"


def test_a_conflict_among_others_is_told_by_its_result_alone(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    report = bench.report(small_authority.phone(bench))
    post_reports(client, bench.sign(report))
    other = bench.report(report.phone_id, report_id=report.report_id)

    answer = post_reports(client, bench.sign(other), bench.sign(bench.report(report.phone_id)))

    assert answer.status_code == 200
    assert [r["status"] for r in answer.get_json()["results"]] == ["conflict", "stored"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"garbage", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"reports":[],"reports":[]}', "bad_json"),
        (b'{"reports":[1' + b"0" * 5000 + b"]}", "bad_json"),
        (b"[]", "bad_json"),
        (b"{}", "bad_batch"),
        (b'{"reports":{}}', "bad_batch"),
        (b'{"reports":[],"more":1}', "bad_batch"),
        (b'{"reports":[' + b"1," * 100 + b"1]}", "too_many_reports"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(client: FlaskClient, body: bytes, code: str) -> None:
    answer = client.post("/api/v1/reports", data=body)

    assert (answer.status_code, error_of(answer)["code"]) == (400, code)


def test_an_empty_batch_is_a_question_for_news(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", json={"reports": []})

    assert (answer.status_code, answer.get_json()["results"]) == (200, [])


class Unreadable:
    """A body that must not be touched."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("the body was read")

    readline = __iter__ = readinto = read


def unreadable(length: int | None) -> dict[str, Any]:
    """Return what makes a request carry such a body, of a length told or not."""
    told = {} if length is None else {"CONTENT_LENGTH": str(length)}
    return {"wsgi.input": Unreadable(), "wsgi.input_terminated": True, **told}


@pytest.mark.parametrize("path", ["/api/v1/reports", "/api/v1/phones", "/api/v1/stations", "/sign-in"])
def test_a_body_over_a_mebibyte_is_refused_before_it_is_read(client: FlaskClient, path: str) -> None:
    answer = client.post(path, environ_overrides=unreadable(MIB + 1))

    assert answer.status_code == 413


def test_a_body_of_a_mebibyte_is_read(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data=b" " * MIB)

    assert error_of(answer)["code"] == "bad_json"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity", ""])
def test_an_encoded_body_is_refused_before_it_is_read(client: FlaskClient, encoding: str) -> None:
    answer = client.post(
        "/api/v1/reports",
        headers={"Content-Encoding": encoding},
        environ_overrides=unreadable(10),
    )

    assert (answer.status_code, error_of(answer)["code"]) == (415, "encoded_body")


def test_a_body_of_unknown_length_is_refused_before_it_is_read(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", environ_overrides=unreadable(None))

    assert (answer.status_code, error_of(answer)["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/trust/nothing", 404),
        ("GET", "/api/v1/reports", 405),
        ("DELETE", "/api/v1/status", 405),
    ],
)
def test_wrong_addresses_and_methods_have_the_one_shape(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert error_of(answer)["next"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/status?verbose=1"),
        ("GET", "/api/v1/blocks?page=3"),
        ("GET", "/api/v1/phones/x/ledger?limit=3"),
        ("GET", "/api/v1/openapi.json?limit=3"),
        ("POST", "/api/v1/reports?dry_run=yes"),
        ("POST", "/api/v1/phones?limit"),
        ("POST", "/api/v1/stations?limit=3"),
        ("POST", "/api/v1/refusals?="),
    ],
)
def test_parameters_that_nobody_reads_are_refused_by_name(
    client: FlaskClient, method: str, path: str
) -> None:
    answer = client.open(path, method=method, json={} if method == "POST" else None)

    assert (answer.status_code, error_of(answer)["code"]) == (400, "parameter_unknown")
    name = path.partition("?")[2].partition("=")[0]
    assert f'found "{name}"' in error_of(answer)["message"]


def test_the_names_of_parameters_cannot_paint_or_fill_the_answer(client: FlaskClient) -> None:
    many = "&".join(f"{'a' * 200}{number}" for number in range(100))
    painting = error_of(client.get("/api/v1/status?a%1b%E2%80%AE=1"))["message"]

    assert '"a\\x1b\\u202e"' in painting
    assert len(error_of(client.get(f"/api/v1/status?{many}"))["message"]) < 500


def test_every_route_of_the_api_refuses_parameters(app: Flask) -> None:
    """A new route that reads one has to say so in `server.api.parameters` first."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    client = app.test_client()
    assert len(rules) >= 7
    for rule in rules:
        path = re.sub(r"<int:\w+>", "1", rule.rule.replace("<phone_id>", "x"))
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        assert client.open(f"{path}?x=1", method=method, json={}).status_code == 400, path


def test_wrong_fields_are_named_without_the_shape_of_our_code(client: FlaskClient) -> None:
    answer = client.post("/api/v1/stations", json={"token": "a" * 22, "name": 5, "more": 1})

    message = error_of(answer)["message"]
    assert answer.status_code == 422
    assert "json.name" in message
    assert "json.more" in message
    assert "{" not in message


@pytest.mark.parametrize("body", [b"{", b'{"a":1,"a":2}', b'{"a":' * 50_000, b"[]"])
def test_a_described_view_is_as_strict_about_json(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/v1/stations", data=body, content_type="application/json")

    assert (answer.status_code, error_of(answer)["code"]) == (400, "bad_json")


def test_no_stack_trace_reaches_a_client(app: Flask, small_authority: Authority) -> None:
    def fail() -> str:
        raise RuntimeError("canary-4711")

    app.add_url_rule("/api/v1/fail", view_func=fail)

    answer = app.test_client().get("/api/v1/fail")

    assert (answer.status_code, error_of(answer)["code"]) == (500, "internal_error")
    assert b"canary" not in answer.data
    assert b"Traceback" not in answer.data


def test_the_log_has_no_secret_of_a_request(
    client: FlaskClient, bench: Bench, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    token = small_authority.code()
    client.post("/api/v1/stations", json={"token": token, "name": "n", "public_key_pem": "canary-key"})
    client.get("/api/v1/blocks", headers={"Authorization": "Bearer canary-bearer"})
    client.get("/trust/canary-path")

    written = "".join(capsys.readouterr())

    assert "/api/v1/stations" in written
    assert token not in written
    assert "canary" not in written


def test_the_description_is_openapi_31_and_names_every_route(app: Flask, client: FlaskClient) -> None:
    told = client.get("/api/v1/openapi.json").get_json()

    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
    }
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) == routes
    assert told["paths"]["/api/v1/phones"]["post"]["security"] == [{"station": []}]


def operations(client: FlaskClient) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every described operation by path and method."""
    told = client.get("/api/v1/openapi.json").get_json()
    return {
        (path, method): operation
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def test_every_operation_has_a_name_of_its_own_and_says_what_it_needs(client: FlaskClient) -> None:
    described = operations(client)

    names = [operation["operationId"] for operation in described.values()]
    assert len(set(names)) == len(names)
    for place, operation in described.items():
        assert operation["summary"], place
        assert operation["security"] in ([], [{"person": []}], [{"station": []}]), place
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}, place
    # Whoever enrols proves it by the code, and whoever reports by the signature of each report.
    open_to_all = {path for (path, _), operation in described.items() if not operation["security"]}
    assert open_to_all == {"/api/v1/status", "/api/v1/stations", "/api/v1/reports"}


def test_the_description_names_its_server_and_the_one_shape_of_errors(client: FlaskClient) -> None:
    told = client.get("/api/v1/openapi.json").get_json()

    assert [server["url"] for server in told["servers"]] == ["/"]
    [example] = told["components"]["schemas"]["Error"]["examples"]
    assert set(example) == {"error", "request_id", "server_time"}
    assert set(example["error"]) == {"code", "message", "next"}


def test_every_body_that_peoples_programs_send_has_a_sample(client: FlaskClient) -> None:
    for place, operation in operations(client).items():
        if operation["security"] == [{"person": []}] and "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"], place


def types_in(told: Any) -> Iterator[list[str]]:
    """Yield every list of types below a part of the description."""
    if isinstance(told, dict):
        if isinstance(told.get("type"), list):
            yield told["type"]
        told = list(told.values())
    if isinstance(told, list):
        for part in told:
            yield from types_in(part)


def test_no_type_stands_twice_which_no_json_schema_allows(client: FlaskClient) -> None:
    found = list(types_in(client.get("/api/v1/openapi.json").get_json()))

    assert found
    assert [one for one in found if len(set(one)) != len(one)] == []


def test_the_length_of_a_line_is_described(client: FlaskClient) -> None:
    schemas = client.get("/api/v1/openapi.json").get_json()["components"]["schemas"]

    name = schemas["MakeToken"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 64)


def test_lists_are_described_in_all_their_forms(client: FlaskClient) -> None:
    answer = operations(client)["/api/v1/phones", "get"]["responses"]

    assert set(answer["200"]["content"]) == {"application/json", "text/csv", "application/x-ndjson"}
    assert {"304", "406"} <= set(answer)


def test_every_reference_of_the_description_leads_somewhere(client: FlaskClient) -> None:
    text = client.get("/api/v1/openapi.json").get_data(as_text=True)
    described = json.loads(text)

    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        place: Any = described
        for step in reference.split("/"):
            place = place[step]


def test_metrics_count_requests_and_reports(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    post_reports(client, bench.sign(bench.report(small_authority.phone(bench))))

    told = client.get("/metrics").get_data(as_text=True)

    assert 'curfew_reports_total{code="stored",status="stored"} 1.0' in told
    assert 'route="/api/v1/reports",status="200"' in told


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.TECHNICIAN])
def test_those_who_may_see_holders_get_the_blocks(
    client: FlaskClient, bench: Bench, small_authority: Authority, role: Role
) -> None:
    phone_id = small_authority.phone(bench, holder="mailbox-9")
    small_authority.accept(bench.sign(bench.report(phone_id, **NOT_ENFORCEABLE)))
    token = small_authority.person_token(role)

    told = client.get("/api/v1/blocks", headers={"Authorization": f"Bearer {token}"}).get_json()

    [entry] = told["blocks"]
    assert (entry["holder"], entry["block"], entry["cause"]) == ("mailbox-9", True, "not_enforceable")


def test_other_roles_do_not_get_the_blocks(client: FlaskClient, small_authority: Authority) -> None:
    token = small_authority.person_token(Role.AUTHOR, Role.APPROVER)

    answer = client.get("/api/v1/blocks", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, error_of(answer)["code"]) == (403, "right_missing")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Curfew x"}])
def test_nobody_without_token_gets_the_blocks(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/api/v1/blocks", headers=headers)

    assert (answer.status_code, error_of(answer)["code"]) == (401, "token_missing")


def test_a_virtual_phone_is_not_registered_under_a_service_root(service_authority: Authority) -> None:
    bench = service_authority.bench()
    body = registration_body(virtual=True)
    headers = {
        "Authorization": bench.authorization("POST", "/api/v1/phones", body),
        "Content-Type": "application/json",
    }

    client = create_app(service_authority.config).test_client()
    answer = client.post("/api/v1/phones", data=body, headers=headers)

    assert (answer.status_code, error_of(answer)["code"]) == (403, "virtual_refused")
