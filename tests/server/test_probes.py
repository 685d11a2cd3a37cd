"""What a station found that can be promised on a phone: taken strictly, kept, counted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from policy.document import PlaceKind
from policy.names import PhoneId, UserNumber
from policy.observation import UserKind
from policy.probe import Limit, LimitCode, Owner, Probe, ProbedPlace, ProbedUser, Reach
from policy.report import Consent
from server.fleet import phones
from server.fleet.counts import fleet_counts
from server.fleet.phones import KeptProbe
from server.policies.bundles import situation
from tests.server.authority import NOW, Authority, Bench, make_registration, registration_body

PROBE = Probe(
    release="14",
    api_level=34,
    manufacturer="Google",
    model="Pixel 8",
    reach=Reach.CLOSED,
    users=(ProbedUser(UserNumber(10), UserKind.WORK, True, False, Owner.POLICY),),
    company_owned=False,
    places=(ProbedPlace(UserNumber(10), PlaceKind.WORK_PROFILE, False, False, False),),
    limits=(Limit(LimitCode.PLACE_CLOSED, "Closed.", "docs/android/commands.md 9", "open it", hinders=True),),
)


def kept(authority: Authority, phone_id: PhoneId) -> KeptProbe | None:
    with authority.database.reading() as session:
        return phones.kept_probe(session, phone_id)


def counted(authority: Authority) -> dict[Reach, int]:
    with authority.database.reading() as session:
        counts = fleet_counts(session, situation(session, NOW)).by_reach
    return {reach: count for reach, count in counts.items() if count}


def post(client: FlaskClient, bench: Bench, body: bytes) -> tuple[int, dict[str, Any]]:
    proof = bench.authorization("POST", "/api/v1/phones", body)
    headers = {"Authorization": proof, "Content-Type": "application/json"}
    answer = client.post("/api/v1/phones", data=body, headers=headers)
    return answer.status_code, answer.get_json()


def test_a_probe_sent_with_a_registration_is_kept_as_it_came(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = PhoneId.random()

    status, _ = post(client, bench, registration_body(phone_id=phone_id, probe=PROBE))

    assert status == 201
    found = kept(small_authority, phone_id)
    assert found is not None
    assert found.probe == PROBE


def test_a_registration_without_a_probe_is_taken(
    client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = PhoneId.random()

    status, _ = post(client, bench, registration_body(phone_id=phone_id))

    assert (status, kept(small_authority, phone_id)) == (201, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"reach": "wide open"},
        {"more": 1},
        {"users": [{"user": 10}]},
        {"api_level": "34"},
        {"limits": [{"code": "anything", "sentence": "", "source": "", "change": "", "hinders": True}]},
        {"model": "two\nlines"},
        {"places": None},
    ],
    ids=["word", "unknown field", "missing fields", "text for number", "unknown limit", "line break", "null"],
)
def test_a_probe_that_is_none_is_refused_and_nothing_is_registered(
    changes: dict[str, Any], client: FlaskClient, bench: Bench, small_authority: Authority
) -> None:
    phone_id = PhoneId.random()
    told = json.loads(registration_body(phone_id=phone_id, probe=PROBE))
    told["probe"] |= changes

    status, _ = post(client, bench, json.dumps(told).encode())

    assert status == 422
    with small_authority.database.reading() as session:
        assert phones.agreed_with(session, [phone_id]) == {}


def test_a_newer_probe_takes_the_place_of_the_older_and_a_refusal_keeps_it(authority: Authority) -> None:
    bench = authority.bench()
    first = make_registration(probe=PROBE)
    opened = replace(PROBE, reach=Reach.OPEN)
    for registration in (
        first,
        replace(first, probe=opened),
        replace(first, probe=None, consent=Consent.DECLINED),
    ):
        with authority.database.writing() as session:
            phones.register_phone(session, registration, bench.station_id, authority.config.holder_key, NOW)

    assert kept(authority, first.phone_id) == KeptProbe(opened, NOW)


def test_the_fleet_is_counted_by_what_was_found_without_those_who_declined(authority: Authority) -> None:
    bench = authority.bench()
    for reach in (Reach.OPEN, Reach.OPEN, Reach.CLOSED, Reach.NONE):
        authority.phone(bench, probe=replace(PROBE, reach=reach))
    authority.phone(bench)
    authority.phone(bench, probe=PROBE, consent=Consent.DECLINED)

    assert counted(authority) == {Reach.OPEN: 2, Reach.CLOSED: 1, Reach.NONE: 1, Reach.UNKNOWN: 1}
