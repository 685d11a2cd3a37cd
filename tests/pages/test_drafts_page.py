"""The pages of drafts: begun, edited, refused beside the field, edited by two at once, overtaken, withdrawn."""

from __future__ import annotations

import html
import json
import time
from dataclasses import replace
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from policy.ready_made import ready_made_document
from policy.schemas import load_policy_document
from policy.schemas.yaml_form import yaml_of_json
from server.drafts.drafts import Draft, find_draft
from server.drafts.form import form_of
from server.people.people import Role
from tests.pages.office import Office, policy_in_force
from tests.server.test_draft_form import sent

HERE = "https://localhost"


@pytest.fixture
def author(staffed: Office) -> FlaskClient:
    return staffed.client(Role.AUTHOR)


def begin(office: Office, client: FlaskClient, beginning: str = "in_force", title: str = "Later") -> str:
    answer = office.send(client, "/drafts", {"title": title, "from": beginning}, form_on="/drafts")
    assert answer.status_code == 302, answer.text
    return str(answer.location)


def newest(office: Office, draft_id: int = 1) -> Draft:
    with office.database.reading() as session:
        return find_draft(session, draft_id)


def save(office: Office, client: FlaskClient, revision: int = 1, **changes: str) -> object:
    fields = {
        name: values if len(values) != 1 else values[0]
        for name, values in sent(form_of(newest(office).document)).items()
    }
    return office.send(
        client,
        "/drafts/1/edit",
        {**fields, "revision": str(revision), **changes},  # type: ignore[dict-item]
        form_on="/drafts/1/edit",
    )


def page(client: FlaskClient, address: str) -> str:
    return html.unescape(client.get(address, base_url=HERE).text)


def test_without_a_draft_the_page_says_how_to_begin(staffed: Office, author: FlaskClient) -> None:
    assert "No draft is open" in page(author, "/drafts")


def test_a_draft_of_the_policy_in_force_changes_nothing_at_first(
    staffed: Office, author: FlaskClient
) -> None:
    shown = page(author, begin(staffed, author))

    assert "it says what the policy in force says" in shown


def test_what_was_edited_stands_beside_what_is_in_force(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    assert save(staffed, author, overdue_limit_hours="48", note="sooner").status_code == 302  # type: ignore[attr-defined]
    shown = page(author, "/drafts/1")

    assert "overdue after" in shown
    assert "168 h" in shown
    assert "48 h" in shown
    assert "sooner" in shown


def test_a_refused_value_is_told_beside_its_field_and_what_was_typed_stays(
    staffed: Office, author: FlaskClient
) -> None:
    begin(staffed, author)
    answer = save(staffed, author, overdue_limit_hours="soon", time_zone="Europe/Nowhere")
    text = html.unescape(answer.text)  # type: ignore[attr-defined]

    assert answer.status_code == 400  # type: ignore[attr-defined]
    assert "found 'soon'" in text
    assert 'value="Europe/Nowhere"' in text
    assert newest(staffed).revision == 1


RINGS = {
    "ring-0-percent": "100",
    "ring-0-starts_at": "2027-03-20T00:00",
    "ring-1-place": "1",
    "ring-1-unit": "A",
    "ring-1-starts_at": "2027-03-16T00:00",
    "ring-2-name": "Crisis desk",
    "ring-2-starts_at": "2027-03-30T00:00",
}


def test_rings_by_unit_and_by_name_are_typed_as_people_know_the_phones(
    staffed: Office, author: FlaskClient
) -> None:
    first, desk = staffed.phone(unit="A"), staffed.phone(label="CW 7")
    begin(staffed, author)
    assert save(staffed, author, 1, **RINGS, **{"ring-2-phones": "CW 7\r\n"}).status_code == 302  # type: ignore[attr-defined]

    pilot, rest, crisis = newest(staffed).policy.rings
    assert (pilot.unit, pilot.phones, rest.share) == ("A", frozenset({first}), 1.0)
    assert (crisis.name, crisis.phones) == ("Crisis desk", frozenset({desk}))
    form = page(author, "/drafts/1/edit")
    assert "1 phone when it was saved; saving takes the unit anew." in form
    assert ">CW 7</textarea>" in form
    assert "1 phone by list (unit A; " in page(author, "/drafts/1")

    second = staffed.phone(unit="A")
    assert save(staffed, author, revision=2, note="the unit anew").status_code == 302  # type: ignore[attr-defined]
    assert newest(staffed).policy.rings[0].phones == {first, second}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ring-1-unit": "Nowhere"}, 'nobody is in unit "Nowhere"; correct it, or remove the ring'),
        ({"ring-2-phones": "CW 8"}, 'expected labels or ids of registered phones, found "CW 8"'),
        ({"ring-2-phones": ""}, "the ring 'Crisis desk' lists nobody"),
        ({"ring-1-percent": "10"}, "expected a share of all phones or a list of them, found both"),
        ({"ring-1-unit": "", "ring-1-percent": ""}, "expected a share above 0 and at most 1, found ''"),
        ({"ring-1-name": "Pilot"}, "expected a name or a unit with a list of phones, found both"),
        ({"ring-0-percent": "90"}, "ring shares must rise from above 0 to exactly 1, found [0.9]"),
        ({"ring-0-percent": "", "ring-0-unit": "B"}, "no ring is for the phones that are not listed"),
        (
            {"ring-1-unit": "", "ring-1-name": "x", "ring-1-phones": "CW 7"},
            "is listed in ring 1 and in ring 3",
        ),
    ],
)
def test_a_ring_that_does_not_say_whom_it_has_is_refused_and_stays_as_it_was_typed(
    staffed: Office, author: FlaskClient, changes: dict[str, str], why: str
) -> None:
    for label, unit in (("CW 7", ""), ("", "A"), ("", "B")):
        staffed.phone(label=label, unit=unit)
    begin(staffed, author)

    answer = save(staffed, author, 1, **RINGS | {"ring-2-phones": "CW 7"} | changes)
    text = html.unescape(answer.text)  # type: ignore[attr-defined]

    assert answer.status_code == 400  # type: ignore[attr-defined]
    assert why in text
    assert newest(staffed).revision == 1
    for typed in filter(None, changes.values()):
        assert f'value="{typed}"' in text or typed in text


def test_of_two_who_edit_at_once_the_second_keeps_what_they_typed(
    staffed: Office, author: FlaskClient
) -> None:
    begin(staffed, author)
    save(staffed, author, name="First")
    answer = save(staffed, author, revision=1, name="Second")
    text = html.unescape(answer.text)  # type: ignore[attr-defined]

    assert answer.status_code == 409  # type: ignore[attr-defined]
    assert "has saved revision 2 meanwhile" in text
    assert 'value="Second"' in text
    assert save(staffed, author, revision=2, name="Second").status_code == 302  # type: ignore[attr-defined]
    assert newest(staffed).policy.name == "Second"


def test_an_overtaken_draft_says_so_and_can_be_rebuilt(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    number = newest(staffed).base_number + 1
    staffed.publish(number, policy=replace(policy_in_force(), name="Another"))
    assert "cannot be approved as it stands" in page(author, "/drafts/1")
    staffed.send(author, "/drafts/1/rebuild", {}, form_on="/drafts")

    assert "cannot be approved as it stands" not in page(author, "/drafts/1")
    assert load_policy_document(newest(staffed).document)[0] == number + 1


def test_a_lift_is_a_draft_of_one_difference(staffed: Office, author: FlaskClient) -> None:
    shown = page(author, begin(staffed, author, "lift"))

    assert "THE BAN IS LIFTED" in shown
    assert newest(staffed).policy.lifted


@pytest.mark.parametrize("name", ["policy.json", "policy.YAML"])
def test_a_file_of_either_kind_begins_a_draft(staffed: Office, author: FlaskClient, name: str) -> None:
    data = ready_made_document()
    file = yaml_of_json(data).encode() if name.endswith("YAML") else data
    fields = {"title": "From git", "from": "file", "file": (BytesIO(file), name)}
    staffed.send(author, "/drafts", fields, form_on="/drafts")  # type: ignore[arg-type]

    assert json.loads(newest(staffed).document)["rules"] == json.loads(data)["rules"]


def test_a_file_that_is_no_policy_is_refused_with_the_place(staffed: Office, author: FlaskClient) -> None:
    fields = {"title": "From git", "from": "file", "file": (BytesIO(b"a: [1"), "policy.yaml")}
    answer = staffed.send(author, "/drafts", fields, form_on="/drafts")  # type: ignore[arg-type]

    assert answer.status_code == 400
    assert "found an error at line" in html.unescape(answer.text)


def test_what_is_downloaded_are_the_bytes_that_would_be_signed(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    answer = author.get("/drafts/1/1.json", base_url=HERE)

    assert answer.data == newest(staffed).document
    assert answer.headers["Content-Disposition"] == "attachment; filename=draft-1-1.json"


def test_a_comment_is_shown_as_text_with_its_lines(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    staffed.send(
        author, "/drafts/1/comments", {"text": "<b>Why</b>\nso soon?", "revision": "1"}, form_on="/drafts"
    )

    assert "&lt;b&gt;Why&lt;/b&gt;\nso soon?" in author.get("/drafts/1", base_url=HERE).text


def test_a_withdrawn_draft_stays_readable_and_is_not_edited(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    staffed.send(author, "/drafts/1/withdraw", {}, form_on="/drafts")

    assert "It was withdrawn" in page(author, "/drafts/1")
    assert save(staffed, author).status_code == 409  # type: ignore[attr-defined]


def test_who_may_only_look_is_offered_nothing_to_change(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    shown = page(staffed.client(Role.AUDITOR), "/drafts/1")

    assert "Withdraw" not in shown
    assert "/drafts/1/edit" not in shown


def test_a_draft_is_rehearsed_on_its_page_and_an_edit_asks_for_it_anew(
    staffed: Office, author: FlaskClient
) -> None:
    begin(staffed, author)
    assert "Nobody has asked yet what revision 1 would mean" in page(author, "/drafts/1")
    started = staffed.send(author, "/drafts/1/rehearsals", {}, form_on="/drafts")
    while "Refresh" in author.get(started.location, base_url=HERE).headers:
        time.sleep(0.05)

    assert f"{started.location.removeprefix(HERE)}" in page(author, "/drafts/1")
    save(staffed, author, name="Other")
    assert "Nobody has asked yet what revision 2 would mean" in page(author, "/drafts/1")


def test_a_deadline_that_is_over_is_warned_of(staffed: Office, author: FlaskClient) -> None:
    begin(staffed, author)
    save(staffed, author, deadline="2023-03-16T12:00:00")

    assert "The deadline is over already" in page(author, "/drafts/1")
