"""What is kept for lists and counts, compared with what it was made of, and made anew where it differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from policy.counted import counted
from server.fleet import entries, phone_states, phones, ring_tallies, search
from server.fleet.block_changes import forget_cursors
from server.fleet.entries import Bin, Entry, entry_of
from server.reports import station_activity
from server.reports.purges import purged_of_stations
from server.reports.station_activity import StationActivity
from server.storage.database import lock_out_writers

_AT_ONCE = 10_000


def differences(session: Session) -> Iterator[str]:
    """Yield a sentence for each way in which what is kept is not what phones and reports say; none if it is right."""
    wrong: list[str] = []
    tallied: Counter[Bin] = Counter()
    for right in _made_anew(session):
        kept = entries.entries_of(session, right)
        wrong += [phone_id for phone_id, entry in right.items() if kept.get(phone_id) != entry]
        tallied.update(entries.bin_of(entry) for entry in kept.values())
    if wrong:
        told = counted(len(wrong), "phone is", "phones are")
        yield f"{told} listed other than the latest check says, such as {min(wrong)}"
    tallies = entries.tallies(session)
    miscounted = [one for one in tallied.keys() | tallies.keys() if tallied[one] != tallies.get(one, 0)]
    if miscounted:
        yield f"{counted(len(miscounted), 'kept count')} of {len(tallies)} differ from the list"
    if (faults := ring_tallies.count_faults(session))[0]:
        yield f"{counted(faults[0], 'kept count')} of rings of {faults[1]} differ from the list"
    sent, kept_of = _sent(session), station_activity.all_activity(session)
    if misled := sorted(one for one in sent.keys() | kept_of.keys() if sent.get(one) != kept_of.get(one)):
        stations = counted(len(misled), "station has", "stations have")
        yield f"{stations} sent other than is kept of it, such as {misled[0]}"
    if not search.index_is_right(session):
        yield "the index of names, by which phones are searched, is not of the names that are stored"


def make_anew(session: Session) -> None:
    """Put what phones and reports say in the place of what is kept; whoever stores meanwhile waits."""
    lock_out_writers(session)
    station_activity.replace_all(session, _sent(session))
    tallied: Counter[Bin] = Counter()
    for right in _made_anew(session):
        entries.note_entries(session, right)
        tallied.update(entries.bin_of(entry) for entry in right.values())
    entries.replace_tallies(session, tallied)
    # For the rings it was kept for: whether these are in force is looked at every minute.
    ring_tallies.keep_for(session, ring_tallies.kept_bounds(session))
    search.index_anew(session)
    forget_cursors(session)


def _sent(session: Session) -> dict[str, StationActivity]:
    """Return what every station has sent: what is stored of it, and what was purged since."""
    purged = purged_of_stations(session)
    return {
        station_id: replace(stored, reports=stored.reports + purged.get(station_id, 0))
        for station_id, stored in station_activity.activity_from_reports(session).items()
    }


def _made_anew(session: Session) -> Iterator[Mapping[str, Entry]]:
    phone_ids = phones.phone_ids(session)
    for start in range(0, len(phone_ids), _AT_ONCE):
        part = phone_ids[start : start + _AT_ONCE]
        facts, agreed = phone_states.check_facts(session, part), phones.agreed_with(session, part)
        yield {
            phone.phone_id: entry_of(*agreed[phone.phone_id], phone.registered_at, facts.get(phone.phone_id))
            for phone in phones.find_phones(session, part)
        }
