"""A server with something on every page, looked at in a real browser.

Screenshots land in the folder that the environment variable SCREENSHOTS names, else in the test's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from policy.names import PhoneId
from policy.report import Consent
from server.evidence.alarms import Settlement, settle_alarm
from server.fleet.daily_counts import keep_daily_count
from server.people.people import Role
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from tests.pages.office import COMPLIANT, PASSWORD, UNREADABLE, Office, now, served

WIDE = {"width": 1280, "height": 800}


@dataclass
class Visit:
    """An office being served, one phone of it to look at, and a folder for screenshots."""

    office: Office
    address: str
    violating: PhoneId
    unreadable: PhoneId
    folder: Path

    def sign_in(self, page: Page, name: str = "desk-1") -> None:
        page.goto(f"{self.address}/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    def picture(self, page: Page, name: str) -> None:
        page.screenshot(path=self.folder / f"{name}.png", full_page=True)


@contextmanager
def visiting(office: Office, tmp_path: Path) -> Iterator[Visit]:
    """Serve an office in which something of everything has happened."""
    office.person("desk-1", Role.TECHNICIAN, Role.AUDITOR)
    office.publish()
    office.station("Bench 2, building A", tmp_path / "station.pem")
    violating, unreadable = office.phone(), office.phone("Galaxy S23", label="spare of the front desk")
    again = office.report(violating)
    office.send_reports([replace(again, phone_skew_s=77), replace(again, report_id="another")])
    with office.database.writing() as session:
        settle_alarm(session, 1, Settlement("desk-1", now(), "a copy of the folder"))
    told = RefusedBundle(2, "rule_unknown", f"found rules.{'long' * 12}", "0.0.9", 1, 1, now())
    with office.database.writing() as session:
        keep_refusal(session, office.station_id, told, now())
    office.report(unreadable, **UNREADABLE)
    office.report(office.phone("Fairphone 5"), **COMPLIANT)
    office.phone("Pixel 7", consent=Consent.DECLINED)
    office.phone("Xperia 1")
    # With a day between that nobody counted.
    for days in (5, 3, 2, 1, 0):
        keep_daily_count(office.database, now() - timedelta(days=days))
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    with served(office) as address:
        yield Visit(office, address, violating, unreadable, folder)


@contextmanager
def opened(browser: Browser, **settings: object) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True, **{"viewport": WIDE, **settings})  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()
