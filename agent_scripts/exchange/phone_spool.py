"""What a phone's script noted between visits, read back and checked line by line. Pure; never raises.

    head 7 5f0c…                          number and hash of the last line
    =curfew-spool 1 MARKER 2 9a1b… 0      the last line that is there no more, and how many were lost
    =3 77aa… started 1678877999 1 BOOT 5  each hash is over the one before it, the number and the words
    =4 …

A line that was changed, dropped or put in breaks the chain of hashes there; nothing behind it is believed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from policy.errors import PolicyError
from policy.names import PackageName, UserNumber
from policy.plain_text import printable
from policy.plan import LATEST_TIME
from policy.schemas.watched_document import LINES_MAX
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

_SUM = r"(?:[0-9a-f]{64}|0)"
_HEAD = re.compile(rf"head ([0-9]{{1,9}}) ({_SUM})", re.ASCII)
_FIRST = re.compile(rf"=curfew-spool 1 ([0-9a-f]{{1,64}}) ([0-9]{{1,9}}) ({_SUM}) ([0-9]{{1,9}})", re.ASCII)
_LINE = re.compile(
    r"=([0-9]{1,9}) ([0-9a-f]{64}) ([a-z]{1,20} ([0-9]{1,10})(?: [A-Za-z0-9 ._:+-]*)?)", re.ASCII
)
_EARLIEST = 946_684_800  # the year 2000: a script without a time writes 0
_RESTART_S = 30
"""A pause this short between two spans is the script being started anew by a station, which looks at once."""

_RESULTS = {
    ("disable", "done"): WatchedResult.DONE,
    ("disable", "restored"): WatchedResult.STATE_CHANGED,
    ("restore", "restored"): WatchedResult.DONE,
    ("restore", "gone"): WatchedResult.STATE_CHANGED,
}
"""What an entry of the ledger has come to says what became of the action; else it was not done."""


@dataclass(frozen=True)
class SpoolPosition:
    """Up to where a station has a phone's record, and whether the script watched then (`at`)."""

    line: int
    sha256: str
    lost: int
    at: datetime
    running: bool


@dataclass(frozen=True)
class Collected:
    """What is new in a record, and the position to remember once it stands in a report on disk."""

    watched: Watched
    position: SpoolPosition | None


def collected(
    lines: Sequence[str],
    marker: str,
    position: SpoolPosition | None,
    now: datetime,
    running_until: datetime | None,
) -> Collected:
    """Return what the record tells beyond `position`.

    `lines` are as the phone showed them; `marker` is the one in our folder. `now` is the station's time;
    `running_until` is the script's own time if it watches now, None if it does not.
    """
    state = ScriptState.NOT_RUNNING if running_until is None else ScriptState.RUNNING
    chain = _chain(lines, marker)
    if chain is None:
        told = tuple(line for line in lines if line.startswith(("head ", "=")))
        odd = ("the record of the phone's script is of another form than it writes",) if told else ()
        return Collected(Watched(state, damage=odd), position)
    known = _known(chain, position)
    fresh = [line for line in chain.lines if known is None or line.number > known.line]
    # Before the record's own beginning nothing is known of a span: it could not be gone on with.
    story = _Story(known if known is not None and known.line >= chain.base[0] else None)
    damage = [
        *chain.damage,
        *_replaced(position, known),
        *(odd for line in fresh for odd in story.take(line)),
    ]
    if chain.missing:
        # What was lost may hold an end and a new beginning: nothing bridges it.
        story.end(None)
    story.end(running_until)
    watched = Watched(
        state,
        first_line=fresh[0].number if fresh else 0,
        last_line=fresh[-1].number if fresh else 0,
        spans=tuple(story.spans),
        verdicts=tuple(story.verdicts),
        actions=tuple(story.actions),
        dropped=_lost(chain, known) + chain.missing,
        damage=tuple(printable(line)[:300] for line in damage[:20]),
    )
    # A span that is still open goes on from here at the next visit.
    at = running_until or story.last or (known.at if known else now)
    return Collected(watched, SpoolPosition(*chain.head, chain.lost, at, running_until is not None))


def _replaced(position: SpoolPosition | None, known: SpoolPosition | None) -> tuple[str, ...]:
    if position is None or known is not None:
        return ()
    return (
        f"the record was begun anew or replaced: line {position.line}, which this station has, is not in it",
    )


def _lost(chain: _Chain, known: SpoolPosition | None) -> int:
    """The phone counts what no station acknowledged in time; what this one has all the same is not lost."""
    if known is None:
        return chain.lost
    # What is gone beyond our last line, and of that only what the phone dropped: the rest another station collected.
    return max(0, min(chain.lost - known.lost, chain.base[0] - known.line))


@dataclass(frozen=True)
class _Line:
    number: int
    sha256: str
    words: tuple[str, ...]
    at: datetime | None


@dataclass(frozen=True)
class _Chain:
    """The lines up to the first that cannot be believed; `missing` counts those behind it."""

    base: tuple[int, str]
    head: tuple[int, str]
    lost: int
    lines: tuple[_Line, ...] = ()
    damage: tuple[str, ...] = ()
    missing: int = 0


def _chain(lines: Sequence[str], marker: str) -> _Chain | None:
    heads = [found for line in lines if (found := _HEAD.fullmatch(line))]
    told = [line for line in lines if line.startswith("=")]
    first = _FIRST.fullmatch(told[0]) if told else None
    if len(heads) != 1 or first is None or first[1] != marker:
        return None
    base, head = (int(first[2]), first[3]), (int(heads[0][1]), heads[0][2])
    good: list[_Line] = []
    damage = ""
    number, before = base
    # More than any phone keeps is not read, and shows below as an end that is missing.
    for text in told[1 : LINES_MAX + 1]:
        line = _LINE.fullmatch(text)
        expected = hashlib.sha256(f"{before} {number + 1} {line[3] if line else ''}\n".encode()).hexdigest()
        if line is None or int(line[1]) != number + 1 or line[2] != expected:
            damage = f"line {number + 1} of the record is missing or not what the script wrote"
            break
        number, before = number + 1, line[2]
        good.append(_Line(number, before, tuple(line[3].split(" ")), _time(line[4])))
    chain = _Chain(base, head, int(first[4]), tuple(good))
    # The head is kept in a file of its own, so that a cut end shows, and so does a line that somebody wrote behind it.
    if not damage and (number, before) != head:
        damage = f"the record ends after line {number}, the script wrote {head[0]}"
    if damage:
        return replace(chain, damage=(damage,), missing=max(head[0] - number, 0))
    return chain


def _known(chain: _Chain, position: SpoolPosition | None) -> SpoolPosition | None:
    """Return the position if this record goes on from it; where its line is gone already, its number has to do."""
    # A record that is shorter than what we have of it was begun anew.
    if position is None or position.line > chain.head[0]:
        return None
    if position.line < chain.base[0]:
        return position
    there = {chain.base[0]: chain.base[1], chain.head[0]: chain.head[1]}
    there |= {line.number: line.sha256 for line in chain.lines}
    # A line that is not among those believed, behind a break, speaks neither for nor against the position.
    return position if there.get(position.line, position.sha256) == position.sha256 else None


def _time(text: str) -> datetime | None:
    seconds = int(text)
    return datetime.fromtimestamp(seconds, UTC) if _EARLIEST <= seconds <= LATEST_TIME else None


@dataclass
class _Story:
    """Lines in their order, becoming spans, verdicts and actions; `known` is what the first of them goes on from."""

    known: SpoolPosition | None
    spans: list[WatchedSpan] = field(default_factory=list)
    verdicts: list[WatchedVerdict] = field(default_factory=list)
    actions: list[WatchedAction] = field(default_factory=list)
    last: datetime | None = None
    _open: WatchedSpan | None = None

    def __post_init__(self) -> None:
        if self.known is not None and self.known.running:
            self._begin(self.known.at)

    def take(self, line: _Line) -> Iterator[str]:
        """Take in one line; yields what is wrong with it."""
        word, at = line.words[0], line.at
        # Before the time: the script writes this line with the time 0.
        if word == "damaged":
            yield f"the script found its record damaged before line {line.number}"
        elif at is None:
            yield f"line {line.number} of the record has no time: {word}"
        elif word == "started":
            # Started without having stopped: the one before ended without a word.
            self._close(SpanEnd.DIED)
            self._begin(at)
        elif word == "stopped":
            self._heard(at)
            self._close(SpanEnd.STOPPED)
        elif word in ("alive", "verdict", "action", "refused"):
            self._heard(at, begins=word == "alive")
            yield from self._event(line, at)
        elif word == "plan" and line.words[2:3] == ("refused",):
            yield f"the script refused a plan: {' '.join(line.words[3:])}"
        elif word != "plan":
            yield f"line {line.number} of the record is of a kind this version does not know: {word}"

    def _event(self, line: _Line, at: datetime) -> Iterator[str]:
        words = line.words
        try:
            if words[0] == "alive":
                self._beat(trusted=words[3] == "1")
            elif words[0] == "verdict":
                self.verdicts.append(_verdict(words, at))
            elif words[0] == "action":
                self.actions.append(_action(words, at))
            else:
                yield f"the script could not act at {at:%Y-%m-%d %H:%M} UTC: {' '.join(words[2:])}"
        except (ValueError, IndexError, PolicyError):
            yield f"line {line.number} of the record is of another form: {' '.join(words)}"

    def end(self, running_until: datetime | None) -> None:
        """Close what is still open: it goes on, or nobody knows when it ended."""
        if running_until is not None:
            self._heard(running_until, begins=True)
            self._close(SpanEnd.RUNNING)
        else:
            self._close(SpanEnd.DIED)

    def _begin(self, at: datetime) -> None:
        previous = self.spans[-1] if self.spans else None
        if (
            previous
            and previous.end is SpanEnd.STOPPED
            and 0 <= (at - previous.until).total_seconds() <= _RESTART_S
        ):
            self._open = self.spans.pop()
        else:
            self._open = WatchedSpan(at, at, SpanEnd.RUNNING, 0)

    def _heard(self, at: datetime, *, begins: bool = False) -> None:
        # Only what the watching script writes itself is a sign of its life; a plan may be taken by its starter.
        if self._open is None and begins:
            self._begin(at)
        if self._open is not None:
            # A station may set the script's time back a little; a span does not get shorter by that.
            self._open = replace(self._open, until=max(at, self._open.until))
            self.last = self._open.until

    def _beat(self, *, trusted: bool) -> None:
        if self._open is not None:
            both = trusted and self._open.time_trusted
            self._open = replace(self._open, heartbeats=self._open.heartbeats + 1, time_trusted=both)

    def _close(self, end: SpanEnd) -> None:
        if self._open is not None:
            self.spans.append(replace(self._open, end=end))
        self._open = None


def _verdict(words: Sequence[str], at: datetime) -> WatchedVerdict:
    _, _, verdict, enforceable, stage, *detail = words
    if enforceable not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    known = None if stage == "none" else Stage(stage)
    told = "" if detail == ["ok"] else " ".join(detail)[:100]
    return WatchedVerdict(at, Verdict(verdict), enforceable == "1", known, told)


def _action(words: Sequence[str], at: datetime) -> WatchedAction:
    _, _, kind, user, package, did, entry = words
    # By the ledger's entry first: `acted` only says that it was tried.
    result = _RESULTS.get((kind, entry), WatchedResult.NOT_DONE)
    if did == "already" and result is WatchedResult.DONE:
        result = WatchedResult.ALREADY
    if did == "changed" and result is not WatchedResult.NOT_DONE:
        result = WatchedResult.STATE_CHANGED
    if kind not in ("disable", "restore"):
        raise ValueError("expected disable or restore")
    return WatchedAction(at, ActionKind(kind), UserNumber(int(user)), PackageName(package), result)
