"""What one station disables, any other station can restore."""

from __future__ import annotations

from server.reports.between_visits import watch_story
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Office
from tests.check.test_on_phone import folder_of, has_noted, until


def test_a_second_station_restores_from_the_phones_ledger_while_the_server_is_away(office: Office) -> None:
    office.at(hours=3)
    with office.phone("tiktok-personal") as phone:
        first, second = office.new_bench(), office.new_bench()
        first.provision(phone)
        first.check()
        address = second.provision(phone)
        second.check()
        phone.model.uninstall(0, TIKTOK)
        office.stop()
        try:
            code, _ = second.check(address)
        finally:
            office.start()
        assert code == 14
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]


def test_a_second_station_restores_from_the_servers_ledger_when_the_phones_is_gone(office: Office) -> None:
    office.at(hours=3)
    with office.phone("tiktok-personal") as phone:
        first, second = office.new_bench(), office.new_bench()
        first.provision(phone)
        first.check()
        address = second.provision(phone)
        phone.model.uninstall(0, TIKTOK)
        phone.userland.host_path("/data/local/tmp/curfew/ledger").unlink()
        code, _ = second.check(address)
        assert code == 0
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]


def test_what_two_stations_both_collected_of_a_phones_record_counts_once(watching: Office) -> None:
    with watching.phone("clean") as phone:
        first, second = watching.new_bench(), watching.new_bench()
        address = first.provision(phone)
        first.row(address)
        until(lambda: has_noted(phone, "alive"), "it checked")
        first.row(address)
        second.provision(phone)
        second.row(address)
        known = first.station().phone_at(address)
        assert known is not None
        found = watching.rows("SELECT report_id FROM report WHERE phone_id = :phone", phone=known.phone_id)
        reports = [watching.stored_report(report_id) for (report_id,) in found]
        told = [report.watched for report in reports if report.watched and report.watched.spans]
        assert [sum(span.heartbeats for span in watched.spans) for watched in told] == [1, 1], "both told it"

        story = watch_story(reports)

        assert story is not None
        assert sum(time.span.heartbeats for time in story.times if time.span) == 1
        assert (folder_of(phone) / "spool").read_text().count(" alive ") == 1
