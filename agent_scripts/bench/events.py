"""What can happen to a phone at the bench. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent_scripts.bench.stage import Paper, Stage
from agent_scripts.exit_codes import ExitCode
from policy.report import Consent


@dataclass(frozen=True)
class Seen:
    """A phone is there: ready for work (`Stage.PLUGGED`), or not yet, with what makes it so."""

    address: str
    state: Stage = Stage.PLUGGED
    next_step: str = ""


@dataclass(frozen=True)
class Gone:
    """A phone is there no more."""

    address: str


@dataclass(frozen=True)
class Begun:
    """Work on a phone has come to `stage`."""

    address: str
    stage: Stage


@dataclass(frozen=True)
class Recognised:
    """A phone has said what it is, and the batch list whose it is, as far as they know; empty texts change nothing."""

    address: str
    label: str = ""
    model: str = ""
    release: str = ""
    holder: str = ""
    unit: str = ""
    consent: Consent | None = None
    language: str = ""


@dataclass(frozen=True)
class Asks:
    """A phone is nobody's yet: a technician has to say whose it is, and whether its owner agreed."""

    address: str


@dataclass(frozen=True)
class Answered:
    """A technician has said something about a phone; what is empty was not said."""

    address: str
    label: str = ""
    holder: str = ""
    unit: str = ""
    consent: Consent | None = None


@dataclass(frozen=True)
class Failed:
    """A step failed, and `problem` says why and what to do; `again` whether it is tried again by itself."""

    address: str
    problem: str
    again: bool = False


@dataclass(frozen=True)
class Again:
    """A failed step, or a whole phone, is to be tried again."""

    address: str


@dataclass(frozen=True)
class Finished:
    """A phone went all the way: it was checked and its report is kept, its owner declined, or it was handed back.

    ``meaning`` is why nothing follows from the verdict, where that is so. ``unsettled``: the phone was lost on the way,
    or could not be read, so another visit may find more. ``debugging`` is what became of that when it was handed back.
    """

    address: str
    verdict: str
    exit_code: ExitCode
    next_step: str = ""
    report_id: str = ""
    model: str = ""
    label: str = ""
    meaning: str = ""
    unsettled: bool = False
    debugging: str = ""


@dataclass(frozen=True)
class Labelled:
    """What has become of a phone's papers, and what a person has to know of that."""

    address: str
    paper: Paper
    problem: str = ""


@dataclass(frozen=True)
class Reprint:
    """The papers of a phone that is done are to be made and printed once more."""

    address: str


@dataclass(frozen=True)
class Print:
    """A technician wants the papers of a phone once more, or with an empty address what waits for the printer."""

    address: str = ""


@dataclass(frozen=True)
class Show:
    """A phone is to show the number of its row on its screen; nothing about the row changes."""

    address: str


@dataclass(frozen=True)
class Which:
    """A technician is about to press the power key of a phone, to see which row it is; no row changes by that."""


Event = Seen | Gone | Begun | Recognised | Asks | Answered | Failed | Again | Finished | Labelled | Reprint
