"""The fleet page: counts, search, filter, paging, and no holder."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from policy.document import Policy, Ring
from policy.report import Consent
from server.pages.fleet import ROWS_PER_PAGE
from server.people.people import Role
from tests.pages.office import COMPLIANT, UNREADABLE, Office, now, policy_in_force

HERE = "https://localhost"


def fleet(office: Office, query: str = "") -> str:
    return str(office.client(Role.TECHNICIAN).get(f"/{query}", base_url=HERE).text)


def test_an_empty_fleet_says_how_phones_get_here(office: Office) -> None:
    page = fleet(office)

    assert "No phone is known yet" in page
    assert "curfew-agent provision" in page


def test_a_violating_phone_shows_what_was_found_and_what_is_off(staffed: Office) -> None:
    staffed.report(staffed.phone())

    page = fleet(staffed)

    assert "violating" in page
    assert "TikTok" in page
    assert "1 app" in page
    assert "Bench 2" in page
    assert "(5 minutes ago)" in page


def test_holders_are_not_on_the_fleet_page_and_cannot_be_searched(staffed: Office) -> None:
    staffed.report(staffed.phone(holder="mailbox-4711"))

    assert "mailbox-4711" not in fleet(staffed)
    assert "No phone matches" in fleet(staffed, "?search=mailbox-4711")


def test_phones_are_found_by_label(staffed: Office) -> None:
    staffed.phone(label="spare of the front desk")
    staffed.phone(label="drawer")

    page = fleet(staffed, "?search=FRONT")

    assert "spare of the front desk" in page
    assert "drawer" not in page


def test_the_filter_shows_one_standing(staffed: Office) -> None:
    staffed.report(staffed.phone(label="the good one"), **COMPLIANT)
    staffed.report(staffed.phone(label="the dark one"), **UNREADABLE)

    page = fleet(staffed, "?standing=unreadable")

    assert "the dark one" in page
    assert "the good one" not in page
    assert '<option value="unreadable" selected>' in page


def test_a_silent_phone_is_not_counted_as_compliant(staffed: Office) -> None:
    overdue = policy_in_force().overdue_limit + timedelta(days=1)
    staffed.report(staffed.phone(label="long gone"), **COMPLIANT, checked_at=now() - overdue)

    assert "long gone" in fleet(staffed, "?standing=silent")
    assert "long gone" not in fleet(staffed, "?standing=compliant")


def test_a_declined_phone_is_listed(staffed: Office) -> None:
    staffed.phone(label="no thank you", consent=Consent.DECLINED)

    assert "no thank you" in fleet(staffed, "?standing=declined")


def test_phones_that_wait_for_the_lift_are_counted_by_age(staffed: Office) -> None:
    staffed.report(staffed.phone())
    staffed.publish(2, policy=replace(policy_in_force(), lifted=True))

    page = fleet(staffed)

    assert "Waiting for the lift" in page
    assert "checked within the last day" in page


@pytest.mark.parametrize(
    "query",
    [
        "?standing=nonsense",
        "?after=x",
        "?after=silent~1~1",
        "?after=silent~x~y&shown=-3",
        "?search=" + "x" * 5000,
    ],
)
def test_a_nonsense_address_still_shows_the_table(staffed: Office, query: str) -> None:
    staffed.phone()

    answer = staffed.client(Role.AUTHOR).get(f"/{query}", base_url=HERE)

    assert answer.status_code == 200


def test_a_page_beyond_the_end_leads_back(staffed: Office) -> None:
    phone = staffed.phone()

    assert "Show all phones" in fleet(staffed, f"?after=nothing_due~99999999999999999~{phone}")


def next_of(page: str) -> str:
    found = re.search(r'rel="next" href="/([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def test_a_large_fleet_is_shown_in_pages(staffed: Office) -> None:
    phones = [staffed.phone(label=f"phone {number:04}") for number in range(ROWS_PER_PAGE + 5)]

    first = fleet(staffed)
    second = fleet(staffed, next_of(first))

    assert 'rel="first"' not in first
    assert 'rel="first" href="/"' in second
    assert 'rel="next"' not in second
    assert "Phones 101 to 105 of 105" in second
    shown = re.findall(r'href="/phones/([0-9a-f-]+)"', first + second)
    assert sorted(shown) == sorted(phones)


def test_paging_keeps_search_and_filter(staffed: Office) -> None:
    for number in range(ROWS_PER_PAGE + 1):
        staffed.phone(label=f"phone {number:04}")

    page = fleet(staffed, "?search=phone&standing=unseen")

    assert next_of(page).startswith("?search=phone&standing=unseen&after=unseen~")


def test_an_alarm_is_shown_above_the_table(staffed: Office) -> None:
    phone = staffed.phone()
    report = staffed.report(phone)
    staffed.send_reports([replace(report, operator="somebody else")])

    page = fleet(staffed)

    assert "Needs a person" in page
    assert "conflict" in page


def fleet_with(office: Office, policy: Policy, expires: datetime | None = None) -> str:
    office.publish(2, policy=policy, expires=expires)
    return str(office.client(Role.AUTHOR).get("/", base_url=HERE).text)


def test_before_the_deadline_it_is_said_when_and_what_happens_then(office: Office) -> None:
    deadline = now() + timedelta(days=2, minutes=1)

    page = fleet_with(office, replace(policy_in_force(), deadline=deadline, time_zone="UTC"))

    assert ">remind<" in page
    assert f'nothing is disabled before <time class="zoned" datetime="{deadline:%Y-%m-%dT%H:%M:%SZ}">' in page
    assert "(in 2 days)" in page
    assert ">Bundle 2</a>" in page


def test_the_first_ring_may_start_after_the_deadline_and_then_counts(office: Office) -> None:
    deadline, start = now() + timedelta(days=2), now() + timedelta(days=5, minutes=1)
    rings = (Ring(0.1, start), Ring(1.0, start + timedelta(days=1)))

    page = fleet_with(office, replace(policy_in_force(), deadline=deadline, rings=rings))

    assert "(in 5 days)" in page


def test_after_the_deadline_the_stage_is_said(office: Office) -> None:
    page = fleet_with(office, policy_in_force())

    assert ">enforce<" in page
    assert "a check that finds a banned app disables the managed apps where it can." in page


def test_signatures_that_end_before_the_deadline_are_called_out(office: Office) -> None:
    policy = replace(policy_in_force(), deadline=now() + timedelta(days=2))

    assert "before the deadline<" not in fleet_with(office, policy)
    assert "before the deadline<" in fleet_with(office, policy, expires=now() + timedelta(days=1))
    assert ">expired<" in fleet_with(office, policy, expires=now() - timedelta(days=1))


def test_without_a_bundle_it_is_said_that_nothing_happens(office: Office) -> None:
    page = office.client(Role.AUTHOR).get("/", base_url=HERE).text

    assert "Nothing is published yet" in page
