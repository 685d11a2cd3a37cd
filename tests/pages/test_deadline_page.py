"""The page of the deadline: one number, its causes, what happens, by unit and last contact, and its calendar."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policy.document import Exemption, Fleet, Policy, Ring
from policy.names import PhoneId
from policy.report import Consent
from server.fleet.daily_counts import keep_daily_count
from server.fleet.phones import put_units
from server.people.people import Role
from tests.pages.office import COMPLIANT, UNREADABLE, Office, now, policy_in_force

HERE = "https://localhost"


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def markup(office: Office) -> str:
    answer = office.client(Role.AUTHOR).get("/deadline", base_url=HERE)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def page(office: Office) -> str:
    return plain(markup(office))


def section(office: Office, heading: str) -> str:
    return plain(markup(office).partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0])


def upcoming(**changes: object) -> Policy:
    return replace(policy_in_force(), deadline=now() + timedelta(days=5), **changes)  # type: ignore[arg-type]


def in_unit(office: Office, unit: str, *phones: PhoneId) -> None:
    with office.database.writing() as session:
        put_units(session, dict.fromkeys(phones, unit))


def test_without_a_policy_there_is_no_deadline(office: Office) -> None:
    found = page(office)

    assert "Nothing is published, so there is no deadline" in found
    assert "0 of 0 phones are not ready" in found


def test_before_the_deadline_each_cause_has_its_number_and_next_step(staffed: Office) -> None:
    staffed.publish(2, policy=upcoming())
    staffed.report(staffed.phone())
    staffed.report(staffed.phone(), enforceable=False)
    staffed.report(staffed.phone(), **UNREADABLE)
    staffed.report(staffed.phone(), **COMPLIANT)
    staffed.phone(consent=Consent.DECLINED)
    staffed.phone()
    found = page(staffed)

    assert "5 of 6 phones are not ready." in found
    for line in (
        "violating 1 16.7 % The owner removes",
        "not enforceable 1 16.7 % The owner removes",
        "unreadable 1 16.7 % A technician brings",
        "never checked 1 16.7 % A technician checks",
        "declined 1 16.7 % The owner is asked",
        "silent 0 0 % nobody is left",
    ):
        assert line in found.replace("\N{NO-BREAK SPACE}", " ")
    assert "1 phone loses the managed apps" in found
    assert "2 phones lose mail through the mail side" in found


def test_each_cause_leads_to_its_phones(staffed: Office) -> None:
    for standing in ("violating", "not_enforceable", "unreadable", "silent", "unseen", "declined"):
        assert f'href="/?standing={standing}"' in markup(staffed)


def test_phones_that_nobody_checks_fall_silent_until_the_deadline(staffed: Office) -> None:
    staffed.publish(2, policy=upcoming())
    nearly = policy_in_force().overdue_limit - timedelta(days=1)
    staffed.report(staffed.phone(), **COMPLIANT, checked_at=now() - nearly)

    assert "0 of 1 phone are not ready" in page(staffed)
    assert "Unless checked before, 1 more phone is silent by then" in page(staffed)


def test_an_exempt_phone_is_not_left(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, enforceable=False)
    in_unit(staffed, "DIGIT", phone)
    staffed.publish(fleet=Fleet(exemptions=(Exemption(phone, now() + timedelta(days=9), "abroad"),)))

    assert "0 of 1 phone are not ready" in page(staffed)
    assert "DIGIT" not in page(staffed)


def test_after_the_deadline_the_mail_side_is_told_now(staffed: Office) -> None:
    staffed.report(staffed.phone(), enforceable=False)

    assert "for 1 phone the mail side is told to block the holder" in page(staffed)
    assert "violate and cannot be enforced on 1 now" in section(staffed, "What the mail side is told")


def test_rings_are_told_with_their_dates(staffed: Office) -> None:
    later = now() + timedelta(days=9)
    staffed.publish(2, policy=upcoming(rings=(Ring(0.1, now()), Ring(1.0, later))))

    assert "10 % to 100 % of all phones: from" in page(staffed)


def test_a_missed_review_pauses(staffed: Office) -> None:
    staffed.report(staffed.phone())
    staffed.publish(2, policy=replace(policy_in_force(), review_at=now() - timedelta(hours=1)))

    assert "nothing new is disabled on the 1 phone that violates" in page(staffed)


def test_of_a_lifted_measure_nobody_is_left(staffed: Office) -> None:
    staffed.report(staffed.phone())
    staffed.publish(2, policy=replace(policy_in_force(), lifted=True))
    found = page(staffed)

    assert "The measure is over. 1 phone waits for what is still off to be put back" in found
    assert "are not ready" not in found
    assert "Calendar file" not in found


def test_who_is_left_is_told_by_last_contact(staffed: Office) -> None:
    for days in (0, 3, 10, 200):
        staffed.report(staffed.phone(), checked_at=now() - timedelta(days=days, minutes=5))
    staffed.phone()
    words = section(staffed, "Not ready, by last contact")

    for line in ("24 hours) 1", "7 days) 1", "30 days) 1", "longer ago 1", "never checked 1"):
        assert line in words


def test_no_small_number_of_a_unit_is_told(staffed: Office) -> None:
    in_unit(staffed, "Archive", *(staffed.phone() for _ in range(6)))
    in_unit(staffed, "Budget", *(staffed.phone() for _ in range(2)))
    in_unit(staffed, "Canteen", *(staffed.phone() for _ in range(4)))
    complies = staffed.phone()
    staffed.report(complies, **COMPLIANT)
    in_unit(staffed, "Done", complies)
    words = section(staffed, "Not ready, by unit")

    assert "Archive 6 Budget fewer than 5 Canteen fewer than 5" in words
    assert "Done" not in words


def test_what_the_total_would_tell_is_left_out_too(staffed: Office) -> None:
    in_unit(staffed, "Archive", *(staffed.phone() for _ in range(6)))
    in_unit(staffed, "Budget", *(staffed.phone() for _ in range(2)))
    words = section(staffed, "Not ready, by unit")

    assert "Archive not told Budget not told" in words


def test_both_databases_count_the_same(either: Office, tmp_path: Path) -> None:
    either.station("bench", tmp_path / "station.pem")
    long_ago = now() - policy_in_force().overdue_limit - timedelta(days=1)
    left = [either.phone() for _ in range(7)]
    either.report(left[0], **COMPLIANT, checked_at=long_ago)
    either.report(left[1], enforceable=False)
    exempt, complies = either.phone(), either.phone()
    either.report(complies, **COMPLIANT)
    either.publish(fleet=Fleet(exemptions=(Exemption(exempt, now() + timedelta(days=9), "abroad"),)))
    in_unit(either, "Archive", *left, exempt, complies)

    assert "7 of 9 phones are not ready" in page(either)
    assert section(either, "Not ready, by unit").startswith("Unit Phones Archive 7 A unit")
    assert "never checked 5" in section(either, "Not ready, by last contact")
    assert "No day is counted yet" in page(either)


def test_days_are_drawn_and_told_and_a_missing_one_says_so(staffed: Office) -> None:
    staffed.report(staffed.phone(), **COMPLIANT)
    keep_daily_count(staffed.database, now() - timedelta(days=2))
    keep_daily_count(staffed.database, now())
    found = markup(staffed)

    assert found.count('<rect class="missing" x=') == 1
    assert found.count('<rect class="good" x=') == 2
    assert '<title id="chart-title">Phones by standing, day by day</title>' in found
    words = section(staffed, "Day by day")
    assert f"{now() - timedelta(days=1):%Y-%m-%d} no count" in words
    assert f"{now():%Y-%m-%d} 1 0" in words


def test_no_phone_and_no_holder_is_named(staffed: Office) -> None:
    phone = staffed.phone(label="spare of the front desk", holder="mailbox-4711")
    staffed.report(phone)
    found = markup(staffed)

    for name in (phone, "front desk", "mailbox-4711"):
        assert name not in found


def test_the_calendar_is_a_file_of_the_newest_bundle(staffed: Office) -> None:
    answer = staffed.client(Role.AUTHOR).get("/deadline.ics", base_url=HERE)

    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="curfew-1.ics"'
    assert f"DTSTART:{policy_in_force().deadline:%Y%m%dT%H%M}" in answer.text
    assert "UID:bundle-1-deadline@curfew.example.org\r\n" in answer.text


@pytest.mark.parametrize("lifted", [False, True])
def test_without_dates_there_is_no_calendar(office: Office, lifted: bool) -> None:
    if lifted:
        office.publish(policy=replace(policy_in_force(), lifted=True))
    answer = office.client(Role.AUTHOR).get("/deadline.ics", base_url=HERE)

    assert answer.status_code == 404
    assert "no policy with dates is published" in answer.text
