"""A station reports only on phones it has met: registered there, or proved by the marker that only the phone shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.ledger import Ledger, marker_sha256
from policy.report import Consent, Report
from policy.report_results import ReportStatus
from server.evidence.alarms import (
    Alarm,
    AlarmKind,
    Settlement,
    open_alarms,
    open_causes,
    raise_alarm,
    settle_cause,
)
from server.fleet import phones
from server.fleet.meetings import meetings_among
from server.reports import kept_reports
from server.storage.migrating import alembic_config, migrate
from tests.server.authority import NOW, UNREADABLE, Authority, Bench, disabled_ledger, make_registration

REFUSED = (ReportStatus.REJECTED, "phone_not_met")


@pytest.fixture
def here(authority: Authority) -> Bench:
    return authority.bench("here")


@pytest.fixture
def there(authority: Authority) -> Bench:
    """A station that registers nothing."""
    return authority.bench("there")


def pairs(benches: Sequence[Bench], phone_ids: Sequence[str]) -> list[tuple[str, str]]:
    return [(bench.station_id, phone_id) for bench in benches for phone_id in phone_ids]


def send(authority: Authority, bench: Bench, *reports: Report) -> list[tuple[ReportStatus, str]]:
    results = authority.accept(*(bench.sign(report) for report in reports))
    return [(result.status, result.code) for result in results]


def statuses(authority: Authority, bench: Bench, *reports: Report) -> list[ReportStatus]:
    return [status for status, _ in send(authority, bench, *reports)]


def alarms(authority: Authority) -> list[tuple[AlarmKind, str, str]]:
    with authority.database.reading() as session:
        return [(alarm.kind, alarm.station_id, alarm.phone_id) for alarm in open_alarms(session)]


def test_a_report_on_a_phone_that_its_station_never_met_is_refused_and_changes_nothing(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here)
    forged = there.report(phone_id, **UNREADABLE)

    [result] = authority.accept(there.sign(forged))

    assert (result.status, result.code, result.report_id) == (*REFUSED, forged.report_id)
    assert "provision it at this station" in result.message
    with authority.database.reading() as session:
        assert kept_reports.stored_report(session, forged.report_id) is None
        assert kept_reports.history(session, phone_id, 1) == []
    assert alarms(authority) == [(AlarmKind.UNMET_PHONE, there.station_id, phone_id)]


@pytest.mark.parametrize(
    "shown",
    [{"ledger": Ledger("marker")}, {"ledger": Ledger(), "marker": "marker"}],
    ids=["in the ledger", "beside it"],
)
def test_a_station_that_tells_the_phones_marker_has_met_it_from_then_on(
    authority: Authority, here: Bench, there: Bench, shown: dict[str, Any]
) -> None:
    phone_id = authority.phone(here)

    assert statuses(authority, there, there.report(phone_id, **shown)) == [ReportStatus.STORED]
    assert statuses(authority, there, there.report(phone_id, **UNREADABLE)) == [ReportStatus.STORED]
    assert alarms(authority) == []


def test_what_proves_it_counts_for_the_next_report_of_the_same_batch(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here)

    told = statuses(authority, there, there.report(phone_id), there.report(phone_id, **UNREADABLE))

    assert told == [ReportStatus.STORED, ReportStatus.STORED]


def test_in_a_batch_only_the_report_on_the_unmet_phone_is_refused(
    authority: Authority, here: Bench, there: Bench
) -> None:
    unmet, own = authority.phone(here), authority.phone(there)
    reports = [there.report(own), there.report(unmet, ledger=Ledger("guessed")), there.report(own)]

    told = send(authority, there, *reports)

    assert told == [(ReportStatus.STORED, "stored"), REFUSED, (ReportStatus.STORED, "stored")]


@pytest.mark.parametrize("marker", ["guessed", "MARKER", marker_sha256("marker")])
def test_another_marker_proves_nothing(authority: Authority, here: Bench, there: Bench, marker: str) -> None:
    phone_id = authority.phone(here)

    assert send(authority, there, there.report(phone_id, ledger=Ledger(marker))) == [REFUSED]


def test_the_marker_of_another_phone_proves_nothing(authority: Authority, here: Bench, there: Bench) -> None:
    authority.phone(here, marker_sha256=marker_sha256("a"))
    phone_id = authority.phone(here, marker_sha256=marker_sha256("b"))

    assert send(authority, there, there.report(phone_id, ledger=Ledger("a"))) == [REFUSED]
    assert statuses(authority, there, there.report(phone_id, ledger=Ledger("b"))) == [ReportStatus.STORED]


def test_who_registers_a_phone_has_met_it_and_so_has_who_registered_it_before(
    authority: Authority, here: Bench, there: Bench
) -> None:
    first = make_registration()
    phone_id = authority.phone(here, identity=first.identity)
    authority.phone(there, identity=first.identity)

    assert statuses(authority, here, here.report(phone_id, **UNREADABLE)) == [ReportStatus.STORED]
    assert statuses(authority, there, there.report(phone_id, **UNREADABLE)) == [ReportStatus.STORED]


def test_after_a_reset_the_new_marker_proves_it_and_the_old_one_no_more(
    authority: Authority, here: Bench, there: Bench
) -> None:
    first = make_registration(marker_sha256=marker_sha256("old"))
    phone_id = authority.phone(here, identity=first.identity, marker_sha256=marker_sha256("old"))
    authority.phone(here, identity=first.identity, marker_sha256=marker_sha256("new"))

    assert send(authority, there, there.report(phone_id, ledger=Ledger("old"))) == [REFUSED]
    assert statuses(authority, here, here.report(phone_id, ledger=Ledger("old"))) == [ReportStatus.STORED]
    assert statuses(authority, there, there.report(phone_id, ledger=Ledger("new"))) == [ReportStatus.STORED]


def test_a_registration_that_tells_no_marker_leaves_the_one_of_before(
    authority: Authority, here: Bench, there: Bench
) -> None:
    first = make_registration()
    phone_id = authority.phone(here, identity=first.identity)
    authority.phone(here, identity=first.identity, consent=Consent.DECLINED, marker_sha256=None)

    assert statuses(authority, there, there.report(phone_id)) == [ReportStatus.STORED]


def test_of_a_phone_registered_before_markers_were_told_the_newest_report_tells_it(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here, marker_sha256=None)
    assert send(authority, there, there.report(phone_id)) == [REFUSED]
    assert statuses(authority, here, here.report(phone_id)) == [ReportStatus.STORED]

    assert statuses(authority, there, there.report(phone_id)) == [ReportStatus.STORED]


def test_a_report_stored_before_is_a_duplicate_and_proves_nothing_for_others(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here)
    report = here.report(phone_id, **UNREADABLE)
    send(authority, here, report)

    assert statuses(authority, here, report) == [ReportStatus.DUPLICATE]
    stolen = replace(report, station_id=there.station_id)
    assert send(authority, there, stolen) == [REFUSED]


def test_refused_reports_are_one_alarm_a_phone_and_one_cause_a_station(
    authority: Authority, here: Bench, there: Bench
) -> None:
    first, second = authority.phone(here), authority.phone(here)
    for _ in range(2):
        send(authority, there, *(there.report(phone, **UNREADABLE) for phone in (first, second, first)))

    with authority.database.reading() as session:
        [cause] = open_causes(session, 9, 9)
    assert (cause.kind, cause.station_id) == (AlarmKind.UNMET_PHONE, there.station_id)
    assert sorted(alarm.phone_id for alarm in cause.alarms) == sorted([first, second])

    with authority.database.writing() as session:
        newest = cause.alarms[0].number
        settle_cause(
            session, cause.kind, cause.station_id, newest, Settlement("auditor", NOW, "a copied folder")
        )
    send(authority, there, there.report(first, **UNREADABLE))

    assert alarms(authority) == [(AlarmKind.UNMET_PHONE, there.station_id, first)]


def test_two_reports_that_prove_one_meeting_at_once_are_both_stored(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here)

    told = statuses(authority, there, *(there.report(phone_id) for _ in range(3)))

    assert told == [ReportStatus.STORED] * 3
    with authority.database.reading() as session:
        met = meetings_among(session, pairs([here, there], [phone_id]))
    assert met == {(here.station_id, phone_id), (there.station_id, phone_id)}


def test_a_marker_that_a_registration_replaces_is_named(authority: Authority, here: Bench) -> None:
    key = authority.config.holder_key
    first = make_registration(marker_sha256=None)
    told = replace(first, marker_sha256=marker_sha256("a"))
    for registration, changed in (
        (first, ()),
        (told, ()),  # known for the first time
        (told, ()),
        (first, ()),
        (replace(first, marker_sha256=marker_sha256("b")), ("marker",)),
    ):
        with authority.database.writing() as session:
            assert phones.changed_by(session, registration, key) == changed
            phones.register_phone(session, registration, here.station_id, key, NOW)


# --- over HTTP: the ledger tells the marker, so it is for those who have met the phone -----------------------------


def ask(client: FlaskClient, bench: Bench, path: str, shown: object = None) -> tuple[int, dict[str, Any]]:
    method = "GET" if shown is None else "POST"
    body = b"" if shown is None else json.dumps(shown).encode()
    proof = bench.authorization(method, path, body)
    headers = {"Authorization": proof, "Content-Type": "application/json"}
    answer = client.open(path, method=method, data=body, headers=headers)
    return answer.status_code, answer.get_json()


@pytest.fixture
def known(small_authority: Authority, bench: Bench) -> str:
    """The address of a phone that `bench` registered and reported on."""
    phone_id = small_authority.phone(bench)
    small_authority.accept(bench.sign(bench.report(phone_id, ledger=disabled_ledger())))
    return f"/api/v1/phones/{phone_id}"


def test_the_ledger_is_told_to_a_station_once_it_proved_that_it_met_the_phone(
    client: FlaskClient, small_authority: Authority, known: str
) -> None:
    other = small_authority.bench("another")
    status, told = ask(client, other, f"{known}/ledger")
    assert (status, told["error"]["code"]) == (403, "phone_not_met")
    assert "ledger" not in told

    for _ in range(2):
        status, told = ask(client, other, f"{known}/meetings", {"marker": "marker"})
        assert (status, told["phone_id"]) == (200, known.rpartition("/")[2])

    status, told = ask(client, other, f"{known}/ledger")
    assert (status, told["ledger"]["marker"]) == (200, "marker")


@pytest.mark.parametrize(
    ("shown", "status", "code"),
    [
        ({"marker": "guessed"}, 403, "phone_not_met"),
        ({"marker": ""}, 422, "unprocessable_entity"),
        ({"marker": 5}, 422, "unprocessable_entity"),
        ({}, 422, "unprocessable_entity"),
        ({"marker": "marker", "more": 1}, 422, "unprocessable_entity"),
    ],
)
def test_who_does_not_show_the_marker_proves_nothing(
    client: FlaskClient, small_authority: Authority, known: str, shown: object, status: int, code: str
) -> None:
    other = small_authority.bench("another")

    found, told = ask(client, other, f"{known}/meetings", shown)

    assert (found, told["error"]["code"]) == (status, code)
    assert ask(client, other, f"{known}/ledger")[0] == 403


@pytest.mark.parametrize("phone", ["6d1b4c8e-2d5e-4f0a-9d3c-0f1e2d3c4b5a", "nobody"])
def test_a_phone_that_is_not_registered_cannot_be_met(client: FlaskClient, bench: Bench, phone: str) -> None:
    status, told = ask(client, bench, f"/api/v1/phones/{phone}/meetings", {"marker": "marker"})

    assert (status, told["error"]["code"]) == (404, "phone_unknown")


# --- what was stored before there were meetings --------------------------------------------------------------------


def test_the_step_to_this_schema_lets_no_station_prove_anew_what_it_did_before(
    authority: Authority, here: Bench, there: Bench
) -> None:
    phone_id = authority.phone(here, marker_sha256=None)
    send(authority, here, here.report(phone_id))
    send(authority, there, there.report(phone_id))
    unseen = authority.phone(here, marker_sha256=None)
    with authority.database.writing() as session:
        alarm = Alarm(AlarmKind.UNMET_PHONE, there.station_id, unseen, "r", NOW + timedelta(1), "")
        raise_alarm(session, alarm, "0" * 64, b"{}")
        command.downgrade(alembic_config(session), "0005")
        assert session.scalar(text("SELECT count(*) FROM alarm")) == 0

    migrate(authority.database)

    with authority.database.reading() as session:
        met = meetings_among(session, pairs([here, there], [phone_id, unseen]))
    assert met == {(here.station_id, phone_id), (there.station_id, phone_id), (here.station_id, unseen)}
    assert statuses(authority, there, there.report(phone_id, **UNREADABLE)) == [ReportStatus.STORED]
