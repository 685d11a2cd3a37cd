"""What a check of the audit chain found, as alarms: one per cause, however often it is found."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from certs.audit_chain import ChainCheck
from policy.counted import counted
from server.evidence.alarms import AlarmKind, raise_chain_alarm


def raise_trouble(
    session: Session, check: ChainCheck, now: datetime, station_id: str = "", evidence: bytes = b""
) -> int:
    """Raise what `check` found and return how many alarms are new.

    ``station_id`` is who told of the heads that were compared, empty where a file was; ``evidence`` is the signed head.
    """
    raised = 0
    if not check.whole:
        kind = AlarmKind.AUDIT_HEAD_MISSING if check.head_is_missing else AlarmKind.AUDIT_CHAIN_BROKEN
        raised += raise_chain_alarm(session, kind, f"{check.fault}; {counted(check.rows, 'row')} hold", now)
    if check.misfits:
        head = check.misfits[0]
        # The same words whatever has been written since: that the same head is found again is no news.
        detail = f"row {head.number} with hash {head.hash[:16]} was signed once and is not in the chain"
        kind = AlarmKind.AUDIT_HEAD_UNKNOWN
        raised += raise_chain_alarm(session, kind, detail, now, station_id, evidence)
    return raised
