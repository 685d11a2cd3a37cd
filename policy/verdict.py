"""What the judgement answers: a verdict, what can be enforced, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, PackageState


class Verdict(Enum):
    """Three values; the third is never counted as either of the others."""

    COMPLIANT = "compliant"
    VIOLATING = "violating"
    UNREADABLE = "unreadable"


class Stage(Enum):
    """How far the measure has come for one phone, from policy and time alone."""

    REMIND = "remind"
    ENFORCE = "enforce"
    PAUSED = "paused"
    LIFTED = "lifted"


class ReasonCode(Enum):
    """Why a verdict, an enforceability or a restraint is as it is. A closed list; pages and reports show it."""

    BANNED_APP_PRESENT = "banned_app_present"
    BANNED_APP_GONE = "banned_app_gone"
    MANAGED_APPS_GONE = "managed_apps_gone"
    PHONE_UNREADABLE = "phone_unreadable"
    PACKAGE_UNREADABLE = "package_unreadable"
    USER_MISSING = "user_missing"
    PLACE_CLOSED = "place_closed"
    DISABLING_REFUSED = "disabling_refused"
    EXEMPT = "exempt"
    CLOCK_UNTRUSTED = "clock_untrusted"
    BUNDLE_TOO_OLD = "bundle_too_old"
    RING_HELD = "ring_held"
    ENABLED_AGAIN = "enabled_again"
    RESET_BY_UPDATE = "reset_by_update"
    OWNER_ENABLES_AGAIN = "owner_enables_again"
    NOT_OURS = "not_ours"
    NO_MEMORY = "no_memory"
    LEDGER_MISSING = "ledger_missing"
    USER_GONE = "user_gone"
    JUDGEMENT_FAILED = "judgement_failed"


@dataclass(frozen=True)
class Reason:
    """A code and what it is about, in a technician's words; never a person's or a foreign app's name."""

    code: ReasonCode
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """A banned package present in one user."""

    family: str
    user: UserNumber
    package: PackageName


@dataclass(frozen=True)
class ManagedState:
    """A managed app in one of the policy's places, as it was read."""

    user: UserNumber
    package: PackageName
    state: PackageState


class ActionKind(Enum):
    """All that Curfew ever does to a phone. There is no word for uninstall, clear, hide or suspend."""

    DISABLE = "disable"
    RESTORE = "restore"
    NOTIFY = "notify"


NOTICE_POSTER = PackageName("com.android.shell")
"""The app under whose name Android shows our notices: what a notice is about that names no banned app."""


@dataclass(frozen=True)
class Action:
    """One thing to do for one package in one user.

    For DISABLE, ``prior`` is the state to remember; for RESTORE, the state to put back. NOTIFY carries user 0, where
    notifications land (docs/android/commands.md 12.1), and the banned package that it is about, or `NOTICE_POSTER`
    where it says that all is back; it leaves ``prior`` at None.
    """

    kind: ActionKind
    user: UserNumber
    package: PackageName
    prior: EnabledState | None = None


@dataclass(frozen=True)
class EvaluationTime:
    """The time of one run: read once, handed in.

    ``trusted`` is False when the station's clock is behind its mark or more than five minutes off (docs/design.md
    rule 8); ``bundle_age`` is the time since the bundle was last confirmed by the server.
    """

    now: datetime
    trusted: bool = True
    bundle_age: timedelta = timedelta(0)


@dataclass(frozen=True)
class Judgement:
    """The whole answer for one phone. ``enforceable`` says whether disabling could reach every place in use."""

    stage: Stage
    verdict: Verdict
    enforceable: bool
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()
    managed: tuple[ManagedState, ...] = ()
    actions: tuple[Action, ...] = ()
