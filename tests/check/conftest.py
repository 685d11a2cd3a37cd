"""A whole office for tests of the agent: demo trust, a server that really runs, stations and virtual phones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import adbutils
import pytest

from tests.check.office import Bench, Office
from tests.server.databases import Databases


@pytest.fixture(scope="session")
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One trust and one server for the whole run; each test takes stations and phones of its own."""
    with Office.opened(tmp_path_factory.mktemp("office"), databases) as office:
        yield office


@pytest.fixture
def enforcing(office: Office) -> Office:
    """The office an hour after the deadline."""
    office.at(hours=3)
    return office


@pytest.fixture(scope="module")
def bench(office: Office) -> Bench:
    """One station for a whole file; each test brings phones of its own and names them."""
    office.at(hours=3)
    return office.new_bench()


@pytest.fixture(scope="session")
def _watching(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with Office.opened(tmp_path_factory.mktemp("watching"), databases) as office:
        office.publish(on_phone=True)
        yield office


@pytest.fixture
def watching(_watching: Office) -> Office:
    """An office an hour after the deadline whose policy wants a script on every phone."""
    _watching.at(hours=3)
    return _watching


@pytest.fixture
def at_desk(watching: Office) -> Bench:
    """A station of that office, new for each test."""
    return watching.new_bench()


@pytest.fixture
def platform_adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[adbutils.AdbClient]:
    """The adb server that the agent will start by itself: on a port and with a home of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free.getsockname()[1]))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ADB_MDNS", "0")
    client = adbutils.AdbClient()
    try:
        yield client
    finally:
        client.server_kill()
