"""Drafts by API: the same as in pages, with one shape of errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from certs.drafting import renumbered_policy
from policy.schemas import dump_policy_document
from server.people.people import Role
from tests.server.authority import Authority, banning_policy

NEXT = dump_policy_document(2, banning_policy(name="Next")).decode()


@pytest.fixture
def author(small_authority: Authority) -> dict[str, str]:
    return as_(small_authority, Role.AUTHOR)


def as_(authority: Authority, *roles: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {authority.person_token(*roles)}"}


def opened(client: FlaskClient, author: dict[str, str], **body: Any) -> TestResponse:
    return client.post(
        "/api/v1/drafts", json={"title": "Next", **(body or {"document": NEXT})}, headers=author
    )


def test_a_draft_is_told_with_what_it_changes(client: FlaskClient, author: dict[str, str]) -> None:
    answer = opened(client, author)
    told = answer.get_json()

    assert answer.status_code == 201
    assert (told["document"], told["revision"], told["base_number"], told["overtaken"]) == (NEXT, 1, 1, False)
    assert [one["subject"] for one in told["differences"]] == ["policy"]


@pytest.mark.parametrize(
    ("beginning", "lifted"), [("in_force", False), ("lift", True), ("ready_made", False)]
)
def test_a_draft_begins_with_a_policy_that_is_there(
    client: FlaskClient, author: dict[str, str], beginning: str, lifted: bool
) -> None:
    told = opened(client, author, beginning=beginning).get_json()

    assert json.loads(told["document"])["rules"]["lifted"] is lifted
    assert json.loads(told["document"])["number"] == 2


def test_the_next_revision_names_the_one_it_was_written_on(
    client: FlaskClient, author: dict[str, str]
) -> None:
    opened(client, author)
    body = {"revision": 1, "document": renumbered_policy(NEXT.encode(), 2).decode(), "note": "reordered"}
    assert client.put("/api/v1/drafts/1", json=body, headers=author).get_json()["revision"] == 2
    late = client.put("/api/v1/drafts/1", json={**body, "document": NEXT}, headers=author)

    assert (late.status_code, late.get_json()["error"]["code"]) == (409, "draft_changed")


def test_what_is_refused_is_named_field_by_field(client: FlaskClient, author: dict[str, str]) -> None:
    wrong = NEXT.replace('"lifted":false', '"lifted":0').replace('"rings":[]', '"rings":[{}]')
    error = opened(client, author, document=wrong).get_json()["error"]

    assert error["code"] == "policy_refused"
    assert "rules.lifted: expected true or false, found 0" in error["message"]
    assert "rules.rings.0.share: missing" in error["message"]


@pytest.mark.parametrize(
    "body", [{"document": NEXT, "beginning": "lift"}, {"beginning": "nothing"}, {"x": 1}]
)
def test_a_body_of_another_form_is_refused(
    client: FlaskClient, author: dict[str, str], body: dict[str, Any]
) -> None:
    assert opened(client, author, **body).status_code == 422


def test_a_comment_is_told_with_the_draft(client: FlaskClient, author: dict[str, str]) -> None:
    opened(client, author)
    body = {"revision": 1, "text": "Why\nnow?"}
    told = client.post("/api/v1/drafts/1/comments", json=body, headers=author).get_json()

    assert [(one["revision"], one["text"]) for one in told["comments"]] == [(1, "Why\nnow?")]


def test_a_withdrawn_draft_is_listed_among_the_ended(client: FlaskClient, author: dict[str, str]) -> None:
    opened(client, author)
    opened(client, author, beginning="lift")
    assert client.delete("/api/v1/drafts/1", headers=author).get_json()["closed"] == "withdrawn"
    listed = [
        [one["draft_id"] for one in client.get(f"/api/v1/drafts{query}", headers=author).get_json()["drafts"]]
        for query in ("", "?open=true", "?open=false", "?sort=oldest")
    ]

    assert listed == [[2, 1], [2], [1], [1, 2]]
    again = client.delete("/api/v1/drafts/1", headers=author)
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "draft_ended")


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.AUDITOR])
def test_who_may_only_look_changes_nothing(
    client: FlaskClient, small_authority: Authority, author: dict[str, str], role: Role
) -> None:
    opened(client, author)
    looking = as_(small_authority, role)

    assert client.get("/api/v1/drafts/1", headers=looking).status_code == 200
    assert opened(client, looking).status_code == 403
    assert (
        client.put("/api/v1/drafts/1", json={"revision": 1, "document": NEXT}, headers=looking).status_code
        == 403
    )
    assert client.delete("/api/v1/drafts/1", headers=looking).status_code == 403


def test_a_draft_that_is_not_there_is_404(client: FlaskClient, author: dict[str, str]) -> None:
    for number in (77, 1 << 40):
        for answer in (
            client.get(f"/api/v1/drafts/{number}", headers=author),
            client.delete(f"/api/v1/drafts/{number}", headers=author),
        ):
            assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "draft_unknown")
