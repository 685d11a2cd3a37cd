"""One phone's page: verdict, actions, what was asked, what was not read, and that silence is unknown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from policy.document import Exemption, Fleet
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import UserNumber
from policy.observation import EnabledState
from policy.report import Consent
from server.fleet.blocks import blocks
from server.people.people import Right, Role, roles_with
from server.times import utc
from tests.pages.office import COMPLIANT, OUTLOOK, TIKTOK, UNREADABLE, Office, now

HERE = "https://localhost"


def page_of(office: Office, phone_id: str, role: Role = Role.TECHNICIAN) -> str:
    return str(office.client(role).get(f"/phones/{phone_id}", base_url=HERE).text)


def section(page: str, heading: str) -> str:
    """Return the words under a heading, without their markup."""
    found = re.search(rf"<h2>{heading}</h2>(.*?)(?=<h2>|</main>)", page, re.DOTALL)
    assert found, f"no section {heading}"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))


def test_the_page_says_what_was_found_where(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    found = section(page_of(staffed, phone), "Banned apps found")

    assert "TikTok" in found
    assert TIKTOK in found
    assert "0 (personal)" in found


def test_the_page_says_what_was_done_and_what_reading_back_showed(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    done = section(page_of(staffed, phone), "What was done")

    assert "disable" in done
    assert OUTLOOK in done
    assert "Reading back showed the change." in done


def test_the_page_says_what_the_mail_side_is_told_and_since_when(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, enforceable=False)

    told = section(page_of(staffed, phone), "The phone")

    with staffed.database.reading() as session:
        [entry] = blocks(session, now(), staffed.config.holder_key).blocks
    assert entry.block
    assert "block Because the phone violates and cannot be enforced on." in told
    assert f"Since {utc(entry.since)}" in told


def test_the_page_tells_of_each_time_an_app_was_off(staffed: Office) -> None:
    phone = staffed.phone()
    earlier = now() - timedelta(hours=30)
    for hours, state in ((0, EntryState.DONE), (20, EntryState.RESTORED), (25, EntryState.DONE)):
        at = earlier + timedelta(hours=hours)
        entry = LedgerEntry(UserNumber(10), OUTLOOK, EnabledState.DEFAULT, state, 1, at)
        staffed.report(phone, checked_at=at, ledger=Ledger("0" * 32, (entry,)))

    times = section(page_of(staffed, phone), "When apps were off")

    assert times.count(OUTLOOK) == 2
    assert utc(earlier) in times
    assert (
        times.index("no end known")
        < times.index(utc(earlier + timedelta(hours=20)))
        < times.index("put back")
    )


def test_a_list_that_is_not_whole_says_so(staffed: Office) -> None:
    phone = staffed.phone()
    for _ in range(50):
        staffed.report(phone)
    page = page_of(staffed, phone)
    assert "These are the newest" not in section(page, "Reports")
    for _ in range(11):
        staffed.report(phone)

    page = page_of(staffed, phone)

    assert "These are the newest 50. Every check" in section(page, "Reports")
    assert "earlier times are not listed" in section(page, "When apps were off")


def test_managed_apps_are_shown_before_and_after(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    managed = section(page_of(staffed, phone), "Managed apps, before and after")

    assert "on (default) off (disabled-user)" in managed


def test_the_page_lists_what_was_asked_and_nothing_else(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    asked = section(page_of(staffed, phone), "What was asked")

    assert TIKTOK in asked
    assert "0 (personal), 10 (work profile)" in asked
    assert "users exit 0, packages exit 0" in asked


def test_what_was_not_read_is_listed(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, **UNREADABLE)

    not_read = section(page_of(staffed, phone), "What was not read")

    assert f"{TIKTOK}: the answer was cut" in not_read
    assert "command packages did not come to its end" in not_read
    assert f"state of {OUTLOOK} in user 10" in not_read
    assert "neither as compliant nor as violating" in not_read


def test_an_unreadable_phone_does_not_look_free_of_banned_apps(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, **UNREADABLE)

    assert "says nothing" in section(page_of(staffed, phone), "Banned apps found")


def test_a_full_reading_says_that_nothing_was_left_out(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, **COMPLIANT)

    assert "Everything that was asked was answered." in page_of(staffed, phone)


def test_the_ledger_is_shown_with_what_restoring_puts_back(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone)

    ledger = section(page_of(staffed, phone), "Ledger")

    assert OUTLOOK in ledger
    assert "on (default)" in ledger
    assert "disabled by us" in ledger


def test_history_lists_reports_newest_first(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, checked_at=now() - timedelta(days=2))
    staffed.report(phone, **COMPLIANT)

    history = section(page_of(staffed, phone), "Reports")

    assert history.index("compliant") < history.index("violating")


def test_a_check_from_a_station_whose_clock_is_ahead_is_shown_and_counted_from_its_arrival(
    staffed: Office,
) -> None:
    phone = staffed.phone()
    staffed.report(phone, checked_at=now() + timedelta(days=300))

    page = page_of(staffed, phone)

    ahead = f"{now() + timedelta(days=300):%Y-%m-%d}"
    assert "its arrival counts" in section(page, "Latest check")
    assert "station's clock ahead" in section(page, "Reports").replace("&#39;", "'")
    assert ahead in section(page, "Latest check"), "the station's own word stays to be seen"
    assert ahead not in section(page, "Reports")
    assert ahead not in page.partition("Latest check")[0]


def test_a_clock_ahead_within_what_is_allowed_is_nothing_to_look_into(staffed: Office) -> None:
    phone = staffed.phone()
    ahead = now() + timedelta(minutes=4)
    staffed.report(phone, checked_at=ahead)

    page = page_of(staffed, phone)

    assert "clock ahead" not in page
    assert f"{ahead:%H:%M}" not in section(page, "Reports"), "its arrival counts all the same"


@pytest.mark.parametrize("changes", [COMPLIANT, UNREADABLE, {}])
def test_silence_is_said_to_be_unknown(staffed: Office, changes: dict[str, object]) -> None:
    phone = staffed.phone()
    staffed.report(phone, **changes)

    assert "silence is unknown, never compliant" in page_of(staffed, phone)


def test_a_phone_never_checked_says_how_to_check_it(staffed: Office) -> None:
    page = page_of(staffed, staffed.phone())

    assert "silence is unknown, never compliant" in page
    assert "curfew-agent check" in page
    assert "No report has arrived yet." in page


def test_a_declined_phone_says_that_nothing_is_asked(staffed: Office) -> None:
    page = page_of(staffed, staffed.phone(consent=Consent.DECLINED))

    assert "Nothing is asked of this phone" in page


@pytest.mark.parametrize("role", list(Role))
def test_the_holder_is_shown_to_those_whose_task_needs_it_only(staffed: Office, role: Role) -> None:
    phone = staffed.phone(holder="mailbox-4711")

    shown = "mailbox-4711" in page_of(staffed, phone, role)

    assert shown == (role in roles_with(Right.SEE_HOLDERS))


def test_an_exempt_phone_is_marked(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.publish(fleet=Fleet(1, (Exemption(phone, now() + timedelta(days=3), "liaison"),)))

    assert '<span class="tag">exempt</span>' in page_of(staffed, phone)


def test_contradicting_ledgers_show_the_commands_to_type(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, contradictions=("pm enable --user 10 com.microsoft.office.outlook",))

    page = page_of(staffed, phone)

    assert "What an app was before us is not certain." in page
    assert "pm enable --user 10 com.microsoft.office.outlook" in page


def test_an_alarm_about_the_phone_is_shown(staffed: Office) -> None:
    phone = staffed.phone()
    report = staffed.report(phone)
    staffed.send_reports([replace(report, operator="somebody else")])

    assert "One report id came twice with different content." in page_of(staffed, phone)


@pytest.mark.parametrize(
    "address", ["00000000-0000-4000-8000-000000000000", "nonsense", "..%2f..", "X" * 3000, "0"]
)
def test_an_unknown_phone_is_a_page_with_a_way_on(staffed: Office, address: str) -> None:
    answer = staffed.client(Role.TECHNICIAN).get(f"/phones/{address}", base_url=HERE)

    assert answer.status_code == 404
    assert "Go to the fleet" in answer.text
