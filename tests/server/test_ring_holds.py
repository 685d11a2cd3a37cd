"""Holding rings: by the stop rule and by hand, what stations are told of it, and that a person has the last word."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policy.document import LISTING_JUDGEMENT, Ring
from policy.names import PhoneId
from policy.verdict import ReasonCode
from server.app import create_app
from server.cli import main as curfew_server
from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.evidence.alarms import AlarmKind, open_alarms
from server.fleet.ring_holds import current_hold, hold_ring, holds_of, release_rings
from server.fleet.ring_phones import count_rings
from server.fleet.rings import Progress
from server.fleet.stop_rule import ACTOR, hold_failing_ring
from server.people.people import Role, put_person
from server.policies.bundles import situation
from tests.server.authority import NOW, Authority, banning_policy
from tests.server.test_fleet_lists import HOUR
from tests.server.test_rings import BANNED, ON, OUT_OF_REACH, UNREAD, managed, said

RINGS = (Ring(0.999999, NOW - HOUR), Ring(1.0, NOW + 9 * HOUR))
"""Every phone of a test is in the first, but for one of a million."""
FAILED: dict[str, Any] = BANNED | managed(ON)


@pytest.fixture
def ringed(authority: Authority) -> Authority:
    return with_rings(authority)


def with_rings(authority: Authority, *rings: Ring) -> Authority:
    needed = LISTING_JUDGEMENT if any(ring.phones for ring in rings) else 1
    # A copy: the folder is every test's.
    authority.trust = authority.trust.copy(authority.folder / "trust")
    authority.trust.publish(2, banning_policy(rings=rings or RINGS, minimum_judgement=needed))
    authority.publish()
    authority.config = replace(authority.config, ring_failure_percent=20, ring_smallest=4)
    return authority


def check(authority: Authority, *kinds: dict[str, Any], age: timedelta = timedelta()) -> None:
    bench = authority.bench()
    reports = [bench.report(authority.phone(bench), checked_at=NOW - age, **kind) for kind in kinds]
    assert all(result.status.is_kept for result in authority.accept(*map(bench.sign, reports)))


def look(authority: Authority, later: timedelta = timedelta()) -> None:
    config = authority.config
    hold_failing_ring(authority.database, config.ring_failure_percent, config.ring_smallest, NOW + later)


def held(authority: Authority) -> int | None:
    with authority.database.reading() as session:
        hold = current_hold(session, 2)
    return hold.ring if hold else None


def test_a_ring_that_fails_on_too_many_holds_the_next_and_raises_one_alarm(ringed: Authority) -> None:
    check(ringed, {}, {}, {}, {}, FAILED, UNREAD)

    look(ringed)
    look(ringed)

    with ringed.database.reading() as session:
        [hold] = holds_of(session, 2)
        [alarm] = open_alarms(session)
        rows = [row for row in audit.newest_rows(session) if row.action == "ring held"]
    assert (hold.ring, hold.held_by, hold.ended_at) == (2, ACTOR, None)
    assert alarm.kind is AlarmKind.RING_HELD
    assert "ring 2 and all behind it are held: ring 1 failed on 2 of 6 phones checked" in alarm.detail
    assert [(row.actor, row.subject) for row in rows] == [(ACTOR, "bundle 2")]


@pytest.mark.parametrize(
    "kinds",
    [
        # Exactly the limit, and not more.
        [{}, {}, {}, {}, FAILED],
        # One of three is no reason.
        [{}, {}, FAILED],
        # Known before the ring starts, and the mail side acts.
        [{}, OUT_OF_REACH, OUT_OF_REACH, OUT_OF_REACH],
    ],
)
def test_a_ring_that_does_well_enough_holds_nothing(ringed: Authority, kinds: list[dict[str, Any]]) -> None:
    check(ringed, *kinds)

    look(ringed)

    assert held(ringed) is None


def test_what_was_undone_counts_as_failed(ringed: Authority) -> None:
    check(ringed, {}, {}, {}, BANNED | managed(ON) | said(ReasonCode.ENABLED_AGAIN))

    look(ringed)

    assert held(ringed) == 2


def test_checks_of_before_the_ring_started_are_no_reason(ringed: Authority) -> None:
    check(ringed, *[FAILED] * 6, age=2 * HOUR)

    look(ringed)

    assert held(ringed) is None


def test_once_no_ring_is_to_come_nothing_is_held(ringed: Authority) -> None:
    check(ringed, *[FAILED] * 6)

    look(ringed, 10 * HOUR)

    assert held(ringed) is None


def test_before_the_first_ring_nothing_is_held(authority: Authority) -> None:
    with_rings(authority, Ring(0.5, NOW + HOUR), Ring(1.0, NOW + 9 * HOUR))
    check(authority, *[FAILED] * 6)

    look(authority)

    assert held(authority) is None


def test_a_rule_that_is_switched_off_holds_nothing(ringed: Authority) -> None:
    ringed.config = replace(ringed.config, ring_failure_percent=100)
    check(ringed, *[FAILED] * 6)

    look(ringed)

    assert held(ringed) is None


def test_what_a_person_has_released_the_rule_does_not_hold_again(ringed: Authority) -> None:
    check(ringed, *[FAILED] * 6)
    look(ringed)
    with ringed.database.writing() as session:
        release_rings(session, situation(session, NOW), "one clock, set now", "approver-1", NOW)

    look(ringed)

    assert held(ringed) is None


def test_phones_of_a_held_ring_are_held_and_no_failures(ringed: Authority) -> None:
    check(ringed, BANNED | managed(ON) | said(ReasonCode.RING_HELD))

    with ringed.database.reading() as session:
        first = count_rings(session, situation(session, NOW))[0]

    assert first.count(Progress.HELD) == 1
    assert first.failures == []


def test_a_hold_of_a_ring_that_lists_its_phones_is_told_by_its_number_alone(authority: Authority) -> None:
    crisis = Ring(None, NOW + 9 * HOUR, frozenset({PhoneId.random()}), unit="C")
    with_rings(authority, Ring(1.0, NOW - HOUR), crisis)
    with authority.database.writing() as session:
        hold_ring(session, situation(session, NOW), 2, "help desk closed", "approver-1", NOW)

    told = client_of(authority, Role.APPROVER)("GET", "/status").json

    assert (told["held_ring"], told["held_from"]) == (2, None)


def test_the_first_ring_of_listed_phones_that_fails_holds_the_next(authority: Authority) -> None:
    bench = authority.bench()
    phones = [authority.phone(bench) for _ in range(6)]
    with_rings(authority, Ring(None, NOW - HOUR, frozenset(phones), "pilot"), Ring(1.0, NOW + 9 * HOUR))
    for number, phone_id in enumerate(phones):
        authority.accept(bench.sign(bench.report(phone_id, **(FAILED if number else {}))))

    look(authority)

    assert held(authority) == 2


def test_a_hold_is_of_one_bundle(ringed: Authority) -> None:
    with ringed.database.writing() as session:
        hold_ring(session, situation(session, NOW), 2, "help desk closed", "approver-1", NOW)
    ringed.trust.publish(3, banning_policy(rings=RINGS))
    ringed.publish()

    with ringed.database.reading() as session:
        assert current_hold(session, 3) is None


@pytest.mark.parametrize(
    ("number", "reason", "refusal"),
    [
        (3, "why", NotThere),
        (0, "why", NotThere),
        (2, " ", Malformed),
        (2, "two\nlines", Malformed),
        (2, "x" * 301, Malformed),
    ],
)
def test_what_cannot_be_held_is_refused_and_changes_nothing(
    ringed: Authority, number: int, reason: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal), ringed.database.writing() as session:
        hold_ring(session, situation(session, NOW), number, reason, "approver-1", NOW)

    assert held(ringed) is None


def test_of_one_bundle_one_hold_lasts_and_what_is_not_held_is_not_released(ringed: Authority) -> None:
    with pytest.raises(NotThere), ringed.database.writing() as session:
        release_rings(session, situation(session, NOW), "why", "approver-1", NOW)
    with ringed.database.writing() as session:
        hold_ring(session, situation(session, NOW), 2, "why", "approver-1", NOW)

    with (
        pytest.raises(InConflict, match="ring 2 and all behind it are held already"),
        ringed.database.writing() as session,
    ):
        hold_ring(session, situation(session, NOW), 1, "why", "approver-1", NOW)


def client_of(authority: Authority, *roles: Role) -> Any:
    app = create_app(authority.config)
    token = authority.person_token(*roles)

    def ask(method: str, address: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return app.test_client().open(
            f"/api/v1{address}", method=method, json=body, headers=headers, base_url="https://localhost"
        )

    return ask


def test_programs_hold_and_release_and_every_answer_to_a_station_says_so(ringed: Authority) -> None:
    ask = client_of(ringed, Role.APPROVER)
    bench = ringed.bench()

    made = ask("POST", "/rings/hold", {"ring": 2, "reason": "help desk closed"})
    told = ask("GET", "/status").json
    sent = ask("POST", "/reports", {"reports": [json.loads(bench.sign(bench.report(ringed.phone(bench))))]})
    shown = ask("GET", "/rings").json["hold"]
    ended = ask("POST", "/rings/release", {"reason": "open again"})

    assert (made.json["held"], ended.json["held"]) == (True, False)
    assert told["held_from"] == sent.json["held_from"] == 0.999999
    assert told["held_ring"] == sent.json["held_ring"] == 2
    assert (shown["ring"], shown["reason"]) == (2, "help desk closed")
    assert [ask("GET", "/status").json[word] for word in ("held_ring", "held_from")] == [None, None]
    assert ask("GET", "/rings").json["hold"] is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.APPROVER])
def test_only_approvers_hold_and_release(ringed: Authority, role: Role) -> None:
    ask = client_of(ringed, role)

    for address, body in (("hold", {"ring": 2, "reason": "why"}), ("release", {"reason": "why"})):
        assert ask("POST", f"/rings/{address}", body).status_code == 403
    assert held(ringed) is None


def test_the_commands_hold_and_release_in_the_name_of_an_approver(
    small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    ringed = with_rings(small_authority)
    words = ["--config", str(ringed.write_settings()), "policy"]
    approver, author = (named(ringed, role) for role in (Role.APPROVER, Role.AUTHOR))

    assert curfew_server([*words, "hold", "2", "--approver", author, "--reason", "why"]) == 1
    assert "may not hold and release rings" in capsys.readouterr().err
    assert curfew_server([*words, "hold", "2", "--approver", approver, "--reason", "help desk closed"]) == 0
    assert curfew_server([*words, "rings"]) == 0
    assert "HELD from ring 2 on" in capsys.readouterr().out
    assert curfew_server([*words, "release", "--approver", approver, "--reason", "open again"]) == 0
    assert held(ringed) is None


def named(authority: Authority, role: Role) -> str:
    with authority.database.writing() as session:
        return put_person(
            session, f"{role.value}-1", "correct horse battery staple", [role], "test", NOW
        ).name
