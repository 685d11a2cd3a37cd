"""An account that is switched off: out at once, everywhere, and nothing of before counts when it is on again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from server.errors import InConflict, NotSignedIn, NotThere
from server.evidence import audit
from server.people.people import RIGHTS, Right, Role, put_person, rights_without_anybody
from server.people.sign_ins import sign_in, switch_person
from server.people.tokens import issue_token, token_person
from tests.pages.office import PASSWORD, Office, now

HERE = "https://localhost"


def switch(office: Office, name: str, on: bool = False) -> None:
    with office.database.writing() as session:
        switch_person(session, name, on, "test", now())


def token_of(office: Office, name: str) -> str:
    with office.database.writing() as session:
        return issue_token(session, name, "test", now()).secret


def test_a_session_ends_at_once(either: Office) -> None:
    client = either.client(Role.AUTHOR)
    assert client.get("/", base_url=HERE).status_code == 200

    switch(either, "author")

    assert client.get("/", base_url=HERE).status_code == 302


def test_a_token_is_refused_at_once(either: Office) -> None:
    either.person("desk-1", Role.AUDITOR)
    token = token_of(either, "desk-1")
    client = either.app.test_client()
    ask: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}, "base_url": HERE}
    assert client.get("/api/v1/blocks", **ask).status_code == 200

    switch(either, "Desk-1")

    assert client.get("/api/v1/blocks", **ask).status_code == 401


def test_what_is_left_of_an_account_that_is_off_counts_for_nothing(either: Office) -> None:
    client = either.client(Role.AUTHOR)
    token = token_of(either, "author")
    with either.database.writing() as session:
        session.execute(text("UPDATE people SET off_since = created_at"))

    assert client.get("/", base_url=HERE).status_code == 302
    with either.database.reading() as session:
        assert token_person(session, token, now()) is None


def test_signing_in_is_refused_and_says_why_to_who_knows_the_password(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    switch(office, "desk-1")

    page = office.sign_in(office.app.test_client(), "desk-1")

    assert page.status_code != 302
    assert "This account is switched off." in page.text


def test_with_a_wrong_password_an_account_that_is_off_looks_like_none(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    switch(office, "desk-1")

    with pytest.raises(NotSignedIn) as caught:
        sign_in(office.database, "k" * 32, "desk-1", "wrong", now())

    assert caught.value.code == "wrong_name_or_password"


def test_no_token_is_made_for_an_account_that_is_off(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    switch(office, "desk-1")

    with pytest.raises(InConflict, match="is switched off"):
        token_of(office, "desk-1")


def test_switched_on_again_it_signs_in_and_nothing_of_before_counts(either: Office) -> None:
    client = either.client(Role.AUTHOR)
    token = token_of(either, "author")
    switch(either, "author")

    switch(either, "author", on=True)

    assert client.get("/", base_url=HERE).status_code == 302
    with either.database.reading() as session:
        assert token_person(session, token, now()) is None
    assert either.sign_in(either.app.test_client(), "author").status_code == 302


def test_a_new_password_does_not_switch_it_on(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    switch(office, "desk-1")

    with office.database.writing() as session:
        changed = put_person(session, "desk-1", PASSWORD, [Role.AUTHOR], "test", now())

    assert changed.off_since is not None
    assert office.sign_in(office.app.test_client(), "desk-1").status_code != 302


def test_both_ways_are_audited_and_doing_it_twice_is_not(either: Office) -> None:
    either.person("desk-1", Role.AUTHOR)
    for on in (False, False, True, True):
        switch(either, "desk-1", on=on)

    with either.database.reading() as session:
        rows = audit.newest_rows(session)

    assert [(row.action, row.subject) for row in rows] == [
        ("person switched on", "desk-1"),
        ("person switched off", "desk-1"),
        ("person added", "desk-1"),
    ]


def test_nobody_cannot_be_switched_off(office: Office) -> None:
    with pytest.raises(NotThere, match="nobody is called"):
        switch(office, "desk-1")


def test_what_nobody_may_do_any_more_is_known(office: Office) -> None:
    office.person("desk-1", Role.AUDITOR)
    office.person("desk-2", Role.AUTHOR)
    switch(office, "desk-1")

    with office.database.reading() as session:
        missing = rights_without_anybody(session)

    assert set(missing) == set(Right) - RIGHTS[Role.AUTHOR]
