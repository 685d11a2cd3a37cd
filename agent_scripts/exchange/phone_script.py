"""The script that stays on the phone, asked and handled from the station: shell texts out, framed answers back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from agent_scripts.dialect.cut_answer import CutAnswer, sound_lines
from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.exchange.composing import FOLDER, composed, quoted
from agent_scripts.exchange.frame import Frame, new_nonce, read_frame
from agent_scripts.exchange.phone_spool import SpoolPosition
from agent_scripts.exchange.provisioning import NOTED_REFUSALS
from agent_scripts.exchange.watch_script import SCRIPT_NAME, watch_script

PUSHED_SCRIPT = f"{FOLDER}/{SCRIPT_NAME}.pushed"
"""Where the script is pushed to; `PlacingQuestion` gives it its name once it is whole."""

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# time NOW TRUSTED CLOCK BOOT UPTIME: the script's own time is the first, the phone's clock the third. Where the script
# has no plan that it believes, a word stands in place of the plan's numbers, and nothing matches.
_TIME = re.compile(r"time ([0-9]{1,10}) ([01]) ([0-9]{1,10}) (\S{1,64}) ([0-9]{1,9})", re.ASCII)
_PLAN = re.compile(r"plan ([0-9]{1,9}) ([0-9]{1,9}) ([0-9]{1,10}) ([0-9]{1,10})", re.ASCII)
_PARTS = ("folder", "place")
_SAYS = {
    "script": "the script on the phone could not be replaced by the right one",
    "running": "the script on the phone goes on running; restart the phone and try again",
}


@dataclass(frozen=True)
class PlanNumbers:
    """What tells a plan on the phone from others: bundle, fleet document, when made, and until when valid."""

    bundle: int
    fleet: int
    made_at: int
    valid_until: int


@dataclass(frozen=True)
class PhoneScript:
    """What the phone shows of its script.

    `closed` tells that nobody else could have written to any file; sums are empty for files that are not there.
    `now` is the script's own time, None if it was not asked: only the right script is. `lines` are its record.
    """

    closed: bool = False
    script_sha256: str = ""
    plan_sha256: str = ""
    running: bool = False
    now: datetime | None = None
    time_trusted: bool = False
    plan: PlanNumbers | None = None
    lines: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is this version's script, byte for byte, in files that nobody else could change."""
        return self.closed and self.script_sha256 == script_sum()


@dataclass(frozen=True)
class Handled:
    """What placing or withdrawing came to; empty `problem` for success. `left` names our files that remain."""

    script: PhoneScript
    problem: str = ""
    left: tuple[str, ...] = ()


def script_sum() -> str:
    """Return the SHA-256 of the script that this version places."""
    return sha256(watch_script()).hexdigest()


def call_to_collect(position: SpoolPosition | None, packages: Iterable[str]) -> str:
    """Return the call that reads the phone and collects the script's record in the same exchange."""
    return " ".join(("read_and_collect", script_sum(), *_known(position), *packages))


@dataclass(frozen=True)
class PlacingQuestion:
    """Verifies the files, hands `plan` over (empty: none), and starts the script at `now`."""

    plan: bytes
    now: datetime
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        seconds = int(self.now.timestamp())
        last = f"framed place place {script_sum()} {quoted(self.plan.decode())} {seconds}"
        return composed(self.nonce, _PARTS, (), last)

    def parse(self, answer: bytes) -> Handled:
        """Return whether the script runs now; never raises."""
        frame = read_frame(self.nonce, "place", answer)
        if frame.problem or frame.failed_filter:
            return Handled(PhoneScript(), _problem(frame))
        script, problem = _started(frame.sections.get("start"), _problem(frame))
        return Handled(script, problem)


@dataclass(frozen=True)
class WithdrawingQuestion:
    """Ends the script, shows its record behind `position`, and removes all its files."""

    position: SpoolPosition | None
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone."""
        last = " ".join(("framed withdraw withdraw", script_sum(), *_known(self.position)))
        return composed(self.nonce, _PARTS, (), last)

    def parse(self, answer: bytes) -> Handled:
        """Return the last of the record, and what is left of the script; never raises."""
        frame = read_frame(self.nonce, "withdraw", answer)
        if frame.problem or frame.failed_filter:
            return Handled(PhoneScript(), _problem(frame))
        return _what_is_left(frame, parse_script(frame.sections.get("script")))


@dataclass(frozen=True)
class LeavingQuestion:
    """Removes our folder, once no script is in it, if the phone's ledger still has that sum."""

    ledger_sha256: str
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone. Raises `ValueError` for values that may not reach a shell."""
        if self.ledger_sha256 and not _HASH.fullmatch(self.ledger_sha256):
            raise ValueError("expected a SHA-256 in hex, or nothing")
        return composed(self.nonce, _PARTS, (), f"framed leave leave '{self.ledger_sha256}'")

    def parse(self, answer: bytes) -> Handled:
        """Return what is left of us on the phone; never raises."""
        frame = read_frame(self.nonce, "leave", answer)
        if frame.problem or frame.failed_filter:
            return Handled(PhoneScript(), _problem(frame))
        return _what_is_left(frame, PhoneScript())


def _known(position: SpoolPosition | None) -> Sequence[str]:
    # The hash of an empty record is 0: there is nothing that the phone could forget yet.
    return (
        (str(int(position.line)), position.sha256)
        if position and _HASH.fullmatch(position.sha256)
        else ("''", "''")
    )


def parse_script(answer: CutAnswer | None) -> PhoneScript:
    """Return what the phone shows of its script; what cannot be believed becomes the `problem`, never an error."""
    try:
        lines = sound_lines(answer, "the phone's own script")
    except Unreadable as error:
        return PhoneScript(problem=str(error))
    values: dict[str, str] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        # The first of each: ours tells these before the script says anything, which could say them too.
        if word in ("files", "script", "plan-sum"):
            values.setdefault(word, rest)
    found = _status(lines)
    # Only the right script is asked. Of another one the record alone is shown, and that has no counted end.
    asked = f"curfew-collect {_version(lines)}" in lines
    problem = (
        "the script on the phone was cut off while it told its record" if asked and not _ends(lines) else ""
    )
    # What the script says that it failed at explains a missing end as well.
    problem = next(
        (f"the script on the phone failed: {line}" for line in lines if line.startswith("failed ")), problem
    )
    return PhoneScript(
        closed=values.get("files") == "closed",
        script_sha256=values.get("script", ""),
        plan_sha256=values.get("plan-sum", ""),
        running=found.running,
        now=found.now,
        time_trusted=found.time_trusted,
        plan=found.plan,
        lines=tuple(line for line in lines if line.startswith(("head ", "="))),
        problem=problem,
    )


def _version(lines: Sequence[str]) -> str:
    return next((line.partition(" ")[2] for line in lines if line.startswith("curfew-collect ")), "")


def _ends(lines: Sequence[str]) -> bool:
    """Whether the script's own counted end line is there."""
    # The script does not count the lines that ours prints before it.
    first = next((place for place, line in enumerate(lines) if line.startswith("curfew-")), 0)
    return bool(lines) and lines[-1] == f"end {len(lines) - 1 - first}"


def _status(lines: Sequence[str]) -> PhoneScript:
    time = next((found for line in lines if (found := _TIME.fullmatch(line))), None)
    plan = next((found for line in lines if (found := _PLAN.fullmatch(line))), None)
    return PhoneScript(
        running=any(re.fullmatch(r"running [0-9]{1,9}", line) for line in lines),
        now=datetime.fromtimestamp(int(time[1]), UTC) if time else None,
        time_trusted=time is not None and time[2] == "1",
        plan=PlanNumbers(*map(int, plan.groups())) if plan else None,
    )


def _problem(frame: Frame) -> str:
    if frame.problem:
        return frame.problem
    if frame.failed_filter:
        return frame.failed_filter.sentence
    refused = [note.removeprefix("refused ") for note in frame.notes if note.startswith("refused ")]
    return _refusal(refused[0]) if refused else ""


def _what_is_left(frame: Frame, script: PhoneScript) -> Handled:
    section = frame.sections.get("left")
    if section is None:
        return Handled(script, _problem(frame) or "the phone did not show what is left")
    left = tuple(line.removeprefix("left ") for line in section.lines if line.startswith("left "))
    return Handled(script, _problem(frame), left)


def _started(section: CutAnswer | None, problem: str) -> tuple[PhoneScript, str]:
    lines = section.lines if section else ()
    # Not by the exit code: it is that of the counting at the end of the pipe, which goes well whatever the script did.
    script = _status(lines)
    failed = next((line for line in lines if line.startswith("failed ")), "")
    if not problem and failed:
        problem = f"the script on the phone did not start: {failed.removeprefix('failed ')}"
    elif not problem and not (lines and _ends(lines) and script.running):
        problem = "the script on the phone did not say that it runs"
    # Last: it runs all the same, by the plan that it had before.
    refused = next((line for line in lines if line.startswith("refused ")), "")
    if not problem and refused:
        problem = f"the script on the phone refused its plan: {refused.removeprefix('refused ')}"
    return script, problem


def _refusal(word: str) -> str:
    refusal = NOTED_REFUSALS.get(word)
    return _SAYS.get(word) or (refusal.sentence if refusal else Refusal.UNEXPLAINED.sentence)
