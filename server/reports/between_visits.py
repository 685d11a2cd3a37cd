"""When a phone was watched between visits, when not, and what happened: put together from its reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policy.report import Report
from policy.watched import ScriptState, Watched, WatchedAction, WatchedSpan, WatchedVerdict
from server.reports.lines_told_once import telling_each_line_once

EVENTS_MAX = 50


@dataclass(frozen=True)
class Time:
    """A stretch of time; without a `span` nobody watched, and nothing is known of it."""

    since: datetime
    until: datetime
    span: WatchedSpan | None


@dataclass(frozen=True)
class WatchStory:
    """What the page of a phone tells of the time between visits, newest first.

    `script` is what became of the script at the latest of these visits, at `told_at`; `known_until` is when the phone
    was last known to be watched, None if it never was. Of what came later nothing is known: that is silence.
    """

    script: ScriptState
    told_at: datetime
    known_until: datetime | None
    times: tuple[Time, ...]
    events: tuple[WatchedVerdict | WatchedAction, ...]
    dropped: int
    damage: tuple[str, ...]
    problem: str


def watch_story(reports: Sequence[Report]) -> WatchStory | None:
    """Return the story that these reports of one phone tell, newest first; None if none of them has a part in it."""
    # Of two of one moment the one that stands first is the later.
    told = sorted(
        ((report.checked_at, report.watched) for report in reversed(reports) if report.watched is not None),
        key=lambda pair: pair[0],
    )
    if not told:
        return None
    told_at, latest = told[-1]
    # Times and events may come from every report, since equal ones can be joined. Sums cannot: heartbeats and lost
    # lines are added up over these reports only.
    summed_up = telling_each_line_once([watched for _, watched in told])
    spans = _joined(
        span if place in summed_up else replace(span, heartbeats=0)
        for place, (_, watched) in enumerate(told)
        for span in watched.spans
    )
    # Joined spans lie apart and in order, so the last one also ends last.
    return WatchStory(
        script=latest.script,
        told_at=told_at,
        known_until=spans[-1].until if spans else None,
        times=tuple(reversed(_with_gaps(spans))),
        events=_events([watched for _, watched in told]),
        dropped=sum(watched.dropped for place, (_, watched) in enumerate(told) if place in summed_up),
        damage=tuple(dict.fromkeys(line for _, watched in reversed(told) for line in watched.damage)),
        problem=latest.problem,
    )


def _joined(spans: Iterable[WatchedSpan]) -> list[WatchedSpan]:
    """Return spans in their order, those that touch as one: each report continues where the one before ended."""
    joined: list[WatchedSpan] = []
    for span in sorted(spans, key=lambda span: (span.since, span.until)):
        last = joined[-1] if joined else None
        if last is None or span.since > last.until:
            joined.append(span)
            continue
        # How a shorter span inside a longer one ended tells nothing: somebody watched beyond it.
        end = span.end if span.until >= last.until else last.end
        joined[-1] = replace(
            last,
            until=max(last.until, span.until),
            end=end,
            heartbeats=last.heartbeats + span.heartbeats,
            time_trusted=last.time_trusted and span.time_trusted,
        )
    return joined


def _with_gaps(spans: Sequence[WatchedSpan]) -> list[Time]:
    times: list[Time] = []
    for span in spans:
        if times:
            times.append(Time(times[-1].until, span.since, None))
        times.append(Time(span.since, span.until, span))
    return times


def _events(told: Sequence[Watched]) -> tuple[WatchedVerdict | WatchedAction, ...]:
    # Two stations may both have collected a line: equal events are one.
    events: dict[WatchedVerdict | WatchedAction, None] = {}
    for watched in told:
        events |= dict.fromkeys((*watched.verdicts, *watched.actions))
    return tuple(sorted(events, key=lambda event: event.at, reverse=True)[:EVENTS_MAX])
