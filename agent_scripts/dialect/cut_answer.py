"""One command's cut answer, and what spoils it whoever reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent_scripts.dialect.errors import Unreadable
from agent_scripts.dialect.filters import FailedFilter
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.dialect.refusal_wordings import classify

# What the filters on the phone let through of an error, and of what a verb says of itself.
_WORDS_OF_A_COMMAND = ("error ", "said ")


@dataclass(frozen=True)
class CutAnswer:
    """The lines one command's filter let through, and its exit code (None: interrupted before it ended).

    `failed_filter` tells that the filter itself failed: then its lines are not all there.
    """

    command: str
    lines: tuple[str, ...]
    exit_code: int | None
    failed_filter: FailedFilter | None = None


def brief_refusal(answers: Iterable[CutAnswer]) -> Refusal | None:
    """Return the first refusal among `answers` that waiting a little may end, None if there is none."""
    for answer in answers:
        words = [line.partition(" ")[2] for line in answer.lines if line.startswith(_WORDS_OF_A_COMMAND)]
        refusal = classify("\n".join(words), answer.exit_code)
        if refusal is not None and refusal.is_brief:
            return refusal
    return None


def sound_lines(answer: CutAnswer | None, command: str) -> tuple[str, ...]:
    """Return the lines of an answer that ended by itself and in time; raise `Unreadable` for any other.

    A dump that was cut by Android's own time limit ends with exit code 0 (docs/android/commands.md 2.2).
    """
    if answer is None:
        raise Unreadable(f"{command} is missing from the answer")
    # First: where the filter failed, neither lines nor exit code mean anything.
    if answer.failed_filter is not None:
        raise Unreadable(answer.failed_filter.sentence)
    if answer.exit_code is None:
        raise Unreadable(f"{command} was interrupted before it ended")
    # Before the exit code: 0 too where a service died or a dump ran out of time (docs/android/commands.md 2.2).
    for line in answer.lines:
        if line == "timeout":
            raise Unreadable(f"{command} took more than ten seconds and was cut by Android; check again")
        if line.startswith("error "):
            raise Unreadable(f"{command} failed: {_explained(line.removeprefix('error '), answer.exit_code)}")
    if answer.exit_code != 0:
        raise Unreadable(f"{command} ended with exit code {answer.exit_code}")
    return answer.lines


def _explained(message: str, exit_code: int) -> str:
    refusal = classify(message, exit_code)
    if refusal is None:
        return message
    advice = "; it passes: wait a minute and check again" if refusal.is_brief else ""
    return f"{message} ({refusal.value}){advice}"
