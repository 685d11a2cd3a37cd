"""Signing in and out: who gets in, who waits, and what a copied cookie is worth."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from server.errors import InConflict, NotSignedIn
from server.people import hashing, sign_ins, tokens
from server.people.people import Role, find_person, put_person
from server.people.sign_ins import FAILURES_ALLOWED, PAUSE, SIGN_IN_LENGTH, signed_in_person
from tests.pages.office import PASSWORD, Office, now

HERE = "https://localhost"


def fail(office: Office, name: str, times: int, at: object = None) -> list[str]:
    """Return the words of so many failures in a row."""
    words = []
    for _ in range(times):
        with pytest.raises(NotSignedIn) as caught:
            sign_ins.sign_in(office.database, "k" * 32, name, "wrong", at or now())  # type: ignore[arg-type]
        words.append(caught.value.code)
    return words


def test_name_and_password_open_the_fleet(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    client = office.app.test_client()

    answer = office.sign_in(client, "Desk-1")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"
    assert "desk-1" in client.get("/", base_url=HERE).text


def test_a_page_asked_for_before_signing_in_is_shown_after_it(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    client = office.app.test_client()

    sent_to = client.get("/bundles?x=1", base_url=HERE).headers["Location"]
    answer = office.sign_in(client, "desk-1", address=sent_to)

    assert sent_to == "/sign-in?next=/bundles?x%3D1"
    assert answer.headers["Location"] == "/bundles?x=1"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil", "x", "/\n"]
)
def test_signing_in_never_leads_to_another_site(office: Office, elsewhere: str) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    client = office.app.test_client()
    page = client.get("/sign-in", query_string={"next": elsewhere}, base_url=HERE)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token

    answer = client.post(
        "/sign-in",
        query_string={"next": elsewhere},
        data={"csrf_token": token[1], "name": "desk-1", "password": PASSWORD},
        base_url=HERE,
        headers={"Referer": f"{HERE}/sign-in"},
    )

    assert answer.headers["Location"] == "/"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    client = office.app.test_client()

    wrong = office.sign_in(client, "desk-1", "not the password")
    unknown = office.sign_in(client, "desk-2", "not the password")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert "Name and password do not match." in wrong.text
    assert without_tokens(wrong.text).replace("desk-1", "desk-2") == without_tokens(unknown.text)


def without_tokens(page: str) -> str:
    return re.sub(r'value="[^"]{60,}"|\d\d:\d\d(:\d\dZ)?', "", page)


@pytest.mark.parametrize("name", ["desk-1", "nobody.at.all"])
def test_an_account_waits_after_too_many_failures_whether_it_exists_or_not(office: Office, name: str) -> None:
    office.person("desk-1", Role.TECHNICIAN)

    words = fail(office, name, FAILURES_ALLOWED + 2)

    assert words == ["wrong_name_or_password"] * FAILURES_ALLOWED + ["too_many_failures"] * 2


def test_a_waiting_account_refuses_the_right_password_and_says_when_to_come_back(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    client = office.app.test_client()
    for _ in range(FAILURES_ALLOWED):
        office.sign_in(client, "desk-1", "wrong")

    answer = office.sign_in(client, "desk-1", PASSWORD)

    assert answer.status_code == 429
    assert re.search(
        r"Too many wrong passwords for this account. It can be tried again at \d\d:\d\d UTC", answer.text
    )


def test_other_accounts_do_not_wait(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    fail(office, "desk-2", FAILURES_ALLOWED + 1)

    assert sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, now()).person.name == "desk-1"


def test_an_account_can_be_tried_again_after_the_pause(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    start = now()
    fail(office, "desk-1", FAILURES_ALLOWED + 1, start)

    after = sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, start + PAUSE)

    assert after.person.name == "desk-1"


def test_success_forgets_earlier_failures(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    fail(office, "desk-1", FAILURES_ALLOWED - 1)

    sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, now())

    assert fail(office, "desk-1", FAILURES_ALLOWED)[-1] == "wrong_name_or_password"


def test_the_names_that_were_tried_cannot_be_read_from_the_database(office: Office) -> None:
    fail(office, "a password in the wrong field", 1)

    with office.database.reading() as session:
        stored = session.scalar(text("select name_hash from sign_in_failures"))

    assert re.fullmatch("[0-9a-f]{64}", stored)


def test_old_failures_are_swept_away(office: Office) -> None:
    start = now()
    fail(office, "a", 1, start)

    fail(office, "b", 1, start + PAUSE)

    with office.database.reading() as session:
        # For b: its name from this place, its name from anywhere, and this place.
        assert session.scalar(text("select count(*) from sign_in_failures")) == 3
        assert session.scalar(text("select count(distinct last_at) from sign_in_failures")) == 1


def test_a_sign_in_ends_after_a_working_day(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    start = now()
    begun = sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, start)

    with office.database.reading() as session:
        during = signed_in_person(session, begun.key, start + SIGN_IN_LENGTH - timedelta(seconds=1))
        after = signed_in_person(session, begun.key, start + SIGN_IN_LENGTH)

    assert during is not None
    assert after is None


def test_a_cookie_copied_before_signing_out_is_worth_nothing_after_it(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    copied = client.get_cookie("__Host-curfew", domain="localhost")
    assert copied is not None

    office.send(client, "/sign-out", {}, form_on="/account")
    thief = office.app.test_client()
    thief.set_cookie("__Host-curfew", copied.value, domain="localhost", secure=True)
    answer = thief.get("/", base_url=HERE)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in")


def test_a_sign_in_that_ended_says_so(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    with office.database.writing() as session:
        session.execute(text("delete from sign_ins"))

    page = client.get("/", base_url=HERE, follow_redirects=True)

    assert "Your sign-in has ended. Sign in again to go on." in page.text


def test_signing_out_needs_the_form_of_this_site(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)

    answer = client.post("/sign-out", data={"a": "b"}, base_url=HERE)

    assert answer.status_code == 400
    assert client.get("/", base_url=HERE).status_code == 200


def test_a_new_password_ends_every_other_sign_in(office: Office) -> None:
    here, elsewhere = office.client(Role.TECHNICIAN), office.app.test_client()
    office.sign_in(elsewhere, "technician")

    new = "another four words now"
    answer = office.send(
        here, "/account/password", {"old": PASSWORD, "new": new, "again": new}, form_on="/account"
    )

    assert answer.status_code == 302
    assert here.get("/", base_url=HERE).status_code == 200
    assert elsewhere.get("/", base_url=HERE).status_code == 302
    assert office.sign_in(office.app.test_client(), "technician", PASSWORD).status_code == 401
    assert office.sign_in(office.app.test_client(), "technician", new).status_code == 302


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"old": "not it", "new": "x" * 14, "again": "x" * 14}, "this is not your present password"),
        ({"old": PASSWORD, "new": "x" * 14, "again": "y" * 14}, "differ"),
        ({"old": PASSWORD, "new": "x", "again": "x"}, "12 characters or more"),
        ({}, "this is not your present password"),
    ],
)
def test_a_password_that_cannot_be_taken_changes_nothing(
    office: Office, fields: dict[str, str], words: str
) -> None:
    client = office.client(Role.TECHNICIAN)

    answer = office.send(client, "/account/password", fields, form_on="/account")

    assert answer.status_code == 400
    assert words in answer.text
    assert office.sign_in(office.app.test_client(), "technician").status_code == 302


def test_old_passwords_cannot_be_guessed_on_the_account_page(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    new = "another four words now"
    fields = {"old": "not it", "new": new, "again": new}

    answers = [office.send(client, "/account/password", fields, form_on="/account") for _ in range(6)]
    rightly = office.send(client, "/account/password", {**fields, "old": PASSWORD}, form_on="/account")

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert "Too many wrong passwords" in rightly.text
    assert office.sign_in(office.app.test_client(), "technician", new).status_code == 429


def test_a_new_password_that_is_too_short_is_no_guess(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    fields = {"old": PASSWORD, "new": "x", "again": "x"}

    answers = [office.send(client, "/account/password", fields, form_on="/account") for _ in range(7)]

    assert [answer.status_code for answer in answers] == [400] * 7


def test_an_admins_reset_is_not_overruled_by_who_knew_the_old_password(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.person("bob", Role.TECHNICIAN)
    with office.database.reading() as session:
        bob = find_person(session, "bob")
    assert bob is not None

    class ResettingHasher(PasswordHasher):
        """An admin is quick: the reset falls between the old password's comparison and the new one's hash."""

        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            monkeypatch.setattr(hashing, "_HASHER", cheap)
            with office.database.writing() as session:
                put_person(session, "bob", "the words an admin set", (Role.TECHNICIAN,), "admin", now())
            return cheap.hash(password)

    cheap = hashing._HASHER
    monkeypatch.setattr(hashing, "_HASHER", ResettingHasher(time_cost=1, memory_cost=8, parallelism=1))
    with pytest.raises(InConflict):
        sign_ins.change_password(office.database, "s", bob, PASSWORD, "what a thief wants", now())
    assert office.sign_in(office.app.test_client(), "bob", "the words an admin set").status_code == 302


@pytest.mark.parametrize(
    "path", ["/?search=%00", "/phones/%00", "/audit?before=%00", "/api/v1/phones/%00/ledger"]
)
def test_a_nul_in_an_address_is_refused_and_breaks_nothing(either: Office, path: str) -> None:
    assert either.client(Role.AUDITOR).get(path, base_url=HERE).status_code == 400


def test_a_nul_in_a_name_or_password_is_refused_and_breaks_nothing(either: Office) -> None:
    assert either.sign_in(either.app.test_client(), "a\0b").status_code == 400


def test_the_signed_in_need_not_sign_in_again(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)

    assert client.get("/sign-in", base_url=HERE).headers["Location"] == "/"


AHEAD = timedelta(days=1)
"""How far the server's clock was wrong before it was put right."""


def test_a_password_set_while_the_clock_was_ahead_lets_its_owner_in(office: Office) -> None:
    with office.database.writing() as session:
        put_person(session, "desk-1", PASSWORD, [Role.TECHNICIAN], "test", now() + AHEAD)

    begun = sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, now())
    with office.database.writing() as session:
        token = tokens.issue_token(session, "desk-1", "test", now()).secret

    with office.database.reading() as session:
        assert signed_in_person(session, begun.key, now()) == begun.person
        assert tokens.token_person(session, token, now()) == begun.person


def test_wrong_passwords_typed_while_the_clock_was_ahead_lock_nobody_out(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    fail(office, "desk-1", FAILURES_ALLOWED, now() + AHEAD)

    assert sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, now()).person.name == "desk-1"


def test_a_new_password_ends_what_was_begun_while_the_clock_was_ahead(office: Office) -> None:
    office.person("desk-1", Role.TECHNICIAN)
    before = sign_ins.sign_in(office.database, "k" * 32, "desk-1", PASSWORD, now() + AHEAD)

    sign_ins.change_password(
        office.database, "k" * 32, before.person, PASSWORD, "other words that hold well", now()
    )

    with office.database.reading() as session:
        assert signed_in_person(session, before.key, now()) is None
