"""What the page of the deadline says: the next step for each cause, and what happens, in one paragraph with numbers."""

from __future__ import annotations

from collections.abc import Mapping

from policy.counted import counted, noun
from policy.document import Policy
from policy.rings import ring_starts, rings_of
from server.fleet.blocks import BlockCause
from server.fleet.readiness import Moment, NotReady, Outlook, begins_at
from server.fleet.standing import FleetCounts, Standing
from server.policies.situation import Situation
from server.times import in_zone, length, relative, utc

NEXT_STEPS: Mapping[Standing, str] = {
    Standing.VIOLATING: "The owner removes the banned app, and a technician checks the phone again.",
    Standing.NOT_ENFORCEABLE: "The owner removes the banned app; else the mail side blocks the holder.",
    Standing.UNREADABLE: "A technician brings the phone to the bench and checks it again.",
    Standing.SILENT: "The owner brings the phone to a station, and a technician checks it.",
    Standing.UNSEEN: "A technician checks it for the first time; whoever provisioned it knows where it is.",
    Standing.DECLINED: "The owner is asked once more; else the mail side blocks the holder.",
}
"""Who does what about each cause."""

AGES: Mapping[str, str] = {
    "day": "today (within 24 hours)",
    "week": "this week (within 7 days)",
    "month": "this month (within 30 days)",
    "longer": "longer ago",
}

CAUSES: Mapping[BlockCause, str] = {
    BlockCause.NOT_ENFORCEABLE: "violate and cannot be enforced on",
    BlockCause.DECLINED: "their owners do not agree",
    BlockCause.SILENT: "not checked for longer than the policy allows",
    BlockCause.UNREADABLE: "could not be read",
}


def what_happens(
    moment: Moment, here: Situation, counts: FleetCounts, ready: NotReady, follows: Outlook
) -> str:
    """Return what happens at the deadline, or has since, in one paragraph."""
    if here.bundle is None:
        return (
            f"Nothing is published, so there is no deadline: of {phones(ready.of)} none is reminded, none is disabled,"
            " and the mail side is told to block nobody."
        )
    policy = here.bundle.policy
    if moment is Moment.LIFTED:
        waiting = counts.by_standing[Standing.WAITING_FOR_LIFT]
        return (
            f"The measure is over. {phones(waiting)} {_wait(waiting)} for what is still off to be put back, each at its"
            " next check; the mail side is told to block nobody."
        )
    if moment is Moment.PAUSED:
        return (
            f"The review was due {utc(policy.review_at)} ({relative(policy.review_at, here.now)}) and was not done:"
            f" nothing new is disabled on the {phones(follows.on_phone)} that {_violate(follows.on_phone)}, and nobody"
            " new is blocked. Whoever was blocked before stays blocked, and what may be put back is."
        )
    return (
        _before(here, policy, ready, follows)
        if moment is Moment.BEFORE
        else _after(here, policy, ready, follows)
    )


def _before(here: Situation, policy: Policy, ready: NotReady, follows: Outlook) -> str:
    begins = begins_at(policy)
    when = f"{in_zone(begins, policy.time_zone)} ({relative(begins, here.now)})"
    if policy.review_at <= begins:
        return (
            f"Enforcing would begin {when}, but the review is due {utc(policy.review_at)}: unless it is done before,"
            f" nothing is disabled on the {phones(ready.total)} that {_are(ready.total)} not ready, and nobody is"
            " blocked."
        )
    rings = (
        f" This goes ring by ring, the last of {len(policy.rings)} beginning"
        f" {in_zone(max(ring_starts(policy)), policy.time_zone)}; the numbers are of all rings together."
        if len(policy.rings) > 1
        else ""
    )
    falling = (
        f" Unless checked before, {_more(follows.falling_silent)} silent by then and blocked for that, whatever they"
        " stand as now."
        if follows.falling_silent
        else ""
    )
    return (
        f"Enforcing begins {when}. Of {phones(ready.of)}, {thousands(ready.total)} {_are(ready.total)} not ready. If"
        f" nothing changes, {phones(follows.on_phone)} {_lose(follows.on_phone)} the managed apps, each at its next"
        f" check{_or_by_script(policy)}, and {phones(follows.by_mail)} {_lose(follows.by_mail)} mail through the mail"
        f" side at that moment.{rings}{falling}{_unreadable(policy, follows)}"
    )


def _after(here: Situation, policy: Policy, ready: NotReady, follows: Outlook) -> str:
    begins = begins_at(policy)
    later = sum(1 for ring in rings_of(policy) if ring.starts_at > here.now)
    waiting = (
        f" {later} of {counted(len(policy.rings), 'ring')} {_have(later)} not begun: there it"
        f" follows only then, the last {in_zone(max(ring_starts(policy)), policy.time_zone)}."
        if later
        else ""
    )
    return (
        f"Enforcing began {in_zone(begins, policy.time_zone)} ({relative(begins, here.now)}). Of {phones(ready.of)},"
        f" {thousands(ready.total)} {_are(ready.total)} not ready: {phones(follows.on_phone)}"
        f" {_lose(follows.on_phone)} the managed apps, or {_have(follows.on_phone)} lost them, each at its next check"
        f"{_or_by_script(policy)}, and for {phones(follows.by_mail)} the mail side is told to block the holder."
        f"{waiting}{_unreadable(policy, follows)}"
    )


def _unreadable(policy: Policy, follows: Outlook) -> str:
    later = sum(one.phones for one in follows.told if one.later)
    if not later:
        return ""
    lasting = length(policy.overdue_limit)
    return (
        f" {phones(later)} could not be read: the holder of each is blocked once that has lasted {lasting}."
    )


def when_told(moment: Moment, here: Situation, later: bool) -> str:
    """Return when the mail side is told of a cause, `later` of one that has to last first."""
    if here.bundle is None or moment is Moment.LIFTED:
        return "not at all"
    if moment is Moment.PAUSED:
        return "not before a reviewed policy is published; who was blocked before stays so"
    policy = here.bundle.policy
    begins = begins_at(policy)
    if moment is Moment.BEFORE and policy.review_at <= begins:
        return "not before a reviewed policy is published"
    lasting = f", once it has lasted {length(policy.overdue_limit)}" if later else ""
    rings = ", ring by ring" if max(begins, max(ring_starts(policy))) > max(begins, here.now) else ""
    start = f"from {in_zone(begins, policy.time_zone)} on" if moment is Moment.BEFORE else "now"
    return f"{start}{rings}{lasting}"


def phones(number: int) -> str:
    """Return a number of phones as pages write it."""
    return f"{thousands(number)} {noun(number, 'phone')}"


def thousands(number: int) -> str:
    """Return a number as pages write it."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _or_by_script(policy: Policy) -> str:
    return " or by its own script" if policy.on_phone else ""


def _more(number: int) -> str:
    return f"{thousands(number)} more {noun(number, 'phone is', 'phones are')}"


def _are(number: int) -> str:
    return noun(number, "is", "are")


def _have(number: int) -> str:
    return noun(number, "has", "have")


def _lose(number: int) -> str:
    return noun(number, "loses", "lose")


def _wait(number: int) -> str:
    return noun(number, "waits", "wait")


def _violate(number: int) -> str:
    return noun(number, "violates", "violate")
