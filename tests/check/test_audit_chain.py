"""Rows cut out of a running server's audit chain: the technician hears of it, and so do the server's admins."""

from __future__ import annotations

from pathlib import Path

from tests.check.office import Office
from tests.server.databases import Databases

CUT = (
    "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
    "UPDATE audit_head SET (number, hash) = (SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1)",
)
"""Takes the newest row away and lets the one before be the newest."""


def test_a_chain_that_was_cut_is_told_at_the_bench_and_raises_an_alarm_on_the_server(
    tmp_path: Path, databases: Databases
) -> None:
    with Office.opened(tmp_path, databases) as office:
        bench = office.new_bench()
        with office.phone("clean") as phone:
            address = bench.provision(phone)
            bench.check(address)
            office.change(*CUT)

            bench.check(address)
            bench.check(address)

            alarms = office.rows("SELECT kind, station_id FROM alarm")
    assert "audit chain was rewritten" in bench.said
    assert alarms == [("audit_head_unknown", bench.station().station_id)]


def test_rows_written_anew_beyond_what_a_station_saw_are_found_within_a_day(
    tmp_path: Path, databases: Databases
) -> None:
    with Office.opened(tmp_path, databases) as office:
        bench = office.new_bench()
        with office.phone("clean") as phone:
            address = bench.provision(phone)
            bench.check(address)
            office.change(*CUT)
            for _ in range(3):
                office.server("enrolment-code", configured=True)
            bench.check(address)
            before = bench.said
            office.at(hours=25)

            bench.check(address)

            alarms = office.rows("SELECT kind, station_id FROM alarm")
    assert "audit chain" not in before
    assert "audit chain lacks what this station saw of it" in bench.said
    assert alarms == [("audit_head_unknown", bench.station().station_id)]
