"""What was done, refused or noticed on one phone: each thing as a sentence, and in words for programs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent_scripts.exchange import ActionOutcome
from agent_scripts.visits.outcomes import is_fine, was_enabled_before
from agent_scripts.visits.report_writing import CheckRecord
from policy.names import PackageName, UserNumber
from policy.report import ActionResult
from policy.undo import ROUNDS_LIMIT
from policy.verdict import ActionKind, ReasonCode
from policy.watched import ScriptState, Watched, WatchedAction, WatchedResult, WatchedSpan

_NOTICED = {
    ReasonCode.ENABLED_AGAIN: "was enabled again by the phone's user or somebody else",
    ReasonCode.RESET_BY_UPDATE: "runs again because it was updated or installed anew",
    ReasonCode.USER_GONE: "is gone with its user, and with it what we had changed",
    ReasonCode.OWNER_ENABLES_AGAIN: f"was enabled again after each of {ROUNDS_LIMIT} rounds, so it is left on",
}


# Whole without notices: a record that tells of another kind than these two is no record (`exchange.phone_spool`).
_WATCHED = {
    (WatchedResult.DONE, ActionKind.DISABLE): "disabled",
    (WatchedResult.ALREADY, ActionKind.DISABLE): "found disabled",
    (WatchedResult.STATE_CHANGED, ActionKind.DISABLE): "left alone",
    (WatchedResult.NOT_DONE, ActionKind.DISABLE): "NOT disabled:",
    (WatchedResult.DONE, ActionKind.RESTORE): "restored",
    (WatchedResult.ALREADY, ActionKind.RESTORE): "found restored",
    (WatchedResult.STATE_CHANGED, ActionKind.RESTORE): "left alone",
    (WatchedResult.NOT_DONE, ActionKind.RESTORE): "NOT restored:",
}
_SCRIPT = {
    ScriptState.STARTED: "started its own script",
    ScriptState.REMOVED: "took its own script away",
}


class Doing(Enum):
    """What a deed is about, besides Curfew's three actions."""

    DISABLE = "disable"
    RESTORE = "restore"
    NOTIFY = "notify"
    NOTICE = "notice"
    """Somebody else changed what we had done."""
    WATCH = "watch"
    """A time during which the phone's own script watched."""
    SCRIPT = "script"
    """The script was started or taken away."""
    LEAVE = "leave"
    """Nothing of Curfew is on the phone any more."""


@dataclass(frozen=True)
class Deed:
    """One thing that was done, refused or noticed: a sentence for people, and the same in words for programs.

    ``result`` is the word of a report (`ActionResult`, `WatchedResult`, `SpanEnd`, `ReasonCode`, `ScriptState`).
    What the phone's own script did carries the time ``at`` which it did so.
    """

    what: Doing
    result: str
    text: str
    package: PackageName | None = None
    user: UserNumber | None = None
    by_itself: bool = False
    at: datetime | None = None
    until: datetime | None = None


def deeds_of(record: CheckRecord) -> tuple[Deed, ...]:
    """Return what the phone's own script did since the last visit, then what others did, then what this visit did."""
    left = Deed(Doing.LEAVE, "done", "removed every trace of Curfew")
    return (
        *_by_itself(record.watched),
        *_noticed(record),
        *filter(None, map(_done, record.outcomes)),
        *([left] if record.leaving == "" else ()),
    )


def _noticed(record: CheckRecord) -> list[Deed]:
    reasons = record.judgement.reasons
    return [
        Deed(Doing.NOTICE, reason.code.value, f"noticed: {reason.detail} {_NOTICED[reason.code]}")
        for reason in reasons
        if reason.code in _NOTICED
    ]


def _by_itself(watched: Watched | None) -> list[Deed]:
    """Return what the phone's own script did since the last visit, and how long it watched."""
    if watched is None:
        return []
    state = _SCRIPT.get(watched.script)
    return [
        *map(_watching, watched.spans),
        *map(_acted_by_itself, watched.actions),
        *([Deed(Doing.SCRIPT, watched.script.value, state)] if state else ()),
    ]


def _watching(span: WatchedSpan) -> Deed:
    text = f"watched by itself from {span.since:%Y-%m-%d %H:%M} to {span.until:%Y-%m-%d %H:%M} UTC"
    return Deed(Doing.WATCH, span.end.value, text, by_itself=True, at=span.since, until=span.until)


def _acted_by_itself(action: WatchedAction) -> Deed:
    said = _WATCHED[action.result, action.kind]
    text = f"by itself at {action.at:%H:%M} UTC: {said} {action.package} in user {action.user}"
    what = Doing(action.kind.value)
    return Deed(what, action.result.value, text, action.package, action.user, by_itself=True, at=action.at)


def _done(outcome: ActionOutcome) -> Deed | None:
    """Return what became of one action; None for a message that the phone did not show: that is no deed."""
    text = _told_of(outcome)
    action = outcome.action
    if not text:
        return None
    return Deed(Doing(action.kind.value), outcome.result.value, text, action.package, action.user)


def _told_of(outcome: ActionOutcome) -> str:
    action = outcome.action
    if action.kind is ActionKind.NOTIFY:
        return "owner told" if outcome.result is ActionResult.DONE else ""
    word = {ActionKind.DISABLE: "disabled", ActionKind.RESTORE: "restored"}[action.kind]
    if action.kind is ActionKind.RESTORE and was_enabled_before(outcome):
        return f"left {action.package} in user {action.user} as somebody had enabled it already"
    if is_fine(outcome):
        return f"{word} {action.package} in user {action.user}"
    why = outcome.refusal.sentence if outcome.refusal else outcome.result.value.replace("_", " ")
    return f"NOT {word}: {action.package} in user {action.user} ({why})"
