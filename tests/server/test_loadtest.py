"""``curfew-server loadtest``: a server of its own, real stations, three kinds of day, and nothing left behind."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from server.cli import main
from server.commands.loadtest import line_of
from server.loadtest import trial_station
from server.loadtest.trial import Measured, TrialSize, run_trial, trial_size
from server.loadtest.trial_server import trial_server
from server.loadtest.trial_station import TrialStation
from tests.server.authority import Authority

SMALL = TrialSize(stations=2, phones=64, singles=3, batches=1)
# Behind the server's back: when a newer report becomes a phone's state, the one before is taken away.
LOSING = """
CREATE TRIGGER losing AFTER UPDATE ON phone_state WHEN OLD.report_id <> NEW.report_id BEGIN
    DELETE FROM report WHERE report_id = OLD.report_id;
END
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, as somebody names it with --folder."""
    made = tmp_path / "trial"
    made.mkdir()
    return made


def told(folder: Path, database_url: str | None = None) -> list[Measured]:
    with trial_server(folder, database_url, workers=1) as server:
        return list(run_trial(server, SMALL))


def check(days: list[Measured]) -> None:
    singles, batches, taking_over = days
    assert (singles.requests, singles.reports, singles.lost) == (6, 6, 0)
    assert (batches.requests, batches.reports, batches.lost) == (2, 200, 0)
    assert (taking_over.reports, taking_over.requests > 2) == (0, True)
    assert all(0 < day.p50_ms <= day.p99_ms and day.seconds > 0 for day in days)


def test_a_trial_runs_on_an_empty_postgresql(folder: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgresql").create_database(f"trial_{uuid4().hex}")

    check(told(folder, url))


def test_what_was_called_stored_and_is_not_there_counts_as_lost(folder: Path) -> None:
    with trial_server(folder, None, workers=1) as server:
        with server.database.writing() as session:
            session.execute(text(LOSING))
        _, batches, _ = run_trial(server, SMALL)

    assert batches.lost > 0


def test_somebodys_database_is_refused_and_left_as_it_is(
    small_authority: Authority, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = small_authority.config.database_url

    assert main(["loadtest", "--folder", str(folder), "--database-url", url]) == 1

    assert "expected an empty database" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:1/none", "postgresql+psycopg://nobody@/none?host=/nowhere"]
)
def test_a_database_that_cannot_be_reached_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert main(["loadtest", "--folder", str(folder), "--database-url", url]) == 1

    assert "cannot be reached; make one with createdb" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_what_is_no_url_of_a_database_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["loadtest", "--folder", str(folder), "--database-url", "trial"]) == 1

    assert "expected one like postgresql+psycopg://" in capsys.readouterr().err


@pytest.mark.parametrize("stations", [2, 16, 100, 500])
def test_many_stations_bring_about_as_many_reports_as_few(stations: int) -> None:
    size = trial_size(stations)

    assert 1_000 <= size.stations * (size.singles + 100 * size.batches) <= 60_000
    assert size.stations * size.phones <= 4_096


def test_the_command_measures_each_kind_of_day_and_leaves_nothing_behind(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.commands.loadtest.trial_size", lambda stations: SMALL)

    assert main(["loadtest", "--folder", str(folder), "--json"]) == 0

    days = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [day.pop("kind") for day in days] == ["day"] * 3
    check([Measured(**day) for day in days])
    assert list(folder.iterdir()) == []


def test_for_people_each_day_is_a_line() -> None:
    day = Measured("back after an outage", 2, 200, 0.5, 10.0, 20.0, 0.1, put_off=3, lost=1)

    line = line_of(day)

    assert "400/s" in line
    assert "0.50 ms CPU each" in line
    assert line.endswith("lost 1, asked 3 times to come later")


def test_a_station_whose_connection_was_long_idle_asks_on_a_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trial_server(folder, None, 1) as server:
        station = TrialStation(server, 1, phones=1)
        # What the server does by itself once nothing was asked for a while.
        station._connection.connect()
        station._connection.sock.shutdown(socket.SHUT_RDWR)
        monkeypatch.setattr(trial_station, "KEPT_S", 0.0)

        answers = station.fetch(["/api/v1/status"])
        station.close()

    assert len(answers.waits_ms) == 1
