"""Thinning out: old reports in which nothing changed lose their envelope, which is three quarters of what they take.

Their rows stay: a report that is sent again must be known by id and hash, and its counter must stay used. So nothing
on the way of new reports needs to know of thinning. What was seen is compared whole, so a field that comes later
counts as a change until somebody names it here as one that changes by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy.orm import Session

from policy.errors import PolicyError
from policy.report import Report
from policy.schemas import load_report
from policy.watched import Watched
from server.evidence import alarms, audit
from server.fleet import phones
from server.reports import old_reports
from server.reports.kept_reports import WATCHED_SHOWN
from server.reports.old_reports import KeptEnvelope
from server.reports.stored_envelopes import payload_of
from server.storage.database import Database

_CHANGES_BY_ITSELF = frozenset(
    {
        "report_id",
        "station_id",
        "counter",
        "operator",
        "transport",
        "checked_at",
        "phone_skew_s",
        # Dumps carry times: the hash differs though the phone is as it was.
        "answers_sha256",
    }
)
_SEEN = tuple(field.name for field in fields(Report) if field.name not in _CHANGES_BY_ITSELF)
_AT_ONCE = 5_000
"""Reports in one transaction: stations that report meanwhile wait for it."""
_ROWS_AT_ONCE = 1_000
# The characters that a report id may have, so that one is found whole inside a sentence.
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")


@dataclass(frozen=True)
class ThinningPlan:
    """Which reports would be thinned out, of how many that are old enough, and what their envelopes take."""

    report_ids: tuple[str, ...]
    older: int
    envelope_bytes: int


def plan(database: Database, before: datetime) -> ThinningPlan:
    """Return what can be thinned out of the checks up to that moment; changes nothing."""
    with database.reading() as session:
        phone_ids = phones.phone_ids(session)
        named = _named(session)
    report_ids: list[str] = []
    older = size = 0
    # Phone by phone: no more than one phone's envelopes are in memory, and no transaction spans the fleet.
    for phone_id in phone_ids:
        with database.reading() as session:
            stored = list(old_reports.envelopes_of(session, phone_id))
        older += sum(one.effective_at <= before for one in stored)
        for one in _without_news(stored):
            if one.effective_at <= before and not named.holds(one.report_id, (one.station_id, one.counter)):
                report_ids.append(one.report_id)
                size += one.stored_bytes
    return ThinningPlan(tuple(report_ids), older, size)


def drop(database: Database, planned: ThinningPlan, days: int, actor: str, now: datetime) -> int:
    """Drop the planned envelopes, each part with its audit row, and return how many; what was named meanwhile stays."""
    dropped = 0
    for start in range(0, len(planned.report_ids), _AT_ONCE):
        part = planned.report_ids[start : start + _AT_ONCE]
        with database.writing() as session:
            # Asked again within the transaction: an alarm may have named a report since it was planned.
            named = _named(session)
            counters = old_reports.counters_of(session, part)
            report_ids = [report_id for report_id in part if not named.holds(report_id, counters[report_id])]
            old_reports.drop_envelopes(session, report_ids)
            detail = {"reports": len(report_ids), "older_than_days": days}
            audit.record(session, actor, "reports thinned out", "reports", detail, now)
        dropped += len(report_ids)
    return dropped


@dataclass(frozen=True)
class _Named:
    """What alarms and the audit chain name: ids (and any other word), and counters of stations."""

    report_ids: Collection[str]
    counters: Collection[tuple[str, int]]

    def holds(self, report_id: str, counter: tuple[str, int]) -> bool:
        return report_id in self.report_ids or counter in self.counters


def _named(session: Session) -> _Named:
    words: set[str] = set()
    counters: set[tuple[str, int]] = set()
    for envelope in alarms.alarmed_envelopes(session):
        told = json.loads(payload_of(envelope))
        # The counter, too: the report that a copied station's contradicts has another id, and that counter.
        words.add(told["report_id"])
        counters.add((told["station_id"], told["counter"]))
    for row in _audit_rows(session):
        found = _TOKEN.findall(f"{row.subject} {json.dumps(row.detail)}")
        # Any word may be an id. Too many names keep an envelope too many; one too few would drop evidence for good.
        words.update(found)
        words.update(word.rstrip("._:-") for word in found)  # the end of a sentence is no part of an id
    return _Named(words, counters)


def _audit_rows(session: Session) -> Iterator[audit.AuditRow]:
    before: int | None = None
    while rows := audit.newest_rows(session, _ROWS_AT_ONCE, before):
        yield from rows
        before = rows[-1].number


def _without_news(stored: Sequence[KeptEnvelope]) -> Iterator[KeptEnvelope]:
    """Yield those of a phone's reports, oldest first, that say again what the one before said."""
    # The newest, and the newest with a ledger: by these the phone's standing and what to restore are known.
    # Of several at the newest moment, each: which of them the phone's state names depends on which arrived last.
    newest_at = stored[-1].effective_at if stored else None
    # Of these the page tells the time between visits, stretch by stretch: one that is thinned out would be a gap in it.
    shown = {one.report_id for one in [one for one in stored if one.watched][-WATCHED_SHOWN:]}
    indispensable = {one.report_id for one in stored if one.effective_at == newest_at}
    indispensable |= {one.report_id for one in [one for one in stored if one.has_ledger][-1:]}
    last: tuple[object, ...] | None = None
    for one in stored:
        if not one.envelope:
            continue  # thinned out before, because it said what `last` says
        seen = _seen(one.envelope, one.report_id in shown)
        if seen is not None and seen == last and one.report_id not in indispensable:
            yield one
        # None as well: what comes after a report in which something was done is news whatever it says.
        last = seen


def _seen(envelope: bytes, is_shown: bool) -> tuple[object, ...] | None:
    """Return what a check saw, None for one that is news in any case: something was done, or it cannot be read."""
    try:
        report = load_report(payload_of(envelope))
    except PolicyError:
        return None
    if report.actions:
        return None
    if report.watched is not None and not is_shown:
        if _tells(report.watched):
            return None
        # That it went on watching, from line to line, is what repeats.
        report = replace(report, watched=replace(report.watched, first_line=0, last_line=0, spans=()))
    return tuple(getattr(report, name) for name in _SEEN)


def _tells(watched: Watched) -> bool:
    """Whether the phone's own notes tell more than that somebody watched: what changed, was done, or is lost."""
    return bool(watched.verdicts or watched.actions or watched.dropped)
