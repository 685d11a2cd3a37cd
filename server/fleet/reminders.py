"""How many checks of each day (UTC) reminded an owner before the deadline, and of how many the phone took no notice.

Counted in the transaction that stores the check, and never changed afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from sqlalchemy import BigInteger, Date, Table, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.report import ActionResult, Report
from policy.verdict import ActionKind, Stage
from server.fleet.daily_counts import day_of
from server.fleet.kept_tallies import KeptTallies
from server.reports.kept_reports import KeptReport
from server.storage.database import Base


class _ReminderTallyTable(Base):
    __tablename__ = "reminder_tally"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    # Whether the phone took the notice.
    taken: Mapped[bool] = mapped_column(primary_key=True)
    # Checks, of which one phone may have several a day; all kept counts have this name (`KeptTallies`).
    phones: Mapped[int] = mapped_column(BigInteger)


_TALLIES = cast(Table, _ReminderTallyTable.__table__)
_COUNTS = KeptTallies(_TALLIES)


@dataclass(frozen=True)
class Reminders:
    """The checks of one day that were to remind an owner: whose phone took the notice, and whose did not."""

    taken: int = 0
    refused: int = 0


def reminder_in(report: Report) -> bool | None:
    """Return whether the phone took a reminder at this check, for one user at least; None where none was due. Pure."""
    if report.stage is not Stage.REMIND:
        return None
    results = {action.result for action in report.actions if action.kind is ActionKind.NOTIFY}
    return ActionResult.DONE in results if results else None


def note_reminders(session: Session, kept: Iterable[KeptReport]) -> None:
    """Count the reminders of reports that are stored in this transaction."""
    told = ((day_of(one.effective_at), reminder_in(one.report)) for one in kept)
    _COUNTS.move(session, Counter((day, taken) for day, taken in told if taken is not None))


def reminders_by_day(session: Session, first: date, last: date) -> Mapping[date, Reminders]:
    """Return the reminders of the days from `first` to `last`, earliest first; a day without one is left out."""
    query = select(_TALLIES).where(_TALLIES.c.day >= first, _TALLIES.c.day <= last).order_by(_TALLIES.c.day)
    found: dict[date, dict[bool, int]] = {}
    for day, taken, phones in session.execute(query):
        found.setdefault(day, {})[taken] = phones
    return {day: Reminders(counts.get(True, 0), counts.get(False, 0)) for day, counts in found.items()}
