"""From when to when apps were off: every time, though a ledger tells of the last one only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState
from policy.report import Report, ReportedApp
from policy.verdict import ActionKind
from policy.watched import ScriptState, Watched, WatchedAction, WatchedResult
from server.fleet.off_times import OffEnd, off_times
from tests.reports import compliant_report

OUTLOOK = PackageName("com.microsoft.office.outlook")
WORK = UserNumber(10)
PHONE_ID = PhoneId.random()


def hour(number: int) -> datetime:
    return datetime.fromisoformat("2023-03-16T00:00+00:00") + timedelta(hours=number)


def told(checked: int, state: EntryState, at: int, rounds: int = 1, **changes: Any) -> Report:
    """Return the report of a check at an hour whose ledger has one entry."""
    entry = LedgerEntry(WORK, OUTLOOK, EnabledState.DEFAULT, state, 1, hour(at), rounds)
    ours = {"station_id": "1", "phone_id": PHONE_ID, "counter": checked, "checked_at": hour(checked)}
    return compliant_report(**ours, ledger=Ledger("marker", (entry,)), **changes)


def spans(*reports: Report) -> list[tuple[datetime, datetime | None, OffEnd]]:
    return [(time.since, time.until, time.end) for time in off_times(reports)]


def test_after_a_second_disabling_the_first_time_is_told_with_its_end() -> None:
    first, back, again = (
        told(1, EntryState.DONE, 1),
        told(5, EntryState.RESTORED, 5),
        told(9, EntryState.DONE, 9),
    )

    expected = [(hour(9), None, OffEnd.NOT_ENDED), (hour(1), hour(5), OffEnd.PUT_BACK)]
    assert spans(first, back, again) == expected
    assert spans(again, back, first, back) == expected


def test_an_app_that_somebody_enabled_in_between_was_off_twice() -> None:
    again = told(9, EntryState.DONE, 9, rounds=2)

    assert spans(told(1, EntryState.DONE, 1), again) == [
        (hour(9), None, OffEnd.NOT_ENDED),
        (hour(1), hour(9), OffEnd.ENABLED_BY_OTHERS),
    ]


def test_an_app_that_runs_again_and_is_left_on_is_not_told_as_off() -> None:
    runs = (ReportedApp(WORK, OUTLOOK, EnabledState.ENABLED, EnabledState.ENABLED),)
    given_up = told(9, EntryState.DONE, 1, rounds=4, managed=runs)

    assert spans(told(1, EntryState.DONE, 1), given_up) == [(hour(1), hour(9), OffEnd.ENABLED_BY_OTHERS)]


def test_what_went_with_its_user_ends_when_that_was_noticed() -> None:
    gone = told(7, EntryState.GONE, 1)

    assert spans(told(1, EntryState.DONE, 1), gone) == [(hour(1), hour(7), OffEnd.USER_GONE)]


def test_what_the_phones_script_did_between_two_visits_is_told() -> None:
    def did(kind: ActionKind, at: datetime) -> WatchedAction:
        return WatchedAction(at, kind, WORK, OUTLOOK, WatchedResult.DONE)

    # The ledger tells when the last restoring was planned, the record when it was done.
    done_at = hour(5) + timedelta(seconds=9)
    record = Watched(
        ScriptState.RUNNING,
        1,
        2,
        actions=(did(ActionKind.DISABLE, hour(2)), did(ActionKind.RESTORE, done_at)),
    )

    assert spans(told(8, EntryState.RESTORED, 5, watched=record)) == [(hour(2), hour(5), OffEnd.PUT_BACK)]


def test_an_intention_alone_is_no_time_of_being_off() -> None:
    assert spans(told(1, EntryState.INTENDED, 1)) == []
