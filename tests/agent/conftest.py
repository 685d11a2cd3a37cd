"""What the tests of the station share."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts.adb_keys import AdbKeys, station_adb_key


@pytest.fixture(scope="session")
def adb_keys(tmp_path_factory: pytest.TempPathFactory) -> AdbKeys:
    """A station's key; made once, because making one is slow."""
    return station_adb_key(Path(tmp_path_factory.mktemp("keys")))
