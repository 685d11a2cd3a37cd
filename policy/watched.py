"""What a phone's own script told of the time between two visits: when it watched, what it saw, what it did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from policy.names import PackageName, UserNumber
from policy.verdict import ActionKind, Stage, Verdict


class WatchSource(Enum):
    """Who watched between two visits."""

    PHONE = "phone"


class SpanEnd(Enum):
    """How a time of watching ended, as far as anybody can tell."""

    RUNNING = "running"
    """It had not ended when the record was collected."""
    STOPPED = "stopped"
    """A station ended it."""
    DIED = "died"
    """A reboot, the end of USB debugging or of adbd; it may have watched somewhat longer than it could note."""


class ScriptState(Enum):
    """What became of the script at this visit."""

    RUNNING = "running"
    STARTED = "started"
    NOT_RUNNING = "not_running"
    REMOVED = "removed"


class WatchedResult(Enum):
    """What reading back on the phone showed after an action of its script."""

    DONE = "done"
    ALREADY = "already"
    STATE_CHANGED = "state_changed"
    NOT_DONE = "not_done"


@dataclass(frozen=True)
class WatchedSpan:
    """A time during which somebody watched. Outside of it nothing is known: silence is no compliance.

    ``heartbeats`` counts full checks at the interval; ``time_trusted`` is False when the station's time that the
    script went by was behind an earlier one.
    """

    since: datetime
    until: datetime
    end: SpanEnd
    heartbeats: int
    time_trusted: bool = True
    source: WatchSource = WatchSource.PHONE


@dataclass(frozen=True)
class WatchedVerdict:
    """A change of verdict that the script noticed; ``stage`` is None where it had no plan to judge by."""

    at: datetime
    verdict: Verdict
    enforceable: bool
    stage: Stage | None
    detail: str = ""


@dataclass(frozen=True)
class WatchedAction:
    """What the script did to one app, and what reading back showed."""

    at: datetime
    kind: ActionKind
    user: UserNumber
    package: PackageName
    result: WatchedResult


@dataclass(frozen=True)
class Watched:
    """What one visit collected of a phone's record, lines ``first_line`` to ``last_line`` (both 0: none was new).

    ``dropped`` counts lines that the phone had to forget before anybody collected them; ``damage`` says, in a
    technician's words, where the record is not what the script wrote. ``problem`` says why the script does not
    watch although it should.
    """

    script: ScriptState
    first_line: int = 0
    last_line: int = 0
    spans: tuple[WatchedSpan, ...] = ()
    verdicts: tuple[WatchedVerdict, ...] = ()
    actions: tuple[WatchedAction, ...] = ()
    dropped: int = 0
    damage: tuple[str, ...] = ()
    problem: str = ""

    def up_to(self, moment: datetime) -> Watched:
        """Return the same with no time after `moment`: what a clock ahead puts later counts as of then."""
        return replace(
            self,
            spans=tuple(
                replace(span, since=min(span.since, moment), until=min(span.until, moment))
                for span in self.spans
            ),
            verdicts=tuple(replace(verdict, at=min(verdict.at, moment)) for verdict in self.verdicts),
            actions=tuple(replace(action, at=min(action.at, moment)) for action in self.actions),
        )
