"""What stations refuse, where an admin looks: bundles, stations, and a word on the fleet page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from certs.errors import BundleFault
from server.pages.refused_bundle_words import REFUSALS
from server.people.people import Role
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from server.stations.stations import revoke_station
from tests.pages.office import COMPLIANT, Office, now

HERE = "https://localhost"


def refuse(
    office: Office, code: BundleFault | str = BundleFault.RULE_UNKNOWN, number: int = 2, sentence: str = "why"
) -> None:
    """Let the office's latest station refuse a bundle a minute ago."""
    at = now() - timedelta(minutes=1)
    name = code.value if isinstance(code, BundleFault) else code
    refusal = RefusedBundle(number, name, sentence, "0.0.9", 1, number - 1, at)
    with office.database.writing() as session:
        keep_refusal(session, office.station_id, refusal, at)


def page(office: Office, address: str) -> str:
    return str(office.client(Role.AUTHOR).get(address, base_url=HERE).text)


def test_every_reason_has_its_words() -> None:
    assert set(REFUSALS) == set(BundleFault)
    assert all(word.sentence for word in REFUSALS.values())


def test_without_refusals_the_pages_say_nothing_of_them(staffed: Office) -> None:
    for address in ("/", "/bundles", "/stations"):
        assert "refuse" not in page(staffed, address)


def test_the_bundles_page_counts_stations_by_bundle_and_reason(staffed: Office, tmp_path: Path) -> None:
    refuse(staffed, sentence="found rules.curfew_at_night")
    staffed.station("Bench 3", tmp_path / "three.pem")
    refuse(staffed, sentence="found rules.curfew_at_night")
    staffed.station("Bench 4", tmp_path / "four.pem")
    refuse(staffed, BundleFault.EXPIRED, number=1)

    shown = page(staffed, "/bundles")

    assert "Refused by stations" in shown
    assert ">2 stations</a>" in shown
    assert ">1 station</a>" in shown
    assert "unknown rule" in shown
    assert "found rules.curfew_at_night" in shown
    assert "expired" in shown


def test_the_stations_page_names_the_station_the_reason_and_its_versions(staffed: Office) -> None:
    refuse(staffed, sentence="found rules.curfew_at_night")

    shown = page(staffed, "/stations")

    assert "refuses 2" in shown
    assert "found rules.curfew_at_night" in shown
    assert "0.0.9, judgement 1" in shown


def test_the_fleet_page_says_how_many_refuse_and_where_to_read_on(staffed: Office) -> None:
    staffed.phone()
    refuse(staffed)

    shown = page(staffed, "/")

    assert "1 station refuses" in shown
    assert 'href="/bundles"' in shown


def test_what_a_station_says_is_shown_as_text(staffed: Office) -> None:
    refuse(staffed, sentence="found rules.<script>alert(1)</script>")

    for address in ("/bundles", "/stations"):
        shown = page(staffed, address)
        assert "rules.&lt;script&gt;alert(1)" in shown
        assert "<script>" not in shown


def test_a_reason_of_a_newer_curfew_is_shown_as_it_came(staffed: Office) -> None:
    refuse(staffed, "moon_too_full")

    shown = page(staffed, "/bundles")

    assert "moon too full" in shown
    assert "This server is older than that station" in shown


def test_a_report_by_that_bundle_ends_it(staffed: Office) -> None:
    refuse(staffed)
    staffed.report(staffed.phone(), **COMPLIANT, bundle_number=2, checked_at=now())

    for address in ("/", "/bundles", "/stations"):
        assert "refuse" not in page(staffed, address)


def test_a_revoked_station_refuses_nothing_any_more(staffed: Office) -> None:
    refuse(staffed)
    with staffed.database.writing() as session:
        revoke_station(session, staffed.station_id, now())

    for address in ("/bundles", "/stations"):
        assert "refuses" not in page(staffed, address)


@pytest.mark.parametrize(("judged_by", "marked"), [(1, True), (2, False)])
def test_a_station_that_judges_by_an_older_bundle_is_marked(
    staffed: Office, judged_by: int, marked: bool
) -> None:
    staffed.publish(2)
    staffed.report(staffed.phone(), **COMPLIANT, bundle_number=judged_by)

    assert (">older<" in page(staffed, "/stations")) is marked
