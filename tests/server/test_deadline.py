"""How ready the fleet is for the deadline, by the API and by the command: the same as the page tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from policy.names import PackageName, UserNumber
from policy.report import ActionResult, Consent, ReportedAction
from policy.verdict import ActionKind, Stage
from server.cli import main
from server.fleet.daily_counts import keep_daily_count
from server.fleet.phones import put_units
from server.people.people import Role
from tests.server.authority import NOT_ENFORCEABLE, NOW, VIOLATING, Authority

Run = Callable[..., int]
REMINDED = ReportedAction(
    ActionKind.NOTIFY, UserNumber(0), PackageName("com.android.shell"), ActionResult.DONE
)


@pytest.fixture
def left(small_authority: Authority) -> Authority:
    """A server on which a phone violates, one is not enforceable, one declined and one was never checked."""
    bench = small_authority.bench()
    violating, closed = small_authority.phone(bench), small_authority.phone(bench)
    small_authority.phone(bench, consent=Consent.DECLINED)
    small_authority.phone(bench)
    small_authority.accept(
        bench.sign(bench.report(violating, **VIOLATING)), bench.sign(bench.report(closed, **NOT_ENFORCEABLE))
    )
    reminded = {**VIOLATING, "stage": Stage.REMIND, "actions": (REMINDED,)}
    small_authority.accept(bench.sign(bench.report(violating, **reminded)))
    keep_daily_count(small_authority.database, NOW)
    with small_authority.database.writing() as session:
        put_units(session, {violating: "Archive"})
    return small_authority


@pytest.fixture
def run(left: Authority) -> Run:
    config = str(left.write_settings())
    return lambda *words: main(["--config", config, "deadline", *words])


def test_a_terminal_is_told_who_is_left_why_and_what_to_do(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    told = capsys.readouterr().out

    assert told.startswith("4 of 4 phones not ready.\nEnforcing ")
    assert "      1  not enforceable. The owner removes the banned app; else the mail side blocks" in told
    assert "      1  never checked\n" in told
    assert "The mail side is told to block the holders of phones that\n      1  violate and cannot" in told
    assert "Deadline of " in told


def test_programs_are_told_the_same_by_the_command_and_by_the_api(
    run: Run, left: Authority, client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json") == 0
    by_command: dict[str, Any] = json.loads(capsys.readouterr().out)
    token = left.person_token(Role.TECHNICIAN)
    by_api = client.get("/api/v1/deadline", headers={"Authorization": f"Bearer {token}"}).get_json()

    assert by_api.pop("server_time")
    assert by_api == by_command
    assert (by_api["not_ready"], by_api["of"]) == (4, 4)
    assert {one["standing"]: one["phones"] for one in by_api["by_cause"] if one["phones"]} == {
        "violating": 1,
        "not_enforceable": 1,
        "unseen": 1,
        "declined": 1,
    }
    assert [(one["taken"], one["refused"]) for one in by_api["reminders"]] == [(1, 0)]
    assert by_api["days"][0]["standings"]["violating"] == 1
    # One phone of a unit could be somebody.
    assert {one["unit"]: one["phones"] for one in by_api["by_unit"]} == {"": None, "Archive": None}
