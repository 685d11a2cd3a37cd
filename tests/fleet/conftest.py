"""The station's key for all phones of the fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.station_files.adb_key import station_adb_key


@pytest.fixture(scope="session")
def adb_keys(tmp_path_factory: pytest.TempPathFactory) -> AdbKeys:
    return station_adb_key(Path(tmp_path_factory.mktemp("keys")))
