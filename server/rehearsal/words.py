"""What outcomes, causes and ages are called, on pages and on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from policy.rehearsal import Cause, Outcome

OUTCOMES: Mapping[Outcome, tuple[str, str]] = {
    Outcome.BLOCKED: ("would be blocked", "A check would disable a managed app that runs now."),
    Outcome.STAYS_BLOCKED: ("stays blocked", "Nothing new is disabled; what is off by us stays off."),
    Outcome.NOT_ENFORCEABLE: (
        "not enforceable",
        "A banned app is there, and disabling cannot reach every managed app: the mail side would have to act.",
    ),
    Outcome.REMINDED: ("reminded", "The owner would be told what to remove, and nothing is disabled."),
    Outcome.RESTORED: ("restored", "A check would put back what is off by us."),
    Outcome.NOTHING: ("nothing to do", "Nothing would be disabled, put back or told."),
    Outcome.EXEMPT: ("exempt", "An exemption holds, and nothing of ours is off."),
    Outcome.DECLINED: ("declined", "The owner did not agree: nothing is asked of the phone."),
    Outcome.UNKNOWN: ("unknown", "What is known of the phone does not decide it."),
}
CAUSES: Mapping[Cause, str] = {
    Cause.NEVER_CHECKED: "never checked",
    Cause.TOO_OLD: "report older than the policy allows",
    Cause.UNREADABLE: "the newest check could not look",
    Cause.NOT_ASKED: "depends on what no check has asked about",
    Cause.LEDGER_UNKNOWN: "the newest check did not know what is off by us",
    Cause.NO_PICTURE: "the newest report cannot be judged anew",
}
AGES = {
    "day": "within a day",
    "week": "within a week",
    "month": "within a month",
    "longer": "longer ago",
    "never": "never",
}
