"""Thinning out: what says again what was said before goes, and nobody can tell from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from policy.ledger import Ledger
from policy.names import PhoneId, UserNumber
from policy.report import ActionResult, Report, ReportedAction
from policy.report_results import ReportStatus
from policy.verdict import ActionKind, Reason, ReasonCode, Stage, Verdict
from policy.watched import (
    ScriptState,
    SpanEnd,
    Watched,
    WatchedAction,
    WatchedResult,
    WatchedSpan,
    WatchedVerdict,
)
from server.cli import main
from server.evidence import audit
from server.fleet import phone_states
from server.reports import kept_reports, old_reports
from server.reports.between_visits import watch_story
from server.reports.kept_reports import history, newest_ledger
from server.retention import thinning
from tests.server.authority import MANAGED, NOW, UNREADABLE, VIOLATING, Authority, Bench, disabled_ledger

DAY = timedelta(days=1)
NOTIFIED = (ReportedAction(ActionKind.NOTIFY, UserNumber(0), MANAGED, ActionResult.DONE),)


def story(authority: Authority, bench: Bench, phone: PhoneId, *checks: Mapping[str, Any]) -> list[Report]:
    """Let one check a day arrive, the last one now; return the reports."""
    reports = [
        bench.report(phone, checked_at=NOW - DAY * (len(checks) - 1 - day), **changes)
        for day, changes in enumerate(checks)
    ]
    for report in reports:
        [result] = authority.accept(bench.sign(report), now=report.checked_at + timedelta(seconds=1))
        assert result.status is ReportStatus.STORED
    return reports


def thin(authority: Authority, days: int = 1) -> tuple[thinning.ThinningPlan, int]:
    planned = thinning.plan(authority.database, NOW - days * DAY)
    return planned, thinning.drop(authority.database, planned, days, "test", NOW)


def thinned(authority: Authority, reports: Sequence[Report]) -> list[int]:
    """Return which of these reports have lost their envelope, by their place."""
    with authority.database.reading() as session:
        ids = {
            one.report_id
            for phone_id in {report.phone_id for report in reports}
            for one in old_reports.envelopes_of(session, phone_id)
            if not one.envelope
        }
    return [place for place, report in enumerate(reports) if report.report_id in ids]


@pytest.fixture
def bench(authority: Authority) -> Bench:
    return authority.bench()


def test_the_first_and_the_latest_of_equal_reports_stay(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, {}, {})

    planned, dropped = thin(authority)

    assert thinned(authority, reports) == [1, 2]
    assert (len(planned.report_ids), planned.older, dropped) == (2, 3, 2)
    # Two signatures with what surrounds them: what they say besides is stored once.
    assert 140 < planned.envelope_bytes < 400


def test_only_what_is_older_goes(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 6)

    thin(authority, days=3)

    assert thinned(authority, reports) == [1, 2]


def test_planning_changes_nothing(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, {})

    planned = thinning.plan(authority.database, NOW)

    assert planned.report_ids == (reports[1].report_id,)
    assert thinned(authority, reports) == []


@pytest.mark.parametrize(
    "change",
    [
        VIOLATING,
        UNREADABLE,
        {"enforceable": False},
        {"stage": Stage.PAUSED},
        {"bundle_number": 2},
        {"patch_level": "2024-04-05"},
        {"contradictions": ("a line for a person",)},
        {"reasons": (Reason(ReasonCode.ENABLED_AGAIN, "outlook"),)},
        {"ledger": disabled_ledger()},
    ],
    ids=lambda change: ", ".join(change),
)
def test_a_report_that_differs_stays_and_so_does_the_one_after(
    authority: Authority, bench: Bench, change: dict[str, Any]
) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, change, {}, {}, {})

    thin(authority)

    assert thinned(authority, reports) == [1, 4]


def test_every_report_in_which_something_was_done_stays(authority: Authority, bench: Bench) -> None:
    done = {**VIOLATING, "actions": NOTIFIED}
    reports = story(authority, bench, authority.phone(bench), done, done, done, {})

    thin(authority)

    assert thinned(authority, reports) == []


def test_what_changes_by_itself_is_no_news(authority: Authority, bench: Bench) -> None:
    other = {"phone_skew_s": 9, "answers_sha256": "ab" * 32, "transport": "adb", "operator": "desk-2"}
    reports = story(authority, bench, authority.phone(bench), {}, other, {})

    thin(authority)

    assert thinned(authority, reports) == [1]


def test_each_phone_is_compared_with_itself(authority: Authority, bench: Bench) -> None:
    quiet = story(authority, bench, authority.phone(bench), {}, {}, {})
    loud = story(authority, bench, authority.phone(bench), {}, VIOLATING, {})

    thin(authority)

    assert thinned(authority, quiet) == [1]
    assert thinned(authority, loud) == []


def test_the_newest_that_knew_the_ledger_stays(authority: Authority, bench: Bench) -> None:
    known, unknown = {"ledger": disabled_ledger()}, {"ledger": Ledger(), **UNREADABLE}
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, known, known, known, unknown, unknown, unknown)

    thin(authority)

    assert thinned(authority, reports) == [1, 4]
    with authority.database.reading() as session:
        assert newest_ledger(session, phone) == disabled_ledger()


def test_what_an_alarm_names_stays(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, *[{}] * 6)
    bench.counter = 0
    other = bench.report(phone, report_id=reports[1].report_id, counter=reports[1].counter, phone_skew_s=5)
    clone = bench.report(phone, counter=reports[3].counter)
    statuses = [result.status for result in authority.accept(bench.sign(other), bench.sign(clone))]
    assert statuses == [ReportStatus.CONFLICT, ReportStatus.QUARANTINED]

    thin(authority)

    assert thinned(authority, reports) == [2, 4]


def test_what_the_audit_chain_names_stays(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 5)
    with authority.database.writing() as session:
        audit.record(session, "desk-1", "looked into", reports[1].report_id, {}, NOW)
        audit.record(session, "desk-1", "looked into", "phone", {"why": f"see {reports[2].report_id}."}, NOW)

    thin(authority)

    assert thinned(authority, reports) == [3]


def test_what_was_named_after_planning_stays(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, {})
    planned = thinning.plan(authority.database, NOW)
    with authority.database.writing() as session:
        audit.record(session, "desk-1", "looked into", reports[1].report_id, {}, NOW)

    assert thinning.drop(authority.database, planned, 1, "test", NOW) == 0
    assert thinned(authority, reports) == []


def test_what_a_clone_alarm_names_by_its_counter_after_planning_stays(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, {}, {}, {})
    planned = thinning.plan(authority.database, NOW)
    assert planned.report_ids == (reports[1].report_id,)
    clone = bench.report(phone, counter=reports[1].counter)
    [result] = authority.accept(bench.sign(clone))
    assert result.status is ReportStatus.QUARANTINED

    assert thinning.drop(authority.database, planned, 1, "test", NOW) == 0


def test_of_two_checks_at_the_newest_moment_both_stay(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    same = [bench.report(phone, checked_at=NOW - DAY) for _ in range(2)]
    for report in reversed(same):
        authority.accept(bench.sign(report))

    thin(authority, days=0)

    assert thinned(authority, same) == []


def test_what_the_phones_own_script_said_again_is_left_out_and_the_rest_is_read(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, *[{"watched": Watched(ScriptState.NOT_RUNNING)}] * 4)
    thin(authority)
    assert thinned(authority, reports) == [1, 2]

    with authority.database.reading() as session:
        read = kept_reports.watched_reports(session, phone)
        assert [report.report_id for report in read] == [reports[3].report_id, reports[0].report_id]
        assert kept_reports.stored_report(session, reports[1].report_id) is None


def watching(day: int, **told: Any) -> dict[str, Any]:
    """Return what a report has of a script that watched the day before, in its lines of that day."""
    until = NOW - DAY * day
    span = WatchedSpan(until - DAY, until, SpanEnd.RUNNING, 24)
    lines: dict[str, Any] = {"first_line": 9000 - day, "last_line": 9000 - day, "spans": (span,)}
    return {"watched": Watched(ScriptState.RUNNING, **(lines | told))}


def test_of_notes_that_it_went_on_watching_those_are_left_out_that_no_page_shows(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, *[watching(day) for day in range(35, -1, -1)])
    with authority.database.reading() as session:
        before = watch_story(kept_reports.watched_reports(session, phone))

    thin(authority)

    # The 30 newest are shown, each with its stretch; of the six before, the first began it.
    assert thinned(authority, reports) == [1, 2, 3, 4, 5]
    with authority.database.reading() as session:
        assert watch_story(kept_reports.watched_reports(session, phone)) == before


@pytest.mark.parametrize(
    "told",
    [
        {"verdicts": (WatchedVerdict(NOW - 40 * DAY, Verdict.VIOLATING, True, Stage.ENFORCE),)},
        {
            "actions": (
                WatchedAction(
                    NOW - 40 * DAY, ActionKind.DISABLE, UserNumber(10), MANAGED, WatchedResult.DONE
                ),
            )
        },
        {"dropped": 3},
        {"damage": ("line 7 is not what the script wrote",)},
        {"problem": "the phone has no room for it"},
        {"script": ScriptState.NOT_RUNNING},
    ],
    ids=lambda told: ", ".join(told),
)
def test_notes_that_tell_something_stay_and_so_does_the_report_after(
    authority: Authority, bench: Bench, told: dict[str, Any]
) -> None:
    days = list(range(36, -1, -1))
    checks = [watching(day) for day in days]
    checks[3] = {"watched": replace(checks[3]["watched"], **told)}
    reports = story(authority, bench, authority.phone(bench), *checks)

    thin(authority)

    assert thinned(authority, reports) == [1, 2, 5, 6]


def test_a_thinned_report_sent_again_is_a_duplicate_and_with_other_content_a_conflict(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = story(authority, bench, phone, {}, {}, {})
    thin(authority)
    other = bench.report(phone, report_id=reports[1].report_id, phone_skew_s=5)
    clone = bench.report(phone, counter=reports[1].counter)

    results = authority.accept(bench.sign(reports[1]), bench.sign(other), bench.sign(clone))

    assert [result.status for result in results] == [
        ReportStatus.DUPLICATE,
        ReportStatus.CONFLICT,
        ReportStatus.QUARANTINED,
    ]


def test_state_and_history_are_what_they_were(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    story(authority, bench, phone, {}, {}, VIOLATING, VIOLATING, VIOLATING)
    with authority.database.reading() as session:
        before = history(session, phone, 99), phone_states.latest_checks(session, [phone])

    assert thin(authority)[1] == 2

    with authority.database.reading() as session:
        assert (history(session, phone, 99), phone_states.latest_checks(session, [phone])) == before


def test_thinning_again_finds_nothing(authority: Authority, bench: Bench) -> None:
    story(authority, bench, authority.phone(bench), {}, {}, {}, {})
    thin(authority)

    planned, dropped = thin(authority)

    assert (planned.report_ids, dropped) == ((), 0)


def test_thinning_goes_on_where_it_ended(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), *[{}] * 7)
    thin(authority, days=4)
    assert thinned(authority, reports) == [1, 2]

    thin(authority, days=2)

    assert thinned(authority, reports) == [1, 2, 3, 4]


def test_it_is_audited(authority: Authority, bench: Bench) -> None:
    story(authority, bench, authority.phone(bench), {}, {}, {}, {})

    thin(authority)

    with authority.database.reading() as session:
        row = audit.newest_rows(session)[0]
    assert (row.actor, row.action) == ("test", "reports thinned out")
    assert row.detail == {"reports": 2, "older_than_days": 1}


def test_envelopes_and_their_audit_row_go_together_or_not_at_all(authority: Authority, bench: Bench) -> None:
    reports = story(authority, bench, authority.phone(bench), {}, {}, {})
    planned = thinning.plan(authority.database, NOW)
    with authority.database.writing() as session:
        session.execute(text("UPDATE audit_head SET id = 1, number = 0"))
        audit_rows = audit.newest_rows(session)
        assert audit_rows  # the next row's number is taken: writing it fails

    with pytest.raises(Exception, match=r"(?i)unique"):
        thinning.drop(authority.database, planned, 1, "test", NOW)

    assert thinned(authority, reports) == []


def test_the_command_tells_first_and_acts_only_when_told(
    small_authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = small_authority.bench()
    reports = story(small_authority, bench, small_authority.phone(bench), *[{}] * 5)
    env = small_authority.write_settings()

    assert main(["--config", str(env), "thin", "--older-than", "1"]) == 0
    assert "3 of 4 reports older than 1 day tell" in capsys.readouterr().out
    assert thinned(small_authority, reports) == []

    assert main(["--config", str(env), "thin", "--older-than", "1", "--yes"]) == 0
    assert "3 were dropped" in capsys.readouterr().out
    assert thinned(small_authority, reports) == [1, 2, 3]
