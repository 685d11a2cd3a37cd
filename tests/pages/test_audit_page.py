"""The audit page: rows for auditors, and a broken chain is said loudly."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from server.evidence import audit
from server.pages.audit import ROWS_PER_PAGE
from server.people.people import Role
from tests.pages.office import Office, now

HERE = "https://localhost"


def test_the_chain_is_listed_and_verified(office: Office) -> None:
    page = office.client(Role.AUDITOR).get("/audit?verify=yes", base_url=HERE).text

    assert "person added" in page
    assert "The chain is whole: 2 rows" in page


def test_a_tampered_row_is_named(office: Office) -> None:
    client = office.client(Role.AUDITOR)
    with office.database.writing() as session:
        session.execute(text("update audit set actor = 'x' where number = 1"))

    page = client.get("/audit?verify=yes", base_url=HERE).text

    assert "The chain is broken:" in page
    assert "row 1 was altered after it was written" in page


@pytest.mark.parametrize("before", ["1" + "0" * 30, "-1", "0", "x", "9223372036854775808"])
def test_a_number_that_no_row_can_have_shows_the_newest(either: Office, before: str) -> None:
    page = either.client(Role.AUDITOR).get(f"/audit?before={before}", base_url=HERE)

    assert page.status_code == 200
    assert "person added" in page.text


def test_a_long_chain_is_shown_in_pages(office: Office) -> None:
    client = office.client(Role.AUDITOR)
    with office.database.writing() as session:
        for number in range(ROWS_PER_PAGE):
            audit.record(session, "test", "counted", f"subject {number}", {}, now())

    first = client.get("/audit", base_url=HERE).text
    second = client.get("/audit?before=3", base_url=HERE).text

    assert "/audit?before=3" in first
    assert "person added" not in first
    assert "person added" in second
