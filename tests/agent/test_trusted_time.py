"""Trusted time (docs/design.md rule 8), branch by branch, with the computer's clocks handed in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from agent_scripts.errors import FileDamaged
from agent_scripts.station_files.durable_file import Step, witnesses
from agent_scripts.station_files.trusted_time import Readings, TrustedClock, computer_readings

NOON = datetime(2023, 3, 15, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


@dataclass
class Computer:
    """A computer whose clocks a test sets: right at noon, up for an hour."""

    now: Readings = field(default=Readings(wall=NOON, boottime=HOUR, boot_id="first"))

    def __call__(self) -> Readings:
        return self.now

    def passes(self, time: timedelta) -> None:
        self.now = replace(self.now, wall=self.now.wall + time, boottime=self.now.boottime + time)

    def wall_jumps(self, by: timedelta) -> None:
        self.now = replace(self.now, wall=self.now.wall + by)

    def restarts(self, after: timedelta = MINUTE) -> None:
        self.now = Readings(self.now.wall + after, timedelta(seconds=20), "second")


@pytest.fixture
def computer() -> Computer:
    return Computer()


@pytest.fixture
def clock(tmp_path: Path, computer: Computer) -> TrustedClock:
    return TrustedClock(tmp_path, readings=computer)


def test_before_the_first_answer_of_the_server_no_time_is_trusted(clock: TrustedClock) -> None:
    moment = clock.read()

    assert (moment.now, moment.trusted) == (NOON, False)
    assert "never told the time" in moment.why


def test_after_an_answer_the_time_is_the_servers_plus_what_passed(
    clock: TrustedClock, computer: Computer
) -> None:
    clock.confirm(NOON + 2 * MINUTE)
    computer.passes(3 * HOUR)

    moment = clock.read()

    assert (moment.now, moment.trusted, moment.why) == (NOON + 3 * HOUR + 2 * MINUTE, True, "")


@pytest.mark.parametrize("off", [5 * MINUTE, -5 * MINUTE, -SECOND, SECOND])
def test_a_wall_clock_up_to_five_minutes_off_is_tolerated(
    clock: TrustedClock, computer: Computer, off: timedelta
) -> None:
    clock.confirm(NOON)
    computer.wall_jumps(off)

    assert clock.read().trusted


@pytest.mark.parametrize("off", [5 * MINUTE + SECOND, -5 * MINUTE - SECOND, 400 * DAY, -400 * DAY])
def test_a_wall_clock_further_off_is_not_trusted_and_changes_no_time(
    clock: TrustedClock, computer: Computer, off: timedelta
) -> None:
    clock.confirm(NOON)
    computer.wall_jumps(off)

    moment = clock.read()

    assert (moment.now, moment.trusted) == (NOON, False)
    assert "minutes off; set it" in moment.why


def test_a_restart_ends_trust_until_the_server_tells_the_time_again(
    clock: TrustedClock, computer: Computer
) -> None:
    clock.confirm(NOON)
    computer.restarts()

    moment = clock.read()
    assert (moment.now, moment.trusted) == (NOON + MINUTE, False)
    assert "was restarted" in moment.why

    clock.confirm(NOON + MINUTE)
    assert clock.read().trusted


def test_after_a_restart_a_clock_set_back_does_not_bring_back_the_past(
    clock: TrustedClock, computer: Computer
) -> None:
    clock.confirm(NOON)
    computer.restarts(after=-30 * DAY)

    moment = clock.read()

    assert (moment.now, moment.trusted) == (NOON, False)
    assert "behind a time already seen" in moment.why


def test_an_uptime_that_went_back_under_the_same_boot_id_is_taken_as_a_restart(
    clock: TrustedClock, computer: Computer
) -> None:
    clock.confirm(NOON)
    computer.now = replace(computer.now, boottime=HOUR - SECOND)

    assert not clock.read().trusted


def test_time_seen_is_remembered_across_a_restart(clock: TrustedClock, computer: Computer) -> None:
    clock.confirm(NOON)
    computer.passes(3 * DAY)
    clock.read()
    computer.restarts(after=-2 * DAY)

    assert clock.read().now == NOON + 3 * DAY


def test_a_far_future_on_the_wall_is_not_remembered(clock: TrustedClock, computer: Computer) -> None:
    clock.confirm(NOON)
    computer.wall_jumps(400 * DAY)
    clock.read()
    computer.restarts()
    clock.read()
    computer.wall_jumps(-400 * DAY)

    clock.confirm(NOON + 2 * MINUTE)

    assert clock.read().now == NOON + 2 * MINUTE


def test_a_server_that_goes_back_a_little_does_not_bring_back_the_past(
    clock: TrustedClock, computer: Computer
) -> None:
    clock.confirm(NOON)
    clock.confirm(NOON - 2 * MINUTE)

    assert (clock.read().now, clock.read().trusted) == (NOON, True)


def test_a_server_that_goes_back_far_is_not_trusted(clock: TrustedClock) -> None:
    clock.confirm(NOON)
    clock.confirm(NOON - HOUR)

    moment = clock.read()

    assert (moment.now, moment.trusted) == (NOON, False)
    assert "before one it told earlier" in moment.why


def test_reading_again_and_again_does_not_write_again_and_again(
    clock: TrustedClock, computer: Computer, tmp_path: Path
) -> None:
    written: list[Path] = []

    def witness(step: Step, path: Path) -> None:
        written.append(path)

    clock.confirm(NOON)
    witnesses.append(witness)
    try:
        for _ in range(59):
            computer.passes(SECOND)
            clock.read()
        assert written == []
        computer.passes(SECOND)
        clock.read()
    finally:
        witnesses.remove(witness)
    assert written == [tmp_path / "time.json"] * 2


def test_the_story_clock_moves_all_clocks_as_if_time_had_passed(tmp_path: Path, computer: Computer) -> None:
    story = tmp_path / "story"
    clock = TrustedClock(tmp_path, story, computer)
    clock.confirm(NOON)

    story.write_text("864000\n")

    assert (clock.read().now, clock.read().trusted) == (NOON + 10 * DAY, True)


@pytest.mark.parametrize("text", ["ten days", "", "nan", "inf", "1e300"])
def test_a_story_clock_that_is_no_number_is_refused(tmp_path: Path, computer: Computer, text: str) -> None:
    (tmp_path / "story").write_text(text)

    with pytest.raises(FileDamaged, match="number of seconds"):
        TrustedClock(tmp_path, tmp_path / "story", computer).read()


GOOD = {"server_time": NOON.isoformat(), "boottime_s": 1.0, "boot_id": "first", "mark": NOON.isoformat()}


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        "{}",
        json.dumps({**GOOD, "mark": "2023-03-15T12:00:00"}),
        json.dumps({**GOOD, "boottime_s": "long"}),
        json.dumps({**GOOD, "server_time": 5}),
    ],
)
def test_a_damaged_file_is_never_taken_for_a_time(tmp_path: Path, computer: Computer, kept: str) -> None:
    (tmp_path / "time.json").write_text(kept)

    with pytest.raises(FileDamaged, match="holds no time"):
        TrustedClock(tmp_path, readings=computer).read()


def test_this_computers_own_clocks_can_be_read() -> None:
    first, second = computer_readings(), computer_readings()

    assert first.boot_id == second.boot_id != ""
    assert first.boottime <= second.boottime
    assert first.wall.tzinfo is UTC


def test_an_answer_that_another_process_takes_over_meanwhile_is_not_lost(
    tmp_path: Path, computer: Computer, clock: TrustedClock
) -> None:
    clock.confirm(NOON)
    computer.passes(HOUR)
    other = Thread(target=TrustedClock(tmp_path, readings=computer).confirm, args=(NOON + DAY,))

    def interrupted(step: Step, path: Path) -> None:
        # Between reading and writing: the other one comes, and gets as far as it can.
        if step is Step.BEFORE and path.name == "time.json" and other.ident is None:
            other.start()
            while other.is_alive() and not _waits_at(tmp_path / "time.lock"):
                pass

    witnesses.append(interrupted)
    clock.read()
    witnesses.remove(interrupted)
    other.join()

    assert clock.read().now == NOON + DAY


def _waits_at(lock: Path) -> bool:
    inode = f":{lock.stat().st_ino} " if lock.exists() else "no such file"
    return any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())
