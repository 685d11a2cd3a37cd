"""What is said of one phone now: a sentence or two that hold in its stage, and no word of what is over. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policy.verdict import ReasonCode, Stage
from server.fleet.blocks import BLOCKING, BlockCause
from server.fleet.phone_rows import PhoneNow
from server.fleet.standing import LatestCheck, ListedCheck, Standing
from server.pages.words import STANDINGS

_NO_BUNDLE = "Nothing is published, so nothing follows from that."


def standing_sentence(row: PhoneNow) -> str:
    """Return what the phone's standing means for it now; one that depends on nothing else has the general words."""
    special = _SPECIAL.get(row.standing)
    said = special(row) if special else STANDINGS[row.standing].sentence
    return f"{said} Its holder's mail has to be blocked." if row.mail in BLOCKING else said


def managed_apps_gone(latest: ListedCheck | None) -> bool:
    """Whether a phone complied by having no managed app, so that the banned one may stay (docs/design.md rule 7)."""
    return latest is not None and ReasonCode.MANAGED_APPS_GONE in {reason.code for reason in latest.reasons}


def _compliant(row: PhoneNow) -> str:
    if managed_apps_gone(row.latest):
        said = (
            "At its latest check no managed app was in a place of the policy, which is the other way to comply:"
            " a banned app may stay."
        )
    else:
        said = "At its latest check every user that counts was read, and no banned app counted as present."
    return (
        f"{said} Some apps were still to be put back then; its next check tries again."
        if _open(row)
        else said
    )


def _violating(row: PhoneNow) -> str:
    return f"A banned app was found at its latest check. {_what_follows(row)}"


def _what_follows(row: PhoneNow) -> str:
    if row.stage is None:
        return _NO_BUNDLE
    if row.stage is Stage.REMIND:
        waits = " What is still off is put back at its next check." if _open(row) else ""
        return f"The deadline has not come: nothing is disabled.{waits}"
    if row.stage is Stage.PAUSED:
        off = " What is off stays off until the banned app is gone." if _open(row) else ""
        return f"The review is due: nothing new is disabled.{off}"
    if _open(row):
        return "The managed apps in its ledger are to stay off until it is gone."
    if row.latest and ReasonCode.RING_HELD in {reason.code for reason in row.latest.reasons}:
        return "Its ring was held when it was checked, so nothing new was disabled."
    return "Nothing was off by us then: its next check disables the managed apps, or tells what stands against it."


def _not_enforceable(row: PhoneNow) -> str:
    said = "A banned app was found at its latest check, and not every managed app can be kept off on the phone itself."
    if row.stage is Stage.REMIND:
        return f"{said} The deadline has not come: nothing follows yet."
    if row.stage is Stage.PAUSED and row.mail not in BLOCKING:
        return f"{said} The review is due: nothing new is blocked."
    return said if row.stage else f"{said} {_NO_BUNDLE}"


def _waiting(row: PhoneNow) -> str:
    said = f"{_why_over(row)} At its latest check apps were still to be put back"
    if row.latest is not None and _was_over(row.latest):
        return f"{said}, and that check could not: what the phone answered stands under “What was done”."
    return f"{said}: its next check does so."


def _nothing_due(row: PhoneNow) -> str:
    if row.latest is None:
        return f"{_why_over(row)} It was never checked, and need not be."
    return f"{_why_over(row)} Nothing of ours was in force on the phone at its latest check."


def _declined(row: PhoneNow) -> str:
    if row.latest is None:
        return "Its owner did not agree, so nothing was asked of it."
    said = (
        "Its owner does not agree any more: nothing is asked of it, and what stands here was told before, or when its"
        " apps were put back."
    )
    if not _open(row):
        return said
    put_back = "with the phone at a station, `curfew-agent unprovision ADDRESS` does so"
    return f"{said} Apps were still to be put back: {put_back}."


def _retired(row: PhoneNow) -> str:
    said = STANDINGS[Standing.RETIRED].sentence
    if not _open(row):
        return said
    return f"{said} Apps were still switched off by us when it was seen last, and nobody has put them back."


def _why_over(row: PhoneNow) -> str:
    return (
        "The ban is over."
        if row.stage is Stage.LIFTED
        else "This phone is exempt: nothing is disabled on it."
    )


def _was_over(latest: LatestCheck) -> bool:
    return latest.stage is Stage.LIFTED or ReasonCode.EXEMPT in {reason.code for reason in latest.reasons}


def _open(row: PhoneNow) -> bool:
    return row.latest is not None and row.latest.open_entries > 0


_SPECIAL: Mapping[Standing, Callable[[PhoneNow], str]] = {
    Standing.COMPLIANT: _compliant,
    Standing.VIOLATING: _violating,
    Standing.NOT_ENFORCEABLE: _not_enforceable,
    Standing.WAITING_FOR_LIFT: _waiting,
    Standing.NOTHING_DUE: _nothing_due,
    Standing.DECLINED: _declined,
    Standing.RETIRED: _retired,
}

MAIL: Mapping[BlockCause, str] = {
    BlockCause.NOT_ENFORCEABLE: "the phone violates and cannot be enforced on",
    BlockCause.DECLINED: "the owner does not agree",
    BlockCause.UNREADABLE: "the phone could not be read for longer than the policy allows",
    BlockCause.SILENT: "the phone was not checked for longer than the policy allows",
    BlockCause.LIFTED: "the ban is over",
    BlockCause.EXEMPT: "the phone is exempt",
    BlockCause.NOT_YET_ENFORCED: "enforcing has not begun, or the review is due and nothing new is blocked",
    BlockCause.ENFORCED_ON_PHONE: "the phone violates, and can be enforced on by itself",
    BlockCause.COMPLIANT: "the phone complied at its latest check",
    BlockCause.WITHIN_LIMIT: "the phone is not overdue",
    BlockCause.HANDED_BACK: "the phone was handed back",
    BlockCause.RETIRED: "the phone was retired",
    BlockCause.NO_PHONE: "the holder has no phone any more",
}
"""Why the mail side is told to block the holder of a phone, or not to."""
