"""What the tests of the station share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.station_files.adb_key import station_adb_key
from agent_scripts.station_files.station import Station, lay_out
from certs.keys import create_key
from tests.agent.small_server import Answer, SmallServer, make_tls, running_server

MakeStation = Callable[..., Station]
Serve = Callable[[Answer], SmallServer]


@pytest.fixture(scope="session")
def adb_keys(tmp_path_factory: pytest.TempPathFactory) -> AdbKeys:
    """A station's key; made once, because making one is slow."""
    return station_adb_key(Path(tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority and a server certificate for 127.0.0.1."""
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def serve(tls: Path) -> Iterator[Serve]:
    """Start a small server that answers as the test says."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(running_server(tls, answer))


@pytest.fixture
def make_station(tmp_path: Path, tls: Path) -> MakeStation:
    """Lay out a station by hand, as enrolment leaves it."""

    def make(server_url: str = "https://127.0.0.1:1", demo: bool = True, name: str = "station") -> Station:
        folder = tmp_path / name
        folder.mkdir()
        create_key(folder / "station.key")
        lay_out(
            folder,
            station_id="station-1",
            name="bench 7",
            server_url=server_url,
            demo=demo,
            organisation=bytes(range(32)),
            authority=(tls / "authority.pem").read_bytes(),
        )
        return Station.open(folder)

    return make
