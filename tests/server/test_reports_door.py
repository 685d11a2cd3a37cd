"""Check-ins past Flask are answered, counted and logged as those through it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs

from policy.report_results import BATCH_REPORTS
from server.api.reports import ReportsDoor
from server.running.request_id import ENVIRON_KEY
from server.stations.stations import revoke_station
from tests.server.authority import NOW, Authority, Bench

ID = "0123456789abcdef"
Told = tuple[int, dict[str, str], dict[str, Any]]


def body_of(*envelopes: bytes) -> bytes:
    return b'{"reports":[' + b",".join(envelopes) + b"]}"


def by_door(app: Flask, body: bytes) -> Told | None:
    answer = asyncio.run(ReportsDoor(app).answer(body, ID))
    if answer is None:
        return None
    status, headers, content = answer
    assert isinstance(content, bytes)
    return status, dict(headers), timeless(json.loads(content))


def by_view(app: Flask, body: bytes) -> Told:
    answer = app.test_client().post(
        "/api/v1/reports", data=body, content_type="application/json", environ_overrides={ENVIRON_KEY: ID}
    )
    # granian adds the length; that the session's cookie was looked at is true of the view only.
    headers = {
        name.lower(): value for name, value in answer.headers if name not in ("Content-Length", "Vary")
    }
    return answer.status_code, headers, timeless(json.loads(answer.data))


def timeless(form: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs between two good answers to two reports."""
    for result in form.get("results", ()):
        result.pop("report_id")
    return {name: value for name, value in form.items() if name != "server_time"}


def new(bench: Bench, phone_id: Any) -> bytes:
    return body_of(bench.sign(bench.report(phone_id)))


def spoilt(bench: Bench, phone_id: Any) -> bytes:
    return new(bench, phone_id).replace(b'"sig":"', b'"sig":"AAAA')


def counter_used(bench: Bench, phone_id: Any) -> bytes:
    return body_of(bench.sign(bench.report(phone_id, counter=1)))


def conflict(bench: Bench, phone_id: Any) -> bytes:
    return body_of(bench.sign(bench.report(phone_id, report_id="first", counter=1, phone_skew_s=77)))


def two_of_a_kind(bench: Bench, phone_id: Any) -> bytes:
    return body_of(*[bench.sign(bench.report(phone_id))] * 2)


@pytest.mark.parametrize("body", [new, spoilt, counter_used, conflict, two_of_a_kind, lambda *_: body_of()])
def test_both_ways_answer_alike(
    body: Callable[[Bench, Any], bytes], app: Flask, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)
    small_authority.accept(bench.sign(bench.report(phone_id, report_id="first", counter=1)))
    bench.counter = max(bench.counter, 1)

    assert by_door(app, body(bench, phone_id)) == by_view(app, body(bench, phone_id))


def test_both_ways_say_that_a_station_was_revoked(
    app: Flask, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)
    with small_authority.database.writing() as session:
        revoke_station(session, bench.station_id, NOW)
    told = by_door(app, new(bench, phone_id))
    assert told is not None
    assert told[2]["results"][0]["code"] == "station_revoked"
    assert told == by_view(app, new(bench, phone_id))


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"{",
            b"[]",
            b"{}",
            b'{"reports":{}}',
            b'{"reports":[],"reports":[]}',
            b'{"reports":[],"more":1}',
        ),
        *(body_of(*[b"{}"] * (BATCH_REPORTS + 1)), b"\xff", b"[" * 100_000),
    ],
)
def test_what_has_another_form_is_left_to_the_view_which_says_what_is_wrong(app: Flask, body: bytes) -> None:
    assert by_door(app, body) is None
    assert by_view(app, body)[0] == 400


@pytest.mark.about_sqlite("its one writer is kept waiting")
def test_both_ways_say_that_the_database_is_busy_and_when_to_come_again(
    app: Flask, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)
    path = small_authority.database.engine.url.database
    assert path is not None
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        told = by_door(app, new(bench, phone_id))
        assert told is not None
        assert (told[0], told[1]["retry-after"]) == (503, "5")
        assert told == by_view(app, new(bench, phone_id))


def test_an_error_nobody_foresaw_is_one_sentence_by_both_ways(
    app: Flask, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)
    with small_authority.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE publication SET policy_bytes = 'no policy'")
    told = by_door(app, new(bench, phone_id))
    assert told is not None
    assert told[0] == 500
    assert told == by_view(app, new(bench, phone_id))


def test_both_ways_count_alike(app: Flask, bench: Bench, small_authority: Authority) -> None:
    phone_id = small_authority.phone(bench)
    assert by_door(app, new(bench, phone_id)) == by_view(app, new(bench, phone_id))
    lines = app.test_client().get("/metrics").text.splitlines()
    assert 'curfew_reports_total{code="stored",status="stored"} 2.0' in lines
    assert 'curfew_requests_total{method="POST",route="/api/v1/reports",status="200"} 2.0' in lines
    assert 'curfew_request_seconds_count{route="/api/v1/reports"} 2.0' in lines


def test_both_ways_write_the_same_line(app: Flask, bench: Bench, small_authority: Authority) -> None:
    phone_id = small_authority.phone(bench)
    with capture_logs() as lines:
        by_door(app, new(bench, phone_id))
        by_view(app, new(bench, phone_id))
    assert [line.pop("took_ms") > 0 for line in lines] == [True, True]
    assert lines[0] == lines[1]
