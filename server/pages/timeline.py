"""A phone's timeline: every check that is stored, and what each asked, found, did and proved, opening in place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from policy.observation import UserKind
from server.context import context
from server.fleet.phone_rows import phone_rows
from server.fleet.phones import find_phones
from server.pages.access import needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.phone import OVER, packages_asked, phone_id_of, unknown_phone, what_was_not_read, words_of
from server.people.people import Right
from server.policies.bundles import BundleRow, bundles, situation
from server.reports.purges import newest_purge
from server.reports.stored_envelopes import payload_of
from server.reports.timeline import TimelineCheck, checks_of
from server.stations.stations import station_names

CHECKS_PER_PAGE = 50


@dataclass(frozen=True)
class Told:
    """One check as the page tells it; ``words`` are those of its report, empty where that was thinned out."""

    entry: TimelineCheck
    station_name: str
    asked: Sequence[str]
    not_read: Sequence[str]
    kinds: Mapping[int, UserKind]
    words: Mapping[str, Any]


@dataclass(frozen=True)
class LastPurge:
    """When reports were purged last, under which setting, and which row of the audit chain tells it."""

    row: int
    at: datetime
    setting: str


@pages.get("/phones/<phone_id>/checks")
@needs(Right.LOOK)
def phone_checks(phone_id: str) -> str:
    """Show one piece of a phone's timeline."""
    wanted, after = phone_id_of(phone_id), request.args.get("after", "")[:300]
    with context().database.reading() as session:
        found = find_phones(session, [wanted])
        if not found:
            raise unknown_phone(phone_id)
        [row] = phone_rows(session, found, situation(session, now()))
        piece = checks_of(session, wanted, after, CHECKS_PER_PAGE)
        names = station_names(session, {one.check.station_id for one in piece.rows})
        published = bundles(session)
        purge = _last_purge(session) if piece.next is None else None
    return render_template(
        "timeline.html",
        tab="pages.fleet",
        phone=row,
        checks=[_told(one, names, published) for one in piece.rows],
        after=after,
        following=piece.next,
        over=row.standing in OVER,
        # Whoever came later lacks nothing by it.
        purge=purge if purge and row.registered_at < purge.at else None,
    )


def _told(one: TimelineCheck, names: Mapping[str, str], published: Sequence[BundleRow]) -> Told:
    report, name = one.report, names.get(one.check.station_id, "")
    if report is None:
        return Told(one, name, (), (), {}, {})
    return Told(
        one,
        name,
        packages_asked(published, report),
        what_was_not_read(report),
        {user.user: user.kind for user in report.users},
        words_of(report, report.ledger),
    )


def _last_purge(session: Session) -> LastPurge | None:
    found = newest_purge(session)
    if found is None:
        return None
    number, certificate = found
    told = json.loads(payload_of(certificate))
    return LastPurge(number, datetime.fromisoformat(told["purged_at"]), told["setting"])
