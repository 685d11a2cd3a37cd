"""The technicians' computers: enrolled once, known by their key, revoked when lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class StationRow:
    """One station as pages show it."""

    station_id: str
    name: str
    key_fingerprint: str
    enrolled_at: datetime
    revoked_at: datetime | None
    last_report_at: datetime | None
    reports: int
    highest_counter: int
    alarms: int


def stations(session: Session) -> Sequence[StationRow]:
    """Return all stations, those in service first, then by name."""
    raise NotImplementedError


def revoke_station(session: Session, station_id: str, now: datetime) -> bool:
    """Refuse everything this station sends from now on; False if it was revoked before.

    Raises `NotThere` for an unknown station. The caller writes the audit row in the same transaction.
    """
    raise NotImplementedError
