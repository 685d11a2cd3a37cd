"""``curfew-server changes``: what changed, for who reads it in a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from server.cli import main
from tests.server.authority import NOW, VIOLATING, Authority


@pytest.fixture
def run(small_authority: Authority) -> Callable[..., int]:
    config = str(small_authority.write_settings())
    return lambda *words: main(["--config", config, "changes", *map(str, words)])


@pytest.fixture
def violating(small_authority: Authority) -> str:
    bench = small_authority.bench()
    phone = small_authority.phone(bench)
    small_authority.accept(bench.sign(bench.report(phone, checked_at=NOW, **VIOLATING)))
    return phone


def test_each_change_has_its_line_and_its_phones(
    run: Callable[..., int], violating: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    told = capsys.readouterr().out

    assert "newly violating: 1 phone\n" in told
    assert violating in told
    assert "newly silent: 0 phones\n" in told
    assert all(len(line) < 80 for line in told.splitlines())


def test_programs_read_it_as_one_object(
    run: Callable[..., int], violating: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--hours", 1, "--json") == 0
    told = json.loads(capsys.readouterr().out)

    assert told["violating"]["phones"] == 1
    assert told["violating"]["first"][0]["phone_id"] == violating
    assert told["complying"] == {"phones": 0, "more": False, "first": []}
