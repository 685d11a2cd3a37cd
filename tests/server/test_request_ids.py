"""Each request has an id: in the answer, in every line of the log about it, and in what is told of an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import LogCapture

from policy.verdict import Verdict
from server.app import create_app
from server.running.request_id import ENVIRON_KEY, HEADER, request_id
from tests.server.authority import Authority, post_reports

TRUSTED = (ip_network("127.0.0.1"),)
GIVEN = "3f9c2d1e-77aa-4c1b-9d10-aabbccddeeff"


@pytest.mark.parametrize(
    ("peer", "told", "is_taken"),
    [
        ("127.0.0.1", GIVEN, True),
        ("127.0.0.1", "0123456789abcdef", True),
        ("192.0.2.7", GIVEN, False),
        ("127.0.0.1", None, False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "0123456789abcde", False),
        ("127.0.0.1", "a" * 65, False),
        ("127.0.0.1", f"{GIVEN}\n", False),
        ("127.0.0.1", "someones.name@example.org", False),
    ],
)
def test_a_trusted_proxy_may_give_the_id_in_its_form(peer: str, told: str | None, is_taken: bool) -> None:
    found = request_id(peer, told, TRUSTED)

    assert (found == told) == is_taken
    assert re.fullmatch(r"[0-9a-f-]{16,64}", found)


@pytest.fixture
def logged() -> Iterator[LogCapture]:
    """What is logged, with what it is bound to."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def app(small_authority: Authority, logged: LogCapture) -> Flask:
    return create_app(small_authority.config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_every_line_about_a_request_and_its_answer_carry_its_id(
    client: FlaskClient, small_authority: Authority, logged: LogCapture
) -> None:
    bench = small_authority.bench()
    report = bench.report(small_authority.phone(bench))
    post_reports(client, bench.sign(report))

    answer = post_reports(client, bench.sign(replace(report, verdict=Verdict.UNREADABLE)))

    lines = [line for line in logged.entries if line["request_id"] == answer.headers[HEADER]]
    assert [line["event"] for line in lines] == ["alarm", "request"]
    assert len({line["request_id"] for line in logged.entries}) == 2


def test_reports_that_share_a_transaction_are_logged_each_with_its_own_request(
    app: Flask, small_authority: Authority, logged: LogCapture
) -> None:
    benches = [small_authority.bench(f"bench {number}") for number in range(6)]
    reports = [bench.report(small_authority.phone(bench)) for bench in benches]
    for bench, report in zip(benches, reports, strict=True):
        post_reports(app.test_client(), bench.sign(report))
    spoilt = [
        bench.sign(replace(report, verdict=Verdict.UNREADABLE))
        for bench, report in zip(benches, reports, strict=True)
    ]

    def send(number: int) -> tuple[str, str]:
        answer = post_reports(app.test_client(), spoilt[number])
        return str(reports[number].report_id), str(answer.headers[HEADER])

    with ThreadPoolExecutor(6) as threads:
        answered = dict(threads.map(send, range(6)))

    alarms = {line["report"]: line["request_id"] for line in logged.entries if line["event"] == "alarm"}
    assert alarms == answered


def test_what_the_proxy_gave_is_told_in_the_error(client: FlaskClient) -> None:
    answer = client.get("/api/v1/nothing", environ_overrides={ENVIRON_KEY: GIVEN})

    assert answer.status_code == 404
    assert answer.headers[HEADER] == answer.get_json()["request_id"] == GIVEN


def test_a_page_that_says_what_went_wrong_names_the_request(client: FlaskClient) -> None:
    answer = client.get("/nothing", environ_overrides={ENVIRON_KEY: GIVEN})

    assert answer.status_code == 404
    assert f'request <span class="code">{GIVEN}</span>' in answer.text


def test_what_was_not_foreseen_is_logged_and_told_under_one_id(
    app: Flask, client: FlaskClient, logged: LogCapture
) -> None:
    def fail() -> str:
        raise LookupError

    app.add_url_rule("/api/fails", "fails", fail)

    told: dict[str, Any] = json.loads(client.get("/api/fails").text)

    [line] = [line for line in logged.entries if line["event"] == "unforeseen"]
    assert line["request_id"] == told["request_id"]
    assert f"request {told['request_id']}" in told["error"]["next"]
