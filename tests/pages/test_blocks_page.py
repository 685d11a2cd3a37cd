"""The page of whom the mail side is told to block: by cause, piece by piece, as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from policy.report import Consent
from policy.verdict import Reason, ReasonCode
from server.pages.blocks import ROWS_PER_PAGE
from server.people.people import Role
from tests.pages.office import COMPLIANT, Office, now, policy_in_force

HERE = "https://localhost"
CLOSED = {"enforceable": False, "reasons": (Reason(ReasonCode.PLACE_CLOSED, "user 10"),), "actions": ()}


@pytest.fixture
def client(staffed: Office) -> FlaskClient:
    return staffed.client(Role.TECHNICIAN)


def page(client: FlaskClient, address: str = "/blocks") -> str:
    answer = client.get(address, base_url=HERE)
    assert answer.status_code == 200
    return answer.text


def table(client: FlaskClient, address: str = "/blocks.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page(client, address))))


def test_who_is_to_be_blocked_stands_there_with_the_reason_and_the_phone(
    staffed: Office, client: FlaskClient
) -> None:
    phone = staffed.phone(holder="mailbox-1", label="CW-1")
    staffed.report(phone, **CLOSED)
    staffed.report(staffed.phone(holder="mailbox-2"), **COMPLIANT)

    shown = page(client)

    assert "mailbox-1" in shown
    assert "the phone violates and cannot be enforced on" in shown
    assert f"/phones/{phone}" in shown
    assert "mailbox-2" not in shown


def test_each_cause_has_its_own_list_and_everybody_a_list_of_all(
    staffed: Office, client: FlaskClient
) -> None:
    staffed.report(staffed.phone(holder="mailbox-1"), **CLOSED)
    staffed.phone(holder="mailbox-2", consent=Consent.DECLINED)
    staffed.report(staffed.phone(holder="mailbox-3"), **COMPLIANT)

    declined, everybody = page(client, "/blocks?cause=declined"), page(client, "/blocks?cause=everybody")

    assert ("mailbox-1" in declined, "mailbox-2" in declined) == (False, True)
    assert all(f"mailbox-{number}" in everybody for number in (1, 2, 3))
    assert "do not block" in everybody


def test_a_long_list_goes_on_on_the_next_page(staffed: Office, client: FlaskClient) -> None:
    for number in range(ROWS_PER_PAGE + 1):
        staffed.phone(holder=f"mailbox-{number:03}", consent=Consent.DECLINED)

    for cause in ("", "cause=everybody&amp;"):
        first = page(client, f"/blocks?{cause}".replace("&amp;", ""))
        assert first.count("mailbox-") == ROWS_PER_PAGE
        address = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        assert page(client, address).count("mailbox-") == 1


def test_the_table_has_all_of_them_and_no_cell_is_a_formula(staffed: Office, client: FlaskClient) -> None:
    for number in range(ROWS_PER_PAGE + 1):
        staffed.phone(holder=f"mailbox-{number}", consent=Consent.DECLINED)
    staffed.phone(holder="=1+1", consent=Consent.DECLINED)

    rows = table(client)

    assert len(rows) == ROWS_PER_PAGE + 2
    assert {row["cause"] for row in rows} == {"declined"}
    assert "'=1+1" in {row["holder"] for row in rows}


def test_who_may_not_see_holders_is_refused_with_whom_to_ask_and_finds_no_link(staffed: Office) -> None:
    author = staffed.client(Role.AUTHOR)

    for address in ("/blocks", "/blocks.csv"):
        answer = author.get(address, base_url=HERE)
        assert answer.status_code == 403
        assert "Ask a colleague with the role" in answer.text
    assert "/blocks" not in author.get("/", base_url=HERE).text
    assert 'href="/blocks"' in staffed.client(Role.AUDITOR).get("/", base_url=HERE).text


def test_an_empty_list_says_what_to_do_next(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    assert "enrol a station" in page(client)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({}, "which phones are not ready"),
        ({"deadline": now() + timedelta(days=1)}, "Enforcing begins"),
        ({"lifted": True}, "The measure is over"),
    ],
)
def test_where_nobody_is_to_be_blocked_the_page_says_why(
    staffed: Office, client: FlaskClient, policy: dict[str, object], said: str
) -> None:
    staffed.publish(2, policy=replace(policy_in_force(), **policy))  # type: ignore[arg-type]
    staffed.report(staffed.phone(), **COMPLIANT)

    assert said in page(client)


def test_a_place_that_there_is_not_is_the_top_of_the_list(staffed: Office, client: FlaskClient) -> None:
    staffed.phone(holder="mailbox-1", consent=Consent.DECLINED)

    assert "mailbox-1" in page(client, "/blocks?after=nonsense&cause=nonsense")


def test_holders_sealed_before_there_were_tags_are_listed(staffed: Office, client: FlaskClient) -> None:
    staffed.phone(holder="mailbox-1", consent=Consent.DECLINED)
    with staffed.database.writing() as session:
        session.execute(text("UPDATE phone SET holder_tag = NULL"))

    assert "mailbox-1" in page(client)
