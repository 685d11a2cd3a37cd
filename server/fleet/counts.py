"""How many phones stand how, from kept counts and the clock: what it costs does not grow with the fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from policy.probe import Reach
from server.fleet import entries
from server.fleet.entries import Entry, Kind
from server.fleet.readiness import Overdue
from server.fleet.spans import FRESH_STANDINGS, Span, spans
from server.fleet.standing import GONE, FleetCounts, Standing, may_fall_silent, no_counts, standing_now
from server.policies.situation import Situation

_AGES = (("day", timedelta(days=1)), ("week", timedelta(days=7)), ("month", timedelta(days=30)))
_LONGER = "longer"
_CHECKED = tuple(fresh for fresh in FRESH_STANDINGS if may_fall_silent(fresh))


def fleet_counts(session: Session, here: Situation) -> FleetCounts:
    """Return how many phones stand how in that situation."""
    exempt = exempt_entries(session, here)
    kinds = entries.count_by_kind(session)
    seen_before = _SeenBefore(session, kinds)
    reaches = dict.fromkeys(Reach, 0)
    for kind, count in kinds.items():
        # Only where the owner agreed and the phone is there: nothing is done on the others, whatever could be.
        if kind.fresh not in GONE | {Standing.DECLINED}:
            reaches[kind.reach] += count
    return FleetCounts(
        total=sum(kinds.values()),
        by_standing=_by_standing(seen_before, here, exempt),
        waiting_by_age=_by_ages(seen_before, here, exempt, {Standing.WAITING_FOR_LIFT}),
        by_reach=reaches,
    )


def count_by_age(session: Session, here: Situation, standings: Collection[Standing]) -> Mapping[str, int]:
    """Return how many phones of these standings there are by when they were seen last, as `waiting_by_age` does."""
    seen_before = _SeenBefore(session, entries.count_by_kind(session))
    return _by_ages(seen_before, here, exempt_entries(session, here), standings)


def count_overdue(session: Session, here: Situation, before: datetime) -> Overdue:
    """Return how many phones that are not exempt now were seen last before that moment."""
    found = Counter(entries.count_seen_before(session, before))
    for entry in exempt_entries(session, here).values():
        found[entry.fresh, entry.has_open] -= entry.last_at < before
    checked = sum(count for (fresh, _), count in found.items() if may_fall_silent(fresh))
    return Overdue(checked, sum(found[Standing.UNSEEN, has_open] for has_open in (False, True)))


def oldest_check_at(session: Session) -> datetime | None:
    """Return when the oldest latest check was made, of phones whose owners agree; None before the first."""
    return entries.longest_unseen(session, _CHECKED)


def exempt_entries(session: Session, here: Situation) -> Mapping[str, Entry]:
    """Return the entries of the phones for which an exemption is in force and makes a difference."""
    if here.bundle is None or here.lifted:
        return {}
    named = {exemption.phone_id for exemption in here.bundle.fleet.exemptions}
    found = entries.entries_of(session, {phone_id for phone_id in named if here.exempts(phone_id)})
    return {phone_id: entry for phone_id, entry in found.items() if entry.fresh not in GONE}


def _by_standing(
    seen_before: _SeenBefore, here: Situation, exempt: Mapping[str, Entry]
) -> Mapping[Standing, int]:
    counts = no_counts()
    for span, standing in spans(here):
        counts[standing] += seen_before.within(span)
    for entry in exempt.values():
        # Counted above as what it would be without its exemption.
        counts[_standing(entry, here, is_exempt=False)] -= 1
        counts[_standing(entry, here, is_exempt=True)] += 1
    return counts


def _by_ages(
    seen_before: _SeenBefore,
    here: Situation,
    exempt: Mapping[str, Entry],
    standings: Collection[Standing],
) -> Mapping[str, int]:
    counts = dict.fromkeys([*(name for name, _ in _AGES), _LONGER], 0)
    for span, standing in spans(here):
        if standing in standings:
            for name, part in _by_age(span, here.now):
                counts[name] += seen_before.within(part)
    for entry in exempt.values():
        age = here.now - entry.last_at
        name = next((name for name, limit in _AGES if age <= limit), _LONGER)
        # As above: counted as what it would be without its exemption.
        counts[name] -= _standing(entry, here, is_exempt=False) in standings
        counts[name] += _standing(entry, here, is_exempt=True) in standings
    return counts


def _by_age(span: Span, now: datetime) -> Iterator[tuple[str, Span]]:
    until: datetime | None = None
    for name, limit in (*_AGES, (_LONGER, None)):
        since = None if limit is None else now - limit
        # What the stretch and the age have in common, if anything.
        first = max((one for one in (since, span.since) if one), default=None)
        end = min((one for one in (until, span.until) if one), default=None)
        if first is None or end is None or first < end:
            yield name, Span(span.fresh, span.has_open, first, end)
        until = since


def _standing(entry: Entry, here: Situation, *, is_exempt: bool) -> Standing:
    return standing_now(entry.fresh, entry.has_open, entry.last_at, is_exempt or here.lifted, here)


class _SeenBefore:
    """How many phones lie within a stretch; each bound is asked for once."""

    def __init__(self, session: Session, kinds: Mapping[Kind, int]) -> None:
        self._session = session
        everybody: Counter[tuple[Standing, bool]] = Counter()
        for kind, count in kinds.items():
            everybody[kind.fresh, kind.has_open] += count
        self._known: dict[datetime | None, Counter[tuple[Standing, bool]]] = {None: everybody}

    def within(self, span: Span) -> int:
        """Return how many phones are of the span's kind and were seen within it."""
        before = self._before(span.since)[span.fresh, span.has_open] if span.since else 0
        return self._before(span.until)[span.fresh, span.has_open] - before

    def _before(self, at: datetime | None) -> Counter[tuple[Standing, bool]]:
        if at is not None and at not in self._known:
            self._known[at] = Counter(entries.count_seen_before(self._session, at))
        return self._known[at]
