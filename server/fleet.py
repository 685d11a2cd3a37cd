"""What pages show of phones: the fleet, its counts, one phone. Holders stand on one phone's page only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Consent, Report
from policy.verdict import Verdict
from server.standing import FleetCounts, LatestCheck, Standing


@dataclass(frozen=True)
class PhoneRow:
    """One line of the fleet table."""

    phone_id: PhoneId
    manufacturer: str
    model: str
    label: str
    virtual: bool
    consent: Consent
    registered_at: datetime
    standing: Standing
    exempt: bool
    station_name: str
    """Of the latest check; empty when there was none."""
    latest: LatestCheck | None


@dataclass(frozen=True)
class ReportLine:
    """One check in a phone's history."""

    report_id: str
    station_name: str
    checked_at: datetime
    received_at: datetime
    late: bool
    verdict: Verdict
    enforceable: bool
    bundle_number: int
    actions: int


@dataclass(frozen=True)
class Alarm:
    """Something that needs a person: a report id or a counter was used twice with different content."""

    kind: str
    """``conflict`` (same report id) or ``cloned_station`` (same counter)."""
    station_id: str
    phone_id: str
    report_id: str
    raised_at: datetime
    detail: str


@dataclass(frozen=True)
class PhonePage:
    """All that the page of one phone shows. ``report`` is the latest check, whole: verdicts, actions, what was
    asked (`Report.commands`), what was not read (`Report.reasons`). ``ledger`` is the newest one known."""

    row: PhoneRow
    holder: str
    report: Report | None
    ledger: Ledger | None
    history: tuple[ReportLine, ...]
    alarms: tuple[Alarm, ...]


def fleet(
    session: Session,
    now: datetime,
    search: str = "",
    standing_filter: Standing | None = None,
    limit: int = 200,
    offset: int = 0,
) -> Sequence[PhoneRow]:
    """Return phones by urgency of their standing, then by name; `search` looks in id, model, maker and label."""
    raise NotImplementedError


def fleet_counts(session: Session, now: datetime) -> FleetCounts:
    """Return how many phones have which standing."""
    raise NotImplementedError


def phone_page(session: Session, phone_id: PhoneId, now: datetime, holder_key: str) -> PhonePage | None:
    """Return all about one phone, or None if there is no such phone; `holder_key` is the configured one."""
    raise NotImplementedError


def alarms(session: Session, limit: int = 50) -> Sequence[Alarm]:
    """Return the newest alarms of all stations."""
    raise NotImplementedError
