"""The record is bounded, and what was cut, changed or lost in it is seen."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_scripts.exchange.phone_spool import Collected, SpoolPosition, collected
from tests.on_phone.bench import MARKER, NOW
from tests.on_phone.conftest import PhoneShell
from tests.on_phone.script import part

MAX = 8
TIME = datetime.fromtimestamp(NOW, UTC)


class Record:
    """A folder with a record in it, written by the script's own functions."""

    def __init__(self, folder: Path, shell: PhoneShell) -> None:
        self.folder = folder
        self._shell = shell
        (folder / "marker").write_text(f"{MARKER}\n")

    def run(self, *calls: str) -> list[str]:
        text = "\n".join((
            f"LC_ALL=C folder='{self.folder}' spool_max={MAX}",
            *(part(name) for name in ("frame", "folder", "values", "spool")),
            *calls,
        ))  # fmt: skip
        words = [*self._shell.words, "-c", text]
        done = subprocess.run(words, capture_output=True, text=True, env=self._shell.environment, check=False)
        assert done.stderr == ""
        return done.stdout.splitlines()

    def write(self, *numbers: int) -> None:
        self.run(*(f"spool alive {NOW + number} 0 1" for number in numbers))

    def collect(self, position: SpoolPosition | None = None) -> Collected:
        known = [f"with_spool spool_collected {position.line} {position.sha256}"] if position else []
        return collected(self.run(*known, "with_spool spool_show"), MARKER, position, TIME, None)

    @property
    def lines(self) -> list[str]:
        return (self.folder / "spool").read_text().splitlines()


@pytest.fixture
def record(tmp_path: Path, phone_shell: PhoneShell) -> Record:
    return Record(tmp_path, phone_shell)


def test_lines_follow_one_another(record: Record) -> None:
    record.write(1, 2, 3)

    got = record.collect()

    assert (got.watched.first_line, got.watched.last_line) == (1, 3)
    assert (got.watched.dropped, got.watched.damage) == (0, ())


def test_the_oldest_lines_are_dropped_and_counted(record: Record) -> None:
    record.write(*range(MAX + 1))

    got = record.collect()

    assert len(record.lines) - 1 == MAX * 3 // 4
    assert (got.watched.first_line, got.watched.last_line) == (4, MAX + 1)
    assert (got.watched.dropped, got.watched.damage) == (3, ())
    record.write(*range(3))
    assert record.collect(got.position).watched.first_line == MAX + 2
    assert len(record.lines) - 1 <= MAX


def test_what_a_station_has_is_forgotten_and_never_counted_as_lost(record: Record) -> None:
    record.write(1, 2, 3)
    position = record.collect().position
    record.write(4)

    got = record.collect(position)

    assert (got.watched.first_line, got.watched.last_line, got.watched.dropped) == (4, 4, 0)
    assert len(record.lines) == 2
    assert record.collect().watched.dropped == 0, "some station has them"
    again = record.collect(got.position)
    assert (again.watched.first_line, again.watched.damage) == (0, ())
    assert len(record.lines) == 1


def test_only_the_very_line_a_station_has_makes_it_forget(record: Record) -> None:
    record.write(1, 2)
    before = record.lines

    record.run(
        f"with_spool spool_collected 1 {'0' * 64}",
        "with_spool spool_collected 9 0",
        "with_spool spool_collected 0 0",
    )

    assert record.lines == before
    position = record.collect().position
    assert position is not None
    record.collect(position)
    record.run("with_spool spool_collected 1 0")


def _cut(folder: Path) -> None:
    lines = (folder / "spool").read_text().splitlines(keepends=True)
    (folder / "spool").write_text("".join(lines[:-2]))


def _changed(folder: Path) -> None:
    text = (folder / "spool").read_text()
    (folder / "spool").write_text(text.replace(f"alive {NOW + 2} ", f"alive {NOW + 5} "))


def _missing(folder: Path) -> None:
    lines = (folder / "spool").read_text().splitlines(keepends=True)
    (folder / "spool").write_text("".join((*lines[:2], *lines[3:])))


@pytest.mark.parametrize("harm", [_cut, _changed, _missing, lambda folder: (folder / "spool").unlink()])
def test_a_record_that_was_harmed_is_seen(record: Record, harm: Callable[[Path], None]) -> None:
    record.write(1, 2, 3, 4)
    harm(record.folder)
    record.write(5)

    got = record.collect()

    assert got.watched.damage or got.watched.dropped
    assert int(record.lines[-1].split()[0]) > 4, "a number is never given twice"
    if (record.folder / "spool.damaged").exists():
        assert got.watched.last_line == int(record.lines[-1].split()[0])


def test_a_station_sees_that_a_record_was_begun_anew(record: Record) -> None:
    record.write(1, 2, 3)
    position = record.collect().position
    for name in ("spool", "spool.head"):
        (record.folder / name).unlink()
    record.write(4)

    assert record.collect(position).watched.damage


@pytest.mark.parametrize("left", ["4", "4 ab", "4 abcdef alive 12", "4 00 alive 1\n", "x\n"])
def test_half_a_line_of_a_killed_script_is_cleared_away(record: Record, left: str) -> None:
    record.write(1, 2, 3)
    with (record.folder / "spool").open("a") as spool:
        spool.write(left)
    record.write(4)

    got = record.collect()

    assert (got.watched.last_line, got.watched.dropped, got.watched.damage) == (4, 0, ())


def test_a_line_without_its_head_is_kept(record: Record) -> None:
    """A script killed between the line and spool.head."""
    record.write(1, 2)
    head = (record.folder / "spool.head").read_text()
    record.write(3)
    (record.folder / "spool.head").write_text(head)

    record.write(4)

    got = record.collect()
    assert (got.watched.last_line, got.watched.dropped, got.watched.damage) == (4, 0, ())


def test_writers_at_the_same_time_take_turns(record: Record) -> None:
    record.run(" & ".join(f"spool alive {NOW} {number} 1" for number in range(3)) + " & wait")

    got = record.collect()

    assert (got.watched.last_line, got.watched.damage) == (3, ())
