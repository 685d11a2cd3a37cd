"""The JSON form of what a phone's own script told, inside a report."""

from __future__ import annotations

from enum import Enum
from typing import Any

from policy.schemas.fields import Many, Record, Value, part
from policy.schemas.ledger_document import NUMBER_MAX, package_name, user_number
from policy.schemas.values import as_is, boolean, integer, printable_text, utc_time, word, write_utc_time
from policy.verdict import ActionKind, Stage, Verdict
from policy.watched import (
    ScriptState,
    SpanEnd,
    Watched,
    WatchedAction,
    WatchedResult,
    WatchedSpan,
    WatchedVerdict,
    WatchSource,
)

LINES_MAX = 2000
"""More than any phone keeps of its record."""
_DAMAGES_MAX = 20
_LINE_MAX = 300


def _word(kind: type[Enum], **options: Any) -> Value:
    return Value(word(kind), lambda member: member.value, **options)


def _time() -> Value:
    return Value(utc_time, write_utc_time)


def _count() -> Value:
    return Value(integer(0, NUMBER_MAX), as_is)


class _SpanSchema(Record):
    makes = WatchedSpan

    since = _time()
    until = _time()
    end = _word(SpanEnd)
    heartbeats = _count()
    time_trusted = Value(boolean, as_is)
    source = _word(WatchSource)


class _VerdictSchema(Record):
    makes = WatchedVerdict

    at = _time()
    verdict = _word(Verdict)
    enforceable = Value(boolean, as_is)
    stage = _word(Stage, allow_none=True)
    detail = Value(printable_text(100), as_is)


class _ActionSchema(Record):
    makes = WatchedAction

    at = _time()
    kind = _word(ActionKind)
    user = user_number()
    package = package_name()
    result = _word(WatchedResult)


class WatchedSchema(Record):
    """What was collected of a phone's record."""

    makes = Watched

    script = _word(ScriptState)
    first_line = _count()
    last_line = _count()
    spans = Many(part(_SpanSchema), LINES_MAX)
    verdicts = Many(part(_VerdictSchema), LINES_MAX)
    actions = Many(part(_ActionSchema), LINES_MAX)
    dropped = _count()
    damage = Many(Value(printable_text(_LINE_MAX), as_is), _DAMAGES_MAX)
    problem = Value(printable_text(_LINE_MAX), as_is)
