"""The page of exemptions: in force with the next to end first, asked for, ended and never hidden."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from policy.document import Exemption, Fleet
from policy.names import PhoneId
from server.people.people import Role
from tests.pages.office import Office, now

HERE = "https://localhost"
DAY = timedelta(days=1)


@pytest.fixture
def technician(staffed: Office) -> FlaskClient:
    return staffed.client(Role.TECHNICIAN)


def page(client: FlaskClient, address: str = "/exemptions") -> str:
    return html.unescape(client.get(address, base_url=HERE).text)


def ask(office: Office, client: FlaskClient, phone: str, days: int = 9, **changes: str) -> Any:
    until = f"{now() + days * DAY:%Y-%m-%dT%H:%M}"
    fields = {"phone": phone, "until": until, "reason": "repair"} | changes
    return office.send(client, "/exemption-requests", fields, form_on="/exemptions")


def exempt(office: Office, *exemptions: Exemption, number: int = 1) -> None:
    office.publish(fleet=Fleet(number, exemptions))


def test_without_any_the_page_says_what_to_do_next(staffed: Office, technician: FlaskClient) -> None:
    assert "Ask for an exemption below; an approver signs it." in page(technician)
    assert "Technicians ask for exemptions here" in page(staffed.client(Role.AUDITOR))


def test_a_request_is_made_seen_and_withdrawn(staffed: Office, technician: FlaskClient) -> None:
    staffed.phone(label="CW-17")
    assert ask(staffed, technician, "CW-17").status_code == 302
    shown = page(technician)
    assert "1 request waits" in shown
    assert "it is in repair or about to be replaced" in shown
    staffed.send(technician, "/exemption-requests/1/withdraw", {}, form_on="/exemptions")
    shown = page(technician)
    assert "1 request waits" not in shown
    assert "Requests that ended" in shown
    assert "withdrawn" in shown


def test_an_approver_refuses_and_whoever_asked_reads_why(staffed: Office, technician: FlaskClient) -> None:
    staffed.phone(label="CW-17")
    ask(staffed, technician, "CW-17")
    approver = staffed.client(Role.APPROVER)
    assert "Withdraw" not in page(approver)
    staffed.send(
        approver, "/exemption-requests/1/refuse", {"why": "a bench is in reach"}, form_on="/exemptions"
    )
    assert "a bench is in reach" in page(technician)


def test_a_refused_request_is_a_page_with_what_to_do(staffed: Office, technician: FlaskClient) -> None:
    staffed.phone(label="CW-17")
    answer = ask(staffed, technician, "CW-17", days=400)
    assert answer.status_code == 400
    assert "at most 90 days ahead" in answer.text
    assert ask(staffed, technician, "CW-17", reason="because").status_code == 400
    assert ask(staffed, technician, "CW-17", until="soon").status_code == 400


def test_the_next_to_end_stand_first_and_are_marked(staffed: Office, technician: FlaskClient) -> None:
    late, soon = staffed.phone(label="LATE"), staffed.phone(label="SOON")
    exempt(
        staffed, Exemption(late, now() + 30 * DAY, "travel"), Exemption(soon, now() + 6 * DAY, "field_test")
    )
    shown = page(technician)
    assert shown.index(">SOON<") < shown.index(">LATE<")
    assert "2 phones are exempt, 1 of them for 7 days or less" in shown
    assert shown.count("ends soon") == 1


def test_what_ended_stays_on_the_page(staffed: Office, technician: FlaskClient) -> None:
    phone = staffed.phone(label="CW-17")
    exempt(staffed, Exemption(phone, now() - DAY, "travel"))
    exempt(staffed, number=2)
    shown = page(technician)
    assert "No phone is exempt" in shown
    assert "1 exemption has ended" in shown
    assert "CW-17" in shown


def test_a_phone_that_is_not_registered_here_and_a_code_of_the_folders_own_are_shown(
    staffed: Office, technician: FlaskClient
) -> None:
    exempt(staffed, Exemption(PhoneId.random(), now() + DAY, "guests"))
    shown = page(technician)
    assert "not registered here" in shown
    assert "guests" in shown


def test_a_phones_page_leads_there_with_the_phone_filled_in(staffed: Office, technician: FlaskClient) -> None:
    phone = staffed.phone(label="CW-17")
    link = f"/exemptions?phone={phone}#ask"
    assert link in page(technician, f"/phones/{phone}")
    assert f'value="{phone}"' in page(technician, link)
    assert link not in page(staffed.client(Role.AUDITOR), f"/phones/{phone}")
