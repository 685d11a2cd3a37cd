"""The page of a phone with a script of its own: when it was watched, when not, and what happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from policy.names import PhoneId, UserNumber
from policy.verdict import ActionKind, Stage, Verdict
from policy.watched import (
    ScriptState,
    SpanEnd,
    Watched,
    WatchedAction,
    WatchedResult,
    WatchedSpan,
    WatchedVerdict,
)
from tests.pages.office import COMPLIANT, OUTLOOK, Office, now
from tests.pages.test_phone_page import page_of, section


def hours_ago(hours: float) -> datetime:
    return now() - timedelta(hours=hours)


def span(since: float, until: float, end: SpanEnd = SpanEnd.RUNNING, heartbeats: int = 3) -> WatchedSpan:
    return WatchedSpan(hours_ago(since), hours_ago(until), end, heartbeats)


def told(staffed: Office, phone: PhoneId, ago: float, watched: Watched, **changes: Any) -> None:
    staffed.report(phone, **{**COMPLIANT, "checked_at": hours_ago(ago), "watched": watched, **changes})


def test_the_page_tells_when_it_was_watched_and_when_nobody_was(staffed: Office) -> None:
    phone = staffed.phone()
    told(staffed, phone, 20, Watched(ScriptState.STARTED, spans=(span(30, 25, SpanEnd.DIED),)))
    told(staffed, phone, 2, Watched(ScriptState.RUNNING, spans=(span(20, 2),)))

    between = section(page_of(staffed, phone), "Between visits")

    assert between.count("watched by the phone") == 2
    assert between.count("Nobody watched") == 1
    assert "died" in between
    assert "never compliant" in between


def test_reports_that_go_on_from_each_other_are_one_time_of_watching(staffed: Office) -> None:
    phone = staffed.phone()
    meeting = hours_ago(10)
    first = WatchedSpan(hours_ago(20), meeting, SpanEnd.RUNNING, 4)
    second = WatchedSpan(meeting, hours_ago(1), SpanEnd.RUNNING, 5)
    told(staffed, phone, 10, Watched(ScriptState.RUNNING, spans=(first,)))
    told(staffed, phone, 1, Watched(ScriptState.RUNNING, spans=(second,)))

    between = section(page_of(staffed, phone), "Between visits")

    assert "9 full checks" in between
    assert "Nobody watched" not in between


def test_the_page_tells_what_the_script_saw_and_did(staffed: Office) -> None:
    phone = staffed.phone()
    violating = WatchedVerdict(hours_ago(3), Verdict.VIOLATING, True, Stage.ENFORCE)
    disabled = WatchedAction(hours_ago(3), ActionKind.DISABLE, UserNumber(10), OUTLOOK, WatchedResult.DONE)
    told(
        staffed,
        phone,
        1,
        Watched(ScriptState.RUNNING, spans=(span(9, 1),), verdicts=(violating,), actions=(disabled,)),
    )

    between = section(page_of(staffed, phone), "Between visits")

    assert "violating" in between
    assert f"disable {OUTLOOK} in user 10" in between
    assert "Reading back on the phone showed the change." in between


def test_what_a_clock_ahead_puts_into_the_future_counts_as_of_its_arrival_and_pins_nothing(
    staffed: Office,
) -> None:
    phone = staffed.phone()
    ahead = -24 * 300
    seen = WatchedVerdict(hours_ago(ahead), Verdict.VIOLATING, True, Stage.ENFORCE)
    watched = Watched(ScriptState.STARTED, spans=(span(5, ahead),), verdicts=(seen,))
    told(staffed, phone, ahead, watched)
    told(staffed, phone, 0, Watched(ScriptState.NOT_RUNNING, problem="not started: no plan"))

    between = section(page_of(staffed, phone), "Between visits")

    assert f"{hours_ago(ahead):%Y-%m}" not in between
    assert "not started: no plan" in between, "the later visit's word stands"


def test_damage_and_loss_are_shown_as_unknown(staffed: Office) -> None:
    phone = staffed.phone()
    damaged = Watched(
        ScriptState.NOT_RUNNING, dropped=7, damage=("line 4 is missing",), problem="not started: no plan"
    )
    told(staffed, phone, 1, damaged)

    between = section(page_of(staffed, phone), "Between visits")

    assert "7 lines of its record were" in between
    assert "line 4 is missing" in between
    assert "not started: no plan" in between
    assert "What is missing from the record is unknown." in between


def test_a_phone_that_nobody_watched_is_unknown_between_visits(staffed: Office) -> None:
    phone = staffed.phone()
    staffed.report(phone, **COMPLIANT)

    between = section(page_of(staffed, phone), "Between visits")

    assert "nothing is known" in between
    assert "Silence is unknown, never compliant." in between


def test_what_the_script_saw_last_is_not_the_standing_of_the_phone(staffed: Office) -> None:
    """A script that saw compliance yesterday says nothing of today: only checks at a station count."""
    phone = staffed.phone()
    seen = WatchedVerdict(hours_ago(2), Verdict.COMPLIANT, True, Stage.ENFORCE)
    staffed.report(phone, checked_at=hours_ago(1), watched=Watched(ScriptState.RUNNING, verdicts=(seen,)))

    page = page_of(staffed, phone)

    assert "violating" in section(page, "Latest check")
