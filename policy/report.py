"""The signed record of one check, as values; `policy.schemas` gives them their JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.ledger import Ledger
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.verdict import ActionKind, Finding, Reason, Stage, Verdict
from policy.watched import Watched

REPORT_PAYLOAD_TYPE = "application/vnd.curfew.report+json"
"""The DSSE payload type: binds the kind of document into what is signed."""


class Consent(Enum):
    """What the phone's owner said when the phone was provisioned."""

    AGREED = "agreed"
    DECLINED = "declined"


class ActionResult(Enum):
    """What reading back showed after an action; exit codes do not decide."""

    DONE = "done"
    ALREADY = "already"
    STATE_CHANGED = "state_changed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ReportedUser:
    """A user that was looked at: number and kind, never a name."""

    user: UserNumber
    kind: UserKind
    open_to_shell: bool


@dataclass(frozen=True)
class ReportedApp:
    """A managed app in a place: its enabled state before and after acting; None where it could not be read."""

    user: UserNumber
    package: PackageName
    before: EnabledState | None
    after: EnabledState | None


@dataclass(frozen=True)
class ReportedAction:
    """An action, what reading back showed, and the phone's own words of refusal classified (empty if none)."""

    kind: ActionKind
    user: UserNumber
    package: PackageName
    result: ActionResult
    refusal: str = ""


@dataclass(frozen=True)
class CommandExit:
    """A command's id within the exchange and its exit code on the phone (None: cut before it ended)."""

    command: str
    exit_code: int | None


@dataclass(frozen=True)
class Report:
    """Everything one check leaves behind. Times are UTC; ``phone_skew_s`` is the phone's clock minus trusted time.

    ``ledger`` is the phone's ledger after the check, whole, so that any later station can restore from it.
    ``contradictions`` are lines for a person, with the exact commands to type. ``watched`` is what the phone's own
    script told, None where the policy has none. ``marker`` is the phone's marker as it was read, told only where the
    ledger beside it has none. ``handed_back`` says that everything was put back and nothing of ours is left on the
    phone, proved by reading back: its last report, unless it is provisioned again.
    """

    report_id: str
    station_id: str
    # Unique for its station, yet it need not rise: a report that comes late keeps its own (docs/design.md 6).
    counter: int
    operator: str
    agent_version: str
    judgement_version: int
    transport: str
    virtual: bool
    phone_id: PhoneId
    consent: Consent
    model: str
    manufacturer: str
    release: str
    api_level: int
    patch_level: str
    boot_state: str
    # 0 where the station had accepted no bundle.
    bundle_number: int
    stage: Stage
    checked_at: datetime
    time_trusted: bool
    # None where the phone's clock was not read.
    phone_skew_s: int | None
    verdict: Verdict
    enforceable: bool
    reasons: tuple[Reason, ...] = ()
    users: tuple[ReportedUser, ...] = ()
    findings: tuple[Finding, ...] = ()
    managed: tuple[ReportedApp, ...] = ()
    actions: tuple[ReportedAction, ...] = ()
    commands: tuple[CommandExit, ...] = ()
    answers_sha256: str = ""
    ledger: Ledger = Ledger()
    contradictions: tuple[str, ...] = ()
    watched: Watched | None = None
    marker: str = ""
    handed_back: bool = False

    @property
    def shown_marker(self) -> str:
        """The marker by which this report proves that its station has met the phone; empty if it tells none."""
        return self.ledger.marker or self.marker
