"""What pages show of phones: the fleet, its counts, one phone. Holders stand on one phone's page only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.probe import Reach
from policy.report import Consent, Report
from policy.stage import stage_of
from policy.verdict import Stage
from server.evidence.alarms import Alarm, AlarmCounts, counts_of_phone, open_alarms, settled_alarms
from server.fleet import phone_states, phones
from server.fleet.attempts import LastAttempt, last_attempt
from server.fleet.blocks import BlockCause, cause_of
from server.fleet.off_times import OffTime, off_times
from server.fleet.phones import KeptProbe, Phone, PhoneNames
from server.fleet.standing import (
    FleetCounts,
    LatestCheck,
    Standing,
    no_counts,
    reach_now,
    standing_of,
)
from server.policies.bundles import situation, situation_and_history
from server.policies.situation import Situation
from server.reports import kept_reports
from server.reports.between_visits import WatchStory, watch_story
from server.stations import stations

_HISTORY_SHOWN = 50
_ACTING_READ = 60
_AGES = (("day", timedelta(days=1)), ("week", timedelta(days=7)), ("month", timedelta(days=30)))
# What needs a person comes first on the page.
_URGENCY = {
    Standing.NOT_ENFORCEABLE: 0,
    Standing.VIOLATING: 1,
    Standing.WAITING_FOR_LIFT: 2,
    Standing.UNREADABLE: 3,
    Standing.SILENT: 4,
    Standing.DECLINED: 5,
    Standing.UNSEEN: 6,
    Standing.COMPLIANT: 7,
    Standing.NOTHING_DUE: 8,
}


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
    stage: Stage | None
    """How far the measure is for this phone now; None without a bundle."""
    mail: BlockCause
    """What the mail side is told because of this phone."""
    station_name: str
    """Of the latest check; empty when there was none."""
    latest: LatestCheck | None


@dataclass(frozen=True)
class FleetView:
    """One page of the fleet: the counts of all phones, the rows asked for, and how many match in all."""

    counts: FleetCounts
    rows: Sequence[PhoneRow]
    matching: int


@dataclass(frozen=True)
class ReportLine:
    """One check in a phone's history, with the name of the station that made it."""

    check: kept_reports.PastCheck
    station_name: str


@dataclass(frozen=True)
class PhonePage:
    """All that the page of one phone shows. ``report`` is the latest check, whole: verdicts, actions, what was
    asked (`Report.commands`), what was not read (`Report.reasons`). ``ledger`` is the newest one known, ``watch``
    what the phone's own script told, None if it never did."""

    row: PhoneRow
    holder: str
    report: Report | None
    ledger: Ledger | None
    mail_since: datetime
    """Since when the mail side is told what ``row.mail`` says."""
    history: tuple[ReportLine, ...]
    """The newest reports."""
    has_more_history: bool
    alarms: tuple[Alarm, ...]
    settled: tuple[Alarm, ...]
    """The newest of each; how many there are in all says `alarm_counts`."""
    alarm_counts: AlarmCounts
    probe: KeptProbe | None
    watch: WatchStory | None
    off_times: tuple[OffTime, ...]
    """From when to when apps were off by our doing, newest first, as far as reports were read for it."""
    has_more_acting: bool
    """Whether earlier reports tell of what was done, which were not read."""
    attempt: LastAttempt | None
    """The newest visit in vain since the latest check."""

    @property
    def is_ahead(self) -> bool:
        """Whether the latest check comes from a clock further ahead than is allowed."""
        latest = self.row.latest
        return bool(
            self.report and latest and kept_reports.is_ahead(self.report.checked_at, latest.received_at)
        )


def look_at_fleet(
    session: Session,
    now: datetime,
    search: str = "",
    standing_filter: Standing | None = None,
    limit: int = 200,
    offset: int = 0,
) -> FleetView:
    """Return counts of all phones and rows of those asked for, by urgency of their standing, then by name.

    `search` looks in id, model, maker and label. One walk over the fleet answers everything.
    """
    here = situation(session, now)
    facts = phone_states.check_facts(session)
    counts, waiting = no_counts(), dict.fromkeys([*(name for name, _ in _AGES), "longer"], 0)
    reaches = dict.fromkeys(Reach, 0)
    wanted, chosen = search.strip().casefold(), []
    for phone in phones.phone_names(session):
        fact = facts.get(phone.phone_id)
        standing = standing_of(phone.phone_id, phone.consent, fact, here)
        counts[standing] += 1
        # Only where the owner agreed: nothing is done on the other phones, whatever could be.
        if phone.consent is Consent.AGREED:
            reaches[reach_now(phone.reach, fact)] += 1
        if standing is Standing.WAITING_FOR_LIFT and fact is not None:
            waiting[_age(now - fact.effective_at)] += 1
        if standing_filter in (None, standing) and (not wanted or _matches(phone, wanted)):
            # Only what the order needs: whole rows are read for the one page that is shown.
            chosen.append((_URGENCY[standing], phone.label, phone.model, phone.phone_id))
    chosen.sort()
    shown = [phone_id for *_, phone_id in chosen[offset : offset + limit]]
    by_id = {phone.phone_id: phone for phone in phones.find_phones(session, shown)}
    # The database gives them in no order.
    rows = _rows(session, [by_id[phone_id] for phone_id in shown], here)
    oldest = min((fact.effective_at for fact in facts.values()), default=None)
    return FleetView(FleetCounts(sum(counts.values()), counts, waiting, reaches, oldest), rows, len(chosen))


def fleet(
    session: Session,
    now: datetime,
    search: str = "",
    standing_filter: Standing | None = None,
    limit: int = 200,
    offset: int = 0,
) -> Sequence[PhoneRow]:
    """Return the rows of `look_at_fleet`."""
    return look_at_fleet(session, now, search, standing_filter, limit, offset).rows


def fleet_counts(session: Session, now: datetime) -> FleetCounts:
    """Return how many phones have which standing."""
    return look_at_fleet(session, now, limit=0).counts


def phone_page(session: Session, phone_id: PhoneId, now: datetime, holder_key: str) -> PhonePage | None:
    """Return all about one phone, or None if there is no such phone; `holder_key` is the configured one."""
    found = phones.find_phones(session, [phone_id])
    if not found:
        return None
    here = situation_and_history(session, now)
    [row] = _rows(session, found, here)
    latest = kept_reports.stored_report(session, row.latest.report_id) if row.latest else None
    # One more than is used tells whether there are more.
    acting = kept_reports.acting_reports(session, phone_id, _ACTING_READ + 1)
    history = kept_reports.history(session, phone_id, _HISTORY_SHOWN + 1)
    names = stations.station_names(session)
    return PhonePage(
        row=row,
        holder=phones.holders(session, holder_key, [phone_id])[phone_id],
        report=latest,
        ledger=kept_reports.newest_ledger(session, phone_id),
        mail_since=cause_of(found[0], row.latest, here)[1],
        history=tuple(
            ReportLine(check, names.get(check.station_id, "")) for check in history[:_HISTORY_SHOWN]
        ),
        has_more_history=len(history) > _HISTORY_SHOWN,
        alarms=tuple(open_alarms(session, phone_id)),
        settled=tuple(settled_alarms(session, phone_id)),
        alarm_counts=counts_of_phone(session, phone_id),
        probe=phones.kept_probe(session, phone_id),
        watch=watch_story(kept_reports.watched_reports(session, phone_id)),
        # The latest by itself: without acting it may show that an app runs again, or is gone.
        off_times=off_times([*acting[:_ACTING_READ], *([latest] if latest else [])]),
        has_more_acting=len(acting) > _ACTING_READ,
        attempt=last_attempt(session, phone_id, row.latest.effective_at if row.latest else None),
    )


def _matches(phone: PhoneNames, wanted: str) -> bool:
    texts = (phone.phone_id, phone.model, phone.manufacturer, phone.label)
    return any(wanted in text.casefold() for text in texts)


def _age(age: timedelta) -> str:
    return next((name for name, limit in _AGES if age <= limit), "longer")


def _rows(session: Session, found: Sequence[Phone], here: Situation) -> list[PhoneRow]:
    latest = phone_states.latest_checks(session, [phone.phone_id for phone in found])
    names = stations.station_names(session)
    return [_row(phone, latest.get(phone.phone_id), names, here) for phone in found]


def _row(phone: Phone, latest: LatestCheck | None, names: Mapping[str, str], here: Situation) -> PhoneRow:
    return PhoneRow(
        phone_id=phone.phone_id,
        manufacturer=phone.manufacturer,
        model=phone.model,
        label=phone.label,
        virtual=phone.virtual,
        consent=phone.consent,
        registered_at=phone.registered_at,
        standing=standing_of(phone.phone_id, phone.consent, latest, here),
        exempt=here.exempts(phone.phone_id),
        stage=stage_of(here.bundle.policy, phone.phone_id, here.now) if here.bundle else None,
        mail=cause_of(phone, latest, here)[0],
        station_name=names.get(latest.station_id, "") if latest else "",
        latest=latest,
    )
