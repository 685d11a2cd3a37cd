"""axe-core finds nothing on any page: light and dark, at a desk and on a narrow screen, with all that folds open."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from policy.names import PhoneId
from policy.schemas import dump_policy_document
from server.fleet import phone_states
from server.owners.requests import RequestKind, ask
from server.people.people import Role
from server.rehearsal import kept_rehearsals
from server.rehearsal.running import run_rehearsal
from tests.pages.office import Office, now, policy_in_force
from tests.pages.test_roles import ADDRESSES, GET
from tests.pages.visiting import Visit, opened

EVERYBODY = "everybody"
# Those of no right, those behind a query, and the pages of refusals.
MORE = (
    *(
        "/account",
        "/people?search=zzz",
        "/tokens?everybody=yes",
        "/not-there",
        "/phones/nonsense",
        "/?search=zzz",
        "/?standing=unreadable",
        "/alarms?state=all",
        "/exemptions?state=ended",
        "/stations?state=revoked",
    ),
    *("/my-phone/RECEIPT", "/my-phone/RECEIPT?language=de"),
    *("/rehearsals/REHEARSAL", "/rehearsals/REHEARSAL/phones?outcome=unknown"),
)
# What is no page.
FILES = ("/deadline.ics", "/blocks.csv")
OPEN_ALL = "() => document.querySelectorAll('details').forEach(one => { one.open = true })"
DESK, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 800}


def addresses(visit: Visit) -> list[str]:
    """Every address that shows a page, with what it shows."""
    visit.office.person(EVERYBODY, *Role)
    named = {"DRAFT": str(visit.office.draft()), "REHEARSAL": rehearsed(visit.office)}
    named |= {"RECEIPT": objected(visit.office, visit.violating)}
    named |= {"STATION": visit.office.station_id, "PHONE": visit.violating, "PERSON": EVERYBODY}
    known = [address for right in ADDRESSES.values() for method, address in right if method == GET]
    shown = [address for address in (*known, *MORE) if address not in FILES]
    shown = [address for address in shown if not address.startswith("/lists/")]
    for name, value in named.items():
        shown = [address.replace(name, value) for address in shown]
    return shown


def objected(office: Office, phone: str) -> str:
    """The code on the receipt of a phone whose owner has objected."""
    with office.database.writing() as session:
        ask(session, PhoneId(phone), RequestKind.OBJECTION, "It is mine.", now())
        latest = phone_states.latest_checks(session, [phone])
    return latest[phone].report_id


def rehearsed(office: Office) -> str:
    with office.database.writing() as session:
        document = dump_policy_document(2, policy_in_force())
        made = kept_rehearsals.new_rehearsal(session, document, EVERYBODY, now(), draft=(1, 1))
    run_rehearsal(office.database, made, now)
    return made


def violations(page: Page) -> str:
    """What axe finds on the page as it is shown now; empty, or told element by element."""
    page.evaluate(OPEN_ALL)
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize(
    ("scheme", "screen"),
    [("light", DESK), ("dark", DESK), ("light", NARROW)],
    ids=["light", "dark", "narrow"],
)
def test_axe_finds_nothing_on_any_page(
    chromium: Browser, visit: Visit, scheme: str, screen: dict[str, int]
) -> None:
    found: dict[str, str] = {}
    with opened(chromium, color_scheme=scheme, viewport=screen) as page:
        page.goto(visit.address + "/sign-in")
        found["/sign-in"] = violations(page)
        known = addresses(visit)
        visit.sign_in(page, EVERYBODY)
        for address in known:
            page.goto(visit.address + address)
            found[address] = violations(page)
        for name, show in AFTER_A_FORM.items():
            show(page, visit)
            found[name] = violations(page)

    told = [f"{address}\n{told}" for address, told in found.items() if told]
    assert not told, "\n\n".join(told)


def holder_found(page: Page, visit: Visit) -> None:
    page.goto(f"{visit.address}/holders/search")
    page.get_by_label("Reference").fill("mailbox-4711")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("table").wait_for()


def code_made(page: Page, visit: Visit) -> None:
    page.goto(f"{visit.address}/stations")
    page.get_by_label("Who or what it is for").fill("bench 3")
    page.get_by_role("button", name="Make a code").click()
    page.get_by_role("img", name="QR code").wait_for()


def draft_refused(page: Page, visit: Visit) -> None:
    page.goto(f"{visit.address}/drafts/1/edit")
    page.locator("[name=time_zone]").fill("Europe/Nowhere")
    page.get_by_role("button", name="Save as revision").click()
    page.get_by_role("alert").wait_for()


AFTER_A_FORM = {
    "a holder's phones": holder_found,
    "an enrolment code": code_made,
    "a refused draft": draft_refused,
}


def test_what_axe_would_complain_of_is_found(chromium: Browser, tmp_path: Path) -> None:
    with opened(chromium) as page:
        page.set_content("<html lang=en><title>x</title><main><h1>x</h1><details><input></details></main>")

        assert "label" in violations(page)
