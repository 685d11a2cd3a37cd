"""Accounts: names, passwords, roles, tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from server.errors import Malformed, NotThere
from server.evidence import audit
from server.people.people import PASSWORD_MAX_LENGTH, Right, Role, find_person, put_person, roles_with
from server.people.tokens import issue_token, token_person
from tests.pages.office import PASSWORD, Office, now


def test_a_name_is_found_whatever_its_capitals(office: Office) -> None:
    office.person("Desk-1", Role.TECHNICIAN)

    with office.database.reading() as session:
        found = find_person(session, " dESK-1 ")

    assert found is not None
    assert found.name == "desk-1"


@pytest.mark.parametrize("name", ["", "a b", "<script>", "x" * 65, "a\nb", "-x", "é"])
def test_a_name_that_could_be_mistaken_is_refused(office: Office, name: str) -> None:
    with office.database.writing() as session, pytest.raises(Malformed, match="expected a name"):
        put_person(session, name, PASSWORD, [Role.AUTHOR], "test", now())


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "12 characters or more"),
        ("x" * (PASSWORD_MAX_LENGTH + 1), "at most"),
        ("Desk-1 is here", "contains the account's name"),
    ],
)
def test_a_password_that_is_easy_or_endless_is_refused(office: Office, password: str, why: str) -> None:
    with office.database.writing() as session, pytest.raises(Malformed, match=why):
        put_person(session, "desk-1", password, [Role.AUTHOR], "test", now())


def test_a_person_without_a_role_is_refused(office: Office) -> None:
    with office.database.writing() as session, pytest.raises(Malformed, match="needs a role"):
        put_person(session, "desk-1", PASSWORD, [], "test", now())


def test_passwords_are_stored_as_argon2_only(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)

    with office.database.reading() as session:
        stored = session.scalar(text("select password_hash from people"))

    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_making_and_changing_an_account_is_audited(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    office.person("desk-1", Role.AUTHOR, Role.AUDITOR)

    with office.database.reading() as session:
        newest, oldest = audit.newest_rows(session)

    assert (oldest.action, oldest.subject, oldest.actor) == ("person added", "desk-1", "test")
    assert (newest.action, newest.detail) == (
        "person changed",
        {"roles": "auditor author", "roles_before": "author"},
    )


def test_a_right_names_the_roles_that_carry_it() -> None:
    assert roles_with(Right.ENROL_STATIONS) == (Role.TECHNICIAN,)
    assert roles_with(Right.REVOKE_STATIONS) == (Role.APPROVER, Role.TECHNICIAN)


def test_a_token_stands_for_its_person(office: Office) -> None:
    office.person("desk-1", Role.AUDITOR)

    with office.database.writing() as session:
        token = issue_token(session, "desk-1", "command line", now()).secret
    with office.database.reading() as session:
        found, nobody = token_person(session, token, now()), token_person(session, token + "x", now())
        stored = session.scalar(text("select token_hash from tokens"))

    assert found is not None
    assert found.name == "desk-1"
    assert nobody is None
    assert token not in stored


def test_a_token_for_nobody_is_refused(office: Office) -> None:
    with office.database.writing() as session, pytest.raises(NotThere, match="nobody is called"):
        issue_token(session, "desk-1", "command line", now())


def test_a_new_password_makes_older_tokens_worthless(office: Office) -> None:
    office.person("desk-1", Role.AUDITOR)
    with office.database.writing() as session:
        token = issue_token(session, "desk-1", "command line", now()).secret

    with office.database.writing() as session:
        put_person(session, "desk-1", PASSWORD, [Role.AUDITOR], "test", now() + timedelta(seconds=5))

    with office.database.reading() as session:
        assert token_person(session, token, now()) is None
