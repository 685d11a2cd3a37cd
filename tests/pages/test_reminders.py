"""The reminders that were sent before the deadline: counted by day as checks come in, shown and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policy.names import PackageName, PhoneId, UserNumber
from policy.report import ActionResult, ReportedAction
from policy.verdict import ActionKind, Stage
from server.fleet.daily_counts import day_of
from server.fleet.reminders import Reminders, reminder_in, reminders_by_day
from tests.pages.office import COMPLIANT, Office, now, violating_report
from tests.pages.test_deadline_page import section, upcoming

SHELL = PackageName("com.android.shell")
REPORT = violating_report(PhoneId("8f0c2a4e-0b1d-4c3e-9a5f-112233445566"), "station", 1)


def told(*results: ActionResult) -> dict[str, Any]:
    users = enumerate(results)
    actions = tuple(ReportedAction(ActionKind.NOTIFY, UserNumber(user), SHELL, one) for user, one in users)
    return {"stage": Stage.REMIND, "actions": actions}


def by_day(office: Office) -> dict[int, Reminders]:
    today = day_of(now())
    with office.database.reading() as session:
        found = reminders_by_day(session, today - timedelta(days=9), today)
    return {(today - day).days: one for day, one in found.items()}


def test_each_check_that_reminds_is_counted_on_its_day_by_whether_the_phone_took_it(
    either: Office, tmp_path: Path
) -> None:
    either.publish(policy=upcoming())
    either.station("bench", tmp_path / "station.pem")
    phones = [either.phone() for _ in range(3)]
    for days in (2, 1):
        either.report(phones[0], **told(ActionResult.DONE), checked_at=now() - timedelta(days=days))
    either.report(phones[1], **told(ActionResult.DONE), checked_at=now() - timedelta(days=1))
    either.report(phones[2], **told(ActionResult.REFUSED), checked_at=now() - timedelta(days=1))
    either.report(phones[2], **COMPLIANT)

    assert by_day(either) == {2: Reminders(1, 0), 1: Reminders(2, 1)}


def test_a_report_that_comes_twice_is_counted_once(staffed: Office) -> None:
    report = staffed.report(staffed.phone(), **told(ActionResult.DONE))
    [again] = staffed.send_reports([report])

    assert again.status.value == "duplicate"
    assert by_day(staffed) == {0: Reminders(1, 0)}


def test_what_is_told_once_apps_are_off_is_no_reminder(staffed: Office) -> None:
    staffed.report(staffed.phone(), **{**told(ActionResult.DONE), "stage": Stage.ENFORCE})

    assert by_day(staffed) == {}


@given(st.lists(st.sampled_from(ActionResult), max_size=4))
def test_a_reminder_is_taken_where_one_user_at_least_was_shown_it(results: list[ActionResult]) -> None:
    found = reminder_in(replace(REPORT, **told(*results)))

    assert found is (None if not results else ActionResult.DONE in results)


def test_the_page_of_the_deadline_shows_them_the_newest_day_first(staffed: Office) -> None:
    staffed.publish(2, policy=upcoming())
    phone = staffed.phone()
    staffed.report(phone, **told(ActionResult.DONE), checked_at=now() - timedelta(days=1))
    staffed.report(phone, **told(ActionResult.REFUSED))
    found = section(staffed, "Reminders sent")

    assert f"{day_of(now())} 0 1 {day_of(now()) - timedelta(days=1)} 1 0 Days are UTC." in found
    assert "In 2 days phones took 1 and did not take 1." in found
