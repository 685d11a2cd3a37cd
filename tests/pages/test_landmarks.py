"""Whoever jumps from landmark to landmark misses nothing: all that a page says stands in one (axe's rule "region")."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from server.people.people import Role
from tests.pages.office import Office

LANDMARKS = {"aside", "footer", "header", "main", "nav"}
EMPTY = {"br", "img", "input", "link", "meta"}
UNHEARD = {"head", "script", "style", "title"}


class Outside(HTMLParser):
    """Collects the texts that stand in no landmark; the link that skips to the content is meant to."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self._open.append("skip" if ("class", "skip") in attrs else tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"skip", *LANDMARKS, *UNHEARD} & set(self._open):
            self.texts.append(data.strip())


def outside_of(page: str) -> list[str]:
    reader = Outside()
    reader.feed(page)
    return reader.texts


@pytest.mark.parametrize("demo", [False, True], ids=["in service", "demo"])
def test_all_that_a_page_says_stands_in_a_landmark(office: Office, tmp_path: Path, demo: bool) -> None:
    office.publish(demo=demo)
    office.station("bench 1", tmp_path / "station.pem")
    phone = office.phone()
    office.report(phone)
    client = office.client(*Role)
    pages = (
        "/",
        f"/phones/{phone}",
        f"/phones/{phone}/checks",
        "/bundles",
        "/deadline",
        "/blocks",
        "/exemptions",
        "/lift",
        "/changes",
        "/stations",
        "/alarms",
        "/audit",
        "/account",
        "/people",
    )
    for address in (*pages, "/not-there"):
        page = client.get(address, base_url="https://localhost").text
        assert outside_of(page) == [], address
        assert ("for training only" in page) is demo
    assert outside_of(office.app.test_client().get("/sign-in", base_url="https://localhost").text) == []


def test_a_text_in_no_landmark_is_found() -> None:
    assert outside_of("<body><a class='skip'>Skip</a><p>Demo</p><main><p>in</p></main></body>") == ["Demo"]
