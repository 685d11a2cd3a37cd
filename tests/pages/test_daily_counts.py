"""The standings of each day: kept once, by whoever looks first, and never made up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

from server.fleet.daily_counts import daily_counts, day_of, keep_daily_count
from server.fleet.deadline import DAYS_BACK
from server.fleet.standing import GONE, Standing, no_counts
from server.pages.daily_chart import BANDS, HEIGHT, chart_of
from server.running.due_work import do_what_is_due
from server.storage.database import Database
from tests.pages.office import COMPLIANT, Office, now

TODAY = date(2027, 3, 10)


def kept(office: Office, at: datetime) -> dict[Standing, int]:
    with office.database.reading() as session:
        found = daily_counts(session, day_of(at), day_of(at))
    return {standing: phones for standing, phones in found.get(day_of(at), {}).items() if phones}


def test_a_day_is_counted_once_and_stays_as_it_was(either: Office, tmp_path: Path) -> None:
    either.publish()
    either.station("bench", tmp_path / "station.pem")
    either.report(either.phone(), **COMPLIANT)
    keep_daily_count(either.database, now())
    either.phone()
    keep_daily_count(either.database, now())

    assert kept(either, now()) == {Standing.COMPLIANT: 1}
    tomorrow = now() + timedelta(days=1)
    keep_daily_count(either.database, tomorrow)
    assert kept(either, tomorrow) == {Standing.COMPLIANT: 1, Standing.UNSEEN: 1}


def test_of_several_servers_at_once_one_counts(either: Office, tmp_path: Path) -> None:
    either.station("bench", tmp_path / "station.pem")
    either.phone()
    databases = [Database(either.config.database_url) for _ in range(4)]
    at = now()
    with ThreadPoolExecutor(len(databases)) as servers:
        for done in [servers.submit(keep_daily_count, database, at) for database in databases]:
            done.result()
    for database in databases:
        database.close()

    assert kept(either, at) == {Standing.UNSEEN: 1}


def test_a_server_counts_by_itself(either: Office, tmp_path: Path) -> None:
    either.station("bench", tmp_path / "station.pem")
    either.phone()
    at = now()
    stopped = do_what_is_due(either.database, either.config, lambda: at, every_s=0.01)
    try:
        while not kept(either, at):
            pass
    finally:
        stopped.set()

    assert kept(either, at) == {Standing.UNSEEN: 1}


def test_every_standing_of_a_phone_that_is_with_us_is_in_one_band() -> None:
    assert sorted(one.value for band in BANDS for one in band.standings) == sorted(
        one.value for one in Standing if one not in GONE
    )


def test_phones_that_are_gone_make_no_bar_taller() -> None:
    gone = counts(6, 2) | {Standing.HANDED_BACK: 90, Standing.RETIRED: 9}

    chart = chart_of({TODAY: gone}, TODAY, None)

    assert chart is not None
    assert (chart.tallest, sum(segment.height for segment in chart.days[0].segments)) == (8, HEIGHT)


def counts(compliant: int, violating: int) -> dict[Standing, int]:
    return no_counts() | {Standing.COMPLIANT: compliant, Standing.VIOLATING: violating}


def test_a_day_without_a_count_is_missing_and_not_made_up() -> None:
    chart = chart_of({TODAY - timedelta(days=2): counts(6, 2), TODAY: counts(9, 1)}, TODAY, None)

    assert chart is not None
    assert [(one.missing, len(one.segments)) for one in chart.days] == [(False, 2), (True, 0), (False, 2)]
    assert [one.day for one in chart.kept] == [TODAY - timedelta(days=days) for days in range(3)]


def test_bars_stand_on_the_ground_and_the_tallest_reaches_the_top() -> None:
    chart = chart_of({TODAY - timedelta(days=1): counts(4, 1), TODAY: counts(5, 5)}, TODAY, None)

    assert chart is not None
    assert [[(one.band.name, one.y, one.height) for one in day.segments] for day in chart.days] == [
        [("good", HEIGHT * 0.6, HEIGHT * 0.4), ("bad", HEIGHT * 0.5, HEIGHT * 0.1)],
        [("good", HEIGHT * 0.5, HEIGHT * 0.5), ("bad", 0.0, HEIGHT * 0.5)],
    ]


def test_a_near_deadline_is_drawn_and_a_far_one_is_not() -> None:
    near = chart_of({TODAY: counts(1, 1)}, TODAY, TODAY + timedelta(days=3))
    far = chart_of({TODAY: counts(1, 1)}, TODAY, TODAY + timedelta(days=90))

    assert near is not None
    assert far is not None
    assert (len(near.days), near.deadline_x) == (4, 35.0)
    assert [one.missing for one in near.days] == [False] * 4
    assert (len(far.days), far.deadline_x) == (1, None)


def test_no_more_days_are_shown_than_can_be_told_apart() -> None:
    chart = chart_of({TODAY - timedelta(days=DAYS_BACK): counts(1, 0)}, TODAY, None)

    assert chart is not None
    assert len(chart.days) == DAYS_BACK + 1


def test_without_any_count_there_is_no_chart() -> None:
    assert chart_of({}, TODAY, TODAY) is None
