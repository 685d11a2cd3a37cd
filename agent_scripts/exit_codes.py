"""What the agent's exit code says: few codes, the most urgent one wins."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """In order of precedence, highest last in this table: see `most_urgent`.

    ==== =============== ==========================================================================
    code name            meaning
    ==== =============== ==========================================================================
    0    COMPLIANT       every phone complies, everything due was done and sent
    14   NOT_SENT        all done, but reports wait on the station because the server was not reached
    10   VIOLATING       a banned app is present; what the stage asks for was done
    11   NOT_DONE        something that should be off or restored is not: closed place, refusal, contradiction;
                         or the phone's own script is not as the policy wants it
    12   UNREADABLE      a phone could not be read whole; that is neither compliant nor violating
    13   NOT_REACHED     a phone did not answer, is not authorised or not provisioned
    2    WRONG_USE       the command line, the station's set-up or the bundle does not allow the command
    ==== =============== ==========================================================================
    """

    COMPLIANT = 0
    WRONG_USE = 2
    VIOLATING = 10
    NOT_DONE = 11
    UNREADABLE = 12
    NOT_REACHED = 13
    NOT_SENT = 14


# The numbers themselves do not rank: NOT_SENT is 14 and yields to VIOLATING, which is 10.
_PRECEDENCE = (
    ExitCode.WRONG_USE,
    ExitCode.NOT_REACHED,
    ExitCode.UNREADABLE,
    ExitCode.NOT_DONE,
    ExitCode.VIOLATING,
    ExitCode.NOT_SENT,
    ExitCode.COMPLIANT,
)


def most_urgent(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that a person must hear of first; COMPLIANT for none at all."""
    return min(codes, key=urgency, default=ExitCode.COMPLIANT)


def urgency(code: ExitCode) -> int:
    """Return where `code` stands in the order of precedence; 0 is the most urgent."""
    return _PRECEDENCE.index(code)
