"""Alarms: open until somebody says what was found; then folded away, and never the same one silently again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.report import Report
from server.evidence import audit
from server.evidence.alarms import (
    AlarmKind,
    Settlement,
    open_alarms,
    open_counts,
    settle_alarm,
    settled_alarms,
)
from server.people.people import Role
from tests.pages.office import Office, now

HERE = "https://localhost"
FOUND = "the folder was copied to a new computer, the old one is revoked"


@pytest.fixture
def bench(either: Office, tmp_path: Path) -> Office:
    """The same with a policy in force and one station."""
    either.publish()
    either.station("Bench 2", tmp_path / "station.pem")
    return either


def conflict(office: Office) -> tuple[Report, Report]:
    """Let one report id come twice; return both reports."""
    first = office.report(office.phone())
    second = replace(first, phone_skew_s=77)
    [result] = office.send_reports([second])
    assert result.status.value == "conflict"
    return first, second


def settle(office: Office, client: FlaskClient, number: int = 1, **fields: str) -> Any:
    return office.send(client, f"/alarms/{number}/settle", {"reason": FOUND, **fields}, form_on="/alarms")


def page(client: FlaskClient, address: str = "/alarms") -> str:
    return str(client.get(address, base_url=HERE).text)


def test_without_alarms_the_page_says_so(staffed: Office) -> None:
    assert "No alarm is open" in page(staffed.client(Role.AUTHOR))


def test_an_open_alarm_names_station_phone_and_report(staffed: Office) -> None:
    report, _ = conflict(staffed)

    shown = page(staffed.client(Role.AUDITOR))

    assert "One report id came twice with different content." in shown
    for part in ("Bench 2", report.phone_id, report.report_id):
        assert part in shown


def test_those_who_may_not_settle_see_no_form(staffed: Office) -> None:
    conflict(staffed)

    assert 'name="reason"' not in page(staffed.client(Role.AUTHOR))
    assert 'name="reason"' in page(staffed.client(Role.TECHNICIAN))


def test_a_settled_alarm_is_folded_away_with_who_when_and_why(bench: Office) -> None:
    report, _ = conflict(bench)
    client = bench.client(Role.AUDITOR)

    settle(bench, client)

    shown = page(client)
    assert "No alarm is open" in shown
    folded = shown[shown.index("<details") : shown.index("</details>")]
    assert FOUND in folded
    assert "by auditor" in folded
    with bench.database.reading() as session:
        [alarm] = settled_alarms(session)
        row = audit.newest_rows(session)[0]
    assert alarm.settled is not None
    assert now() <= alarm.settled.at + timedelta(minutes=1)
    assert (row.actor, row.action, row.subject) == ("auditor", "alarm settled", "alarm 1")
    assert row.detail == {"kind": "conflict", "report": report.report_id, "reason": FOUND}


def test_settling_twice_changes_and_records_nothing_more(bench: Office) -> None:
    conflict(bench)
    client = bench.client(Role.TECHNICIAN)
    settle(bench, client)
    with bench.database.reading() as session:
        before = audit.head(session)

    settle(bench, client, reason="something else")

    assert "Somebody settled this alarm before" in page(client)
    with bench.database.reading() as session:
        assert audit.head(session) == before
        assert settled_alarms(session)[0].settled.reason == FOUND  # type: ignore[union-attr]


def test_two_people_settle_at_once_and_one_word_stands(bench: Office) -> None:
    conflict(bench)
    told: list[bool] = []

    def settle_by_hand(name: str) -> None:
        with bench.database.writing() as session:
            told.append(settle_alarm(session, 1, Settlement(name, now(), name)) is not None)

    threads = [threading.Thread(target=settle_by_hand, args=(f"desk-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == [False, False, False, True]


def test_the_word_and_its_audit_row_are_stored_together_or_not_at_all(staffed: Office) -> None:
    conflict(staffed)
    client = staffed.client(Role.AUDITOR)
    with staffed.database.writing() as session:
        session.execute(text("ALTER TABLE audit RENAME TO audit_away"))

    answer = settle(staffed, client)

    assert answer.status_code >= 500
    with staffed.database.reading() as session:
        assert len(open_alarms(session)) == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\x00b", "two\nlines"])
def test_an_alarm_is_not_settled_without_a_line_that_says_why(staffed: Office, reason: str) -> None:
    conflict(staffed)

    answer = settle(staffed, staffed.client(Role.AUDITOR), reason=reason)

    assert answer.status_code == 400
    with staffed.database.reading() as session:
        assert len(open_alarms(session)) == 1


@pytest.mark.parametrize("number", ["99", str(10**30)])
def test_an_alarm_that_is_not_there_cannot_be_settled(staffed: Office, number: str) -> None:
    client = staffed.client(Role.AUDITOR)

    assert (
        staffed.send(client, f"/alarms/{number}/settle", {"reason": "x"}, form_on="/account").status_code
        == 404
    )


def test_a_form_from_elsewhere_settles_nothing(staffed: Office) -> None:
    conflict(staffed)
    client = staffed.client(Role.AUDITOR)

    assert client.post("/alarms/1/settle", data={"reason": FOUND}, base_url=HERE).status_code == 400
    with staffed.database.reading() as session:
        assert len(open_alarms(session)) == 1


def test_the_reason_is_shown_as_text(staffed: Office) -> None:
    conflict(staffed)
    client = staffed.client(Role.AUDITOR)

    settle(staffed, client, reason="<script>alert(1)</script>")

    assert "&lt;script&gt;alert(1)" in page(client)
    assert "<script" not in page(client)


def test_the_same_content_raises_one_alarm_while_it_is_open_and_a_new_one_after(bench: Office) -> None:
    _, second = conflict(bench)
    bench.send_reports([second])
    with bench.database.reading() as session:
        assert len(open_alarms(session)) == 1
    settle(bench, bench.client(Role.AUDITOR))

    bench.send_reports([second])

    with bench.database.reading() as session:
        [again] = open_alarms(session)
        assert again.number == 2
        assert len(settled_alarms(session)) == 1


def test_another_occurrence_opens_an_alarm_of_its_own(bench: Office) -> None:
    report, _ = conflict(bench)
    settle(bench, bench.client(Role.AUDITOR))

    bench.send_reports([replace(report, report_id="another-id")])

    with bench.database.reading() as session:
        assert open_counts(session) == {AlarmKind.CONFLICT: 0, AlarmKind.CLONED_STATION: 1}


def test_fleet_stations_and_phone_show_open_alarms_only(staffed: Office) -> None:
    report, _ = conflict(staffed)
    client = staffed.client(Role.AUDITOR)
    phone = f"/phones/{report.phone_id}"
    for address in ("/", phone):
        assert "Needs a person" in page(client, address)
    assert "1 alarm</a>" in page(client, "/stations")

    settle(staffed, client)

    for address in ("/", phone):
        assert "Needs a person" not in page(client, address)
    assert "1 alarm" not in page(client, "/stations")
    assert "Settled alarms of this phone: 1" in page(client, phone)


def test_the_fleet_page_leads_to_all_alarms(staffed: Office) -> None:
    for _ in range(6):
        conflict(staffed)

    shown = page(staffed.client(Role.AUTHOR), "/")

    assert shown.count('<span class="tag bad">conflict</span>') == 5
    assert "All alarms: there are more" in shown
