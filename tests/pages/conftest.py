from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, sync_playwright

from tests.cheap_hashes import _cheap_hashes
from tests.pages.office import Office, make_office, migrate_once
from tests.server.postgresql import Postgresql

__all__ = ["_cheap_hashes"]


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """The pages' templates, each compiled once and not by each server again."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with nothing in it but its tables, made once; tests work on copies."""
    path = tmp_path_factory.mktemp("migrated") / "curfew.sqlite"
    migrate_once(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Postgresql) -> str:
    """The name of a database with nothing in it but its tables, for the template of others."""
    name = f"migrated_{uuid.uuid4().hex}"
    migrate_once(postgresql.create_database(name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def either(
    request: pytest.FixtureRequest, tmp_path: Path, compiled_templates: FileSystemBytecodeCache
) -> Iterator[Office]:
    """A server with nothing in it yet but its tables, on either database."""
    if request.param == "sqlite":
        url = _copy_of(request.getfixturevalue("migrated_sqlite"), tmp_path)
    else:
        server: Postgresql = request.getfixturevalue("postgresql")
        template = request.getfixturevalue("migrated_postgresql")
        url = server.create_database(f"pages_{uuid.uuid4().hex}", template)
    yield from _opened(tmp_path, url, compiled_templates)


@pytest.fixture
def office(
    tmp_path: Path, migrated_sqlite: Path, compiled_templates: FileSystemBytecodeCache
) -> Iterator[Office]:
    """A server with nothing in it yet but its tables."""
    yield from _opened(tmp_path, _copy_of(migrated_sqlite, tmp_path), compiled_templates)


def _copy_of(migrated: Path, folder: Path) -> str:
    shutil.copy(migrated, folder / "curfew.sqlite")
    return f"sqlite:///{folder / 'curfew.sqlite'}"


def _opened(folder: Path, url: str, templates: FileSystemBytecodeCache) -> Iterator[Office]:
    made = make_office(folder, url)
    made.app.jinja_env.bytecode_cache = templates
    yield made
    made.database.close()


@pytest.fixture
def staffed(office: Office, tmp_path: Path) -> Office:
    """A server with a policy in force and one station."""
    office.publish()
    office.station("Bench 2", tmp_path / "station.pem")
    return office


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
