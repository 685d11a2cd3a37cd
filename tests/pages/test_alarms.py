"""Alarms: open until somebody says what was found; then folded away, and never the same one silently again."""

from __future__ import annotations

import re
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
    Alarm,
    AlarmKind,
    Settlement,
    open_alarms,
    open_counts,
    raise_alarm,
    raise_chain_alarm,
    settle_alarm,
    settled_alarms,
)
from server.people.people import Role
from server.times import utc
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
    assert row.detail == {
        "kind": "conflict",
        "station": "Bench 2",
        "phone": report.phone_id,
        "report": report.report_id,
        "reason": FOUND,
    }


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
    assert "<script>" not in page(client)


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
        assert {kind: n for kind, n in open_counts(session).items() if n} == {AlarmKind.CLONED_STATION: 1}


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


def test_the_fleet_page_shows_five_causes_and_leads_to_all_alarms(staffed: Office, tmp_path: Path) -> None:
    for number in range(6):
        staffed.station(f"Bench {number}", tmp_path / f"station-{number}.pem")
        conflict(staffed)

    shown = page(staffed.client(Role.AUTHOR), "/")

    assert shown.count('<span class="tag bad">conflict</span>') == 5
    assert "All alarms: there are more" in shown


def test_six_alarms_of_one_cause_are_one_line_on_the_fleet_page(staffed: Office) -> None:
    for _ in range(6):
        conflict(staffed)

    shown = page(staffed.client(Role.AUTHOR), "/")

    assert shown.count('<span class="tag bad">conflict</span>') == 1
    assert ", and 5 more like it" in shown
    assert "there are more" not in shown


def copied_folder(office: Office, times: int) -> None:
    """Let another computer use the station's key and counters for so many reports, each of a phone of its own."""
    reports = [office.report(office.phone()) for _ in range(times)]
    clones = [replace(report, report_id=f"clone-{number}") for number, report in enumerate(reports)]
    assert {result.status.value for result in office.send_reports(clones)} == {"quarantined"}


def test_one_copied_folder_is_one_card_and_one_line_with_the_stations_name(bench: Office) -> None:
    copied_folder(bench, 3)
    client = bench.client(Role.TECHNICIAN)

    shown = page(client)

    assert shown.count('<li class="sheet">') == 1
    assert "3 reports, the first" in shown
    assert all(f"clone-{number}" in shown for number in range(3))
    fleet = page(client, "/")
    assert fleet.count("Station Bench 2: ") == 1
    assert ", and 2 more like it" in fleet


def raise_many(office: Office, count: int, phone_id: str) -> None:
    """Raise alarms of one cause about one phone, an hour apart."""
    with office.database.writing() as session:
        for number in range(count):
            at = now() - timedelta(hours=count - number)
            alarm = Alarm(AlarmKind.CONFLICT, office.station_id, phone_id, f"many-{number}", at, "as told")
            assert raise_alarm(session, alarm, f"{number:064x}", b"")


def test_a_cause_with_more_alarms_than_are_shown_tells_how_many_there_are(bench: Office) -> None:
    copied_folder(bench, 1)
    begun = now() - timedelta(hours=103)
    raise_many(bench, 103, bench.phone())
    client = bench.client(Role.AUDITOR)

    shown = page(client)

    assert "clone-0" in shown, "an older cause is not pushed off the page"
    assert "103 reports, the first" in shown
    assert f"the first {utc(begun)}" in re.sub(r"<[^>]+>", "", shown)
    assert "of the newest 100</summary>" in shown
    assert "many-102<" in shown
    assert "many-2<" not in shown
    assert "Settled, all 103" in shown
    assert ", and 102 more like it" in page(client, "/")


def test_a_phone_with_more_alarms_than_are_shown_tells_how_many_there_are(bench: Office) -> None:
    phone_id = bench.phone()
    raise_many(bench, 52, phone_id)
    client = bench.client(Role.AUDITOR)
    assert "These are the newest 50 of 52" in page(client, f"/phones/{phone_id}")

    settled = f"/alarms/conflict/{bench.station_id}/52/settle"
    bench.send(client, settled, {"reason": FOUND}, form_on="/alarms")

    shown = page(client, f"/phones/{phone_id}")
    assert "Settled alarms of this phone: 52, of them the newest 50" in shown
    assert "These are the newest" not in shown


def test_reports_on_phones_that_a_station_never_met_are_one_card_that_leads_to_revoking_it(
    bench: Office, tmp_path: Path
) -> None:
    unmet = [bench.phone(), bench.phone()]
    bench.station("Bench 3", tmp_path / "other.pem")
    reports = [
        replace(bench.report(bench.phone()), report_id=f"r{number}", counter=100 + number, phone_id=phone_id)
        for number, phone_id in enumerate(unmet)
    ]
    assert {result.code for result in bench.send_reports(reports)} == {"phone_not_met"}

    shown = page(bench.client(Role.TECHNICIAN, Role.AUDITOR, Role.APPROVER, Role.AUTHOR))

    assert shown.count('<li class="sheet">') == 1
    assert "Bench 3" in shown
    assert "A station reported on phones that it has not met" in shown
    assert "2 reports, the first" in shown
    assert f'href="/stations/{bench.station_id}/revoke"' in shown
    assert f'action="/alarms/unmet_phone/{bench.station_id}/2/settle"' in shown


def test_what_was_found_settles_all_of_one_cause_and_each_is_audited(bench: Office) -> None:
    copied_folder(bench, 3)
    conflict(bench)
    client = bench.client(Role.AUDITOR)

    answer = bench.send(
        client, f"/alarms/cloned_station/{bench.station_id}/3/settle", {"reason": FOUND}, form_on="/alarms"
    )

    assert answer.status_code == 302
    with bench.database.reading() as session:
        assert {kind: n for kind, n in open_counts(session).items() if n} == {AlarmKind.CONFLICT: 1}
        rows = [row for row in audit.newest_rows(session) if row.action == "alarm settled"]
    assert sorted(row.subject for row in rows) == ["alarm 1", "alarm 2", "alarm 3"]
    assert {row.detail["reason"] for row in rows} == {FOUND}
    assert "No alarm is open" not in page(client)


def test_the_same_trouble_of_the_chain_found_by_several_at_once_is_one_alarm(either: Office) -> None:
    raised: list[bool] = []

    def find() -> None:
        with either.database.writing() as session:
            kind = AlarmKind.AUDIT_CHAIN_BROKEN
            raised.append(raise_chain_alarm(session, kind, "row 2 is missing", now()))

    finders = [threading.Thread(target=find) for _ in range(4)]
    for finder in finders:
        finder.start()
    for finder in finders:
        finder.join()

    assert sorted(raised) == [False, False, False, True]
    with either.database.reading() as session:
        assert len(open_alarms(session)) == 1


def test_a_cause_settled_twice_changes_and_records_nothing_more(bench: Office) -> None:
    copied_folder(bench, 2)
    client = bench.client(Role.AUDITOR)
    address = f"/alarms/cloned_station/{bench.station_id}/3/settle"
    for _ in range(2):
        bench.send(client, address, {"reason": FOUND}, form_on="/account")

    with bench.database.reading() as session:
        assert [row.action for row in audit.newest_rows(session)].count("alarm settled") == 2
    assert "Somebody settled these alarms before" in page(client)


def test_what_was_raised_since_the_page_was_looked_at_stays_open(bench: Office) -> None:
    copied_folder(bench, 2)
    client = bench.client(Role.AUDITOR)
    assert f'action="/alarms/cloned_station/{bench.station_id}/2/settle"' in page(client)
    first = bench.report(bench.phone())
    bench.send_reports([replace(first, report_id="clone-later")])

    address = f"/alarms/cloned_station/{bench.station_id}/2/settle"
    bench.send(client, address, {"reason": FOUND}, form_on="/alarms")

    with bench.database.reading() as session:
        assert [alarm.report_id for alarm in open_alarms(session)] == ["clone-later"]


def test_a_kind_that_is_none_is_not_there(bench: Office) -> None:
    copied_folder(bench, 1)
    answer = bench.send(
        bench.client(Role.AUDITOR), "/alarms/nonsense/x/1/settle", {"reason": FOUND}, form_on="/account"
    )
    assert answer.status_code == 404


def test_who_may_revoke_is_led_to_it_from_the_alarm(bench: Office) -> None:
    copied_folder(bench, 2)
    link = f'href="/stations/{bench.station_id}/revoke"'
    assert link in page(bench.client(Role.TECHNICIAN, Role.AUDITOR, Role.APPROVER, Role.AUTHOR))
    assert link not in page(bench.client(Role.AUTHOR))
