"""The page of what changed: how many phones in each way, the first of them, and all of one change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from server.people.people import Role
from tests.pages.office import COMPLIANT, Office, now

HERE = "https://localhost"


@pytest.fixture
def client(staffed: Office) -> FlaskClient:
    return staffed.client(Role.AUTHOR)


def page(client: FlaskClient, address: str = "/changes") -> str:
    answer = client.get(address, base_url=HERE)
    assert answer.status_code == 200
    return answer.text


def test_what_began_and_ended_since_yesterday_stands_there_with_the_phones(
    staffed: Office, client: FlaskClient
) -> None:
    violating, complied = staffed.phone(), staffed.phone()
    staffed.report(complied, checked_at=now() - timedelta(days=3))
    staffed.report(complied, **COMPLIANT)
    staffed.report(violating)

    shown = page(client)

    assert "Newly violating: 1 phone" in shown
    assert "Complying again: 1 phone" in shown
    assert "New: 2 phones" in shown
    assert f"/phones/{violating}" in shown
    assert "mailbox" not in shown


def test_a_longer_time_tells_what_was_before(staffed: Office, client: FlaskClient) -> None:
    staffed.report(staffed.phone(), checked_at=now() - timedelta(days=3))

    assert "Newly violating" not in page(client)
    assert "Newly violating: 1 phone" in page(client, "/changes?hours=168")


def test_of_many_the_first_are_shown_and_all_on_pages_of_their_own(
    staffed: Office, client: FlaskClient
) -> None:
    phones = [staffed.phone() for _ in range(12)]

    first, whole = page(client), page(client, "/changes?change=new&hours=24")

    assert "New: 12 phones" in first
    assert sum(phone in first for phone in phones) == 10
    assert all(phone in whole for phone in phones)


def test_where_nothing_changed_the_page_says_where_to_look(staffed: Office, client: FlaskClient) -> None:
    assert "How every phone stands now" in page(client)
    assert "No phone." in page(client, "/changes?change=silent")


def test_what_the_address_does_not_mean_shows_the_usual(staffed: Office, client: FlaskClient) -> None:
    assert "What changed" in page(client, "/changes?hours=7&change=other&after=nonsense")


def test_the_fleet_leads_there(staffed: Office, client: FlaskClient) -> None:
    assert 'href="/changes"' in page(client, "/")
