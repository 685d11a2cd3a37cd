"""Lines of a phone's record that two stations collected count once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from policy.watched import ScriptState, SpanEnd, Watched, WatchedSpan
from server.reports.lines_told_once import telling_each_line_once

BEGUN = datetime(2026, 3, 16, tzinfo=UTC)


def part(first: int, last: int, begun: datetime = BEGUN) -> Watched:
    """Return what a report tells of these lines, one a minute, each of them a heartbeat."""
    since, until = (begun + timedelta(minutes=line) for line in (first, last))
    span = WatchedSpan(since, until, SpanEnd.RUNNING, last - first + 1)
    return Watched(ScriptState.RUNNING, first, last, (span,))


def heartbeats(told: list[Watched]) -> int:
    chosen = telling_each_line_once(told)
    return sum(
        span.heartbeats for place, watched in enumerate(told) if place in chosen for span in watched.spans
    )


@pytest.mark.parametrize(
    "ranges",
    [
        [(1, 10), (11, 20)],
        [(1, 10), (1, 20)],
        [(1, 20), (1, 10)],
        [(1, 10), (1, 15), (11, 20)],
        [(1, 10), (1, 15), (11, 20), (16, 20)],
        [(1, 10), (11, 20), (11, 14), (15, 20)],
        [(1, 20), (1, 20)],
    ],
)
def test_every_line_is_counted_once(ranges: list[tuple[int, int]]) -> None:
    assert heartbeats([part(*lines) for lines in ranges]) == 20


def test_whoever_comes_when_each_line_is_counted_once() -> None:
    """Three stations at random: each collects from its own mark, or from what no station has acknowledged yet."""
    chance = Random(20260316)
    for _ in range(300):
        marks: dict[str, int] = {}
        told, base, written = [], 0, 0
        for _ in range(chance.randint(1, 12)):
            written += chance.randint(0, 9)
            station = chance.choice("abc")
            base = max(base, marks.get(station, 0))  # it acknowledges what it has, and the phone forgets that
            first = max(base, marks.get(station, 0)) + 1
            if first <= written:
                told.append(part(first, written))
            marks[station] = written
        covered = {line for watched in told for line in range(watched.first_line, watched.last_line + 1)}

        assert heartbeats(told) == len(covered)


def test_a_record_begun_anew_has_the_same_numbers_and_counts_as_well() -> None:
    later = BEGUN + timedelta(days=1)

    assert heartbeats([part(1, 10), part(1, 10, later), part(1, 12, later)]) == 10 + 12


def test_a_report_without_new_lines_is_never_left_out() -> None:
    span = WatchedSpan(BEGUN, BEGUN + timedelta(hours=1), SpanEnd.RUNNING, 0)
    silent = Watched(ScriptState.RUNNING, spans=(span,), dropped=3)

    assert telling_each_line_once([part(1, 90), silent, silent]) == {0, 1, 2}
