"""Why a check did not reach what the policy asks for. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from policy.report import Report
from policy.verdict import ReasonCode, Stage, Verdict


class Failure(Enum):
    """Why a phone could not be read, or a violating one was not switched off; a closed list."""

    PHONE_UNREADABLE = ReasonCode.PHONE_UNREADABLE.value
    PACKAGE_UNREADABLE = ReasonCode.PACKAGE_UNREADABLE.value
    USER_MISSING = ReasonCode.USER_MISSING.value
    JUDGEMENT_FAILED = ReasonCode.JUDGEMENT_FAILED.value
    OWNER_ENABLES_AGAIN = ReasonCode.OWNER_ENABLES_AGAIN.value
    ENABLED_AGAIN = ReasonCode.ENABLED_AGAIN.value
    RESET_BY_UPDATE = ReasonCode.RESET_BY_UPDATE.value
    PLACE_CLOSED = ReasonCode.PLACE_CLOSED.value
    DISABLING_REFUSED = ReasonCode.DISABLING_REFUSED.value
    CLOCK_UNTRUSTED = ReasonCode.CLOCK_UNTRUSTED.value
    BUNDLE_TOO_OLD = ReasonCode.BUNDLE_TOO_OLD.value
    LEDGER_MISSING = ReasonCode.LEDGER_MISSING.value
    RING_HELD = ReasonCode.RING_HELD.value
    EXEMPT = ReasonCode.EXEMPT.value
    NO_MEMORY = ReasonCode.NO_MEMORY.value
    NOT_ITS_TURN = "not_its_turn"
    """For the station that checked it, enforcing had not begun or was paused: it may have had an older bundle."""
    STILL_RUNS = "still_runs"
    """A managed app could still run afterwards, or nothing is known of any, and the check gave no reason."""
    UNTOLD = "untold"
    """The check gave no reason."""


UNDONE = frozenset({Failure.OWNER_ENABLES_AGAIN, Failure.ENABLED_AGAIN, Failure.RESET_BY_UPDATE})
"""What was switched off had been switched on again when the phone was checked."""

# The first that fits: what weighs most stands first.
_UNREADABLE = (
    Failure.PHONE_UNREADABLE,
    Failure.PACKAGE_UNREADABLE,
    Failure.USER_MISSING,
    Failure.JUDGEMENT_FAILED,
)
_UNDONE = (Failure.OWNER_ENABLES_AGAIN, Failure.ENABLED_AGAIN, Failure.RESET_BY_UPDATE)
_OUT_OF_REACH = (
    Failure.PLACE_CLOSED,
    Failure.DISABLING_REFUSED,
    Failure.PACKAGE_UNREADABLE,
    Failure.USER_MISSING,
)
_HELD_BACK = (
    Failure.RING_HELD,
    Failure.CLOCK_UNTRUSTED,
    Failure.BUNDLE_TOO_OLD,
    Failure.LEDGER_MISSING,
    Failure.EXEMPT,
    Failure.NO_MEMORY,
)


def failure_of(report: Report) -> Failure | None:
    """Return why this check did not reach what the policy asks for; None where it did, or the phone complied."""
    if report.verdict is Verdict.COMPLIANT:
        return None
    told = {reason.code.value for reason in report.reasons}
    if report.verdict is Verdict.UNREADABLE:
        return _first(_UNREADABLE, told) or Failure.UNTOLD
    # Before all else: an app that comes back on is told though this very check has switched it off again.
    if undone := _first(_UNDONE, told):
        return undone
    if not report.enforceable:
        return _first(_OUT_OF_REACH, told) or Failure.UNTOLD
    if _is_switched_off(report):
        return None
    turn = None if report.stage is Stage.ENFORCE else Failure.NOT_ITS_TURN
    return _first(_HELD_BACK, told) or turn or Failure.STILL_RUNS


def _is_switched_off(report: Report) -> bool:
    # The state decides (docs/design.md, rule 3). Without any managed app the ledger may still tell of one.
    if not report.managed:
        return bool(report.ledger.open_entries)
    return all(app.after is not None and not app.after.can_run for app in report.managed)


def _first(order: Collection[Failure], told: Collection[str]) -> Failure | None:
    return next((one for one in order if one.value in told), None)
