"""Who asks for what they have no right to is told in the audit chain, once an hour; who cannot be named is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from server.app import create_app
from server.evidence import audit
from server.people.people import Role, put_person
from server.people.scopes import Scope
from server.people.tokens import WantedToken, issue_token
from server.refused_people import ACTION
from tests.server.authority import NOW, PASSWORD, Authority

Ask = Callable[..., int]


@pytest.fixture
def ask(authority: Authority) -> Ask:
    """Ask as an author whose token may only read, unless told otherwise."""
    with authority.database.writing() as session:
        put_person(session, "author-1", PASSWORD, [Role.AUTHOR], "test", NOW)
        all_scopes = issue_token(session, "author-1", "test", NOW).secret
        reading = issue_token(
            session, "author-1", "test", NOW, WantedToken("reading", frozenset({Scope.READ}))
        ).secret
    client = create_app(authority.config).test_client()

    def asked(address: str, method: str = "GET", token: str = "all") -> int:
        secret = {"all": all_scopes, "reading": reading}.get(token, token)
        return client.open(
            f"/api/v1{address}",
            method=method,
            json={} if method == "POST" else None,
            headers={"Authorization": f"Bearer {secret}"},
        ).status_code

    return asked


def told(authority: Authority) -> Sequence[tuple[str, dict[str, Any]]]:
    with authority.database.reading() as session:
        rows = audit.newest_rows(session)
    return [(row.actor, dict(row.detail)) for row in reversed(rows) if row.action == ACTION]


def test_a_right_and_a_scope_that_are_lacking_are_told_with_the_route(authority: Authority, ask: Ask) -> None:
    assert ask("/audit-rows") == 403
    assert ask("/drafts/7/proposal", "DELETE", token="reading") == 403

    assert told(authority) == [
        ("author-1", {"asked": "GET /api/v1/audit-rows", "lacks": "read the audit chain"}),
        (
            "author-1",
            {
                "asked": "DELETE /api/v1/drafts/<int:draft_id>/proposal",
                "lacks": "a token with the scope draft",
            },
        ),
    ]


def test_the_same_within_an_hour_is_told_once_and_later_again(authority: Authority, ask: Ask) -> None:
    for _ in range(5):
        ask("/audit-rows")
    assert len(told(authority)) == 1

    with authority.database.writing() as session:
        session.execute(text("UPDATE audit SET at = :at"), {"at": NOW - timedelta(hours=2)})
    ask("/audit-rows")
    assert len(told(authority)) == 2


def test_what_is_granted_and_who_is_nobody_leave_no_row(authority: Authority, ask: Ask) -> None:
    assert ask("/phones") == 200
    assert ask("/phones", token="nonsense") == 401

    assert told(authority) == []
