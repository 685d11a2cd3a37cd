"""The standings of each day as stacked bars that a template draws; a day without a count stays empty. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from server.fleet.daily_counts import DayCounts
from server.fleet.deadline import DAYS_BACK
from server.fleet.standing import Standing

DAYS_AHEAD = 21
"""So far ahead the deadline is drawn; a later one is only told."""
HEIGHT = 100.0
WIDTH_OF_DAY = 10.0
_GAP = 1.5


@dataclass(frozen=True)
class Band:
    """Standings that share one colour, and what the legend calls them."""

    name: str
    label: str
    standings: tuple[Standing, ...]


BANDS = (
    Band("good", "compliant", (Standing.COMPLIANT,)),
    Band("over", "nothing due, or waiting for the lift", (Standing.NOTHING_DUE, Standing.WAITING_FOR_LIFT)),
    Band(
        "unsure",
        "silent, unreadable or never checked",
        (Standing.SILENT, Standing.UNREADABLE, Standing.UNSEEN),
    ),
    Band("declined", "declined", (Standing.DECLINED,)),
    Band("bad", "violating, enforceable or not", (Standing.NOT_ENFORCEABLE, Standing.VIOLATING)),
)
"""From the bottom up; each standing is in one, but those of phones that are not with us any more."""


@dataclass(frozen=True)
class Segment:
    """One band of one day's bar."""

    band: Band
    y: float
    height: float


@dataclass(frozen=True)
class ChartDay:
    """One day; without a count it has no segments."""

    day: date
    x: float
    counts: DayCounts | None
    segments: Sequence[Segment]
    ahead: bool
    """Whether it has not come yet."""

    @property
    def missing(self) -> bool:
        """Whether it should have a count and has none."""
        return self.counts is None and not self.ahead


@dataclass(frozen=True)
class Chart:
    """The days in order, and where the deadline lies among them (None: not among them)."""

    days: Sequence[ChartDay]
    width: float
    bar_width: float
    tallest: int
    deadline_x: float | None

    @property
    def kept(self) -> Sequence[ChartDay]:
        """The days that have come, newest first."""
        return [one for one in reversed(self.days) if not one.ahead]


def chart_of(counted: Mapping[date, DayCounts], today: date, deadline: date | None) -> Chart | None:
    """Return the chart of the days since the first count, or since `DAYS_BACK`; None without any count."""
    if not counted:
        return None
    first = max(min(counted), today - timedelta(days=DAYS_BACK))
    last = today
    if deadline is not None and today < deadline <= today + timedelta(days=DAYS_AHEAD):
        last = deadline
    tallest = max((_drawn(counts) for counts in counted.values()), default=0)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return Chart(
        [_day(day, place, counted.get(day), tallest, today) for place, day in enumerate(days)],
        len(days) * WIDTH_OF_DAY,
        WIDTH_OF_DAY - _GAP,
        tallest,
        # In the middle of its day.
        days.index(deadline) * WIDTH_OF_DAY + WIDTH_OF_DAY / 2 if deadline in days else None,
    )


def _drawn(counts: DayCounts) -> int:
    return sum(counts[one] for band in BANDS for one in band.standings)


def _day(day: date, place: int, counts: DayCounts | None, tallest: int, today: date) -> ChartDay:
    segments: list[Segment] = []
    top = HEIGHT
    for band in BANDS:
        phones = sum(counts[one] for one in band.standings) if counts else 0
        if phones:
            height = HEIGHT * phones / tallest
            top -= height
            segments.append(Segment(band, round(top, 2), round(height, 2)))
    return ChartDay(day, place * WIDTH_OF_DAY + _GAP / 2, counts, segments, day > today)
