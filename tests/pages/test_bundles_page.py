"""The bundles page: versions, signers, expiry, stage, and the deadline in its zone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policy.document import Exemption, Family, Fleet, Policy, Ring
from policy.families import oldest_review
from policy.ready_made import ready_made_policy
from policy.verdict import Stage
from server.app import create_app
from server.pages.bundles import ring_lines, stage_of_first_ring
from server.people.people import Role
from tests.pages.office import COMPLIANT, Office, now, policy_in_force

HERE = "https://localhost"
NOON = datetime(2023, 3, 15, 12, 0, tzinfo=UTC)


def policy(**changes: object) -> Policy:
    return replace(
        policy_in_force(),
        deadline=NOON,
        review_at=NOON + timedelta(days=30),
        ends_at=NOON + timedelta(days=60),
        **changes,  # type: ignore[arg-type]
    )


def bundles(office: Office) -> str:
    return str(office.client(Role.AUTHOR).get("/bundles", base_url=HERE).text)


def test_without_a_bundle_the_page_says_how_to_publish_one(office: Office) -> None:
    page = bundles(office)

    assert "Nothing is published yet" in page
    assert "curfew-server --config SERVER.env publish FOLDER" in page


def test_the_current_bundle_shows_stage_signers_and_expiry(office: Office) -> None:
    office.publish(3)

    page = bundles(office)

    assert "In force: number 3" in page
    assert ">enforce<" in page
    assert "a1a1a1a1a1a1a1a1" in page
    assert "Signatures expire" in page
    assert "(in 19 days)" in page or "(in 20 days)" in page


def test_the_deadline_is_shown_in_its_zone_and_in_utc(office: Office) -> None:
    office.publish(policy=replace(policy(), ends_at=NOON + timedelta(days=9000), time_zone="Europe/Brussels"))

    page = bundles(office)

    assert "2023-03-15 13:00 Europe/Brussels (UTC+01:00)" in page
    assert "2023-03-15 12:00 UTC" in page


def test_older_versions_stay_listed(office: Office) -> None:
    office.publish(1)
    office.publish(2)

    page = bundles(office)

    assert page.count('role="rowheader"') == 2
    assert page.count(">in force<") == 1


@pytest.mark.parametrize(
    ("time", "changes", "stage"),
    [
        (NOON - timedelta(seconds=1), {}, Stage.REMIND),
        (NOON, {}, Stage.ENFORCE),
        (NOON + timedelta(days=30), {}, Stage.PAUSED),
        (NOON + timedelta(days=60), {}, Stage.LIFTED),
        (NOON, {"lifted": True}, Stage.LIFTED),
        (NOON, {"rings": (Ring(1.0, NOON + timedelta(days=1)),)}, Stage.REMIND),
        (NOON, {"rings": (Ring(0.1, NOON), Ring(1.0, NOON + timedelta(days=1)))}, Stage.ENFORCE),
    ],
)
def test_the_stage_follows_from_policy_and_time(
    time: datetime, changes: dict[str, object], stage: Stage
) -> None:
    assert stage_of_first_ring(policy(**changes), time) is stage


def test_rings_tell_the_share_they_add_and_never_start_before_the_deadline() -> None:
    rings = (Ring(0.1, NOON - timedelta(days=1)), Ring(1.0, NOON + timedelta(days=1)))

    first, second = ring_lines(policy(rings=rings), NOON)

    assert (first.whom, first.starts_at, first.started) == ("0 % to 10 % of all phones", NOON, True)
    assert (second.whom, second.started) == ("10 % to 100 % of all phones", False)


def test_a_demo_says_so_on_every_page(office: Office) -> None:
    office.publish(demo=True)

    client = office.client(Role.AUTHOR)

    for address in ("/", "/bundles", "/account"):
        assert "for training only" in client.get(address, base_url=HERE).text


def test_it_is_said_at_how_many_stations_the_bundle_has_arrived(staffed: Office, tmp_path: Path) -> None:
    staffed.publish(2)
    staffed.report(staffed.phone(), **COMPLIANT, bundle_number=2)
    staffed.station("Bench 3", tmp_path / "three.pem")
    staffed.counter = 0
    staffed.report(staffed.phone(), **COMPLIANT, bundle_number=1)
    staffed.station("Bench 4", tmp_path / "four.pem")

    assert re.search(r"1 of 3 <a [^>]*>stations</a>", bundles(staffed))


def test_exempt_phones_are_named_until_their_exemption_ends(staffed: Office) -> None:
    exempt, ended = staffed.phone(), staffed.phone()
    tomorrow, yesterday = now() + timedelta(days=1), now() - timedelta(days=1)
    staffed.publish(
        2, fleet=Fleet(1, (Exemption(exempt, tomorrow, "repair"), Exemption(ended, yesterday, "repair")))
    )

    page = bundles(staffed)

    assert f'href="/phones/{exempt}"' in page
    assert ": repair" in page
    assert ended not in page


def test_without_exemptions_no_phone_is_exempt(staffed: Office) -> None:
    assert "<dt>Exempt now</dt><dd>no phone</dd>" in bundles(staffed)


def policy_before_todays_lite(**changes: object) -> Policy:
    """A policy that was drafted before TikTok Lite's name of today was known."""
    families = [
        Family(family.name, tuple(p for p in family.packages if p != "com.tiktok.lite.go"), family.active)
        for family in ready_made_policy().families
    ]
    return replace(policy_in_force(), families=tuple(families), **changes)  # type: ignore[arg-type]


def test_names_that_the_policy_in_force_lacks_are_listed_with_what_to_do(office: Office) -> None:
    office.publish(policy=policy_before_todays_lite())

    page = bundles(office)

    assert "<h2>Names missing</h2>" in page
    assert page.count("<code>com.tiktok.lite.go</code>") == 1
    assert "seen on phones, installed from Google Play" in page
    assert "curfew-certs draft FOLDER NEXT.json --update-families" in page
    assert "com.ss.android.ugc.aweme</code>, " in page  # of the family that is off, nothing is missing


def test_a_policy_with_every_name_shows_when_they_were_reviewed_and_warns_of_nothing(office: Office) -> None:
    office.publish()

    page = bundles(office)

    assert "Names missing" not in page
    assert f"<dt>Names reviewed</dt><dd>tiktok on {oldest_review()}" in page


def test_a_lifted_policy_lacks_no_names(office: Office) -> None:
    office.publish(policy=policy_before_todays_lite(lifted=True))

    assert "Names missing" not in bundles(office)


def test_an_old_list_of_names_is_called_old(office: Office, tmp_path: Path) -> None:
    office.publish(demo=True, policy=replace(policy_in_force(), ends_at=now() + timedelta(days=9000)))
    story = tmp_path / "story"
    office = Office(create_app(replace(office.config, story_clock=story)), office.config)
    told = "Nobody has reviewed this version's names of family <strong>tiktok</strong> since"

    on_the_last_day = datetime(*oldest_review().timetuple()[:3], 12, tzinfo=UTC) + timedelta(days=180)
    story.write_text(str((on_the_last_day - now()).total_seconds()))
    assert told not in bundles(office)

    story.write_text(str((on_the_last_day + timedelta(days=1) - now()).total_seconds()))
    assert told in bundles(office)
