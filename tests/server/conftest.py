from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.app import create_app
from server.cli import main as curfew_server
from server.config import read_config
from server.storage.migrating import migrate
from tests.cheap_hashes import _cheap_hashes
from tests.server.authority import Authority, Bench, TrustFolder, make_config
from tests.server.databases import Databases, PostgresqlDatabases, SqliteDatabases, point_to
from tests.server.postgresql import Postgresql

__all__ = ["_cheap_hashes"]


@pytest.fixture(scope="session")
def demo_trust(tmp_path_factory: pytest.TempPathFactory) -> TrustFolder:
    return TrustFolder(tmp_path_factory.mktemp("trust") / "demo", demo=True)


@pytest.fixture(scope="session")
def service_trust(tmp_path_factory: pytest.TempPathFactory) -> TrustFolder:
    return TrustFolder(tmp_path_factory.mktemp("trust") / "service", demo=False)


@pytest.fixture(scope="session")
def published(databases: Databases, demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with a publication, made once; tests work on copies."""
    return _published(databases, demo_trust, tmp_path_factory)


@pytest.fixture(scope="session")
def service_published(
    databases: Databases, service_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The same under a root that is not marked as a demo."""
    return _published(databases, service_trust, tmp_path_factory)


@pytest.fixture(scope="session")
def published_sqlite(demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _published(SqliteDatabases(), demo_trust, tmp_path_factory)


@pytest.fixture(scope="session")
def published_postgresql(
    postgresql: Postgresql, demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory
) -> str:
    return _published(PostgresqlDatabases(postgresql), demo_trust, tmp_path_factory)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind."""
    kind = _databases_of(request)
    url = kind.empty(tmp_path)
    yield url
    kind.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def authority(request: pytest.FixtureRequest, demo_trust: TrustFolder, tmp_path: Path) -> Iterator[Authority]:
    """Storage of either kind with a publication in it."""
    kind = _databases_of(request)
    published: str = request.getfixturevalue(f"published_{request.param}")
    yield from _opened(tmp_path, demo_trust, kind, kind.copy_of(published, tmp_path))


@pytest.fixture
def small_authority(
    databases: Databases, published: str, demo_trust: TrustFolder, tmp_path: Path
) -> Iterator[Authority]:
    """Storage of the run's own kind, for what does not depend on the database."""
    yield from _opened(tmp_path, demo_trust, databases, databases.copy_of(published, tmp_path))


@pytest.fixture
def service_authority(
    databases: Databases, service_published: str, service_trust: TrustFolder, tmp_path: Path
) -> Iterator[Authority]:
    """Storage of the run's own kind under a root that is not marked as a demo."""
    yield from _opened(tmp_path, service_trust, databases, databases.copy_of(service_published, tmp_path))


@pytest.fixture
def empty_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty database of the run's own kind."""
    url = databases.empty(tmp_path)
    yield url
    databases.drop(url)


@pytest.fixture
def office(
    databases: Databases, published: str, demo_trust: TrustFolder, tmp_path: Path
) -> Iterator[Authority]:
    """The folder of a server as `curfew-server init` makes it, with a publication, on the run's own kind."""
    folder = tmp_path / "office"
    assert curfew_server(["init", str(folder), "--trust", str(demo_trust.path)]) == 0
    url = databases.copy_of(published, folder)
    point_to(folder / "server.env", url)
    made = Authority(tmp_path, demo_trust, read_config(folder / "server.env", environ={}))
    yield made
    made.database.close()
    databases.drop(url)


@pytest.fixture
def app(small_authority: Authority) -> Flask:
    return create_app(small_authority.config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def bench(small_authority: Authority) -> Bench:
    return small_authority.bench()


def _opened(folder: Path, trust: TrustFolder, kind: Databases, url: str) -> Iterator[Authority]:
    made = Authority(folder, trust, make_config(folder / "server", trust, url))
    yield made
    made.database.close()
    kind.drop(url)


def _databases_of(request: pytest.FixtureRequest) -> Databases:
    if request.param == "sqlite":
        return SqliteDatabases()
    return PostgresqlDatabases(request.getfixturevalue("postgresql"))


def _published(kind: Databases, trust: TrustFolder, folders: pytest.TempPathFactory) -> str:
    folder = folders.mktemp("published")

    def publish(url: str) -> None:
        made = Authority(folder, trust, make_config(folder / "server", trust, url))
        migrate(made.database)
        made.publish()
        made.database.close()

    return kind.ready_made(folder, publish)
