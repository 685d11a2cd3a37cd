"""What the server says of a phone now, computed from its latest report and the clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from policy.names import PhoneId
from policy.probe import Reach
from policy.report import Consent
from policy.verdict import Reason, Stage, Verdict
from server.fleet.failures import Failure
from server.policies.situation import Situation


class Standing(Enum):
    """One word per phone for counts and filters; the first that fits, in this order."""

    RETIRED = "retired"
    """An admin said that it does not come back: lost, stolen, broken. No check was made since."""
    HANDED_BACK = "handed_back"
    """At its latest check everything was put back and nothing of ours was left on it."""
    NOTHING_DUE = "nothing_due"
    """The measure is over for this phone (lifted or exempt), and nothing of ours was in force on it when last seen."""
    DECLINED = "declined"
    """Its owner did not agree, or does not any more: nothing is asked of it."""
    UNSEEN = "unseen"
    """Provisioned, and no check was ever reported."""
    WAITING_FOR_LIFT = "waiting_for_lift"
    """The measure is over for this phone, and at its latest check something of ours was still in force on it."""
    SILENT = "silent"
    """Its latest check is older than the policy's ``overdue_limit``."""
    UNREADABLE = "unreadable"
    """The latest check could not look; never counted as either of the next ones."""
    NOT_ENFORCEABLE = "not_enforceable"
    """Violating, and disabling cannot reach every place in use: from the deadline on the mail side has to act."""
    VIOLATING = "violating"
    """A banned app is present."""
    COMPLIANT = "compliant"
    """A positive answer for every user and package that counts."""


@dataclass(frozen=True)
class CheckFacts:
    """The little of a phone's newest check that its standing follows from."""

    effective_at: datetime
    """What orders and ages it: the time the station says, or its arrival where that was earlier."""
    verdict: Verdict
    enforceable: bool
    open_entries: int
    """Packages that are disabled by us, or may be."""
    unchanged_since: datetime
    """Since when every check has had this verdict and, unless it could not look, this enforceability."""
    not_enforceable_since: datetime | None = field(default=None, kw_only=True)
    """Since when every check that could look found it violating and not enforceable; None if the last one did not."""
    failure: Failure | None = field(default=None, kw_only=True)
    """Why it did not reach what the policy asks for; None where it did, or the phone complied."""
    handed_back: bool = field(default=False, kw_only=True)
    """Whether its station read back that nothing of ours is left on the phone."""


@dataclass(frozen=True)
class ListedCheck(CheckFacts):
    """What a list shows of a phone's newest check."""

    station_id: str
    families: tuple[str, ...]
    """Names of the families found, each once."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class LatestCheck(ListedCheck):
    """The newest check of one phone, newest by its trusted time and not by its arrival."""

    report_id: str
    received_at: datetime
    time_trusted: bool
    stage: Stage
    bundle_number: int
    release: str
    api_level: int
    patch_level: str
    boot_state: str


@dataclass(frozen=True)
class Told:
    """What was told of a phone beside its checks: by its owner, by whoever provisioned it, by an admin."""

    consent: Consent
    provisioned_at: datetime | None = None
    """When it was last provisioned, or its owner's word was another; None: unknown."""
    retired_at: datetime | None = None
    """When an admin said that it does not come back; None: nobody did, or it was taken back."""


GONE = frozenset({Standing.RETIRED, Standing.HANDED_BACK})
"""Of phones that are not with us any more: nobody waits for their checks, whatever the clock and the policy say."""


_NEVER_SILENT = GONE | {Standing.DECLINED, Standing.UNSEEN}


def is_retired(told: Told, latest: CheckFacts | None) -> bool:
    """Whether an admin's word that a phone does not come back still holds: it was not met since."""
    # By the time of the check and not by its arrival: a report that waited in a spool says nothing of today.
    return told.retired_at is not None and not any(
        at is not None and at > told.retired_at
        for at in (told.provisioned_at, latest.effective_at if latest else None)
    )


def is_handed_back(told: Told, latest: CheckFacts | None) -> bool:
    """Whether everything was put back and nothing of ours is left on a phone, which was not provisioned again since."""
    # With something still open it is no hand-back, whatever its station says: somebody has to see to that.
    if latest is None or not latest.handed_back or latest.open_entries:
        return False
    return told.provisioned_at is None or told.provisioned_at <= latest.effective_at


def fresh_standing(told: Told, latest: CheckFacts | None) -> Standing:
    """Return what a phone stands as while the measure bears on it and its latest check is not overdue."""
    if is_retired(told, latest):
        return Standing.RETIRED
    # Whatever was reported before: nothing is asked of it any more.
    if told.consent is Consent.DECLINED:
        return Standing.DECLINED
    if latest is None:
        return Standing.UNSEEN
    if is_handed_back(told, latest):
        return Standing.HANDED_BACK
    if latest.verdict is Verdict.UNREADABLE:
        return Standing.UNREADABLE
    if latest.verdict is Verdict.VIOLATING:
        return Standing.VIOLATING if latest.enforceable else Standing.NOT_ENFORCEABLE
    return Standing.COMPLIANT


def standing_of(phone_id: PhoneId, told: Told, latest: CheckFacts | None, situation: Situation) -> Standing:
    """Return the standing of one phone; every phone has exactly one."""
    fresh, has_open = fresh_standing(told, latest), bool(latest and latest.open_entries)
    is_over = situation.lifted or situation.exempts(phone_id)
    return standing_now(fresh, has_open, latest.effective_at if latest else None, is_over, situation)


def standing_now(
    fresh: Standing, has_open: bool, checked_at: datetime | None, is_over: bool, situation: Situation
) -> Standing:
    """Return what becomes of a fresh standing by the clock, and where the measure `is_over` for the phone."""
    if is_over:
        return standing_when_over(fresh, has_open)
    if checked_at and may_fall_silent(fresh) and situation.overdue(checked_at):
        return Standing.SILENT
    return fresh


def standing_when_over(fresh: Standing, has_open: bool) -> Standing:
    """Return what a phone stands as once the measure is over for it: lifted, or exempt."""
    if fresh in GONE:
        return fresh
    # First: whatever it was found to be, nothing follows from that any more, and nobody has to bring it to a station.
    if not has_open:
        return Standing.NOTHING_DUE
    # However old the check, what we switched off is still off.
    return Standing.DECLINED if fresh is Standing.DECLINED else Standing.WAITING_FOR_LIFT


def may_fall_silent(fresh: Standing) -> bool:
    """Whether a phone of this fresh standing becomes silent: a verdict that is too old says nothing of today."""
    return fresh not in _NEVER_SILENT


def reach_now(probed: Reach, latest: CheckFacts | None) -> Reach:
    """Return whether the managed apps can be switched: as the latest check showed, where it did, else as probed."""
    if latest is None or latest.verdict is Verdict.UNREADABLE:
        return probed
    if not latest.enforceable:
        return Reach.CLOSED
    # Whoever violates has a managed app in a place; of others "enforceable" may only mean that nothing is there.
    return Reach.OPEN if latest.verdict is Verdict.VIOLATING else probed


def no_counts() -> dict[Standing, int]:
    """Return a count of zero for every standing, so that pages show the empty ones too."""
    return dict.fromkeys(Standing, 0)


@dataclass(frozen=True)
class FleetCounts:
    """How many phones there are, by standing (every standing is a key)."""

    total: int
    by_standing: Mapping[Standing, int]
    waiting_by_age: Mapping[str, int]
    """How many wait for the lift, by the age of their latest check: ``day``, ``week``, ``month``, ``longer``."""
    by_reach: Mapping[Reach, int]
    """How many of the phones that are with us and whose owners agreed can be enforced on: as probed, or as their latest
    check showed."""

    @property
    def with_us(self) -> int:
        """How many phones there are that were neither handed back nor retired."""
        return self.total - sum(self.by_standing[one] for one in GONE)
