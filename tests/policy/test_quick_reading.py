"""The quick reading of a report takes what its schema takes, refuses what it refuses, and makes the same value."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from policy.names import UserNumber
from policy.observation import UserKind
from policy.report import ActionResult, Report, ReportedAction, ReportedUser
from policy.schemas import dump_report
from policy.schemas.fields import StrictSchema, Value
from policy.schemas.quick_reading import FastPathDeclined, quick_reader
from policy.schemas.report_document import ReportSchema
from policy.schemas.values import as_is, boolean
from policy.verdict import ActionKind, Finding
from tests.policy.bench import OUTLOOK, U10
from tests.policy.documents import json_values, reports
from tests.policy.test_other_documents import REPORT
from tests.policy.test_watched import WATCHED

SCHEMA = ReportSchema()
read_quickly = quick_reader(SCHEMA)

FULL: Report = replace(
    REPORT,
    users=(ReportedUser(UserNumber(0), UserKind.PERSONAL, True),),
    findings=(Finding("TikTok", UserNumber(0), OUTLOOK),),
    actions=(ReportedAction(ActionKind.DISABLE, U10, OUTLOOK, ActionResult.DONE),),
    contradictions=("a line for a person",),
    watched=WATCHED,
    marker="5f0c",
)
"""A report in which every kind of part stands at least once."""

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 10, 1.0, 0.5, 1 << 31, (1 << 63) - 1, -(1 << 40)),
    *("", "x", "x\n", " ", "é", "x" * 101, "x" * 3000, "0", "curfew-report", "com.example.app"),
    *("2023-03-15T11:00:00Z", "2023-03-15T11:00:00", "1999-03-15T11:00:00Z", "2023-02-30T11:00:00Z"),
    *([], {}, [None], [{}], ["x"], {"x": 1}, [[]]),
)


def judged(document: Any) -> tuple[Any, Any]:
    """Return what marshmallow and what the quick reading make of a document; None is a refusal."""
    try:
        by_schema = SCHEMA.load(document)
    except ValidationError:
        by_schema = None
    try:
        quickly = read_quickly(document)
    except FastPathDeclined:
        quickly = None
    return by_schema, quickly


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a document."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, value in inner:
        yield (*path, step)
        yield from places(value, (*path, step))


def holder_of(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


DOCUMENT = json.loads(dump_report(FULL))
PLACES = list(places(DOCUMENT))


def test_a_right_report_is_taken_and_is_the_same_value() -> None:
    assert judged(DOCUMENT) == (FULL, FULL)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_both_readings_agree_when_one_value_is_another(path: tuple[Any, ...]) -> None:
    for strange in STRANGE:
        document = deepcopy(DOCUMENT)
        holder_of(document, path)[path[-1]] = strange

        by_schema, quickly = judged(document)

        assert repr(quickly) == repr(by_schema), f"{strange!r} at {path}"


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_both_readings_agree_when_a_value_is_missing_double_or_unknown(path: tuple[Any, ...]) -> None:
    less, more = deepcopy(DOCUMENT), deepcopy(DOCUMENT)
    del holder_of(less, path)[path[-1]]
    holder = holder_of(more, path)
    if isinstance(holder, list):
        holder.append(deepcopy(holder[path[-1]]))
    else:
        holder[f"{path[-1]}_more"] = holder[path[-1]]

    for document in (less, more):
        by_schema, quickly = judged(document)
        assert repr(quickly) == repr(by_schema)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports, st.data())
def test_both_readings_agree_on_any_report_with_anything_put_into_it(
    report: Report, data: st.DataObject
) -> None:
    document = json.loads(dump_report(report))
    assert judged(document) == (report, report)
    path = data.draw(st.sampled_from(list(places(document))))

    holder_of(document, path)[path[-1]] = data.draw(json_values)

    by_schema, quickly = judged(document)
    assert repr(quickly) == repr(by_schema)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_no_other_document_is_taken(document: Any) -> None:
    with pytest.raises(FastPathDeclined):
        read_quickly(document)


def test_a_schema_that_does_not_say_what_it_makes_has_no_quick_reading() -> None:
    class _Loose(StrictSchema):
        anything = Value(boolean, as_is)

    with pytest.raises(TypeError, match="_Loose does not say what it makes"):
        quick_reader(_Loose())


def test_a_list_that_was_read_before_is_the_same_value_and_one_that_only_equals_it_is_refused() -> None:
    seen = {"users": [{"user": 0, "kind": "personal", "open_to_shell": True}]}
    first, second = (read_quickly({**DOCUMENT, **deepcopy(seen)}) for _ in range(2))
    assert first.users is second.users

    for open_to_shell in (1, 1.0):
        seen["users"][0]["open_to_shell"] = open_to_shell
        with pytest.raises(FastPathDeclined):
            read_quickly({**DOCUMENT, **seen})


def test_what_the_reader_keeps_is_bounded_whatever_is_sent() -> None:
    def read(number: int) -> ReportedUser:
        user = {"user": number, "kind": "personal", "open_to_shell": True}
        read_user: ReportedUser = read_quickly({**DOCUMENT, "users": [user]}).users[0]
        assert read_user.user == number
        return read_user

    first = weakref.ref(read(20_000))
    assert first() is not None
    for number in range(3000):
        read(number)
    gc.collect()
    assert first() is None
