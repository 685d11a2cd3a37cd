"""What can be wrong with a document, as errors.

PolicyError
├── InvalidName        a package name, user number, phone id or holder is malformed
├── InvalidTime        a time without zone, or out of order
└── InvalidDocument    a document does not have the agreed form
    ├── UnknownRule        a signed rule that this version does not know: refusing is safer than skipping
    ├── JudgementTooOld    the policy asks for a newer judgement than this one
    └── PlanImpossible     no plan for a phone can be made of this, or its text is damaged
"""

from __future__ import annotations

from collections.abc import Sequence


class PolicyError(Exception):
    """Something about a document is wrong; the message says what, and what to do next."""


# These three are `ValueError`s as well: that is what a field of a schema turns into a refusal that names it
# (policy/schemas/fields.py).
class InvalidName(PolicyError, ValueError):
    """A package name, user number, phone id or holder is malformed."""


class InvalidTime(PolicyError, ValueError):
    """A time has no zone, or times stand in the wrong order."""


class InvalidDocument(PolicyError, ValueError):
    """A document does not have the agreed form; the message lists the fields at fault.

    ``faults`` are the same as pairs of path and sentence, where it was a single field:
    ``("rules.rings.0.share", "expected a share above 0 and at most 1, found 7")``.
    """

    def __init__(self, message: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class UnknownRule(InvalidDocument):
    """A document carries a rule this version does not know; skipping it would enforce less than was signed."""


class JudgementTooOld(InvalidDocument):
    """A policy asks for a newer version of the judgement than this one; Curfew has to be updated first."""


class PlanImpossible(InvalidDocument):
    """A phone's own script could not act on this plan, or the plan's text is not one that was made here."""
