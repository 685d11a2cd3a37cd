"""Phones that stations visited in vain: told in a signed request, of phones they have met, over with a newer check."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from policy.attempt import Attempt, AttemptCause
from policy.names import PhoneId
from server.fleet.attempts import LastAttempt, last_attempts
from server.fleet.attempts import keep_attempts as store
from server.fleet.phone_page import phone_page
from tests.server.authority import NOW, Authority, Bench

HOUR = timedelta(hours=1)
PATH = "/api/v1/attempts"


def attempt(phone_id: PhoneId, at: datetime, cause: AttemptCause = AttemptCause.NOT_REACHED) -> Attempt:
    return Attempt(phone_id, at, True, "adb", cause)


def keep(authority: Authority, bench: Bench, *attempts: Attempt, now: datetime = NOW + 9 * HOUR) -> list[str]:
    """Store attempts, one telling each; returns the codes of those that are refused."""
    with authority.database.writing() as session:
        return [one.code for told in attempts for one in store(session, bench.station_id, [told], now)]


def shown(authority: Authority, phone_id: PhoneId) -> LastAttempt | None:
    with authority.database.reading() as session:
        page = phone_page(session, phone_id, NOW, authority.config.holder_key)
    assert page is not None
    return page.attempt


def check(authority: Authority, bench: Bench, phone_id: PhoneId, at: datetime) -> None:
    report = bench.report(phone_id, checked_at=at)
    authority.accept(bench.sign(report), now=at + timedelta(seconds=1))


def tell(client: FlaskClient, bench: Bench, **told: Any) -> TestResponse:
    body = json.dumps({"attempts": [told]}).encode()
    headers = {"Authorization": bench.authorization("POST", PATH, body)}
    return client.post(PATH, data=body, content_type="application/json", headers=headers)


def told_of(phone_id: PhoneId) -> dict[str, Any]:
    return {
        "phone_id": phone_id,
        "tried_at": "2023-03-15T11:00:00Z",
        "time_trusted": False,
        "transport": "plain-tcp",
        "cause": "unauthorised",
    }


def test_a_station_tells_whom_it_visited_in_vain(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)

    answer = tell(client, bench, **told_of(phone_id))

    assert (answer.status_code, answer.get_json()["refused"]) == (200, [])
    last = shown(small_authority, phone_id)
    assert last is not None
    assert (last.cause, last.transport, last.station_name) == (
        AttemptCause.UNAUTHORISED,
        "plain-tcp",
        "bench 1",
    )
    assert not last.time_trusted


@pytest.mark.parametrize(
    "change",
    [
        {"cause": "eaten"},
        {"phone_id": "1"},
        {"transport": "a\nb"},
        {"tried_at": "yesterday"},
        {"time_trusted": 1},
        {"address": "adb:SERIAL"},
    ],
    ids=str,
)
def test_what_is_no_attempt_is_refused(
    change: dict[str, Any], client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = small_authority.phone(bench)

    answer = tell(client, bench, **told_of(phone_id) | change)

    assert answer.status_code == 422
    assert shown(small_authority, phone_id) is None


def test_of_a_phone_that_it_has_not_met_no_word_of_a_station_is_taken(authority: Authority) -> None:
    phone_id = authority.phone(authority.bench("here"))

    refused = keep(
        authority, authority.bench("there"), attempt(phone_id, NOW), attempt(PhoneId.random(), NOW)
    )

    assert refused == ["phone_not_met", "phone_unknown"]
    assert shown(authority, phone_id) is None


def test_the_newest_counts_in_whatever_order_they_arrive(authority: Authority) -> None:
    here = authority.bench()
    phone_id = authority.phone(here)
    unauthorised = attempt(phone_id, NOW + 3 * HOUR, AttemptCause.UNAUTHORISED)

    keep(authority, here, attempt(phone_id, NOW + HOUR), unauthorised, attempt(phone_id, NOW + 2 * HOUR))

    last = shown(authority, phone_id)
    assert last is not None
    assert (last.at, last.since, last.cause) == (NOW + 3 * HOUR, NOW + HOUR, AttemptCause.UNAUTHORISED)


def test_it_is_over_with_a_newer_check_and_counts_anew_after_it(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    keep(authority, bench, attempt(phone_id, NOW))

    check(authority, bench, phone_id, NOW + HOUR)
    assert shown(authority, phone_id) is None

    keep(authority, bench, attempt(phone_id, NOW + 2 * HOUR))
    last = shown(authority, phone_id)
    assert last is not None
    assert (last.at, last.since) == (NOW + 2 * HOUR, NOW + 2 * HOUR)


def test_of_many_phones_each_is_told_as_by_itself(authority: Authority) -> None:
    here, there = authority.bench("office-1"), authority.bench("office-2")
    checked: dict[PhoneId, datetime | None] = {}
    for number in range(4):
        identity = f"{number:064d}"
        phone_id = authority.phone(here, identity=identity)
        authority.phone(there, identity=identity)
        checked[phone_id] = None if number == 0 else NOW + number * HOUR
        for bench, hour in ((here, 1), (there, 2), (here, 3)):
            keep(authority, bench, attempt(phone_id, NOW + hour * HOUR))

    with authority.database.reading() as session:
        together = last_attempts(session, checked)
        alone = {one: last_attempts(session, {one: at}).get(one) for one, at in checked.items()}

    assert together == {one: told for one, told in alone.items() if told}
    assert sorted((told.since - NOW) // HOUR for told in together.values()) == [1, 2, 3]


def test_it_counts_no_later_than_it_arrived(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)

    keep(authority, bench, attempt(phone_id, NOW + 100 * HOUR), now=NOW + HOUR)

    last = shown(authority, phone_id)
    assert last is not None
    assert last.at == NOW + HOUR


def test_it_changes_nothing_of_what_the_phone_is_said_to_be(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    check(authority, bench, phone_id, NOW)
    with authority.database.reading() as session:
        before = phone_page(session, phone_id, NOW, authority.config.holder_key)

    keep(authority, bench, attempt(phone_id, NOW + HOUR))

    with authority.database.reading() as session:
        after = phone_page(session, phone_id, NOW, authority.config.holder_key)
    assert before is not None
    assert after is not None
    assert (after.row, after.mail_since, after.history) == (before.row, before.mail_since, before.history)
