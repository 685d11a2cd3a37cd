"""What pages owe the browser: headers, cookie flags, forms of our own only, no trace of a fault."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from server.people.people import Role
from tests.pages.office import PASSWORD, SHOWN, Office

HERE = "https://localhost"
SCRIPTS = re.compile(r'<script src="([^"]+)" defer></script>')
OUR_SCRIPTS = {"/static/htmx.min.js", "/static/renewing.js"}


def test_no_page_lets_any_script_run_but_the_files_of_this_server(office: Office) -> None:
    policy = office.client(Role.AUDITOR).get("/", base_url=HERE).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("address", ["/sign-in", "/", "/nothing-here", "/static/curfew.css"])
def test_every_answer_to_a_browser_carries_the_headers(office: Office, address: str) -> None:
    headers = office.app.test_client().get(address, base_url=HERE, follow_redirects=True).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "max-age" in headers["Strict-Transport-Security"]


def test_pages_are_kept_by_no_cache(office: Office) -> None:
    assert office.client(Role.AUTHOR).get("/", base_url=HERE).headers["Cache-Control"] == "no-store"


def test_the_cookie_is_for_this_host_over_tls_and_out_of_reach_of_scripts(office: Office) -> None:
    cookie = office.app.test_client().get("/sign-in", base_url=HERE).headers["Set-Cookie"]

    assert cookie.startswith("__Host-curfew=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in cookie
    assert "Domain" not in cookie


def test_signing_in_leaves_nothing_of_the_cookie_before(office: Office) -> None:
    office.person("desk-1", Role.AUTHOR)
    client = office.app.test_client()
    with client.session_transaction(base_url=HERE) as planted:
        planted["planted"] = "by somebody else"

    office.sign_in(client, "desk-1")

    with client.session_transaction(base_url=HERE) as session:
        assert "planted" not in session


@pytest.mark.parametrize(
    "address",
    ["/sign-in", "/sign-out", "/account/password", "/stations/enrolment-codes", "/stations/x/revoke"],
)
def test_a_form_without_our_token_is_refused(office: Office, address: str) -> None:
    client = office.client(Role.TECHNICIAN)

    answer = client.post(
        address, data={"name": "x", "password": PASSWORD}, base_url=HERE, headers={"Referer": HERE}
    )

    assert answer.status_code == 400
    assert "Nothing was changed." in answer.text


def test_a_form_sent_from_another_site_is_refused(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    token = SHOWN.search(client.get("/account", base_url=HERE).text)
    assert token

    answer = client.post(
        "/sign-out",
        data={"csrf_token": token[1]},
        base_url=HERE,
        headers={"Referer": "https://evil.example/"},
    )

    assert answer.status_code == 400


def test_a_token_of_another_session_is_refused(office: Office) -> None:
    ours, theirs = office.client(Role.TECHNICIAN), office.client(Role.AUDITOR)
    token = SHOWN.search(theirs.get("/account", base_url=HERE).text)
    assert token

    answer = ours.post("/sign-out", data={"csrf_token": token[1]}, base_url=HERE, headers={"Referer": HERE})

    assert answer.status_code == 400


def test_pages_have_nothing_inline(office: Office) -> None:
    client = office.client(Role.TECHNICIAN, Role.AUDITOR)

    for address in ("/", "/bundles", "/stations", "/account", "/audit?verify=yes", "/nothing"):
        page = client.get(address, base_url=HERE).text
        assert not re.search(r"<style|\sstyle=|\s(hx-)?on[a-z:-]+=|javascript:", page), address
        assert set(SCRIPTS.findall(page)) <= OUR_SCRIPTS, address
        assert page.count("<script") == len(SCRIPTS.findall(page)), address


def test_what_people_type_is_shown_as_text(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)
    staffed.phone(label="<script>alert(1)</script>")

    page = client.get("/?search=<b>", base_url=HERE).text + client.get("/", base_url=HERE).text

    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_an_unknown_address_is_a_page_with_a_way_on(office: Office) -> None:
    answer = office.app.test_client().get("/nothing-here", base_url=HERE)

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "Go to the fleet" in answer.text


def test_a_failing_database_is_a_page_without_a_trace(office: Office) -> None:
    client = office.client(Role.TECHNICIAN)
    with office.database.writing() as session:
        session.execute(text("drop table sign_ins"))

    answer = client.get("/", base_url=HERE)

    assert answer.status_code in (500, 503)
    assert answer.mimetype == "text/html"
    assert "sign_ins" not in answer.text
    assert "Traceback" not in answer.text


def test_who_asks_how_the_server_is_gets_no_cookie_though_somebody_is_signed_in(office: Office) -> None:
    client = office.client(Role.AUDITOR)

    answers = [client.get(path, base_url=HERE) for path in ("/healthz", "/readyz", "/metrics")]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.headers.get("Set-Cookie") for answer in answers] == [None] * 3


def test_a_header_about_the_address_gives_a_stranger_no_more_tries(office: Office) -> None:
    office.person("desk-1", Role.AUDITOR)
    client = office.app.test_client()

    statuses = []
    for number in range(6):
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{number}"
        statuses.append(office.sign_in(client, "desk-1", "a wrong password").status_code)

    assert statuses == [401] * 5 + [429]
