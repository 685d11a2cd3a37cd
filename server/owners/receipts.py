"""What the code on an owner's receipt opens: what is stored of that one phone since it is theirs, and nothing else.

The code is the id of the report that the receipt tells of, 122 random bits that only paper and server know
(docs/decisions/0031).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from policy.counted import counted
from policy.document import Policy
from policy.names import PhoneId
from policy.report import Report
from server.errors import NotThere
from server.fleet import phone_states, phones
from server.owners.requests import OwnerRequest, requests_of
from server.policies.bundles import bundles
from server.reports import kept_reports

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_TRUNCATED = timedelta(seconds=2)
"""A station knows the time to the second: a check right after its registration may seem to be before it."""


@dataclass(frozen=True)
class Opened:
    """What a code opens. ``report`` is the phone's newest check, None where only who, when and what verdict is kept.

    ``policy`` is the one that check went by, None where it is not stored; ``until`` is when the code ends.
    """

    phone: phones.Phone
    report: Report | None
    policy: Policy | None
    until: datetime
    requests: tuple[OwnerRequest, ...]


def opened(session: Session, code: str, days: int, now: datetime) -> Opened:
    """Return what the receipt with `code` opens for so many `days` after its check.

    Raises `NotThere`, in the same words whatever is wrong: who guesses learns nothing, not even what was once right.
    """
    found = kept_reports.when_checked(session, code)
    if found is None:
        raise _not_there(days)
    phone_id, checked_at = found
    # Of a phone that went to somebody else, the receipts of before are those of another person.
    since = phones.held_since(session, phone_id) or _EVER
    if checked_at < max(now - timedelta(days=days), since - _TRUNCATED):
        raise _not_there(days)
    [phone] = phones.find_phones(session, [phone_id])
    report = _newest(session, phone_id)
    policy = next((b.policy for b in bundles(session) if report and b.number == report.bundle_number), None)
    until = checked_at + timedelta(days=days)
    return Opened(
        phone,
        report,
        policy,
        until,
        tuple(requests_of(session, phone_id, since)),
    )


def _newest(session: Session, phone_id: PhoneId) -> Report | None:
    latest = phone_states.latest_checks(session, [phone_id]).get(phone_id)
    return kept_reports.stored_report(session, latest.report_id) if latest else None


def _not_there(days: int) -> NotThere:
    return NotThere(
        "receipt_unknown",
        f"This code opens nothing: it was mistyped, its check is more than {counted(days, 'day')} old or has not"
        " reached this server yet, or the phone was made known for somebody else since.",
        "Compare it with the newest receipt, try again tomorrow, or ask where the phone was checked.",
    )
