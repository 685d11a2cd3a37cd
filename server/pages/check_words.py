"""What a phone's page says of its latest check: verdict, reach and deeds, as they were then. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from policy.ledger import Ledger
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.report import ActionResult, Consent, Report, ReportedAction
from policy.verdict import ActionKind, ReasonCode, Verdict
from server.pages.words import RESULTS, VERDICTS, Word

_TOLD = {
    ActionResult.DONE: Word("done", "good", "The phone took the notice."),
    ActionResult.REFUSED: Word(
        "refused", "unsure", "The phone shows no notice, so the owner was not told by it."
    ),
    ActionResult.UNKNOWN: Word("unknown", "unsure", "Whether the owner was told is not known."),
}


def verdict_sentence(report: Report) -> str:
    """Return what the verdict of a check rests on."""
    codes = _codes(report)
    if report.verdict is Verdict.COMPLIANT and ReasonCode.MANAGED_APPS_GONE in codes:
        return "No managed app was in a place of the policy, so a banned app may stay."
    if report.verdict is Verdict.COMPLIANT:
        return f"Every user that counts was read. {VERDICTS[report.verdict].sentence}"
    if report.verdict is Verdict.UNREADABLE and report.consent is Consent.DECLINED:
        return "Nothing was asked about the banned apps, since the owner does not agree."
    return VERDICTS[report.verdict].sentence


def was_judged(report: Report) -> bool:
    """Whether a bundle was there to judge by, and judging did not fail."""
    return report.bundle_number > 0 and ReasonCode.JUDGEMENT_FAILED not in _codes(report)


def enforceable_word(report: Report) -> Word:
    """Return whether the managed apps could be switched, as far as this check shows."""
    if report.verdict is Verdict.UNREADABLE:
        return Word("not known", "unsure", "The check could not look.")
    if not report.enforceable:
        return Word(
            "no", "bad", "Not every managed app could be switched on the phone itself; the reasons say why."
        )
    if not report.managed:
        return Word("nothing there", "", "No managed app was in a place of the policy.")
    return Word("yes", "", "Every managed app was within reach.")


def result_word(action: ReportedAction) -> Word:
    """Return what became of an action; that a notice is shown is what the phone says, and is not read back."""
    told = _TOLD.get(action.result) if action.kind is ActionKind.NOTIFY else None
    return told or RESULTS[action.result]


@dataclass(frozen=True)
class LeftOff:
    """An app that earlier checks switched off and this one did not touch; ``state`` is None where it was not read."""

    user: UserNumber
    package: PackageName
    state: EnabledState | None


def left_off(report: Report, ledger: Ledger | None) -> tuple[LeftOff, ...]:
    """Return what is still open in the newest ledger and no action of this check was about."""
    touched = {(a.user, a.package) for a in report.actions if a.kind is not ActionKind.NOTIFY}
    seen = {(app.user, app.package): app.after for app in report.managed}
    return tuple(
        LeftOff(entry.user, entry.package, seen.get((entry.user, entry.package)))
        for entry in (ledger.open_entries if ledger else ())
        if (entry.user, entry.package) not in touched
    )


def _codes(report: Report) -> frozenset[ReasonCode]:
    return frozenset(reason.code for reason in report.reasons)
