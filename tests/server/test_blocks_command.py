"""``curfew-server blocks``: whom the mail side is to block, for who reads it in a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from policy.report import Consent
from server.cli import main
from tests.server.authority import NOT_ENFORCEABLE, VIOLATING, Authority

Run = Callable[..., int]


@pytest.fixture
def run(small_authority: Authority) -> Run:
    config = str(small_authority.write_settings())
    return lambda *words: main(["--config", config, "blocks", *map(str, words)])


@pytest.fixture
def closed(small_authority: Authority) -> str:
    """A phone that is not enforceable; beside it one that is, and one whose owner declined."""
    bench = small_authority.bench()
    closed, violating = small_authority.phone(bench, holder="mailbox-1"), small_authority.phone(bench)
    small_authority.phone(bench, holder="mailbox-3", consent=Consent.DECLINED)
    small_authority.accept(
        bench.sign(bench.report(closed, **NOT_ENFORCEABLE)), bench.sign(bench.report(violating, **VIOLATING))
    )
    return closed


def test_each_holder_to_block_has_a_line(run: Run, closed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line[18:] for line in lines] == ["not_enforceable  mailbox-1", "declined         mailbox-3"]
    assert all(len(line) < 80 for line in lines)


def test_of_one_cause_programs_read_a_line_of_json_each(
    run: Run, closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--cause", "not_enforceable", "--json") == 0
    [told] = map(json.loads, capsys.readouterr().out.splitlines())

    assert (told["holder"], told["cause"], told["phone_id"]) == ("mailbox-1", "not_enforceable", closed)
    assert told["since"].endswith("Z")


def test_where_nobody_is_to_block_that_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--cause", "silent") == 0
    told = capsys.readouterr()

    assert (told.out, told.err) == ("", "Nobody is to block.\n")


def test_a_cause_that_asks_for_no_block_is_refused(run: Run) -> None:
    assert run("--cause", "exempt") == 2
