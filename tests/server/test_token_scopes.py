"""Every route of the API that takes a person's token, held to role and scope: a new route must stand in the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.app import create_app
from server.people.people import RIGHTS, Right, Role, find_person, put_person
from server.people.scopes import SCOPE_OF, Scope, scopes_for
from server.people.tokens import WantedToken, issue_token
from tests.server.authority import NOW, PASSWORD, Authority

READ, BLOCKS, HOLDERS, FLEET = Scope.READ, Scope.BLOCKS, Scope.HOLDERS, Scope.FLEET
DRAFT, APPROVE, AUDIT, PEOPLE = Scope.DRAFT, Scope.APPROVE, Scope.AUDIT, Scope.PEOPLE


@dataclass(frozen=True)
class Route:
    """What a route needs, and what it has to be asked for besides; its body is the sample of its description."""

    right: Right
    scope: Scope
    query: Mapping[str, str] = field(default_factory=dict)


_LOOK = Route(Right.LOOK, READ)
_DRAFT = "/api/v1/drafts/{draft_id}"
_ONE = "/api/v1/people/{name}"
_MANAGE = Route(Right.MANAGE_PEOPLE, PEOPLE)
_EXEMPTION_REQUEST = "/api/v1/exemption-requests/{request_id}"
ROUTES: Mapping[tuple[str, str], Route] = {
    **{
        ("get", f"/api/v1/{name}"): _LOOK
        for name in (
            *("phones", "stations", "alarms", "refusals", "attempts", "publications", "exemptions", "drafts"),
            *("tokens", "drafts/{draft_id}", "drafts/{draft_id}/proposal", "rehearsals/{rehearsal_id}"),
        )
    },
    ("get", "/api/v1/rehearsals/{rehearsal_id}/phones"): Route(
        Right.LOOK, READ, query={"outcome": "blocked"}
    ),
    ("get", "/api/v1/audit-rows"): Route(Right.READ_AUDIT, AUDIT),
    ("get", "/api/v1/audit-rows/{number}"): Route(Right.READ_AUDIT, AUDIT),
    ("get", "/api/v1/blocks"): Route(Right.SEE_HOLDERS, BLOCKS),
    ("post", "/api/v1/holders/search"): Route(Right.SEE_HOLDERS, HOLDERS),
    ("post", "/api/v1/units"): Route(Right.SET_UNITS, FLEET),
    ("post", "/api/v1/rehearsals"): Route(Right.DRAFT, DRAFT),
    ("post", "/api/v1/drafts"): Route(Right.DRAFT, DRAFT),
    ("put", _DRAFT): Route(Right.DRAFT, DRAFT),
    ("delete", _DRAFT): Route(Right.DRAFT, DRAFT),
    ("post", f"{_DRAFT}/comments"): Route(Right.LOOK, DRAFT),
    ("post", f"{_DRAFT}/proposal"): Route(Right.PROPOSE, DRAFT),
    ("delete", f"{_DRAFT}/proposal"): Route(Right.PROPOSE, DRAFT),
    ("post", f"{_DRAFT}/approvals"): Route(Right.APPROVE, APPROVE),
    ("get", "/api/v1/phones/{phone_id}/checks"): _LOOK,
    ("post", "/api/v1/phones/{phone_id}/retirement"): Route(Right.RETIRE_PHONES, FLEET),
    ("delete", "/api/v1/phones/{phone_id}/retirement"): Route(Right.RETIRE_PHONES, FLEET),
    ("get", "/api/v1/exemption-requests"): _LOOK,
    ("post", "/api/v1/exemption-requests"): Route(Right.REQUEST_EXEMPTION, FLEET),
    ("get", _EXEMPTION_REQUEST): _LOOK,
    ("delete", _EXEMPTION_REQUEST): Route(Right.REQUEST_EXEMPTION, FLEET),
    ("post", f"{_EXEMPTION_REQUEST}/refusal"): Route(Right.DECIDE_EXEMPTION, APPROVE),
    ("get", "/api/v1/exemptions/proposal"): _LOOK,
    ("post", "/api/v1/exemptions/approvals"): Route(Right.DECIDE_EXEMPTION, APPROVE),
    ("get", "/api/v1/rings"): _LOOK,
    ("post", "/api/v1/rings/hold"): Route(Right.HOLD_RINGS, APPROVE),
    ("post", "/api/v1/rings/release"): Route(Right.HOLD_RINGS, APPROVE),
    ("get", "/api/v1/changes"): Route(Right.LOOK, READ, query={"change": "violating"}),
    ("get", "/api/v1/deadline"): _LOOK,
    ("get", "/api/v1/lift"): _LOOK,
    ("get", "/api/v1/lift/phones"): _LOOK,
    ("get", "/api/v1/lift/certificates/{number}"): _LOOK,
    ("post", "/api/v1/lift/certificates"): Route(Right.CERTIFY_LIFT, APPROVE, {}),
    ("get", "/api/v1/owner-requests"): Route(Right.ANSWER_OWNERS, FLEET),
    ("post", "/api/v1/owner-requests/{number}/answer"): Route(Right.ANSWER_OWNERS, FLEET),
    ("post", "/api/v1/tokens"): _LOOK,
    ("delete", "/api/v1/tokens/{token_id}"): _LOOK,
    ("get", "/api/v1/people"): _MANAGE,
    ("post", "/api/v1/people"): _MANAGE,
    ("get", _ONE): _MANAGE,
    ("put", f"{_ONE}/roles"): _MANAGE,
    ("post", f"{_ONE}/first-password"): _MANAGE,
    ("put", f"{_ONE}/switch"): _MANAGE,
    ("delete", f"{_ONE}/sign-ins"): _MANAGE,
}


class Desk:
    """A server, and tokens of people with one role each."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.client: FlaskClient = create_app(authority.config).test_client()
        self.described = self.client.get("/api/v1/openapi.json").get_json()

    def token(self, role: Role, *scopes: Scope, days: int = 90) -> str:
        """Return a token of somebody with this role, over when its days are negative."""
        with self.authority.database.writing() as session:
            if find_person(session, f"one-{role.value}") is None:
                put_person(session, f"one-{role.value}", PASSWORD, [role], "test", NOW - timedelta(days=99))
            made = NOW if days > 0 else NOW - timedelta(days=98)
            wanted = WantedToken(scopes=scopes or None, days=abs(days))
            return issue_token(session, f"one-{role.value}", "test", made, wanted).secret

    def scopes(self, role: Role) -> tuple[Scope, ...]:
        self.token(role)
        with self.authority.database.reading() as session:
            person = find_person(session, f"one-{role.value}")
        assert person is not None
        return scopes_for(person)

    def ask(self, method: str, path: str, token: str) -> TestResponse:
        route = ROUTES[method, path]
        operation = self.described["paths"][path][method]
        body: Any = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        values = {"draft_id": 1, "number": 0, "name": "nobody", "rehearsal_id": "none", "token_id": "0" * 16}
        values |= {"phone_id": "none", "request_id": 1}
        return self.client.open(
            path.format(**values),
            method=method.upper(),
            json=body.get("example"),
            environ_overrides={} if body else {"CONTENT_LENGTH": "0"},
            query_string=dict(route.query),
            headers={"Authorization": f"Bearer {token}"},
        )


@pytest.fixture
def desk(small_authority: Authority) -> Desk:
    return Desk(small_authority)


def code(answer: TestResponse) -> str:
    return str(answer.get_json()["error"]["code"])


def test_every_route_that_takes_a_token_stands_in_the_table(desk: Desk) -> None:
    described = {
        (method, path)
        for path, methods in desk.described["paths"].items()
        for method, operation in methods.items()
        if method != "parameters" and operation.get("security") == [{"person": []}]
    }

    assert set(ROUTES) == described


def test_every_right_has_a_scope_and_every_scope_a_role() -> None:
    assert set(SCOPE_OF) == set(Right)
    assert {SCOPE_OF[right] for rights in RIGHTS.values() for right in rights} | {BLOCKS} == set(Scope)


@pytest.mark.parametrize("role", Role)
def test_a_role_without_the_right_is_refused_at_every_route_whatever_the_token(
    desk: Desk, role: Role
) -> None:
    token = desk.token(role)
    for (method, path), route in ROUTES.items():
        if route.right not in RIGHTS[role]:
            answer = desk.ask(method, path, token)
            assert (answer.status_code, code(answer)) == (403, "right_missing"), (method, path)


@pytest.mark.parametrize("role", Role)
def test_a_token_without_the_scope_is_refused_at_every_route_and_told_which(desk: Desk, role: Role) -> None:
    for (method, path), route in ROUTES.items():
        if route.right not in RIGHTS[role]:
            continue
        others = [scope for scope in desk.scopes(role) if scope is not route.scope]
        answer = desk.ask(method, path, desk.token(role, *others))
        assert answer.status_code == 403, (method, path)
        assert code(answer) == "scope_missing", (method, path)
        assert f"the scope {route.scope.value} is missing" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("role", Role)
def test_right_and_scope_together_open_every_route(desk: Desk, role: Role) -> None:
    for (method, path), route in ROUTES.items():
        if route.right in RIGHTS[role] and route.scope in desk.scopes(role):
            answer = desk.ask(method, path, desk.token(role, route.scope))
            assert answer.status_code not in (401, 403, 415, 422, 500), (method, path, answer.text)


def test_a_token_over_its_end_is_refused_at_every_route(desk: Desk) -> None:
    over = desk.token(Role.AUDITOR, days=-1)
    for method, path in ROUTES:
        answer = desk.ask(method, path, over)
        assert (answer.status_code, code(answer)) == (401, "token_over"), (method, path)


def test_a_role_that_is_taken_away_is_taken_from_its_tokens(desk: Desk) -> None:
    token = desk.token(Role.AUDITOR)
    assert desk.ask("get", "/api/v1/audit-rows", token).status_code == 200
    with desk.authority.database.writing() as session:
        session.connection().exec_driver_sql("UPDATE people SET roles = 'author'")

    answer = desk.ask("get", "/api/v1/audit-rows", token)

    assert (answer.status_code, code(answer)) == (403, "right_missing")
