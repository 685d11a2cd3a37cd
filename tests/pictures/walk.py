"""The first road of an admin through the pages, walked in a browser with a picture at each stop.

Server, station, approvers' signatures and phones are those of `make demo`; what is clicked and typed is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page

from demo.__main__ import Demo
from demo.phones import started
from demo.story import Chapter

PICTURES = (
    "1-fleet",
    "2-draft",
    "3-rehearsal",
    "4-approvers",
    "5-blocked",
    "6-rings",
    "7-lift",
)
"""The names of the pictures, in the order of the road."""
_SCREEN = {"width": 1280, "height": 800}
_REHEARSED_WITHIN_MS = 60_000


@dataclass
class Steps:
    """What somebody did between "TikTok must go" and the first phone that is blocked."""

    clicks: int = 0
    fields: int = 0
    commands: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.clicks} clicks, {self.fields} fields, {len(self.commands)} commands of approvers"


class Walk(Demo):
    """A story whose policy is drafted in pages."""

    def by_pages(self, browser: Browser, folder: Path) -> Steps:
        """Walk the road, write the pictures into `folder`, and return what it took until the first block."""
        self.begin()
        steps = Steps()
        with self.serving(), self._page(browser) as page:
            self.enrol_and_provision()
            self.check(Chapter.REMIND, hours=0)
            hand = _Hand(page, folder, steps)
            self._sign_in(page)
            hand.picture("1-fleet")
            self._draft(hand)
            self._rehearse(hand)
            self._approve(hand, signers=3)
            self.check(Chapter.RING_ONE, hours=3)
            page.goto(f"{self.url}/?standing=violating")
            page.get_by_role("row").filter(has_text="2 apps").first.get_by_role("link").click()
            hand.picture("5-blocked")
            page.goto(f"{self.url}/rings")
            hand.picture("6-rings")
            self.check(Chapter.RING_TWO, hours=5)
            self.lift()
            page.goto(f"{self.url}/lift")
            hand.picture("7-lift")
        return steps

    @contextmanager
    def _page(self, browser: Browser) -> Iterator[Page]:
        context = browser.new_context(ignore_https_errors=True, viewport=_SCREEN, color_scheme="light")  # type: ignore[arg-type]
        yield context.new_page()
        context.close()

    def _sign_in(self, page: Page) -> None:
        page.goto(self.url)
        page.get_by_label("Name").fill("demo")
        page.get_by_label("Password").fill(self.password)
        page.get_by_role("button", name="Sign in").click()

    def _draft(self, hand: _Hand) -> None:
        deadline = (self.begun + timedelta(hours=2)).astimezone(ZoneInfo("Europe/Brussels"))
        hand.click("link", "Drafts")
        hand.fill("title", "TikTok must go, today")
        hand.click("button", "Begin")
        hand.click("link", "Edit")
        hand.fill("deadline", f"{deadline:%Y-%m-%dT%H:%M:%S}")
        for number, (share, hours) in enumerate(((self._phones.divide(), 2), (1.0, 4))):
            hand.fill(f"ring-{number}-percent", f"{share * 100:.4f}")
            hand.fill(f"ring-{number}-starts_at", f"{self.begun + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}")
        hand.picture("2-draft")
        hand.click("button", "Save as revision 2")

    def _rehearse(self, hand: _Hand) -> None:
        hand.click("button", "Rehearse revision 2")
        hand.page.get_by_text("would be blocked").first.wait_for(timeout=_REHEARSED_WITHIN_MS)
        hand.picture("3-rehearsal")

    def _approve(self, hand: _Hand, signers: int) -> None:
        draft = self._road.drafts = 1
        hand.page.goto(f"{self.url}/drafts/{draft}")
        hand.click("button", "Propose revision 2 to the approvers")
        for number in range(1, signers + 1):
            if number == signers:
                hand.page.reload()
                hand.picture("4-approvers", from_heading="Approval")
            self._road.sign(draft, number)
            hand.steps.commands.append(f"curfew-certs approve {self.url}/drafts/{draft} --key KEY")


@dataclass
class _Hand:
    """Whose clicks and fields are counted."""

    page: Page
    folder: Path
    steps: Steps

    def click(self, role: str, name: str) -> None:
        self.page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]
        self.steps.clicks += 1

    def fill(self, name: str, value: str) -> None:
        self.page.locator(f"[name={name}]").fill(value)
        self.steps.fields += 1

    def picture(self, name: str, from_heading: str = "") -> None:
        """Take what fits the screen, from the top of the page or from one of its headings on."""
        if from_heading:
            self.page.get_by_role("heading", name=from_heading).evaluate("one => one.scrollIntoView()")
        self.page.screenshot(path=self.folder / f"{name}.png")


def walk(browser: Browser, state: Path, folder: Path) -> Steps:
    """Walk the road with phones and a server in `state`; the pictures are in `folder` then."""
    folder.mkdir(parents=True, exist_ok=True)
    with started(state / "phones") as phones:
        return Walk(state, phones).by_pages(browser, folder)
