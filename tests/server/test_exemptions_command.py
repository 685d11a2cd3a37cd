"""``curfew-server exemptions``: what pages do of asking, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from policy.document import Exemption
from server.cli import main
from server.evidence import audit
from server.people.people import Role, put_person
from tests.server.authority import NOW, PASSWORD, Authority

Run = Callable[..., int]
UNTIL = f"{NOW + timedelta(days=9):%Y-%m-%dT%H:%MZ}"
ASKED = ("ask", "CW-17", "--until", UNTIL, "--reason", "travel", "--by", "desk-1")


@pytest.fixture
def run(small_authority: Authority) -> Run:
    config = str(small_authority.write_settings())
    small_authority.phone(small_authority.bench(), label="CW-17")
    with small_authority.database.writing() as session:
        put_person(session, "desk-1", PASSWORD, [Role.TECHNICIAN], "test", NOW)
        put_person(session, "approver-1", PASSWORD, [Role.APPROVER], "test", NOW)
    return lambda *words: main(["--config", config, "exemptions", *map(str, words)])


def test_asked_listed_and_withdrawn(
    run: Run, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*ASKED) == 0
    assert run("requests") == 0
    assert "asked by desk-1, asked" in capsys.readouterr().out.splitlines()[1]
    assert run("withdraw", 1, "--by", "desk-1") == 0
    assert run("requests") == 0
    assert "Nobody asks for an exemption." in capsys.readouterr().err
    with small_authority.database.reading() as session:
        row, *_ = audit.newest_rows(session)
    assert row.action == "exemption request withdrawn"
    assert row.actor.endswith(" on the server's command line")


def test_refused_with_a_reason(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(*ASKED)
    assert run("refuse", 1, "--by", "approver-1", "--why", "a bench is in reach") == 0
    assert run("requests", "--all") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("refused (a bench is in reach)")


def test_a_refusal_is_kept_and_its_next_step_told(
    run: Run, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*ASKED)
    assert run(*ASKED) == 1
    said = capsys.readouterr().err
    assert "desk-1 has asked for this phone already" in said
    assert "let them withdraw it first" in said
    with small_authority.database.reading() as session:
        row, *_ = audit.newest_rows(session)
    assert (row.action, row.detail["reason"]) == ("exemption act refused", "request_open")


def test_only_in_the_name_of_whoever_may(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*ASKED[:-1], "approver-1") == 1
    assert "the account approver-1 may not ask for exemptions" in capsys.readouterr().err


def test_what_is_in_force_and_what_ended_is_listed(
    run: Run, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    assert "No phone is exempt." in capsys.readouterr().err
    small_authority.trust = small_authority.trust.copy(small_authority.folder / "trust")
    phone = small_authority.phone(small_authority.bench("bench 2"))
    small_authority.trust.publish_fleet(1, Exemption(phone, NOW + timedelta(days=5), "guests"))
    small_authority.publish()
    assert run("list") == 0
    assert capsys.readouterr().out.rstrip().endswith("guests  ends soon")
    small_authority.trust.publish_fleet(2)
    small_authority.publish()
    assert run("list", "--all") == 0
    assert "guests  ended 2" in capsys.readouterr().out
