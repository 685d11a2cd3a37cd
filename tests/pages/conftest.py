from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, sync_playwright

from tests.cheap_hashes import _cheap_hashes
from tests.pages.office import Office, make_office, migrate_once
from tests.pages.visiting import Visit, visiting
from tests.server.databases import Databases, PostgresqlDatabases, SqliteDatabases
from tests.server.postgresql import Postgresql

__all__ = ["_cheap_hashes"]


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """The pages' templates, each compiled once and not by each server again."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def migrated(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with nothing in it but its tables, made once; tests work on copies."""
    return databases.ready_made(tmp_path_factory.mktemp("migrated"), migrate_once)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return SqliteDatabases().ready_made(tmp_path_factory.mktemp("migrated"), migrate_once)


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> str:
    return PostgresqlDatabases(postgresql).ready_made(tmp_path_factory.mktemp("migrated"), migrate_once)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(
    request: pytest.FixtureRequest, tmp_path: Path, compiled_templates: FileSystemBytecodeCache
) -> Iterator[Office]:
    """A server with nothing in it yet but its tables, on either database."""
    kind: Databases = SqliteDatabases()
    if request.param == "postgresql":
        kind = PostgresqlDatabases(request.getfixturevalue("postgresql"))
    url = kind.copy_of(request.getfixturevalue(f"migrated_{request.param}"), tmp_path)
    yield from _opened(tmp_path, url, compiled_templates)
    kind.drop(url)


@pytest.fixture
def office(
    tmp_path: Path, databases: Databases, migrated: str, compiled_templates: FileSystemBytecodeCache
) -> Iterator[Office]:
    """A server with nothing in it yet but its tables."""
    url = databases.copy_of(migrated, tmp_path)
    yield from _opened(tmp_path, url, compiled_templates)
    databases.drop(url)


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


@contextmanager
def launched() -> Iterator[Browser]:
    """Lend a headless Chromium; without one it fails, rather than that pages look as if they had been looked at."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail(
            "the pages were NOT looked at: no Chromium is installed; run: sudo apt-get install -y chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium.

    Playwright keeps an event loop running while it is open, which the agent's tests must not meet.
    """
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(office: Office, tmp_path: Path) -> Iterator[Visit]:
    with visiting(office, tmp_path) as made:
        yield made
