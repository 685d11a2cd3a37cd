"""A station that only checks a phone has met it by what the phone shows; else its report is refused and told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.server_link.client import Registered, ServerClient
from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.visits.provision import Registration
from agent_scripts.visits.provision_visit import provision_phones
from agent_scripts.visits.visiting import Visitor
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office

FOLDER = "/data/local/tmp/curfew"


@pytest.fixture
def other(enforcing: Office) -> Bench:
    """A second station, which provisions nothing unless a test says so."""
    return enforcing.new_bench()


@contextmanager
def met_by(
    bench: Bench, office: Office, personality: str = "tiktok-personal"
) -> Iterator[tuple[VirtualPhone, str]]:
    """A phone that `bench` provisioned, and its address."""
    with office.phone(personality) as phone:
        yield phone, bench.provision(phone)


def lose(phone: VirtualPhone, *names: str) -> None:
    for name in names:
        phone.userland.host_path(f"{FOLDER}/{name}").unlink()


def set_aside(bench: Bench) -> list[Path]:
    return sorted((bench.folder / "aside").glob("*.json"))


def test_a_second_station_checks_a_phone_that_was_provisioned_elsewhere_and_never_checked(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with met_by(bench, enforcing, "clean") as (_, address):
        code, row = other.row(address)

        assert (code, row["verdict"], set_aside(other)) == (ExitCode.COMPLIANT, "compliant", [])
        assert other.last_report()["ledger"]["marker"]


def test_it_restores_from_the_servers_ledger_when_the_phones_is_gone(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with met_by(bench, enforcing) as (phone, address):
        bench.row(address)
        phone.model.uninstall(0, TIKTOK)
        lose(phone, "ledger")

        code, _ = other.row(address)

        assert code == ExitCode.COMPLIANT
        assert [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)] == [0, 1]


def test_what_it_reported_while_the_server_was_away_is_taken_later(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with met_by(bench, enforcing) as (phone, address):
        lose(phone, "ledger")
        with other.without_server():
            code, _ = other.row(address)
            assert code != ExitCode.COMPLIANT

        assert other.agent("send")[0] == ExitCode.COMPLIANT

        report = other.last_report()
        assert set_aside(other) == []
        assert report["ledger"]["marker"] == ""
        assert report["marker"] == phone.userland.host_path(f"{FOLDER}/marker").read_text().strip()


def test_of_a_phone_whose_marker_was_wiped_its_report_is_set_aside_with_what_to_do_next(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with met_by(bench, enforcing) as (phone, address):
        lose(phone, "marker", "ledger")

        other.row(address)

        assert "connect the phone here and check it again; if that is refused too, provision it" in other.said
        assert "(phone_not_met)" in other.said
        assert len(set_aside(other)) == 1
        bench.row(address)
        assert set_aside(bench) == [], "who provisioned it has met it, whatever it shows now"

        other.provision(phone)
        other.row(address)
        assert len(set_aside(other)) == 1
        assert other.last_report()["ledger"]["marker"]


def test_of_two_stations_that_provision_a_phone_at_once_the_marker_that_stayed_is_told_the_server(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with enforcing.phone("clean") as phone:

        class OtherInBetween(ServerClient):
            """Another station provisions the phone between the first registration here and its marker."""

            def register_phone(self, **described: Any) -> Registered:
                if not other.phones:
                    registered = super().register_phone(**described)
                    other.provision(phone)
                    return registered
                return super().register_phone(**described)

        address = f"tcp:127.0.0.1:{phone.port}"
        visitor = Visitor(bench.station(), "tests", plain_tcp=False, as_json=False, language="en")
        client = OtherInBetween(visitor.station)
        assert provision_phones(visitor, client, {address: Registration("", "h-1")}) == ExitCode.COMPLIANT

        third = enforcing.new_bench()
        third.row(address)

        assert set_aside(third) == []
        assert third.last_report()["ledger"]["marker"]


def test_a_made_up_marker_is_no_proof(enforcing: Office, bench: Bench, other: Bench) -> None:
    with met_by(bench, enforcing) as (phone, address):
        lose(phone, "ledger")
        phone.userland.host_path(f"{FOLDER}/marker").write_text(f"{'5f' * 16}\n")

        other.row(address)

        assert "(phone_not_met)" in other.said
        assert len(set_aside(other)) == 1


def test_a_twin_that_another_station_provisions_is_told_by_the_marker_it_lacks(
    enforcing: Office, bench: Bench, other: Bench, tmp_path: Path
) -> None:
    for number, station in enumerate((bench, other)):
        phone = VirtualPhone("pixel-14", tmp_path / f"twin-{number}", serial="TWIN02")
        phone.authorise_all = True
        phone.start()
        station.provision(phone)
        phone.stop()

    assert "two phones with one serial" in other.said
    assert "two phones with one serial" not in bench.said


def test_provisioning_the_same_phone_at_a_second_station_tells_of_no_twin(
    enforcing: Office, bench: Bench, other: Bench
) -> None:
    with met_by(bench, enforcing, "clean") as (phone, address):
        other.provision(phone)

        assert "two phones with one serial" not in other.said
        assert other.row(address)[0] == ExitCode.COMPLIANT
