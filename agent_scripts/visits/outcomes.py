"""What became of the actions of one check, and what that says of the phone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent_scripts.exchange import ActionOutcome
from policy.names import PackageName, UserNumber
from policy.report import ActionResult
from policy.verdict import Action, ActionKind, Judgement, Reason, ReasonCode

_FINE = (ActionResult.DONE, ActionResult.ALREADY)
_Target = tuple[bool, UserNumber, PackageName]


def is_fine(outcome: ActionOutcome) -> bool:
    """Whether reading back showed what was wanted; a notification that was not shown is no failure.

    Nor is an app that its owner enabled before we came to restore it: it can be used, and their word stands.
    """
    if outcome.action.kind is ActionKind.NOTIFY or outcome.result in _FINE:
        return True
    return outcome.action.kind is ActionKind.RESTORE and was_enabled_before(outcome)


def was_enabled_before(outcome: ActionOutcome) -> bool:
    """Whether somebody else had enabled the app when we came to act on it, so that it was left alone."""
    if outcome.result is not ActionResult.STATE_CHANGED or outcome.before is None:
        return False
    return outcome.before.installed and outcome.before.enabled.can_run


def may_pass(outcome: ActionOutcome) -> bool:
    """Whether something was not done for a reason that waiting a little may end."""
    return outcome.refusal is not None and outcome.refusal.is_brief and not is_fine(outcome)


def kept_of(earlier: Iterable[ActionOutcome], later: Iterable[ActionOutcome]) -> tuple[ActionOutcome, ...]:
    """Return what an earlier try did that a later one of the same check did not touch again.

    What was refused then and was not tried again is not due any more.
    """
    again = {_target(outcome.action) for outcome in later}
    return tuple(o for o in earlier if is_fine(o) and _target(o.action) not in again)


def _target(action: Action) -> _Target:
    return action.kind is ActionKind.NOTIFY, action.user, action.package


def after_acting(judgement: Judgement, outcomes: Iterable[ActionOutcome]) -> Judgement:
    """Return the judgement with what acting has shown: where the phone does not let us disable, nothing enforces.

    A refusal that may pass by itself, such as a service that is not running yet, proves nothing of the kind.
    """
    # Only lasting refusals: one that passes would have the mail side block a phone that the next check can enforce.
    refused = tuple(
        Reason(ReasonCode.DISABLING_REFUSED, f"{o.action.package} in user {o.action.user}: {o.refusal.value}")
        for o in outcomes
        if o.action.kind is ActionKind.DISABLE and o.refusal is not None and o.refusal.is_lasting
    )
    if not refused:
        return judgement
    return replace(judgement, enforceable=False, reasons=(*judgement.reasons, *refused))
