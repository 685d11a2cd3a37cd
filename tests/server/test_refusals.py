"""Bundles that stations refuse: told in a signed request, kept once, settled by what the station judges by later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.stations.refused_bundles import OpenRefusal, RefusedBundle, keep_refusal, open_refusals
from server.stations.stations import revoke_station
from tests.server.authority import NOW, Authority, Bench

MINUTE = timedelta(minutes=1)
PATH = "/api/v1/refusals"
TOLD: dict[str, Any] = {
    "bundle_number": 2,
    "code": "rule_unknown",
    "sentence": "expected rules that this version knows, found rules.curfew_at_night",
    "agent_version": "0.1.0",
    "judgement_version": 1,
    "accepted_number": 1,
    "refused_at": "2023-03-15T11:00:00.123456Z",
}


def tell(client: FlaskClient, bench: Bench, **changes: Any) -> TestResponse:
    body = json.dumps(TOLD | changes).encode()
    authorization = bench.authorization("POST", PATH, body)
    return client.post(
        PATH, data=body, content_type="application/json", headers={"Authorization": authorization}
    )


def refuse(authority: Authority, bench: Bench, at: datetime = NOW, **changes: Any) -> None:
    refusal = RefusedBundle(**(TOLD | {"refused_at": at} | changes))
    with authority.database.writing() as session:
        keep_refusal(session, bench.station_id, refusal, at + timedelta(seconds=1))


def standing(authority: Authority) -> Sequence[OpenRefusal]:
    with authority.database.reading() as session:
        return open_refusals(session)


def judge(authority: Authority, bench: Bench, bundle_number: int, at: datetime) -> None:
    """Let the station report a check of a new phone."""
    report = bench.report(authority.phone(bench), bundle_number=bundle_number, checked_at=at)
    authority.accept(bench.sign(report), now=at + timedelta(seconds=2))


def test_a_station_tells_what_it_refuses(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    answer = tell(client, bench)

    [kept] = standing(small_authority)
    assert (answer.status_code, set(answer.get_json())) == (200, {"server_time"})
    assert (kept.station_id, kept.station_name) == (bench.station_id, "bench 1")
    assert (kept.refusal.bundle_number, kept.refusal.code) == (2, "rule_unknown")
    assert kept.refusal.sentence == TOLD["sentence"]
    assert kept.first_seen_at == kept.last_seen_at


@pytest.mark.parametrize(
    "change",
    [
        {"sentence": "x" * 301},
        {"sentence": "two\nlines"},
        {"sentence": ""},
        {"code": "Rule Unknown"},
        {"code": "x" * 41},
        {"code": "rule_unknown\n"},
        {"bundle_number": -1},
        {"bundle_number": 1 << 31},
        {"bundle_number": "2"},
        {"accepted_number": None},
        {"agent_version": "0\x00"},
        {"judgement_version": True},
        {"refused_at": "2023-03-15T11:00:00"},
        {"refused_at": "0001-01-01T00:00:00Z"},
        {"refused_at": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_refusal_of_another_form_is_not_kept(
    client: FlaskClient, bench: Bench, small_authority: Authority, change: dict[str, Any]
) -> None:
    assert tell(client, bench, **change).status_code in (400, 422)
    assert standing(small_authority) == []


def test_a_reason_of_a_newer_agent_is_kept(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    assert tell(client, bench, code="moon_too_full").status_code == 200
    assert standing(small_authority)[0].refusal.code == "moon_too_full"


def test_an_unsigned_refusal_is_not_kept(client: FlaskClient, small_authority: Authority) -> None:
    answer = client.post(PATH, json=TOLD)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "authorization_missing")
    assert standing(small_authority) == []


def test_a_refusal_that_was_changed_on_its_way_is_not_kept(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    authorization = bench.authorization("POST", PATH, json.dumps(TOLD | {"bundle_number": 3}).encode())

    answer = client.post(PATH, json=TOLD, headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert standing(small_authority) == []


def test_a_revoked_station_tells_nothing_and_its_refusals_are_over(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    tell(client, bench)
    with small_authority.database.writing() as session:
        revoke_station(session, bench.station_id, NOW)

    assert tell(client, bench).status_code == 403
    assert standing(small_authority) == []


def test_a_refusal_told_by_a_clock_that_was_ahead_is_over_with_the_first_good_run(
    authority: Authority,
) -> None:
    bench = authority.bench()
    ahead = NOW + timedelta(days=300)
    refusal = RefusedBundle(**(TOLD | {"refused_at": ahead}))
    with authority.database.writing() as session:
        keep_refusal(session, bench.station_id, refusal, NOW)
    report = bench.report(authority.phone(bench), bundle_number=2, checked_at=ahead)
    authority.accept(bench.sign(report), now=NOW + MINUTE)
    assert len(standing(authority)) == 1, "a report of the refusing run settles nothing"

    judge(authority, bench, 2, NOW + 2 * MINUTE)

    assert standing(authority) == []


def test_telling_again_moves_only_the_time_it_was_last_seen(authority: Authority) -> None:
    bench = authority.bench()
    refuse(authority, bench)
    refuse(authority, bench, NOW + 5 * MINUTE, sentence="said again")

    [kept] = standing(authority)

    assert kept.first_seen_at == NOW + timedelta(seconds=1)
    assert kept.last_seen_at == NOW + 5 * MINUTE + timedelta(seconds=1)
    assert kept.refusal.sentence == "said again"


def test_a_later_report_by_that_bundle_settles_it(authority: Authority) -> None:
    bench, other = authority.bench(), authority.bench("bench 2")
    refuse(authority, bench)
    refuse(authority, other)

    judge(authority, bench, 2, NOW + MINUTE)

    assert [kept.station_id for kept in standing(authority)] == [other.station_id]


def test_a_later_report_by_a_newer_bundle_settles_it(authority: Authority) -> None:
    bench = authority.bench()
    refuse(authority, bench)

    judge(authority, bench, 3, NOW + MINUTE)

    assert standing(authority) == []


def test_a_later_report_by_the_older_bundle_settles_nothing(authority: Authority) -> None:
    bench = authority.bench()
    refuse(authority, bench)

    judge(authority, bench, 1, NOW + MINUTE)

    assert len(standing(authority)) == 1


def test_the_reports_of_the_same_run_settle_nothing(authority: Authority) -> None:
    """A station whose bundle's signatures ran out goes on with that very bundle, and says so in its reports."""
    bench = authority.bench()
    refuse(authority, bench, code="expired", bundle_number=1)
    judge(authority, bench, 1, NOW)

    assert len(standing(authority)) == 1


def test_a_report_that_arrives_late_settles_nothing(authority: Authority) -> None:
    bench = authority.bench()
    judge(authority, bench, 2, NOW - 10 * MINUTE)
    refuse(authority, bench)

    assert len(standing(authority)) == 1


def test_only_the_latest_word_of_a_station_stands(authority: Authority) -> None:
    bench = authority.bench()
    refuse(authority, bench)
    refuse(authority, bench, NOW + MINUTE, bundle_number=3, code="judgement_too_old")

    [kept] = standing(authority)

    assert (kept.refusal.bundle_number, kept.refusal.code) == (3, "judgement_too_old")


def test_what_is_refused_again_after_it_was_settled_is_counted_from_then(authority: Authority) -> None:
    bench = authority.bench()
    refuse(authority, bench)
    judge(authority, bench, 2, NOW + MINUTE)
    refuse(authority, bench, NOW + 9 * MINUTE)

    [kept] = standing(authority)

    assert kept.first_seen_at == NOW + 9 * MINUTE + timedelta(seconds=1)
