"""The frame of an answer: what arrived whole, and what did not.

    1:NONCE curfew read 1            the kind of exchange and its version
    2:NONCE open users               a command's lines
    3:header 0 c13
    4:NONCE exit users 0             and its exit code
    5:NONCE end                      the last line, by its number the count of all

A filter that failed is told in place of the exit line, or behind it, with its own exit code and once with the
phone's kind:

    NONCE filter users 2
    NONCE phone 34 14 Pixel 8

NONCE is random in each exchange, so that nothing a phone prints can forge a line of the frame; numbers show a lost
line, the last line an early end (`agent_scripts/on_phone/frame.sh`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.filters import FailedFilter, PhoneKind
from policy.report import CommandExit

_NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_EXIT_CODE = re.compile(r"[0-9]{1,3}", re.ASCII)
_VERSION = "1"


def new_nonce() -> str:
    """Return the random nonce of one exchange: 128 bits in hex."""
    return secrets.token_hex(16)


def checked_nonce(nonce: str) -> str:
    """Return `nonce` if it is one that `new_nonce` makes; anything else never reaches a shell."""
    if not _NONCE.fullmatch(nonce):
        raise ValueError("expected a nonce of 32 hex digits; make one with new_nonce()")
    return nonce


@dataclass(frozen=True)
class Frame:
    """A phone's answer taken out of its frame.

    `problem` is empty only if every line from the first to the counted last one arrived in order; otherwise
    nothing in the sections may be believed, and they only tell how far the phone came. `cut` says that it ended
    too early and was sound until then, as happens to a sound phone too
    (docs/android/stand-ins.md, "the last lines through `shell:`").
    `notes` are lines of the frame that belong to no command, such as ``refused busy``.
    """

    sections: Mapping[str, CutAnswer] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""
    cut: bool = False

    @property
    def failed_filter(self) -> FailedFilter | None:
        """The first filter that failed, None if all went well."""
        sections = self.sections.values()
        return next((section.failed_filter for section in sections if section.failed_filter), None)

    @property
    def commands(self) -> tuple[CommandExit, ...]:
        """The commands that were begun, with their exit codes."""
        return tuple(CommandExit(section.command, section.exit_code) for section in self.sections.values())


def read_frame(nonce: str, kind: str, answer: bytes) -> Frame:
    """Return the sections of an answer; never raises, in time linear in its length.

    What a login shell prints before the first line and after the last one is passed over. Old ``shell:``
    services end lines with CR LF (docs/android/commands.md 14.4).
    """
    # Never a decoding error: what is no UTF-8 is replaced, and breaks the line that it stands in at most.
    lines = [line.removesuffix("\r") for line in answer.decode("utf-8", "replace").split("\n")]
    first = f"1:{nonce} curfew {kind} {_VERSION}"
    try:
        start = lines.index(first)
    except ValueError:
        return Frame(problem=_unbegun(answer))
    body: list[str] = []
    # The numbers are the phone's, so a line lost on the way is missed even where the rest still parses.
    for number, line in enumerate(lines[start + 1 :], start=2):
        prefix = f"{number}:"
        # An empty line is where the bytes ended: the phone writes none without its number.
        if not line.startswith(prefix):
            sections, notes, _ = _sections(nonce, body)
            # The last line may have lost its end within its own number.
            is_last = start + number == len(lines)
            cut = not line or (is_last and prefix.startswith(line))
            return Frame(sections, notes, _broken(sections, number, cut), cut=cut)
        text = line[len(prefix) :]
        if text == f"{nonce} end":
            # After the end only what a login shell prints may come; the nonce again would be a second answer.
            rest = lines[start + number :]
            return _whole(nonce, body, any(nonce in line for line in rest))
        body.append(text)
    sections, notes, _ = _sections(nonce, body)
    return Frame(sections, notes, "the answer has no end", cut=True)


def _whole(nonce: str, body: Sequence[str], more: bool) -> Frame:
    sections, notes, problem = _sections(nonce, body)
    if more:
        problem = "the answer goes on after its end"
    return Frame(sections, notes, problem)


def _unbegun(answer: bytes) -> str:
    if not answer.strip():
        return "the phone answered nothing; reconnect it and check again"
    return "the phone answered something else than what was asked; restart it and check again"


def _broken(sections: Mapping[str, CutAnswer], number: int, cut: bool) -> str:
    if not cut:
        return f"line {number} of the answer is missing or out of order"
    opened = next((section.command for section in sections.values() if section.exit_code is None), "")
    where = f" while it ran {opened}" if opened else ""
    return f"the answer was cut after line {number - 1}{where}; reconnect the phone and check again"


def _sections(nonce: str, body: Sequence[str]) -> tuple[dict[str, CutAnswer], tuple[str, ...], str]:
    sections: dict[str, CutAnswer] = {}
    notes: list[str] = []
    problem = ""
    current = ""
    lines: list[str] = []
    of_frame = f"{nonce} "
    for line in body:
        failed = _failed_filter(of_frame, line)
        # In place of the exit line or behind it: a filter may die before or after it let that line through.
        if failed and failed.section in sections and current in ("", failed.section):
            sections[failed.section] = replace(sections[failed.section], failed_filter=failed)
            current = ""
            continue
        framed = line.startswith(of_frame)
        words = line.split(" ")[1:] if framed else []
        if current and not framed:
            lines.append(line)
        # A name only once: a second section would take the place of the first, and neither could be believed.
        elif framed and len(words) == 2 and words[0] == "open" and not current and words[1] not in sections:
            current, lines = words[1], []
            sections[current] = CutAnswer(current, (), None)
        elif current and framed and words[:2] == ["exit", current] and _is_exit(words):
            sections[current] = CutAnswer(current, tuple(lines), int(words[2]))
            current = ""
        # A note, such as "refused busy", stands between sections; inside one it would be some program's text.
        elif framed and not current and words[0] not in ("open", "exit"):
            notes.append(" ".join(words))
        else:
            problem = problem or "the answer's commands are not properly framed"
    kind, notes = _phone_kind(notes)
    for name, section in sections.items():
        if section.failed_filter:
            sections[name] = replace(section, failed_filter=replace(section.failed_filter, phone=kind))
    if current:
        problem = problem or f"the answer ends while {current} runs"
    return sections, tuple(notes), problem


def _failed_filter(of_frame: str, line: str) -> FailedFilter | None:
    """Return the failure that a line tells; half a line of a killed filter may stand before it."""
    words = line.partition(of_frame)[2].split(" ")
    if len(words) == 3 and words[0] == "filter" and _EXIT_CODE.fullmatch(words[2]):
        return FailedFilter(words[1], int(words[2]))
    return None


def _phone_kind(notes: Sequence[str]) -> tuple[PhoneKind, list[str]]:
    """Return what the notes tell of the phone's kind, and the other notes."""
    # A model may hold blanks, so it comes last; `-` stands for what the phone does not tell.
    told = next((note for note in notes if note.startswith("phone ")), "phone")
    words = [word if word != "-" else "" for word in (*told.split(" ", 3)[1:], "", "", "")]
    kind = PhoneKind(model=words[2], release=words[1], api_level=words[0])
    return kind, [note for note in notes if not note.startswith("phone ")]


def _is_exit(words: Sequence[str]) -> bool:
    return len(words) == 3 and bool(_EXIT_CODE.fullmatch(words[2]))
