"""Tokens in pages and by the API: with scopes and an end, shown once, ended by their owner or an admin."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.errors import InConflict
from server.evidence import audit
from server.people.people import Role
from server.people.scopes import Scope
from server.people.tokens import TOKENS_BY_END, Token, WantedToken, WantedTokens, issue_token, list_tokens
from tests.pages.office import Office, now

HERE = "https://localhost"
SHOWN_ONCE = re.compile(r"Authorization: Bearer ([^<]+)<")


def make(office: Office, client: FlaskClient, *scopes: str, **fields: str) -> Any:
    told: Any = {"name": "gateway", "days": "7", **fields, "scope": list(scopes)}
    return office.send(client, "/tokens", told, form_on="/tokens")


def tokens_of(office: Office, owner: str | None = None) -> list[Token]:
    with office.database.reading() as session:
        return list(list_tokens(session, WantedTokens(owner), TOKENS_BY_END, "", 100).rows)


def newest_row(office: Office) -> tuple[str, str, str, Any]:
    with office.database.reading() as session:
        row = audit.newest_rows(session)[0]
    return row.actor, row.action, row.subject, row.detail


def ask(office: Office, token: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    client = office.app.test_client()
    return client.open(f"/api/v1{path}", method=method, json=body, base_url=HERE, headers=headers)


def test_a_token_is_shown_once_and_does_what_its_scope_says(either: Office) -> None:
    client = either.client(Role.TECHNICIAN)

    shown = make(either, client, "blocks")
    secret = SHOWN_ONCE.search(shown.text)

    assert shown.status_code == 201
    assert secret is not None
    [made] = tokens_of(either, "technician")
    actor, action, _, detail = newest_row(either)
    assert (actor, action, detail["token"]) == ("technician", "token made", made.token_id)
    assert ask(either, secret[1], "GET", "/blocks").status_code == 200
    assert ask(either, secret[1], "GET", "/phones").json["error"]["code"] == "scope_missing"
    [made] = tokens_of(either, "technician")
    assert (made.name, made.scopes) == ("gateway", frozenset({Scope.BLOCKS}))
    assert made.last_used_on == now().date()
    page = client.get("/tokens", base_url=HERE).text
    assert secret[1] not in page
    assert made.token_id[:8] in page


@pytest.mark.parametrize(
    ("scopes", "fields", "status", "reason"),
    [
        ([], {}, 400, "scopes_missing"),
        (["audit"], {}, 403, "scope_beyond_roles"),
        (["read"], {"days": "366"}, 400, "days_malformed"),
        (["read"], {"days": "0"}, 400, "days_malformed"),
        (["read"], {"days": "never"}, 400, "days_malformed"),
        (["read"], {"name": " "}, 400, "token_name_malformed"),
        (["read"], {"name": "x" * 65}, 400, "token_name_malformed"),
    ],
)
def test_what_no_token_can_be_is_refused_and_written_down(
    office: Office, scopes: list[str], fields: dict[str, str], status: int, reason: str
) -> None:
    answer = make(office, office.client(Role.TECHNICIAN), *scopes, **fields)

    assert answer.status_code == status
    assert tokens_of(office) == []
    told = ("technician", "change of a token refused", "technician", {"wanted": "make", "reason": reason})
    assert newest_row(office) == told


def test_a_token_ends_when_its_owner_says_so(either: Office) -> None:
    client = either.client(Role.AUTHOR)
    secret = SHOWN_ONCE.search(make(either, client, "read").text)
    assert secret is not None
    [made] = tokens_of(either)

    either.send(client, f"/tokens/{made.token_id}/end", {}, form_on="/tokens")

    answer = ask(either, secret[1], "GET", "/phones")
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "token_missing")
    assert newest_row(either)[:3] == ("author", "token ended", "author")


def test_an_admin_sees_and_ends_everybodys_and_others_do_not(office: Office) -> None:
    admin, author = office.client(Role.ADMIN), office.client(Role.AUTHOR)
    make(office, office.client(Role.AUDITOR), "audit", name="nightly comparison")
    [made] = tokens_of(office)

    assert "nightly comparison" not in author.get("/tokens?everybody=yes", base_url=HERE).text
    refused = office.send(author, f"/tokens/{made.token_id}/end", {}, form_on="/tokens")
    assert refused.status_code == 404
    assert "nightly comparison" in admin.get("/tokens?everybody=yes", base_url=HERE).text
    assert "nightly comparison" not in admin.get("/tokens?everybody=yes&owner=x", base_url=HERE).text
    office.send(admin, f"/tokens/{made.token_id}/end", {}, form_on="/tokens")

    assert tokens_of(office) == []
    assert newest_row(office)[:3] == ("admin", "token ended", "auditor")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"name": "x", "scopes": ["audit"], "days": 1}, "scope_beyond_token"),
        ({"name": "x", "scopes": ["read"], "days": 8}, "end_beyond_token"),
    ],
)
def test_a_token_gives_away_nothing_that_it_has_not_itself(office: Office, body: Any, reason: str) -> None:
    office.person("desk-1", Role.AUDITOR)
    with office.database.writing() as session:
        wanted = WantedToken("narrow", [Scope.READ], 7)
        narrow = issue_token(session, "desk-1", "test", now(), wanted).secret

    answer = ask(office, narrow, "POST", "/tokens", body)

    assert (answer.status_code, answer.json["error"]["code"]) == (403, reason)
    assert len(tokens_of(office)) == 1


def test_everything_is_done_by_the_api_as_well(either: Office) -> None:
    either.person("desk-1", Role.ADMIN, Role.AUTHOR)
    either.person("desk-2", Role.AUTHOR)
    with either.database.writing() as session:
        issue_token(session, "desk-2", "test", now())
        secret = issue_token(session, "desk-1", "test", now()).secret

    made = ask(either, secret, "POST", "/tokens", {"name": "x", "scopes": ["read"], "days": 3}).json
    own = ask(either, secret, "GET", "/tokens?good=true").json["tokens"]
    everybodys = ask(either, secret, "GET", "/tokens?everybody=true&sort=newest").json["tokens"]
    one = ask(either, secret, "GET", "/tokens?everybody=true&owner=desk-2").json["tokens"]

    assert ask(either, made["secret"], "GET", "/phones").status_code == 200
    assert [token["owner"] for token in own] == ["desk-1", "desk-1"]
    assert {token["owner"] for token in everybodys} == {"desk-1", "desk-2"}
    assert "secret" not in everybodys[0]
    assert ask(either, secret, "DELETE", f"/tokens/{one[0]['token_id']}").json["good"] is False
    assert (
        ask(either, made["secret"], "GET", "/tokens?everybody=true").json["error"]["code"] == "scope_missing"
    )


def test_what_has_ended_is_listed_for_a_month(either: Office) -> None:
    either.person("desk-1", Role.AUTHOR)
    with either.database.writing() as session:
        for days in (20, 60):
            made_at = now() - timedelta(days=days)
            issue_token(session, "desk-1", "test", made_at, WantedToken(f"of {days}", days=7))
        issue_token(session, "desk-1", "test", now(), WantedToken("new"))

    assert [token.name for token in tokens_of(either)] == ["of 20", "new"]


def test_nobody_has_tokens_without_end_in_number(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    with office.database.writing() as session:
        for _ in range(100):
            issue_token(session, "desk-1", "test", now())

    with office.database.writing() as session, pytest.raises(InConflict, match="nobody can have more"):
        issue_token(session, "desk-1", "test", now())
