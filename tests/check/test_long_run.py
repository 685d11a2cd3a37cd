"""In a run of hours the phones' scripts go by the time at which their turn came, not by when the run began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.run import Run
from tests.check.office import Bench, Office
from tests.check.phone_moments import check_within
from tests.check.test_on_phone import folder_of, watched
from tests.on_phone.bench import WatchedPhone

BEGUN_AGO = timedelta(hours=1)


def late(run: Run) -> Run:
    """Return the run as it is for a phone whose turn comes after an hour."""
    begun = replace(run.time, now=run.time.now - BEGUN_AGO)
    return replace(run, time=begun, lasted=lambda: BEGUN_AGO)


def test_a_script_with_the_right_time_is_left_alone_however_long_ago_the_run_began(
    watching: Office, at_desk: Bench
) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        phone.commands.clear()

        row = check_within(at_desk, address, late)

        assert row.exit_code == ExitCode.COMPLIANT
        assert watched(at_desk)["script"] == "running"
        assert len(phone.commands) == 1, "there is nothing to start anew"


def test_a_script_is_started_with_the_time_of_that_moment(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)

        check_within(at_desk, address, late)

        told = WatchedPhone(phone).curfew("status")[1].split()
        story = timedelta(seconds=int(watching.story_clock.read_text()))
        assert abs(datetime.fromtimestamp(int(told[1]), UTC) - datetime.now(UTC) - story) < BEGUN_AGO / 2
        assert told[2] == "1"


def test_a_script_whose_time_is_off_is_started_anew(watching: Office, at_desk: Bench) -> None:
    with watching.phone("clean") as phone:
        address = at_desk.provision(phone)
        at_desk.row(address)
        clock = folder_of(phone) / "clock"
        boot, up, now, trusted = clock.read_text().split()
        clock.write_text(f"{boot} {up} {int(now) - 600} {trusted}\n")

        at_desk.row(address)

        assert watched(at_desk)["script"] == "started"
