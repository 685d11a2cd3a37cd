from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.pages.office import Office, make_office
from tests.server.postgresql import Postgresql


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A server with nothing in it yet but its tables."""
    made = make_office(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def staffed(office: Office, tmp_path: Path) -> Office:
    """A server with a policy in force and one station."""
    office.publish()
    office.station("Bench 2", tmp_path / "station.pem")
    return office


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """One PostgreSQL for all tests that want it."""
    with Postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """A server with nothing in it yet but its tables, on either database."""
    url = ""
    if request.param == "postgresql":
        server: Postgresql = request.getfixturevalue("postgresql")
        url = server.create_database(f"pages_{uuid.uuid4().hex}")
    made = make_office(tmp_path, url)
    yield made
    made.database.close()


_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; without one the tests fail rather than look passed.

    Playwright keeps an event loop running while it is open, which the agent's tests must not meet.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail(
            "the pages were NOT looked at: no Chromium is installed; run: sudo apt-get install -y chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()
