"""What a technician reads of one phone after a visit: found, done, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from shlex import quote

from agent_scripts.exit_codes import ExitCode
from agent_scripts.visits.deeds import Deed, deeds_of
from agent_scripts.visits.outcomes import is_fine, may_pass
from agent_scripts.visits.report_writing import CheckRecord
from policy.counted import counted
from policy.verdict import ActionKind, Finding, Judgement, ReasonCode, Stage, Verdict
from policy.watched import Watched

_HELD_BACK = {
    ReasonCode.RING_HELD: "the server holds this phone's ring; nothing is to be done here.",
    ReasonCode.CLOCK_UNTRUSTED: "this station's clock is not trusted; set it, connect to the server, check again.",
    ReasonCode.LEDGER_MISSING: "the phone lost our ledger; connect to the server for its copy, check again.",
    ReasonCode.BUNDLE_TOO_OLD: "the bundle was not confirmed for too long; connect to the server, check again.",
}

_OUT_OF_REACH = (ReasonCode.PLACE_CLOSED, ReasonCode.DISABLING_REFUSED)
_UNREAD = (ReasonCode.PHONE_UNREADABLE, ReasonCode.PACKAGE_UNREADABLE, ReasonCode.USER_MISSING)
_EXEMPT = "Nothing new was disabled: this phone is exempt."


@dataclass(frozen=True)
class Row:
    """What a technician reads of one phone. ``next_step`` is empty when nothing is left to do."""

    address: str
    label: str
    model: str
    verdict: str
    found: tuple[Finding, ...]
    done: tuple[Deed, ...]
    next_step: str
    exit_code: ExitCode
    report_id: str = ""
    meaning: str = ""
    """Why nothing follows from what was found, where that is so."""

    @property
    def found_text(self) -> str:
        """A line for each banned app in each user."""
        return "\n".join(f"{finding.package} in user {finding.user}" for finding in self.found)

    @property
    def done_text(self) -> str:
        """A line for each deed."""
        return "\n".join(deed.text for deed in self.done)


def row_of(record: CheckRecord, report_id: str) -> Row:
    """Return the row for a finished check."""
    model = record.reading.facts.model if record.reading.facts else record.phone.model
    return Row(
        address=record.address,
        label=record.phone.label,
        model=model,
        verdict="declined" if record.was_only_restored else record.judgement.verdict.value,
        found=record.judgement.findings,
        done=deeds_of(record),
        next_step=_for_this_phone(record.address, _next_step(record), _about_script(record.watched)),
        exit_code=record.exit_code,
        report_id=report_id,
        meaning="" if record.was_only_restored else _meaning(record.judgement),
    )


def _meaning(judgement: Judgement) -> str:
    codes = {reason.code for reason in judgement.reasons}
    if ReasonCode.MANAGED_APPS_GONE in codes:
        return "no managed app there"
    if judgement.verdict is not Verdict.VIOLATING:
        return ""
    if judgement.stage is Stage.LIFTED:
        return "the ban is over"
    return "exempt" if ReasonCode.EXEMPT in codes else ""


def row_of_error(address: str, label: str, error: Exception) -> Row:
    """Return the row for a phone that could not be checked; its error says the next step."""
    return Row(address, label, "", "not reached", (), (), str(error), ExitCode.NOT_REACHED)


def _about_script(watched: Watched | None) -> str:
    if watched is None:
        return ""
    dropped = (
        f"the phone had to forget {counted(watched.dropped, 'line')} of its record" if watched.dropped else ""
    )
    problem = watched.problem and (
        f"The phone's own script is not as the policy wants it: {watched.problem}. Check this phone again."
    )
    told = (problem, dropped, *watched.damage)
    return "\n".join(filter(None, told))


def _next_step(record: CheckRecord) -> str:
    # The order is the meaning: of all that is to be done the first is told.
    judgement, brief = record.judgement, _for_the_moment(record)
    if record.lost:
        return record.lost
    # A contradiction is why the folder stays, and its lines below carry the commands.
    if record.leaving and not record.contradictions:
        finish = f"`curfew-agent unprovision {quote(record.address)}` finishes it once that is mended"
        return f"Curfew's folder stays on the phone: {record.leaving}. {finish}."
    # Before the sentences of refusals below, for it is one of them; `visit` has tried a second time by now.
    if record.met_concurrent_change:
        return (
            "Nothing was done, twice: the phone's own script or another station acts on this phone at the same time."
            " Let it finish, then give the same command again."
        )
    if record.contradictions:
        return "A person must decide:\n" + "\n".join(record.contradictions)
    if record.memory_problem:
        return f"Nothing was changed: {record.memory_problem}."
    if record.acting and record.acting.refusal:
        return record.acting.refusal.sentence
    if record.leaving == "":
        return (
            f"This phone is not checked any more; `curfew-agent provision {quote(record.address)} --holder REFERENCE`"
            " takes it in again."
        )
    if judgement.verdict is Verdict.UNREADABLE and not record.was_only_restored:
        return "; ".join(reason.detail or reason.code.value for reason in judgement.reasons)
    if _was_not_put_back(record):
        return (
            brief
            or "Not everything is back: the phone says why beside each app. Mend that, then check again."
        )
    if judgement.verdict is Verdict.VIOLATING and judgement.stage is Stage.ENFORCE:
        return _next_while_enforced(record, brief)
    if judgement.verdict is Verdict.VIOLATING and judgement.stage is not Stage.LIFTED:
        return brief or _next_while_not_enforced(record)
    return brief


def _next_while_enforced(record: CheckRecord, brief: str) -> str:
    judgement = record.judgement
    if _details(judgement, (ReasonCode.EXEMPT,)):
        return brief or _EXEMPT
    if shut := _details(judgement, _OUT_OF_REACH):
        return f"Cannot be enforced here ({'; '.join(shut)}): the mail side must block this phone."
    if given_up := _details(judgement, (ReasonCode.OWNER_ENABLES_AGAIN,)):
        return (
            f"Cannot be kept off here ({'; '.join(given_up)}): the mail side must block this phone. Ask whether"
            " the device management or the owner enables it; the next bundle tries again."
        )
    if brief:
        return brief
    if not judgement.enforceable:
        unread = "; ".join(_details(judgement, _UNREAD))
        return f"Cannot be enforced here ({unread}): check it again; until it can be read, the mail side must block it."
    if held_back := [_HELD_BACK[r.code] for r in judgement.reasons if r.code in _HELD_BACK]:
        return "Nothing new was disabled: " + "; ".join(held_back)
    managed = {(app.user, app.package) for app in judgement.managed}
    restored = [o.action for o in record.outcomes if o.action.kind is ActionKind.RESTORE]
    # Of what is managed here the policy gives nothing back while it is enforced: then it was ordered.
    if any((action.user, action.package) in managed for action in restored):
        return "Restored by order; the next check disables again while the app is on the phone."
    if record.ledger.open_entries:
        return "The owner removes the app; the next check puts everything back."
    return "Nothing is off by us here. Ask the owner to remove the app."


def _next_while_not_enforced(record: CheckRecord) -> str:
    """Return what is next before the deadline, and while a late review pauses the measure."""
    if _details(record.judgement, (ReasonCode.EXEMPT,)):
        return _EXEMPT
    if record.judgement.stage is Stage.REMIND:
        return "Ask the owner to remove the app before the deadline."
    back = "; the next check then puts everything back" if record.ledger.open_entries else ""
    return f"The review is due, so nothing new is disabled. Ask the owner to remove the app{back}."


def _details(judgement: Judgement, codes: Collection[ReasonCode]) -> list[str]:
    return [reason.detail or reason.code.value for reason in judgement.reasons if reason.code in codes]


def _was_not_put_back(record: CheckRecord) -> bool:
    return any(o.action.kind is ActionKind.RESTORE and not is_fine(o) for o in record.outcomes)


def _for_this_phone(address: str, *sentences: str) -> str:
    text = "\n".join(filter(None, sentences))
    # With several phones plugged in, adb wants to know which; one reached by tcp: has to be connected to it first.
    way, _, serial = address.partition(":")
    return text.replace("adb shell ", f"adb -s {quote(serial)} shell ") if way == "adb" else text


def _for_the_moment(record: CheckRecord) -> str:
    """Return what to do about a part of Android that was still missing when the check had waited for it."""
    refused = (o.refusal for o in record.outcomes if may_pass(o))
    unread = record.reading.brief if record.unread_for_now else None
    return next((why.sentence for why in (*refused, unread) if why is not None), "")
