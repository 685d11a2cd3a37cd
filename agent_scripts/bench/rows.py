"""The rows of the bench: what happens to phones goes in, what a technician sees comes out. Pure.

    seen ---> recognising ---> [asking] ---> provisioning ---> checking ---> [label] ---> done
      |            |                              |               |
    not ready, unauthorised              retrying, failed: tried again, or when it is plugged in again

A phone keeps its row and number however often it is unplugged. One that is gone before it was done needs a hand; one
that was done and complies is left as it is when it comes back, so that a loose cable costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from agent_scripts.bench.events import (
    Again,
    Answered,
    Asks,
    Begun,
    Event,
    Failed,
    Finished,
    Gone,
    Labelled,
    Recognised,
    Reprint,
    Seen,
)
from agent_scripts.bench.stage import AT_WORK, CHECKED, Asked, Paper, Stage
from agent_scripts.exit_codes import ExitCode, most_urgent
from agent_scripts.visits.groups import Group, grouped
from agent_scripts.visits.row import Row
from policy.counted import counted
from policy.report import Consent

_GONE = "Plug it in again: it was unplugged before it was done."
_QUESTIONS = {
    Asked.HOLDER: "Scan or type the holder.",
    Asked.CONSENT: "Did the owner agree? Type y or n.",
    Asked.LABEL: "Scan or type the label: a declined phone is known by it alone.",
}
_FINE = (ExitCode.COMPLIANT, ExitCode.NOT_SENT)


@dataclass(frozen=True)
class BenchRow:
    """One phone. ``number`` is its place in the order plugged; ``holder`` and ``consent`` wait to be carried out."""

    number: int
    address: str
    stage: Stage = Stage.PLUGGED
    plugged: bool = True
    label: str = ""
    model: str = ""
    release: str = ""
    holder: str = ""
    unit: str = ""
    consent: Consent | None = None
    verdict: str = ""
    meaning: str = ""
    next_step: str = ""
    exit_code: ExitCode = ExitCode.COMPLIANT
    report_id: str = ""
    debugging: str = ""
    language: str = ""
    """What the phone is set to, as a tag such as ``fr-BE``; empty: it did not say."""
    paper: Paper = Paper.NONE
    paper_problem: str = ""
    tries: int = 0

    @property
    def asked(self) -> Asked | None:
        """What a technician is asked now."""
        if self.stage is not Stage.ASKING:
            return None
        if not self.holder:
            return Asked.HOLDER
        if self.consent is None:
            return Asked.CONSENT
        return Asked.LABEL if self.consent is Consent.DECLINED and not self.label else None

    @property
    def is_gone(self) -> bool:
        """Whether it is away in the middle of its work."""
        return not self.plugged and self.stage not in CHECKED

    @property
    def is_well(self) -> bool:
        """Whether its check left nothing to do."""
        return self.stage in CHECKED and self.exit_code in _FINE

    @property
    def needs_hand(self) -> bool:
        """Whether a person has to do something now."""
        if self.stage is Stage.DONE:
            return not self.is_well or self.paper in (Paper.UNSURE, Paper.FAILED)
        return self.is_gone or self.stage not in AT_WORK

    @property
    def word(self) -> str:
        """How far it has come, or how it ended, in a word or two."""
        if self.is_gone:
            return "gone"
        if self.stage is not Stage.DONE:
            return str(self.stage.value).replace("_", " ")
        return f"{self.verdict} ({self.meaning})" if self.meaning else self.verdict

    @property
    def to_do(self) -> str:
        """What to do now; empty where nothing is."""
        if self.is_gone:
            return _GONE
        if self.stage is Stage.DONE and self.paper in (Paper.UNSURE, Paper.FAILED):
            return f"{self.next_step} {self.paper_problem}".strip()
        return _QUESTIONS[self.asked] if self.asked else self.next_step

    @property
    def code(self) -> ExitCode:
        """What the row stands for if the bench ended now."""
        return self.exit_code if self.stage in CHECKED else ExitCode.NOT_REACHED

    @property
    def name(self) -> str:
        """How a technician finds it: its label, or where it is."""
        return self.label or self.address


@dataclass
class Rows:
    """All phones of one bench, by address."""

    by_address: dict[str, BenchRow] = field(default_factory=dict)
    makes_paper: bool = False
    """Whether a phone that was checked has its papers made before it is done."""

    def take(self, event: Event) -> BenchRow | None:
        """Take in what happened and return the row if it changed; what is said of an unknown phone changes nothing."""
        row = self.by_address.get(event.address)
        if row is None:
            if not isinstance(event, Seen):
                return None
            row = BenchRow(len(self.by_address) + 1, event.address, event.state, next_step=event.next_step)
        elif (new := _after(row, event, makes_paper=self.makes_paper)) != row:
            row = new
        else:
            return None
        self.by_address[row.address] = row
        return row

    def ready(self) -> list[BenchRow]:
        """Return the phones whose work can begin."""
        return [row for row in self.by_address.values() if row.plugged and row.stage is Stage.PLUGGED]

    def checked(self) -> list[BenchRow]:
        """Return the phones whose papers can be made."""
        return [row for row in self.by_address.values() if row.stage is Stage.LABEL]

    @property
    def waiting_for_printer(self) -> list[BenchRow]:
        """Return the phones whose papers are not printed yet."""
        return [row for row in self.by_address.values() if row.paper is Paper.WAITS]

    @property
    def printing_stands(self) -> str:
        """Why the printing stands still and what to do; empty where it does not."""
        return next((row.paper_problem for row in self.waiting_for_printer if row.paper_problem), "")

    @property
    def in_order(self) -> list[BenchRow]:
        """All rows: what needs a hand first, and else in the order plugged."""
        return sorted(self.by_address.values(), key=lambda row: (not row.needs_hand, row.number))

    @property
    def is_settled(self) -> bool:
        """Whether nothing goes on by itself."""
        return all(row.needs_hand or row.stage is Stage.DONE for row in self.by_address.values())

    @property
    def exit_code(self) -> ExitCode:
        """What the bench ends with."""
        return most_urgent(row.code for row in self.by_address.values())

    def unfinished(self) -> int:
        """Return how many phones have not gone all the way, or need a hand after it."""
        return sum(
            row.stage is not Stage.DONE or row.needs_hand or row.paper is Paper.WAITS
            for row in self.by_address.values()
        )

    def summary(self) -> str:
        """Return in a line how many phones there are, how many need a hand, and how many papers wait."""
        rows = self.by_address.values()
        hands = sum(row.needs_hand for row in rows)
        done = sum(row.stage is Stage.DONE and not row.needs_hand for row in rows)
        at_work = len(rows) - hands - done
        needing = f"{counted(hands, 'needs', 'need')} a hand"
        waiting = len(self.waiting_for_printer)
        paper = f", paper of {counted(waiting, 'phone')} to be printed" if waiting else ""
        return f"{counted(len(rows), 'phone')}: {needing}, {at_work} at work, {done} done{paper}"


def causes(rows: Iterable[BenchRow]) -> tuple[Group, ...]:
    """Return those of `rows` that need a hand, with one cause together: a hub without power is one line."""
    return grouped(
        Row(row.address, row.label, row.model, row.word, (), (), row.to_do, row.code)
        for row in rows
        if row.needs_hand
    )


def _after(row: BenchRow, event: Event, *, makes_paper: bool) -> BenchRow:
    match event:
        case Seen():
            return _seen(row, event)
        case Gone():
            # What goes on fails by itself; what it had waited for is not lost.
            return replace(row, plugged=False)
        case Begun(stage=stage):
            return replace(row, stage=stage, next_step="")
        case Recognised() | Answered():
            return _told(row, event)
        case Asks():
            return replace(row, stage=Stage.ASKING, next_step="")
        case Failed():
            return _failed(row, event)
        case Again():
            return _again(row)
        case Finished():
            return _finished(row, event, makes_paper=makes_paper)
        case Labelled(paper=paper, problem=problem):
            done = replace(row, paper=paper, paper_problem=problem)
            return replace(done, stage=Stage.DONE) if row.stage is Stage.LABEL else done
        case Reprint():
            return replace(row, stage=Stage.LABEL) if row.stage is Stage.DONE and row.report_id else row


def _seen(row: BenchRow, seen: Seen) -> BenchRow:
    here = replace(row, plugged=True)
    if row.stage in CHECKED and (row.is_well or row.plugged or seen.state is not Stage.PLUGGED):
        return here
    if seen.state is not Stage.PLUGGED:
        return replace(here, stage=seen.state, next_step=seen.next_step)
    # Plugged in anew it is tried anew; so is one that has just become ready.
    waited = row.stage in (Stage.NOT_READY, Stage.UNAUTHORISED)
    if waited or (not row.plugged and row.stage in (Stage.FAILED, Stage.DONE)):
        return replace(here, stage=Stage.PLUGGED, next_step="", tries=0)
    return here


def _told(row: BenchRow, told: Recognised | Answered) -> BenchRow:
    known: dict[str, Any] = {name: value for name, value in vars(told).items() if value}
    new = replace(row, **known)
    # All is said: its work goes on.
    done = isinstance(told, Answered) and row.stage is Stage.ASKING and new.asked is None
    return replace(new, stage=Stage.PLUGGED) if done else new


def _failed(row: BenchRow, failed: Failed) -> BenchRow:
    # Unplugged: that is the cause, whatever the step says, and it begins anew when it is back.
    if not row.plugged:
        return replace(row, stage=Stage.PLUGGED, next_step="", tries=0)
    stage = Stage.RETRYING if failed.again else Stage.FAILED
    return replace(row, stage=stage, next_step=failed.problem, tries=row.tries + 1)


def _again(row: BenchRow) -> BenchRow:
    # Whatever else it is at goes on: a pause may end after the phone was plugged in anew.
    if row.stage not in (Stage.RETRYING, Stage.FAILED, Stage.DONE):
        return row
    tries = row.tries if row.stage is Stage.RETRYING else 0
    return replace(row, stage=Stage.PLUGGED, tries=tries, verdict="", exit_code=ExitCode.COMPLIANT)


def _finished(row: BenchRow, finished: Finished, *, makes_paper: bool) -> BenchRow:
    # Unplugged half-way: the report says so, and the phone is visited anew when it is back.
    if finished.unsettled and not row.plugged:
        return replace(row, stage=Stage.PLUGGED, next_step="", tries=0)
    told: dict[str, Any] = {name: value for name, value in vars(finished).items() if value}
    told.pop("unsettled", None)
    # Carried out: whose phone it is is the server's to keep.
    told |= {"holder": "", "unit": "", "consent": None, "next_step": finished.next_step}
    told |= {"meaning": finished.meaning, "debugging": finished.debugging}
    # Of what could not be read nothing is told on paper: it is looked at again.
    has_paper = makes_paper and finished.report_id != "" and not finished.unsettled
    stage = Stage.LABEL if has_paper else Stage.DONE
    return replace(row, **told | {"exit_code": finished.exit_code}, stage=stage)
