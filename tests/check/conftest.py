"""A whole office for tests of the agent: demo trust, a server that really runs, stations and virtual phones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.check.office import Office


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One trust and one server for the whole run; each test takes stations and phones of its own."""
    with Office.opened(tmp_path_factory.mktemp("office")) as office:
        yield office
