"""A run's tests of the server have the database that the run was told."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.engine import make_url

from tests.server.authority import Authority
from tests.server.databases import chosen


@pytest.mark.parametrize("fixture", ["small_authority", "service_authority", "office"])
def test_a_server_has_the_database_of_the_run(
    fixture: str, request: pytest.FixtureRequest, databases: object
) -> None:
    made: Authority = request.getfixturevalue(fixture)

    kind = make_url(made.config.database_url).get_backend_name()

    assert kind == request.config.getoption("--database")


def test_a_run_on_postgresql_leaves_out_what_every_run_does_on_both(request: pytest.FixtureRequest) -> None:
    ours, others = chosen(request.session.items)

    assert [item.name for item in ours if re.search(r"\[(.*-)?(sqlite|postgresql)\b", item.name)] == []
    assert request.node in others
