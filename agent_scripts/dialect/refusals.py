"""How Android says no: which refusal the words and the exit code of a command are.

refusal            every refusal by name: how long it holds, what a technician does about it
refusal_wordings   the words by which each is known
"""

from __future__ import annotations

from agent_scripts.dialect.refusal import Holds, Refusal
from agent_scripts.dialect.refusal_wordings import WORDINGS

__all__ = ["WORDINGS", "Holds", "Refusal", "classify"]

_TIMED_OUT = frozenset({124, 137})
_SERVICE_UNKNOWN = 20
_PROGRAM_UNKNOWN = 127


def classify(text: str, exit_code: int | None) -> Refusal | None:
    """Return which refusal `text` and `exit_code` of a command are, or None if they read like success.

    Without an exit code the command was interrupted.

    Whether anything changed is never told by this: only reading back tells (docs/android/commands.md 2.4, 7.2).
    """
    for pattern, refusal in WORDINGS:
        if pattern.search(text):
            return refusal
    if exit_code is None:
        return Refusal.WENT_AWAY
    if exit_code in _TIMED_OUT:
        return Refusal.TOO_SLOW
    if exit_code == _SERVICE_UNKNOWN:
        return Refusal.SERVICE_MISSING
    if exit_code == _PROGRAM_UNKNOWN:
        return Refusal.PROGRAM_MISSING
    return None if exit_code == 0 else Refusal.UNEXPLAINED
