"""The audit page: rows for auditors, and a broken chain is said loudly."""

from __future__ import annotations

import base64
import html
import json
import re

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


def place(number: object) -> str:
    return base64.urlsafe_b64encode(json.dumps([number]).encode()).decode()


@pytest.mark.parametrize("after", [place(1 << 63), place(-(1 << 63)), place(None), place("1"), "x", "é"])
def test_a_place_that_no_row_can_have_shows_the_newest(either: Office, after: str) -> None:
    page = either.client(Role.AUDITOR).get(f"/audit?after={after}", base_url=HERE)

    assert page.status_code == 200
    assert "person added" in page.text


def test_a_long_chain_is_shown_in_pages(office: Office) -> None:
    client = office.client(Role.AUDITOR)
    with office.database.writing() as session:
        for number in range(ROWS_PER_PAGE):
            audit.record(session, "test", "counted", f"subject {number}", {}, now())

    first = client.get("/audit", base_url=HERE).text
    [link] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = client.get(html.unescape(link), base_url=HERE).text

    assert "person added" not in first
    assert "person added" in second


def test_no_row_shows_a_list_a_truth_value_or_a_field_as_a_program_writes_it(office: Office) -> None:
    client = office.client(Role.AUDITOR)
    detail = {
        "signers": ["approver-1", "approver-2"],
        "changed": [],
        "virtual": True,
        "older_than_days": 90,
        "reason": None,
        "made_for": "",
        "counts": {"kept_whole": [1, 2]},
    }
    with office.database.writing() as session:
        audit.record(session, "test", "said", "everything", detail, now())

    page = client.get("/audit", base_url=HERE).text

    assert (
        "changed: nothing; counts: kept whole 1, 2; made for: not said; older than days: 90; reason: not said;"
        " signers: approver-1, approver-2; virtual: yes" in page
    )


def test_a_broken_chain_raises_one_alarm_however_often_the_page_is_asked(either: Office) -> None:
    client = either.client(Role.AUDITOR)
    with either.database.writing() as session:
        session.execute(text("update audit set actor = 'x' where number = 1"))

    for _ in range(2):
        client.get("/audit?verify=yes", base_url=HERE)

    shown = client.get("/alarms", base_url=HERE).text
    assert shown.count('<span class="tag bad">audit chain broken</span>') == 1
    assert "row 1 was altered after it was written" in shown
    assert "curfew-server --config SERVER.env audit verify --witness FILE" in shown
    assert "audit chain broken" in client.get("/", base_url=HERE).text


def test_an_alarm_about_the_chain_is_settled_like_any_other(either: Office) -> None:
    client = either.client(Role.AUDITOR)
    with either.database.writing() as session:
        session.execute(text("delete from audit_head"))
        audit.record(session, "test", "changed", "something", {}, now())

    either.send(client, "/alarms/1/settle", {"reason": "restored by hand"}, form_on="/alarms")

    assert "No alarm is open" in client.get("/alarms", base_url=HERE).text
    page = client.get("/audit", base_url=HERE).text
    assert "kind: audit head missing; reason: restored by hand" in page
