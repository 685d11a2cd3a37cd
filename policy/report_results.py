"""What server and station agree on about sent reports: how many at once, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BATCH_REPORTS = 100
# Also the most that the server takes of any body (server/config.py), so a batch has to count what frames its reports.
BATCH_BYTES = 1024 * 1024
"""Most reports and bytes of one request (docs/design.md 6)."""


class ReportStatus(Enum):
    """What became of one report."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The very same was stored before: nothing changed."""
    LATE = "late"
    """Stored, with a counter below the highest of its station that nobody had used."""
    CONFLICT = "conflict"
    """Its id was stored with another payload: kept as evidence, and an alarm."""
    QUARANTINED = "quarantined"
    """Its counter was used by another payload: kept as evidence, and an alarm."""
    REJECTED = "rejected"

    @property
    def is_kept(self) -> bool:
        """Whether the server has the report for good, so that the station may forget it."""
        # CONFLICT and QUARANTINED are not among these: the server holds them as evidence only, so the station sets its
        # file aside for a person.
        return self in (ReportStatus.STORED, ReportStatus.DUPLICATE, ReportStatus.LATE)


@dataclass(frozen=True)
class ReportResult:
    """The answer to one report; ``report_id`` is empty where none could be read. ``code`` is for programs."""

    report_id: str
    status: ReportStatus
    code: str
    message: str
