"""Acting on a phone: one exchange that keeps the ledger first, acts where the state is as remembered, reads back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent_scripts.dialect.cut_answer import CutAnswer, brief_refusal
from agent_scripts.dialect.packages import read_package
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.refusal_wordings import classify
from agent_scripts.exchange.composing import ACTING, composed, quoted
from agent_scripts.exchange.frame import Frame, new_nonce, read_frame
from agent_scripts.exchange.memory import read_memory
from agent_scripts.exchange.phone_ledger import ledger_text
from agent_scripts.exchange.provisioning import NOTED_REFUSALS
from policy.document import Message
from policy.ledger import Ledger
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Notice, PackageState
from policy.report import ActionResult, CommandExit
from policy.verdict import NOTICE_POSTER, Action, ActionKind

_SUM = re.compile(r"(?:[0-9a-f]{64})?", re.ASCII)
_GONE = PackageState(installed=False)


@dataclass(frozen=True)
class ActionOutcome:
    """One action and what reading back showed. `before` and `after` are None where nothing could be read.

    `refusal` says why it was refused, or why what became of it could not be read although waiting may help.
    """

    action: Action
    before: PackageState | None
    after: PackageState | None
    result: ActionResult
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Acting:
    """All that one acting exchange brought.

    `ledger` is what the phone keeps now, None if it could not be read; `complete` tells that the exchange
    ran to its end and the ledger was written. `refusal` says why the exchange as a whole was refused.
    """

    outcomes: tuple[ActionOutcome, ...]
    ledger: Ledger | None
    complete: bool
    commands: tuple[CommandExit, ...]
    answers_sha256: str
    refusal: Refusal | None = None


@dataclass(frozen=True)
class ActingQuestion:
    """Writes `ledger` to the phone, carries out `actions`, and asks what each came to.

    `ledger` must already hold the intentions; `ledger_sha256` is the sum of the ledger that was read, empty
    for none: if the phone has another one by now, nothing is done. The only verbs are disable-user,
    default-state, enable and a notification, which Android has from 10 on.
    """

    actions: Sequence[Action]
    ledger: Ledger
    ledger_sha256: str
    api_level: int
    message: Message | None
    nonce: str = field(default_factory=new_nonce)

    @property
    def command(self) -> str:
        """The shell text to run on the phone. Raises `ValueError` for values that may not reach a shell."""
        if not _SUM.fullmatch(self.ledger_sha256):
            raise ValueError("expected a SHA-256 in hex, or nothing")
        text = ledger_text(self.ledger)
        restoring = any(action.kind is ActionKind.RESTORE for action in self.actions)
        tried = (
            _step(number, action, self.message, restoring=restoring)
            for number, action in enumerate(self.actions)
        )
        # `:` because a function in a shell may not be empty, and a ledger may be brought without any action.
        steps = "\n".join(("steps() {", "    :", *tried, "}"))
        # The phone compares what it stored with this: on a full disk a file arrives short, and nothing is done then.
        new_sum = hashlib.sha256(text.encode()).hexdigest()
        last = f"framed act act '{self.ledger_sha256}' {new_sum} {quoted(text)} steps"
        return composed(self.nonce, ACTING, (f"api={int(self.api_level)}", steps), last)

    def parse(self, answer: bytes) -> Acting:
        """Return what the answer says of each action; never raises.

        An answer that was cut tells nothing: every action is UNKNOWN, and the next reading will show.
        """
        frame = read_frame(self.nonce, "act", answer)
        answers_sha256 = hashlib.sha256(answer).hexdigest()
        if frame.problem:
            unknown = tuple(
                ActionOutcome(action, None, None, ActionResult.UNKNOWN) for action in self.actions
            )
            return Acting(unknown, None, False, frame.commands, answers_sha256)
        refusal = _refusal_of_all(frame)
        outcomes = tuple(
            _outcome(frame, number, action, refusal) for number, action in enumerate(self.actions)
        )
        kept = read_memory(frame.sections.get("folder")).ledger
        # A ledger under another marker is not the one that was sent: the phone was reset, or it lies.
        kept = kept if kept is not None and kept.marker == self.ledger.marker else None
        complete = refusal is None and kept is not None
        return Acting(outcomes, kept, complete, frame.commands, answers_sha256, refusal)


def _telling(number: int, action: Action, message: Message | None, *, restoring: bool) -> str:
    if message is None:
        return f"    note did {number} untold"
    if action.package == NOTICE_POSTER:
        # Where something was to come back and did not, nothing is told.
        kind, texts = (
            Notice.RESTORED,
            ("" if restoring else message.restored, message.disabled, message.restored),
        )
    else:
        # What is given back by a deadline that moved leaves the reminder standing.
        kind, texts = Notice.REMIND, (message.remind, message.disabled, message.remind)
    return " ".join(("    tell", str(number), kind.value, *map(quoted, texts)))


def _step(number: int, action: Action, message: Message | None, *, restoring: bool) -> str:
    if action.kind is ActionKind.NOTIFY:
        return _telling(number, action, message, restoring=restoring)
    # Checked once more where they become words for a shell, whatever the types of a caller promise.
    target = f"{number} {UserNumber(action.user)} {PackageName(action.package)}"
    if action.kind is ActionKind.DISABLE:
        return f"    disable {target}"
    # default-state and enable put back 0 and 1; other states are out of reach (docs/android/commands.md 6.4).
    if action.prior is None or not action.prior.can_run:
        raise ValueError(f"restoring {action.package} needs the state to put back, 0 or 1")
    return f"    restore {target} {action.prior.value}"


def _refusal_of_all(frame: Frame) -> Refusal | None:
    """Why the phone did not do all it was told, or did not show it: the frame's own lines."""
    for note in frame.notes:
        if note.startswith("refused "):
            return NOTED_REFUSALS.get(note.removeprefix("refused "), Refusal.UNEXPLAINED)
    return Refusal.FILTER_REFUSED if frame.failed_filter else None


def _outcome(frame: Frame, number: int, action: Action, refusal: Refusal | None) -> ActionOutcome:
    did = [note.split(" ")[2] for note in frame.notes if note.startswith(f"did {number} ")]
    # Told twice is as good as not told: the frame is ours, so one of the two was forged or repeated.
    if len(did) != 1:
        result = ActionResult.REFUSED if refusal else ActionResult.UNKNOWN
        return ActionOutcome(action, None, None, result, refusal)
    if action.kind is ActionKind.NOTIFY:
        return _told(frame, number, action, did[0])
    before = _state(frame, "before", number, action)
    # Nothing was tried where the phone did not act, so it was not looked at a second time.
    after = _state(frame, "after", number, action) if did[0] == "acted" else before
    result = _result(action, did[0], before, after)
    return ActionOutcome(action, before, after, result, _why(frame, number, result))


def _why(frame: Frame, number: int, result: ActionResult) -> Refusal | None:
    if result is ActionResult.REFUSED:
        return _refusal(frame, number)
    if result is not ActionResult.UNKNOWN:
        return None
    ids = (f"before:{number}", f"verb:{number}", f"after:{number}")
    return brief_refusal(frame.sections[found] for found in ids if found in frame.sections)


def _told(frame: Frame, number: int, action: Action, did: str) -> ActionOutcome:
    if did == "unoffered":
        return ActionOutcome(action, None, None, ActionResult.REFUSED, Refusal.NO_NOTIFICATIONS)
    section = frame.sections.get(f"verb:{number}")
    if did != "acted" or section is None:
        return ActionOutcome(action, None, None, ActionResult.UNKNOWN)
    # By the words: the exit code is 0 whatever happened (docs/android/commands.md 12.1).
    if any(line.startswith("said posting:") for line in section.lines):
        return ActionOutcome(action, None, None, ActionResult.DONE)
    return ActionOutcome(action, None, None, ActionResult.REFUSED, _refusal(frame, number))


def _result(
    action: Action, did: str, before: PackageState | None, after: PackageState | None
) -> ActionResult:
    """State decides, not exit codes (docs/design.md rule 3)."""
    if did == "unreadable" or before is None or after is None:
        return ActionResult.UNKNOWN
    if did == "already":
        return ActionResult.ALREADY
    if did == "changed":
        return ActionResult.STATE_CHANGED
    wanted = EnabledState.DISABLED_BY_USER if action.kind is ActionKind.DISABLE else action.prior
    # Whatever the exit code said (docs/android/commands.md 2.4).
    if after.enabled is wanted:
        return ActionResult.DONE
    # Neither what it was nor what was wanted: somebody else changed it between the two looks.
    return ActionResult.REFUSED if after.enabled is before.enabled else ActionResult.STATE_CHANGED


def _state(frame: Frame, when: str, number: int, action: Action) -> PackageState | None:
    section: CutAnswer | None = frame.sections.get(f"{when}:{number}")
    # One user's line is looked for, so the dump need not name all users; where that line is missing, nothing is known.
    reading = read_package(action.package, section)
    if reading.unreadable:
        return None
    return reading.states.get(action.user) if reading.known else _GONE


def _refusal(frame: Frame, number: int) -> Refusal:
    section = frame.sections.get(f"verb:{number}")
    if section is None:
        return Refusal.UNEXPLAINED
    if section.failed_filter:
        return Refusal.FILTER_REFUSED
    text = "\n".join(line.removeprefix("said ") for line in section.lines)
    return classify(text, section.exit_code) or Refusal.NO_EFFECT
