"""Pages renew themselves, keep what a person was doing, and are the same without scripts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import text

from server.people.people import Role
from server.people.sign_ins import SIGN_IN_LENGTH
from tests.pages.office import COMPLIANT, Office, now
from tests.pages.visiting import Visit, opened

HERE = "https://localhost"
RENEWAL = {"HX-Request": "true"}
RENEWED = ("/", "/stations", "/alarms", "/rings", "/deadline", "/lift")
STATIC = Path(__file__).resolve().parents[2] / "server" / "static"
INTERVAL_MS = 30_000


def test_htmx_is_the_file_of_its_release() -> None:
    decision = STATIC.parents[1] / "docs/decisions/0035-pages-renew-themselves.md"
    recorded = re.search(r"htmx\.min\.js.*?`([0-9a-f]{64})`", decision.read_text(), re.S)

    assert recorded
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == recorded[1]


@pytest.mark.parametrize("address", RENEWED)
def test_a_renewal_is_the_page_without_its_frame(staffed: Office, address: str) -> None:
    client = staffed.client(Role.TECHNICIAN)

    whole = client.get(address, base_url=HERE).text
    part = client.get(address, base_url=HERE, headers=RENEWAL).text

    assert '<div id="renewed" hx-get=""' in whole
    assert "<h1>" in part
    assert "<html" not in part
    assert 'id="renewed"' not in part


@pytest.mark.parametrize("address", ["/account", "/drafts", "/people", "/not-there"])
def test_other_pages_do_not_renew_themselves(staffed: Office, address: str) -> None:
    page = staffed.client(Role.ADMIN, Role.AUTHOR).get(address, base_url=HERE, headers=RENEWAL).text

    assert "<html" in page
    assert "htmx" not in page


def test_a_page_that_has_not_changed_is_answered_304_and_one_that_has_is_not(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)
    tag = client.get("/stations", base_url=HERE, headers=RENEWAL).headers["ETag"]
    asked = {**RENEWAL, "If-None-Match": tag}

    unchanged = client.get("/stations", base_url=HERE, headers=asked)
    with staffed.database.writing() as session:
        session.execute(text("update station set name = 'Bench 7'"))
    changed = client.get("/stations", base_url=HERE, headers=asked)

    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert changed.status_code == 200
    assert "Bench 7" in changed.text


def test_a_page_asked_for_by_a_person_is_never_answered_304(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)
    tag = client.get("/stations", base_url=HERE, headers=RENEWAL).headers["ETag"]

    assert client.get("/stations", base_url=HERE, headers={"If-None-Match": tag}).status_code == 200


def test_a_renewal_takes_no_message_away_that_the_next_page_has_to_say(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)
    staffed.send(client, f"/stations/{staffed.station_id}/revoke", {}, form_on="/account")

    client.get("/stations", base_url=HERE, headers=RENEWAL)

    assert "is revoked: nothing it sends" in client.get("/stations", base_url=HERE).text


def test_a_renewal_without_a_sign_in_leads_the_whole_page_to_the_sign_in(office: Office) -> None:
    answer = office.app.test_client().get("/stations?sort=name", base_url=HERE, headers=RENEWAL)

    assert answer.headers["HX-Redirect"] == "/sign-in?next=/stations?sort%3Dname"
    assert answer.data == b""


def test_renewals_prolong_no_sign_in(staffed: Office) -> None:
    client = staffed.client(Role.TECHNICIAN)
    with staffed.database.reading() as session:
        ends = session.execute(text("select ends_at from sign_ins")).scalars().all()

    answer = client.get("/", base_url=HERE, headers=RENEWAL)

    with staffed.database.reading() as session:
        assert session.execute(text("select ends_at from sign_ins")).scalars().all() == ends
    assert "Set-Cookie" not in answer.headers
    assert timedelta(hours=12) >= SIGN_IN_LENGTH


@pytest.fixture
def page(chromium: Browser, visit: Visit) -> Iterator[Page]:
    """Somebody signed in, in whose browser time goes on when the test says so."""
    with opened(chromium) as page:
        page.clock.install(time=now())
        visit.sign_in(page)
        expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
        # A heading is seen before the scripts have begun to count the seconds.
        page.wait_for_load_state("load")
        yield page


def renew(page: Page) -> None:
    """Let the interval pass, and the answer arrive."""
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.clock.run_for(INTERVAL_MS)


def test_the_list_renews_by_itself_after_a_report(page: Page, visit: Visit) -> None:
    link = page.get_by_role("link", name="Pixel 9 Pro")
    expect(link).to_have_count(0)

    visit.office.report(visit.office.phone("Pixel 9 Pro"), **COMPLIANT)
    renew(page)

    expect(link).to_have_count(1)
    expect(page.locator("#renewal")).to_contain_text("Renewed at ")
    expect(page.locator("#renewal-news")).to_contain_text("This page has changed")


def test_what_is_typed_is_not_lost(page: Page, visit: Visit) -> None:
    page.get_by_label("Search").fill("front de")
    visit.office.report(visit.office.phone("Pixel 9 Pro"), **COMPLIANT)

    page.clock.run_for(2 * INTERVAL_MS)

    expect(page.get_by_label("Search")).to_have_value("front de")
    expect(page.get_by_label("Search")).to_be_focused()
    expect(page.locator("#renewal")).to_contain_text("Not renewed while a form is filled in")
    page.get_by_label("Search").fill("")
    page.get_by_role("heading", name="Fleet").click()
    renew(page)
    expect(page.get_by_role("link", name="Pixel 9 Pro")).to_have_count(1)


def test_what_is_typed_while_the_answer_is_under_way_is_not_lost(page: Page, visit: Visit) -> None:
    def typed_meanwhile(route) -> None:  # type: ignore[no-untyped-def]
        answer = route.fetch()
        page.get_by_label("Search").fill("front de")
        route.fulfill(response=answer)

    visit.office.report(visit.office.phone("Pixel 9 Pro"), **COMPLIANT)
    page.route(f"{visit.address}/", typed_meanwhile)
    renew(page)

    expect(page.get_by_label("Search")).to_have_value("front de")
    expect(page.get_by_role("link", name="Pixel 9 Pro")).to_have_count(0)


def test_what_is_open_and_focused_stays_so(page: Page, visit: Visit) -> None:
    page.goto(f"{visit.address}/alarms")
    page.locator("summary").first.click()
    expect(page.locator("details").first).to_have_attribute("open", "")

    visit.office.report(visit.office.phone("Pixel 9 Pro"), **COMPLIANT)
    renew(page)

    expect(page.locator("#renewal")).to_contain_text("Renewed at ")
    expect(page.locator("details").first).to_have_attribute("open", "")
    expect(page.locator("summary").first).to_be_focused()


def test_a_hidden_page_does_not_ask_and_one_that_is_looked_at_again_does_at_once(
    page: Page, visit: Visit
) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        # The icon of the tab comes when the browser finds time.
        if "/static/" not in request.url:
            asked.append(request.url)

    page.on("request", note)
    hide = "state => { Object.defineProperty(document, 'hidden', { value: state, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"

    page.evaluate(hide, True)
    page.clock.run_for(4 * INTERVAL_MS)
    assert asked == []

    with page.expect_response(f"{visit.address}/"):
        page.evaluate(hide, False)
    assert asked == [f"{visit.address}/"]


def test_whose_sign_in_has_ended_comes_to_the_sign_in_and_back_again(page: Page, visit: Visit) -> None:
    page.goto(f"{visit.address}/stations")
    with visit.office.database.writing() as session:
        session.execute(text("delete from sign_ins"))

    page.clock.run_for(INTERVAL_MS)

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    assert page.url == f"{visit.address}/sign-in?next=/stations"


def test_a_server_that_does_not_answer_is_said_and_the_page_stays(page: Page, visit: Visit) -> None:
    page.route(f"{visit.address}/", lambda route: route.fulfill(status=503, body="<p>away</p>"))

    renew(page)

    expect(page.locator("#renewal")).to_contain_text("Could not be renewed")
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    page.unroute(f"{visit.address}/")
    renew(page)
    expect(page.locator("#renewal")).to_contain_text("Renewed at ")


def test_no_page_breaks_the_policy_for_contents(page: Page, visit: Visit) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    for address in RENEWED:
        page.goto(visit.address + address)
        renew(page)

    assert complaints == []
