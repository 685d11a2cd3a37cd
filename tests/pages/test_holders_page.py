"""One holder's phones: found by the whole reference, by those who may see holders, and written down."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from server.evidence import audit
from server.people import people, tokens
from server.people.people import Role
from tests.pages.office import PASSWORD, Office, now

HERE = "https://localhost"


def search(office: Office, holder: str, client: FlaskClient | None = None) -> Any:
    client = client or office.client(Role.TECHNICIAN)
    return office.send(client, "/holders/search", {"holder": holder}, form_on="/holders/search")


def ask(office: Office, role: Role) -> Any:
    """Ask the API for the phones of m-7 as a new person with this role."""
    with office.database.writing() as session:
        people.put_person(session, f"api-{role.value}", PASSWORD, (role,), "test", now())
        token = tokens.issue_token(session, f"api-{role.value}", "test", now()).secret
    return office.app.test_client().post(
        "/api/v1/holders/search",
        json={"holder": "m-7"},
        base_url=HERE,
        headers={"Authorization": f"Bearer {token}"},
    )


def looked_up(office: Office) -> list[audit.AuditRow]:
    with office.database.reading() as session:
        return [row for row in audit.newest_rows(session) if row.action == "phones of a holder looked up"]


def test_the_phones_of_one_holder_are_found_and_nobody_elses(staffed: Office) -> None:
    first, second = staffed.phone(label="CW-1", holder="m-7"), staffed.phone(label="CW-2", holder="m-7")
    other = staffed.phone(label="CW-3", holder="m-70")

    page = search(staffed, " m-7 ").text

    assert first in page
    assert second in page
    assert other not in page


@pytest.mark.parametrize("asked", ["m-", "M-7", "-7", "m-7 0", "%"])
def test_a_piece_of_a_reference_finds_nothing_and_the_page_says_what_to_compare(
    staffed: Office, asked: str
) -> None:
    phone = staffed.phone(label="CW-1", holder="m-7")

    page = search(staffed, asked).text

    assert phone not in page
    assert "No phone has exactly this holder" in page


def test_each_search_is_written_down_with_the_phones_and_without_the_reference(staffed: Office) -> None:
    phone = staffed.phone(label="CW-1", holder="mailbox-0815")

    search(staffed, "mailbox-0815")
    search(staffed, "nobody-there")

    vain, found = looked_up(staffed)
    assert (found.actor, found.detail) == ("technician", {"phones": [phone]})
    assert vain.detail == {"phones": []}
    assert "0815" not in str(found)
    assert "nobody-there" not in str(vain)


@pytest.mark.parametrize("asked", ["", "x" * 201, "two\nlines"])
def test_what_can_be_no_reference_is_refused_with_what_was_expected(staffed: Office, asked: str) -> None:
    answer = search(staffed, asked)

    assert answer.status_code == 400
    assert "1 to 200 characters on one line" in answer.text
    assert looked_up(staffed) == []


def test_the_reference_is_in_no_address(staffed: Office) -> None:
    staffed.phone(holder="m-7")

    answer = staffed.client(Role.TECHNICIAN).get("/holders/search?holder=m-7", base_url=HERE)

    assert "m-7" not in answer.text
    assert looked_up(staffed) == []


def test_the_fleet_leads_there_only_those_who_may_see_holders(staffed: Office) -> None:
    staffed.phone()

    shown = {role: staffed.client(role).get("/", base_url=HERE).text for role in (Role.AUDITOR, Role.AUTHOR)}

    assert "/holders/search" in shown[Role.AUDITOR]
    assert "/holders/search" not in shown[Role.AUTHOR]


def test_phones_sealed_before_there_were_tags_are_found(staffed: Office) -> None:
    phone = staffed.phone(holder="m-7")
    with staffed.database.writing() as session:
        session.execute(text("UPDATE phone SET holder_tag = NULL"))

    assert phone in search(staffed, "m-7").text


def test_programs_find_the_same_phones_by_the_api(staffed: Office) -> None:
    phone = staffed.phone(label="CW-1", holder="m-7")
    staffed.phone(holder="m-8")

    answer = ask(staffed, Role.TECHNICIAN)

    assert [row["phone_id"] for row in answer.json["phones"]] == [phone]
    assert "m-7" not in answer.text


def test_programs_without_the_right_are_refused(staffed: Office) -> None:
    answer = ask(staffed, Role.AUTHOR)

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "right_missing")
    assert looked_up(staffed) == []
