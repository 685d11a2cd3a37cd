"""What a phone's own script told travels in a report, and reports without it are what they were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policy.errors import InvalidDocument
from policy.names import PackageName, UserNumber
from policy.report import Report
from policy.schemas import dump_report, load_report
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
from tests.policy.test_other_documents import REPORT

SINCE, UNTIL = datetime(2023, 3, 15, 12, 0, tzinfo=UTC), datetime(2023, 3, 15, 18, 30, tzinfo=UTC)
WATCHED = Watched(
    ScriptState.STARTED,
    first_line=3,
    last_line=17,
    spans=(WatchedSpan(SINCE, UNTIL, SpanEnd.DIED, 6, time_trusted=False),),
    verdicts=(WatchedVerdict(UNTIL, Verdict.VIOLATING, True, Stage.ENFORCE, "ok"),),
    actions=(
        WatchedAction(
            UNTIL,
            ActionKind.DISABLE,
            UserNumber(10),
            PackageName("com.microsoft.office.outlook"),
            WatchedResult.DONE,
        ),
    ),
    dropped=4,
    damage=("line 9 is not what the script wrote",),
    problem="",
)


def changed(**fields: Any) -> bytes:
    document = json.loads(dump_report(replace(REPORT, watched=WATCHED)))
    document["watched"] |= fields
    return json.dumps(document).encode()


def test_what_was_watched_survives_the_way_into_a_report_and_back() -> None:
    report: Report = replace(REPORT, watched=WATCHED)

    assert load_report(dump_report(report)) == report


def test_up_to_a_moment_no_time_lies_after_it_and_all_else_is_as_it_was() -> None:
    between = SINCE + timedelta(hours=1)

    cut = WATCHED.up_to(between)

    times = [(span.since, span.until) for span in cut.spans]
    assert (times, cut.verdicts[0].at, cut.actions[0].at) == ([(SINCE, between)], between, between)
    assert WATCHED.up_to(UNTIL) == WATCHED
    assert (cut.last_line, cut.dropped, cut.actions[0].result) == (17, 4, WatchedResult.DONE)


def test_a_report_without_a_script_has_the_same_bytes_as_before_there_were_scripts() -> None:
    assert "watched" not in json.loads(dump_report(REPORT))
    assert load_report(dump_report(REPORT)).watched is None


@pytest.mark.parametrize(
    "fields",
    [
        {"script": "sleeping"},
        {"first_line": -1},
        {"dropped": True},
        {"damage": ["x"] * 21},
        {"damage": ["two\nlines"]},
        {"spans": [{}]},
        {"spans": None},
        {"battery": 3},
        {"problem": "x" * 301},
        {
            "verdicts": [
                {"at": "now", "verdict": "violating", "enforceable": True, "stage": None, "detail": ""}
            ]
        },
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_wrong_field_of_what_was_watched_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument, match="watched"):
        load_report(changed(**fields))


def test_null_for_what_was_watched_is_refused() -> None:
    document = json.loads(dump_report(REPORT)) | {"watched": None}

    with pytest.raises(InvalidDocument, match="watched"):
        load_report(json.dumps(document).encode())


@pytest.mark.parametrize("field", ["problem", "damage", "detail"])
def test_its_texts_hold_only_what_prints(field: str) -> None:
    """Direction changes would reorder the phone's page."""
    odd = "ko\u202eko"
    verdict = {**json.loads(changed())["watched"]["verdicts"][0], "detail": odd}
    fields: dict[str, dict[str, Any]] = {
        "problem": {"problem": odd},
        "damage": {"damage": [odd]},
        "detail": {"verdicts": [verdict]},
    }

    with pytest.raises(InvalidDocument, match="printable"):
        load_report(changed(**fields[field]))
