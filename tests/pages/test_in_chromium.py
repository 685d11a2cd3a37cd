"""The pages in a real browser over TLS: without scripts, with scripts, by keyboard, on a narrow screen, in the dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.office import COMPLIANT
from tests.pages.visiting import Visit, opened

DESK = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}

UNLABELLED = """
() => [...document.querySelectorAll("input:not([type=hidden]), select")].filter(f => !f.labels.length).length
"""
HEADLESS = """
() => [...document.querySelectorAll("table")].filter(t => !t.querySelector("th[scope=col]")).length
"""
CONTRAST = """
() => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${e.className} "${e.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return low;
}
"""


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
def test_a_technician_goes_from_signing_in_to_a_phone_and_out_again(
    chromium: Browser, visit: Visit, scripts: bool
) -> None:
    with opened(chromium, java_script_enabled=scripts) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))

        visit.sign_in(page)
        expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
        page.get_by_label("Search").fill("front desk")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="spare of the front desk").click()
        expect(page.get_by_text("silence is unknown, never compliant").first).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()

    assert complaints == []


def test_a_wrong_password_is_explained(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        page.goto(f"{visit.address}/")
        visit.picture(page, "sign-in")
        page.get_by_label("Name").fill("desk-1")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()

        expect(page.get_by_role("alert")).to_contain_text("Name and password do not match.")
        visit.picture(page, "sign-in-wrong")


def test_a_code_is_made_and_shown_and_a_station_revoked(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        visit.sign_in(page)
        page.get_by_role("link", name="Stations").click()
        visit.picture(page, "stations")
        page.get_by_label("Who or what it is for").fill("bench 3")
        page.get_by_role("button", name="Make a code").click()
        expect(page.get_by_text("curfew-agent enrol curfew1:")).to_be_visible()
        expect(page.get_by_role("img", name="QR code")).to_be_visible()
        visit.picture(page, "enrolment-code")

        page.get_by_role("link", name="Stations", exact=True).click()
        page.get_by_role("link", name="Revoke Bench 2, building A").click()
        visit.picture(page, "revoke")
        page.get_by_role("button", name="Revoke Bench 2, building A").click()
        expect(page.get_by_text("Bench 2, building A is revoked")).to_be_visible()


def test_an_alarm_is_settled_without_scripts(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        visit.sign_in(page)
        page.get_by_role("link", name="Alarms", exact=True).click()
        page.get_by_label("What was found").fill("two computers had one folder; the older is revoked")
        page.get_by_role("button", name="Settled").click()
        expect(page.get_by_text("The alarm is settled.")).to_be_visible()

        expect(page.get_by_text("two computers had one folder")).to_be_hidden()
        page.locator("summary", has_text="Settled alarms").click()
        expect(page.get_by_text("two computers had one folder")).to_be_visible()


def test_filters_work_by_link_and_by_form(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        visit.sign_in(page)
        page.get_by_role("list", name="Phones by standing").get_by_role("link", name="unreadable").click()
        rows = page.get_by_role("table").get_by_role("row")
        expect(rows).to_have_count(2)

        page.get_by_label("Standing", exact=True).select_option("compliant")
        page.get_by_role("button", name="Show").click()
        expect(rows).to_have_count(2)
        expect(page.get_by_role("link", name="Fairphone 5")).to_be_visible()


def test_the_keyboard_reaches_everything_visibly(chromium: Browser, visit: Visit) -> None:
    with opened(chromium) as page:
        visit.sign_in(page)
        # A Tab pressed while the next page still loads would move the focus of the one that is leaving.
        expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
        page.wait_for_load_state("load")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        visit.picture(page, "keyboard")

        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => [document.activeElement.closest('main') !== null,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )

    assert focused == [True, "solid"]


def addresses(visit: Visit) -> dict[str, str]:
    return {
        "fleet": "/",
        "nothing-found": "/?search=zzz",
        "phone-violating": f"/phones/{visit.violating}",
        "phone-unreadable": f"/phones/{visit.unreadable}",
        "phone-print": f"/phones/{visit.violating}/print",
        "bundles": "/bundles",
        "deadline": "/deadline",
        "exemptions": "/exemptions",
        "lift": "/lift",
        "stations": "/stations",
        "alarms": "/alarms",
        "account": "/account",
        "audit": "/audit?verify=yes",
        "not-there": "/phones/nonsense",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(chromium: Browser, visit: Visit, scheme: str) -> None:
    with opened(chromium, color_scheme=scheme) as page:
        visit.sign_in(page)
        for name, address in addresses(visit).items():
            page.goto(visit.address + address)
            visit.picture(page, f"{name}-{scheme}")

            assert page.evaluate(CONTRAST) == [], name


def test_a_narrow_screen_needs_no_sideways_scrolling(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, viewport=NARROW, device_scale_factor=2) as page:
        visit.sign_in(page)
        for name, address in addresses(visit).items():
            page.goto(visit.address + address)
            visit.picture(page, f"{name}-narrow")

            assert page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"], name


def test_every_field_has_a_label_and_every_table_its_headers(chromium: Browser, visit: Visit) -> None:
    with opened(chromium) as page:
        visit.sign_in(page)
        for name, address in addresses(visit).items():
            page.goto(visit.address + address)

            assert page.evaluate(UNLABELLED) == 0, name
            assert page.evaluate(HEADLESS) == 0, name
            assert page.locator("h1").count() == 1, name


def test_an_injected_script_does_not_run(chromium: Browser, visit: Visit) -> None:
    visit.office.phone(label="<img src=x onerror=document.title='owned'>")
    with opened(chromium) as page:
        visit.sign_in(page)

        assert page.evaluate("() => document.querySelectorAll('main img').length") == 0
        assert "owned" not in page.title()


def test_a_whole_fleet_shows_its_first_phones_above_the_fold_and_a_phone_a_line(
    chromium: Browser, visit: Visit
) -> None:
    for number in range(39):
        phone = visit.office.phone("Galaxy S23", label=f"desk {number} on the second floor")
        visit.office.report(phone, **(COMPLIANT if number % 2 else {}))
    with opened(chromium, viewport=DESK) as page:
        visit.sign_in(page)
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(44)
        visit.picture(page, "fleet-of-44")

        expect(rows.nth(2)).to_be_in_viewport(ratio=1)
        heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
        assert max(heights) < 2 * min(heights), "one line each"
        assert page.evaluate("() => document.documentElement.scrollHeight") < 2200


def test_what_a_phone_page_folds_away_opens_without_scripts(chromium: Browser, visit: Visit) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        visit.sign_in(page)
        page.goto(f"{visit.address}/phones/{visit.violating}")
        expect(page.locator(".answer")).to_be_in_viewport()
        expect(page.get_by_role("region", name="Ledger")).to_be_hidden()
        page.get_by_text("Ledger", exact=True).click()

        expect(page.get_by_role("region", name="Ledger")).to_be_visible()
