"""axe-core finds nothing on any page: light and dark, at a desk and on a narrow screen, with all that folds open."""

from __future__ import annotations

from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

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
    *("/my-phone/RECEIPT", "/my-phone/RECEIPT?language=de", "/my-phone/mistyped?language=fr"),
    *("/rehearsals/REHEARSAL", "/rehearsals/REHEARSAL/phones?outcome=unknown"),
)
# What is no page.
FILES = ("/deadline.ics", "/blocks.csv")
OPEN_ALL = "() => document.querySelectorAll('details').forEach(one => { one.open = true })"
COLOURS = ["color-contrast", "link-in-text-block"]
"""axe's rules about colours that are on without asking (its rule descriptions, tag `cat.color`)."""
DESK: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 360, "height": 800}


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


def violations(page: Page, **options: object) -> str:
    """What axe, which is in the page already, finds on it as it is shown now; empty, or told element by element."""
    page.evaluate(OPEN_ALL)
    # Of what it finds in order, axe need not tell each element: that took a third of its time.
    found = Axe("").run(page, options={"resultTypes": ["violations"], **options})
    return found.generate_report() if found.violations_count else ""


def violations_in_every_look(page: Page) -> dict[str, str]:
    """What axe finds by look: of the dark one only its colours are asked, of the narrow one all but the colours."""
    page.evaluate(AXE_SCRIPT)
    found = {"light": violations(page)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = violations(page, runOnly={"type": "rule", "values": COLOURS})
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    found["narrow"] = violations(page, rules={rule: {"enabled": False} for rule in COLOURS})
    page.set_viewport_size(DESK)
    return found


def test_axe_finds_nothing_on_any_page(chromium: Browser, visit: Visit) -> None:
    found: dict[str, dict[str, str]] = {}
    with opened(chromium, color_scheme="light", viewport=DESK) as page:
        page.goto(visit.address + "/sign-in")
        found["/sign-in"] = violations_in_every_look(page)
        known = addresses(visit)
        visit.sign_in(page, EVERYBODY)
        for address in known:
            page.goto(visit.address + address)
            found[address] = violations_in_every_look(page)
        for name, show in AFTER_A_FORM.items():
            show(page, visit)
            found[name] = violations_in_every_look(page)

    told = [f"{page} {look}\n{told}" for page, looks in found.items() for look, told in looks.items() if told]
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
        page.set_content(
            "<html lang=en><title>x</title><main><h1>Words</h1><details><input></details></main>"
            "<style>@media (prefers-color-scheme: dark) { body { background: #000 } h1 { color: #222 } }</style>"
        )
        found = violations_in_every_look(page)

    assert "label" in found["light"]
    assert "color-contrast" not in found["light"]
    assert "color-contrast" in found["dark"]
    assert "label" in found["narrow"]
