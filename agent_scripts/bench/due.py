"""What is due for a phone that is there, from its row, what the station knows of it, and what it carries. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from agent_scripts.bench.rows import BenchRow
from agent_scripts.station_files.station import KnownPhone
from policy.report import Consent


class Due(Enum):
    """The next thing for one phone."""

    CHECK = "check"
    PROVISION = "provision"
    DECLINE = "decline"
    """Record that its owner declined, and put back what was done while they agreed."""
    NOTHING = "nothing"
    """Its owner declined, and that is recorded."""
    ASK = "ask"


def due(
    row: BenchRow, known: KnownPhone | None, mark: Callable[[str, str], str], *, carries_marker: bool
) -> Due:
    """Return what is due; by `mark` (`Station.registration_mark`) what was carried out before is known again."""
    as_told = known is not None and row.holder != "" and known.registered_as == mark(row.holder, row.unit)
    same_label = known is not None and row.label in ("", known.label)
    # What a list or a technician says now goes before what was said earlier.
    if row.holder and row.consent and not (as_told and same_label and known and known.consent is row.consent):
        if row.consent is Consent.AGREED:
            return Due.PROVISION
        labelled = row.label or (known.label if known else "")
        return Due.DECLINE if labelled else Due.ASK
    if row.holder and not row.consent and not as_told:
        return Due.ASK
    if known is not None:
        return Due.CHECK if known.consent is Consent.AGREED else Due.NOTHING
    # Another station's phone: it was asked there whether its owner agrees.
    return Due.CHECK if carries_marker and not row.holder else Due.ASK
