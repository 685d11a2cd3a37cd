"""The road of docs/first-ten-minutes.md can be walked in a browser, and the page shows the pictures of it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.pictures.walk import PICTURES, walk

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_an_admin_comes_from_a_reminding_policy_to_the_first_block_and_to_the_lift(
    chromium: Browser, tmp_path: Path
) -> None:
    steps = walk(chromium, tmp_path / "story", tmp_path / "pictures")

    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == sorted(PICTURES)
    told = (DOCS / "first-ten-minutes.md").read_text()
    assert (steps.clicks, steps.fields, len(steps.commands)) == (6, 6, 3)
    assert "clicks six times and fills six fields; each of three approvers types one command" in told


def test_the_page_shows_every_picture_and_each_is_there() -> None:
    shown = re.findall(r"\(pictures/(.+?)\.png\)", (DOCS / "first-ten-minutes.md").read_text())

    assert tuple(shown) == PICTURES
    assert sorted(path.stem for path in (DOCS / "pictures").iterdir()) == sorted(PICTURES)
