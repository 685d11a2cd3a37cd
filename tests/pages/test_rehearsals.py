"""The pages of a rehearsal: what it came to, whom it names, and how far it is while it runs."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from policy.schemas import dump_policy_document
from server.people.people import Role
from server.rehearsal import kept_rehearsals
from server.rehearsal.running import run_rehearsal
from tests.pages.office import Office, now, policy_in_force

HERE = "https://localhost"


@pytest.fixture
def client(staffed: Office) -> FlaskClient:
    staffed.publish()
    return staffed.client(Role.AUTHOR)


def noted(office: Office) -> str:
    with office.database.writing() as session:
        document = dump_policy_document(2, policy_in_force())
        return kept_rehearsals.new_rehearsal(session, document, "author-1", now(), draft=(7, 3))


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address, base_url=HERE)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def test_what_it_came_to_and_the_phones_of_each_outcome_are_shown(
    staffed: Office, client: FlaskClient
) -> None:
    phone = staffed.phone()
    made = noted(staffed)
    run_rehearsal(staffed.database, made, now)

    whole = page(client, f"/rehearsals/{made}")
    listed = page(client, f"/rehearsals/{made}/phones?outcome=unknown")

    assert "draft 7, revision 3" in whole
    assert "1 phone (never checked)" in whole
    assert "Under the policy in force" in whole
    assert phone[:8] in listed
    assert "mailbox" not in listed


def test_one_that_runs_is_asked_for_again_by_the_browser_itself(staffed: Office, client: FlaskClient) -> None:
    made = noted(staffed)
    with staffed.database.writing() as session:
        kept_rehearsals.note_progress(session, made, 1000, 32000)

    answer = client.get(f"/rehearsals/{made}", base_url=HERE)

    assert answer.headers["Refresh"] == "2"
    assert "1\N{NARROW NO-BREAK SPACE}000 of 32\N{NARROW NO-BREAK SPACE}000 phones" in answer.text


def test_the_policy_in_force_is_rehearsed_by_a_button(staffed: Office, client: FlaskClient) -> None:
    answer = staffed.send(client, "/rehearsals", {}, form_on="/rehearsals")

    assert answer.status_code == 302
    # Of a fleet without phones it is done at once; the browser, too, asks until it is.
    while "Outcomes" not in page(client, answer.headers["Location"]):
        pass
    assert "Nothing changes against the policy in force." in page(client, answer.headers["Location"])


@pytest.mark.parametrize("address", ["/rehearsals/none", "/rehearsals/none/phones?outcome=blocked"])
def test_an_unknown_rehearsal_is_no_page(client: FlaskClient, address: str) -> None:
    assert client.get(address, base_url=HERE).status_code == 404


def test_an_outcome_that_there_is_not_is_no_page(staffed: Office, client: FlaskClient) -> None:
    made = noted(staffed)

    assert client.get(f"/rehearsals/{made}/phones?outcome=other", base_url=HERE).status_code == 404
