"""The JSON form of what a phone's own script told, inside a report."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from marshmallow import post_load

from policy.schemas.fields import Many, StrictSchema, Value, build, part
from policy.schemas.ledger_document import NUMBER_MAX, package_name, user_number
from policy.schemas.values import as_is, boolean, integer, text, utc_time, word, write_utc_time
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


class _SpanSchema(StrictSchema):
    since = _time()
    until = _time()
    end = _word(SpanEnd)
    heartbeats = _count()
    time_trusted = Value(boolean, as_is)
    source = _word(WatchSource)

    @post_load
    def span(self, values: Mapping[str, Any], **_options: Any) -> WatchedSpan:
        return build(WatchedSpan, values)


class _VerdictSchema(StrictSchema):
    at = _time()
    verdict = _word(Verdict)
    enforceable = Value(boolean, as_is)
    stage = _word(Stage, allow_none=True)
    detail = Value(text(100), as_is)

    @post_load
    def watched_verdict(self, values: Mapping[str, Any], **_options: Any) -> WatchedVerdict:
        return build(WatchedVerdict, values)


class _ActionSchema(StrictSchema):
    at = _time()
    kind = _word(ActionKind)
    user = user_number()
    package = package_name()
    result = _word(WatchedResult)

    @post_load
    def watched_action(self, values: Mapping[str, Any], **_options: Any) -> WatchedAction:
        return build(WatchedAction, values)


class WatchedSchema(StrictSchema):
    """What was collected of a phone's record."""

    script = _word(ScriptState)
    first_line = _count()
    last_line = _count()
    spans = Many(part(_SpanSchema), LINES_MAX)
    verdicts = Many(part(_VerdictSchema), LINES_MAX)
    actions = Many(part(_ActionSchema), LINES_MAX)
    dropped = _count()
    damage = Many(Value(text(_LINE_MAX), as_is), _DAMAGES_MAX)
    problem = Value(text(_LINE_MAX), as_is)

    @post_load
    def watched(self, values: Mapping[str, Any], **_options: Any) -> Watched:
        """Make the value."""
        return build(Watched, values)
