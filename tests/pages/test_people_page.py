"""People in pages and by the API: made with a first password, changed by admins, and what nobody may."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from server.errors import InConflict, NotAllowed
from server.evidence import audit
from server.people import managing, people, sign_ins, tokens
from server.people.people import Person, Role, WantedPeople, find_person, list_people
from tests.pages.office import PASSWORD, Office, now

HERE = "https://localhost"
SHOWN_ONCE = re.compile(r'class="once code">([^<]+)<')


def post(office: Office, client: FlaskClient, address: str, *roles: str, **fields: str) -> Any:
    told: Any = {**fields, **({"role": list(roles)} if roles else {})}
    return office.send(client, address, told, form_on="/people")


def person(office: Office, name: str) -> Person:
    with office.database.reading() as session:
        found = find_person(session, name)
    assert found is not None
    return found


def rows(office: Office) -> list[tuple[str, str, str, Any]]:
    """Return what the chain tells of people, newest first, without signing in."""
    with office.database.reading() as session:
        found = audit.newest_rows(session)
    return [(r.actor, r.action, r.subject, r.detail) for r in found if r.action != "signed in"]


def test_an_account_begins_with_a_first_password_that_opens_only_its_own_page(either: Office) -> None:
    admin, newcomer = either.client(Role.ADMIN), either.app.test_client()

    made = post(either, admin, "/people", "technician", name="Desk-7")
    first = SHOWN_ONCE.search(made.text)
    assert (made.status_code, first is not None) == (201, True)
    assert first is not None
    assert either.sign_in(newcomer, "desk-7", first[1]).status_code == 302

    assert newcomer.get("/", base_url=HERE).headers["Location"] == "/account"
    assert "Set a password of your own first" in newcomer.get("/account", base_url=HERE).text
    assert rows(either)[0] == ("admin", "person added", "desk-7", {"roles": "technician"})


def test_with_a_password_of_ones_own_everything_opens(office: Office) -> None:
    made = office_makes(office, "desk-7", Role.TECHNICIAN)
    newcomer = office.app.test_client()
    office.sign_in(newcomer, "desk-7", made.first_password.text)
    words = {"old": made.first_password.text, "new": PASSWORD, "again": PASSWORD}

    assert office.send(newcomer, "/account/password", words, form_on="/account").status_code == 302

    assert newcomer.get("/", base_url=HERE).status_code == 200
    assert person(office, "desk-7").first_password_until is None


def test_the_first_password_is_not_taken_as_ones_own(office: Office) -> None:
    made = office_makes(office, "desk-7", Role.TECHNICIAN)
    newcomer = office.app.test_client()
    first = made.first_password.text
    office.sign_in(newcomer, "desk-7", first)

    kept = office.send(
        newcomer, "/account/password", {"old": first, "new": first, "again": first}, form_on="/account"
    )

    assert "the new password is the present one" in kept.text
    assert newcomer.get("/", base_url=HERE).status_code == 302


def test_a_first_password_that_nobody_used_ends(office: Office) -> None:
    made = office_makes(office, "desk-7", Role.TECHNICIAN)
    with office.database.writing() as session:
        session.execute(
            text("UPDATE people SET first_password_until = :over WHERE name = 'desk-7'"),
            {"over": (now() - timedelta(hours=1)).replace(tzinfo=None)},
        )

    page = office.sign_in(office.app.test_client(), "desk-7", made.first_password.text)

    assert "This first password was good until" in page.text


def office_makes(office: Office, name: str, *roles: Role) -> managing.HandedOver:
    office.person("admin-1", Role.ADMIN)
    return managing.make_person(office.database, person(office, "admin-1"), name, roles, now())


@pytest.mark.parametrize(
    ("address", "roles", "fields", "status", "code"),
    [
        ("/people", ["author"], {"name": "a b"}, 400, "name_malformed"),
        ("/people", [], {"name": "desk-8"}, 400, "role_missing"),
        ("/people", ["author"], {"name": "Desk-7"}, 409, "name_taken"),
        ("/people/desk-7/roles", [], {}, 400, "role_missing"),
        ("/people/nobody/roles", ["author"], {}, 404, "person_unknown"),
        ("/people/nobody/switch", [], {"state": "off"}, 404, "person_unknown"),
        ("/people/nobody/first-password", [], {}, 404, "person_unknown"),
        ("/people/nobody/sign-out", [], {}, 404, "person_unknown"),
        ("/people/admin/roles", ["admin", "author"], {}, 403, "roles_of_oneself"),
        ("/people/admin/roles", ["auditor"], {}, 403, "roles_of_oneself"),
        ("/people/admin/switch", [], {"state": "off"}, 409, "last_admin"),
        ("/people/admin/first-password", [], {}, 403, "password_of_oneself"),
    ],
)
def test_what_is_refused_changes_nothing_and_is_written_down(
    office: Office, address: str, roles: list[str], fields: dict[str, str], status: int, code: str
) -> None:
    office.person("desk-7", Role.TECHNICIAN)
    admin = office.client(Role.ADMIN)
    before = [person(office, "desk-7"), person(office, "admin")]

    answer = post(office, admin, address, *roles, **fields)

    assert answer.status_code == status
    assert [person(office, "desk-7"), person(office, "admin")] == before
    actor, action, _, detail = rows(office)[0]
    assert (actor, action, detail["reason"]) == ("admin", "change of a person refused", code)


def test_the_only_admin_cannot_take_the_role_from_themselves(office: Office) -> None:
    office.person("both", Role.ADMIN, Role.AUTHOR)
    with pytest.raises(InConflict, match="both is the only admin"):
        managing.change_roles(office.database, person(office, "both"), "both", [Role.AUTHOR], now())


def test_with_a_second_admin_the_first_can_go(office: Office) -> None:
    office.person("admin-2", Role.ADMIN)
    admin = office.client(Role.ADMIN)

    assert post(office, admin, "/people/admin/switch", state="off").status_code == 302

    assert person(office, "admin").off_since is not None


def test_of_two_admins_who_take_each_others_role_one_stays(either: Office) -> None:
    either.person("admin-1", Role.ADMIN)
    either.person("admin-2", Role.ADMIN)
    one, other = person(either, "admin-1"), person(either, "admin-2")
    managing.change_roles(either.database, one, "admin-2", [Role.AUTHOR], now())

    # It was an admin's request when it was read; it is none any more when it is its turn.
    with pytest.raises(NotAllowed, match="is not any more"):
        managing.change_roles(either.database, other, "admin-1", [Role.AUTHOR], now())

    assert person(either, "admin-1").may(people.Right.MANAGE_PEOPLE)


def test_other_roles_count_at_once(office: Office) -> None:
    office.publish()
    admin, desk = office.client(Role.ADMIN), office.client(Role.TECHNICIAN)
    assert desk.get("/audit", base_url=HERE).status_code == 403

    post(office, admin, "/people/technician/roles", "auditor")

    assert desk.get("/audit", base_url=HERE).status_code == 200
    detail = {"roles": "auditor", "roles_before": "technician"}
    assert rows(office)[0] == ("admin", "person changed", "technician", detail)


def test_a_new_first_password_ends_what_was_begun_under_the_old_one(office: Office) -> None:
    admin, desk = office.client(Role.ADMIN), office.client(Role.TECHNICIAN)
    with office.database.writing() as session:
        token = tokens.issue_token(session, "technician", "test", now()).secret

    shown = post(office, admin, "/people/technician/first-password")

    assert SHOWN_ONCE.search(shown.text)
    assert desk.get("/account", base_url=HERE).headers["Location"].startswith("/sign-in")
    with office.database.reading() as session:
        assert tokens.token_person(session, token, now()) is None


def test_signed_out_everywhere_the_password_and_tokens_stay_good(either: Office) -> None:
    admin, desk = either.client(Role.ADMIN), either.client(Role.TECHNICIAN)
    with either.database.writing() as session:
        token = tokens.issue_token(session, "technician", "test", now()).secret

    post(either, admin, "/people/technician/sign-out")

    assert desk.get("/account", base_url=HERE).status_code == 302
    with either.database.reading() as session:
        assert tokens.token_person(session, token, now()) is not None
    assert either.sign_in(either.app.test_client(), "technician").status_code == 302
    assert rows(either)[0] == ("admin", "signed out everywhere", "technician", {"sign_ins": 1})


def test_a_server_without_an_admin_says_how_one_is_made(office: Office) -> None:
    page = office.client(Role.AUDITOR).get("/people", base_url=HERE)

    assert page.status_code == 403
    assert "Ask a colleague with the role admin. On this server nobody has it yet" in page.text
    assert "curfew-server --config SERVER.env person NAME --role ROLE" in page.text


def test_the_list_is_searched_filtered_sorted_and_read_in_pieces(either: Office) -> None:
    for name, role in (("b-1", Role.AUTHOR), ("a-1", Role.AUDITOR), ("c-2", Role.AUTHOR)):
        either.person(name, role)
    with either.database.writing() as session:
        sign_ins.switch_person(session, "c-2", False, "test", now())

    def names(wanted: WantedPeople, order: Any = people.PEOPLE_BY_NAME) -> list[str]:
        found, after = [], ""
        with either.database.reading() as session:
            while after is not None:
                piece = list_people(session, wanted, order, after, 1)
                found += [one.name for one in piece.rows]
                after = piece.next  # type: ignore[assignment]
        return found

    assert names(WantedPeople()) == ["a-1", "b-1", "c-2"]
    assert names(WantedPeople(), people.PEOPLE_NEWEST) == ["c-2", "a-1", "b-1"]
    assert names(WantedPeople(search="-1")) == ["a-1", "b-1"]
    assert names(WantedPeople(search="%")) == []
    assert names(WantedPeople(role=Role.AUTHOR)) == ["b-1", "c-2"]
    assert names(WantedPeople(role=Role.AUTHOR, on=True)) == ["b-1"]


def test_the_page_keeps_the_selection_and_shows_any_piece_of_it(office: Office) -> None:
    for number in range(60):
        office.person(f"desk-{number:02}", Role.TECHNICIAN)
    admin = office.client(Role.ADMIN)

    first = admin.get("/people?search=desk&role=technician&state=on&sort=newest", base_url=HERE).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = admin.get(following[1].replace("&amp;", "&"), base_url=HERE).text

    assert "desk-59" in first
    assert "desk-09" not in first
    assert "desk-09" in second
    assert 'value="desk"' in second
    assert "desk-59" in admin.get("/people?search=desk&sort=newest&after=x", base_url=HERE).text


class Program:
    """A program with an admin's token."""

    def __init__(self, office: Office) -> None:
        office.person("api-1", Role.ADMIN)
        with office.database.writing() as session:
            self.token = tokens.issue_token(session, "api-1", "test", now()).secret
        self.client = office.app.test_client()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.open(
            f"/api/v1/people{path}",
            method=method,
            json=body,
            base_url=HERE,
            headers={"Authorization": f"Bearer {self.token}"},
            environ_overrides={} if body else {"CONTENT_LENGTH": "0"},
        )


def test_everything_is_done_by_the_api_as_well(either: Office) -> None:
    program = Program(either)

    made = program.ask("POST", "", {"name": "desk-7", "roles": ["author"]})
    assert made.status_code == 201
    assert either.sign_in(either.app.test_client(), "desk-7", made.json["first_password"]).status_code == 302
    assert program.ask("GET", "/desk-7").json["roles"] == ["author"]
    assert program.ask("PUT", "/desk-7/roles", {"roles": ["auditor"]}).json["roles"] == ["auditor"]
    assert program.ask("DELETE", "/desk-7/sign-ins").json["ended"] == 1
    assert program.ask("POST", "/desk-7/first-password").json["first_password_until"] is not None
    assert program.ask("PUT", "/desk-7/switch", {"on": False}).json["on"] is False

    assert [one["name"] for one in program.ask("GET", "?on=false").json["people"]] == ["desk-7"]
    assert "first_password" not in program.ask("GET", "?role=auditor").json["people"][0]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "", {"name": "api-1", "roles": ["author"]}, 409, "name_taken"),
        ("POST", "", {"name": "a b", "roles": ["author"]}, 400, "name_malformed"),
        ("PUT", "/api-1/roles", {"roles": ["admin", "author"]}, 403, "roles_of_oneself"),
        ("PUT", "/api-1/switch", {"on": False}, 409, "last_admin"),
        ("POST", "/api-1/first-password", None, 403, "password_of_oneself"),
        ("GET", "/nobody", None, 404, "person_unknown"),
    ],
)
def test_the_api_refuses_what_pages_refuse(
    office: Office, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = Program(office).ask(method, path, body)

    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
