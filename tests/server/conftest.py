from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import create_app
from server.storage.migrating import migrate
from tests.cheap_hashes import _cheap_hashes
from tests.server.authority import Authority, Bench, TrustFolder, make_config
from tests.server.postgresql import Postgresql

__all__ = ["_cheap_hashes"]


@pytest.fixture(scope="session")
def demo_trust(tmp_path_factory: pytest.TempPathFactory) -> TrustFolder:
    return TrustFolder(tmp_path_factory.mktemp("trust") / "demo", demo=True)


@pytest.fixture(scope="session")
def service_trust(tmp_path_factory: pytest.TempPathFactory) -> TrustFolder:
    return TrustFolder(tmp_path_factory.mktemp("trust") / "service", demo=False)


@pytest.fixture(scope="session")
def published_sqlite(demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a publication, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("sqlite")
    _publish_into(f"sqlite:///{folder / 'published.sqlite'}", demo_trust, folder)
    return folder / "published.sqlite"


@pytest.fixture(scope="session")
def published_postgresql(
    postgresql: Postgresql, demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory
) -> str:
    name = f"published_{uuid4().hex}"
    _publish_into(postgresql.create_database(name), demo_trust, tmp_path_factory.mktemp("postgresql"))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'curfew.sqlite'}"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.create_database(f"empty_{uuid4().hex}")


@pytest.fixture(params=["sqlite", "postgresql"])
def authority(request: pytest.FixtureRequest, demo_trust: TrustFolder, tmp_path: Path) -> Iterator[Authority]:
    """Storage of either kind with a publication in it."""
    if request.param == "sqlite":
        url = _copied(request.getfixturevalue("published_sqlite"), tmp_path)
    else:
        server: Postgresql = request.getfixturevalue("postgresql")
        url = server.create_database(f"t_{uuid4().hex}", request.getfixturevalue("published_postgresql"))
    yield from _opened(tmp_path, demo_trust, url)


@pytest.fixture
def small_authority(published_sqlite: Path, demo_trust: TrustFolder, tmp_path: Path) -> Iterator[Authority]:
    """Storage on SQLite, for what does not depend on the database."""
    yield from _opened(tmp_path, demo_trust, _copied(published_sqlite, tmp_path))


@pytest.fixture
def service_authority(service_trust: TrustFolder, tmp_path: Path) -> Iterator[Authority]:
    """Storage on SQLite under a root that is not marked as a demo."""
    for made in _opened(tmp_path, service_trust, f"sqlite:///{tmp_path / 'curfew.sqlite'}"):
        migrate(made.database)
        made.publish()
        yield made


@pytest.fixture
def app(small_authority: Authority) -> Flask:
    return create_app(small_authority.config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def bench(small_authority: Authority) -> Bench:
    return small_authority.bench()


def _opened(folder: Path, trust: TrustFolder, url: str) -> Iterator[Authority]:
    made = Authority(folder, trust, make_config(folder / "server", trust, url))
    yield made
    made.database.close()


def _copied(published: Path, folder: Path) -> str:
    shutil.copy(published, folder / "curfew.sqlite")
    return f"sqlite:///{folder / 'curfew.sqlite'}"


def _publish_into(url: str, trust: TrustFolder, folder: Path) -> None:
    made = Authority(folder, trust, make_config(folder / "server", trust, url))
    migrate(made.database)
    made.publish()
    if url.startswith("sqlite"):
        with made.database.engine.connect() as connection:
            # The copy is of one file: nothing may wait beside it.
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    made.database.close()
