"""Counts and lists of the fleet come from kept counts and an index, and say what a walk over every phone says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from policy.document import Bundle, Exemption, Fleet
from policy.names import PhoneId
from policy.probe import Probe, Reach
from policy.report import Consent
from server.errors import InConflict
from server.fleet import entries, listing, phone_states, phones
from server.fleet.counts import fleet_counts, oldest_check_at
from server.fleet.entries import Place
from server.fleet.listing import BY_URGENCY, Cursor, Wanted, list_phones, read_cursor
from server.fleet.meetings import meet
from server.fleet.readiness import NOT_READY
from server.fleet.recounting import differences, make_anew
from server.fleet.retiring import retire, take_back
from server.fleet.standing import (
    GONE,
    CheckFacts,
    FleetCounts,
    Standing,
    Told,
    is_handed_back,
    is_retired,
    no_counts,
    reach_now,
    standing_of,
)
from server.fleet.units_left import count_by_unit
from server.intake.intake import Intake
from server.policies.bundles import situation
from server.policies.situation import Situation
from server.storage.database import Base
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    as_json,
    banning_policy,
    disabled_ledger,
)
from tests.server.test_probes import PROBE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PHONES = 12
KINDS: tuple[Mapping[str, Any], ...] = (
    *({}, VIOLATING, NOT_ENFORCEABLE, UNREADABLE, {"enforceable": False}),
    *({"handed_back": True}, {**UNREADABLE, "handed_back": True}),
)
LIMITS = (("day", 1), ("week", 7), ("month", 30))


class Office:
    """One fleet that every example adds checks and changed minds to; each looks at it in a situation of its own."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.bench = authority.bench()
        self.identities = [uuid4().hex * 2 for _ in range(PHONES)]
        self.phones = [
            authority.phone(self.bench, identity=identity, now=NOW - number * HOUR)
            for number, identity in enumerate(self.identities)
        ]

    def check(self, number: int, kind: int, age: timedelta, is_open: bool) -> None:
        """Take in a report on one phone."""
        changes = dict(KINDS[kind]) | ({"ledger": disabled_ledger()} if is_open else {})
        report = self.bench.report(self.phones[number], checked_at=NOW - age, **changes)
        assert self.authority.accept(self.bench.sign(report), now=NOW)[0].status.is_kept

    def ask_again(self, number: int, consent: Consent, probe: Probe | None) -> None:
        """Provision a phone again, with what its owner says now, in a unit that goes by it."""
        unit = probe.reach.value if probe else ""
        self.authority.phone(
            self.bench, identity=self.identities[number], consent=consent, probe=probe, unit=unit
        )

    def turn(self, number: int, age: timedelta) -> None:
        """Let an admin retire a phone so long ago, or take that back."""
        phone_id = self.phones[number]
        with suppress(InConflict), self.authority.database.writing() as session:
            take_back(session, phone_id, "admin-1", NOW)
            return
        with suppress(InConflict), self.authority.database.writing() as session:
            retire(session, phone_id, "lost", "admin-1", "admin-1", NOW - age)

    def situation(self, is_published: bool, is_lifted: bool, exempt: set[int], later: int) -> Situation:
        """Return the situation so many hours from now."""
        exemptions = tuple(Exemption(self.phones[n], NOW + 9 * DAY, "travel") for n in sorted(exempt))
        bundle = Bundle(1, banning_policy(lifted=is_lifted), Fleet(1, exemptions))
        return Situation(NOW + later * HOUR, bundle if is_published else None)


@pytest.fixture
def office(authority: Authority) -> Office:
    """Return a fleet that nobody has looked at yet."""
    return Office(authority)


# Around the limits by which phones are sorted: 48 hours of silence; a day, a week, a month of waiting.
AGES = st.sampled_from([0, 1, 24, 25, 47, 48, 49, 167, 169, 719, 721]).flatmap(
    lambda hours: st.integers(-2, 2).map(
        lambda seconds: max(hours * HOUR + timedelta(seconds=seconds), 0 * HOUR)
    )
)
NUMBERS = st.integers(0, PHONES - 1)
CHECKS = st.lists(st.tuples(NUMBERS, st.integers(0, len(KINDS) - 1), AGES, st.booleans()), max_size=6)
PROBES = st.none() | st.sampled_from(Reach).map(lambda reach: replace(PROBE, reach=reach))
RETIRED = st.lists(st.tuples(NUMBERS, AGES), max_size=2)
MINDS = st.lists(st.tuples(NUMBERS, st.sampled_from(Consent), PROBES), max_size=2)
SITUATIONS = st.tuples(
    st.booleans(), st.booleans(), st.sets(NUMBERS, max_size=4), st.sampled_from([0, 1, 48, 24 * 29])
)


# The fixture is made once for all examples on purpose: what earlier ones did is the past of the later ones.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(CHECKS, MINDS, RETIRED, CHECKS, SITUATIONS, st.sampled_from(Standing), st.integers(1, 5))
def test_counts_and_lists_say_what_a_walk_over_every_phone_says(
    office: Office,
    checks: list[tuple[int, int, timedelta, bool]],
    minds: list[tuple[int, Consent, Probe | None]],
    retired: list[tuple[int, timedelta]],
    later: list[tuple[int, int, timedelta, bool]],
    drawn: tuple[bool, bool, set[int], int],
    wanted: Standing,
    step: int,
) -> None:
    for check in checks:
        office.check(*check)
    for mind in minds:
        office.ask_again(*mind)
    for one in retired:
        office.turn(*one)
    for check in later:
        office.check(*check)
    here = office.situation(*drawn)

    with office.authority.database.reading() as session:
        assert fleet_counts(session, here) == walked_counts(session, here)
        assert oldest_check_at(session) == walked_oldest(session)
        assert list(differences(session)) == []
        assert_open_is_walked(session, here, step)
        assert count_by_unit(session, here, NOT_READY) == walked_units(session, here)
        for standing in (None, wanted):
            assert in_pieces(session, here, Wanted(standing), step) == walked(session, here, standing)


def assert_open_is_walked(session: Session, here: Situation, step: int) -> None:
    """Compare the phones on which something is open, and their counts, with a walk over every phone."""
    everybody = entries.entries_of(session, phones.phone_ids(session))
    still_open = {p: one for p, one in everybody.items() if one.has_open and one.fresh not in GONE}
    # Within an hour, at its beginning, and where nobody was seen.
    moments = [here.now, here.now - timedelta(hours=1, seconds=1), NOW - 24 * HOUR, NOW - 900 * DAY]
    expected = Counter(
        (one.fresh, one.reach, tuple(one.last_at >= at for at in moments)) for one in still_open.values()
    )
    assert {one[:3]: one.phones for one in entries.count_open(session, moments)} == expected
    piece = entries.list_open(session, "", step)
    found = list(piece.rows)
    while piece.next:
        piece = entries.list_open(session, piece.next, step)
        found += piece.rows
    assert found == sorted(still_open, key=lambda phone_id: (still_open[phone_id].last_at, phone_id))


def walked_units(session: Session, here: Situation) -> Counter[str]:
    left = [phone_id for standing, phone_id in walked(session, here, None) if standing in NOT_READY]
    return Counter(phone.unit for phone in phones.find_phones(session, left))


def in_pieces(session: Session, here: Situation, wanted: Wanted, step: int) -> list[tuple[Standing, PhoneId]]:
    """Read a list to its end, so many rows at a time."""
    found: list[tuple[Standing, PhoneId]] = []
    piece = list_phones(session, here, wanted, limit=step)
    found += [(row.standing, row.phone_id) for row in piece.rows]
    while piece.next:
        piece = list_phones(session, here, wanted, read_cursor(piece.next.written()), step)
        found += [(row.standing, row.phone_id) for row in piece.rows]
    return found


def walked(session: Session, here: Situation, wanted: Standing | None) -> list[tuple[Standing, PhoneId]]:
    facts = phone_states.check_facts(session)
    found = []
    for phone in phones.find_phones(session):
        fact = facts.get(phone.phone_id)
        standing = standing_of(phone.phone_id, phone.told, fact, here)
        if wanted in (None, standing):
            last_at = fact.effective_at if fact else phone.registered_at
            found.append((BY_URGENCY.index(standing), last_at, phone.phone_id))
    return [(BY_URGENCY[rank], phone_id) for rank, _, phone_id in sorted(found)]


def walked_counts(session: Session, here: Situation) -> FleetCounts:
    facts = phone_states.check_facts(session)
    found = walked(session, here, None)
    agreed = phones.agreed_with(session, [phone_id for _, phone_id in found])
    ages = [
        here.now - facts[p].effective_at for standing, p in found if standing is Standing.WAITING_FOR_LIFT
    ]
    by_age = Counter(next((n for n, d in LIMITS if age <= timedelta(days=d)), "longer") for age in ages)
    reaches = Counter(
        reach_now(a.reach, facts.get(p))
        for p, a in agreed.items()
        if a.told.consent is Consent.AGREED and is_with_us(a.told, facts.get(p))
    )
    return FleetCounts(
        len(found),
        no_counts() | Counter(standing for standing, _ in found),
        dict.fromkeys([name for name, _ in LIMITS] + ["longer"], 0) | by_age,
        dict.fromkeys(Reach, 0) | reaches,
    )


def is_with_us(told: Told, facts: CheckFacts | None) -> bool:
    return not is_retired(told, facts) and not is_handed_back(told, facts)


def walked_oldest(session: Session) -> datetime | None:
    facts = phone_states.check_facts(session)
    agreed = {
        phone.phone_id
        for phone in phones.find_phones(session)
        if phone.consent is Consent.AGREED and is_with_us(phone.told, facts.get(phone.phone_id))
    }
    return min((fact.effective_at for phone_id, fact in facts.items() if phone_id in agreed), default=None)


def test_what_needs_a_person_comes_first_and_of_one_standing_what_was_not_seen_for_longest(
    office: Office,
) -> None:
    office.check(0, 0, HOUR, is_open=False)
    office.check(1, 1, HOUR, is_open=False)
    office.check(2, 1, 2 * HOUR, is_open=False)

    with office.authority.database.reading() as session:
        rows = list_phones(session, situation(session, NOW), Wanted(), limit=3).rows
        last = list_phones(session, situation(session, NOW), Wanted(Standing.COMPLIANT)).rows

    assert [row.phone_id for row in rows] == [office.phones[2], office.phones[1], office.phones[PHONES - 1]]
    assert [row.phone_id for row in last] == [office.phones[0]]


@pytest.mark.parametrize("piece", ["DESK 12", "galaxy", "sams", "ß"])
def test_a_phone_is_found_by_a_piece_of_what_it_is_called(authority: Authority, piece: str) -> None:
    bench = authority.bench()
    wanted = authority.phone(bench, label="Desk 12 Straße", model="Galaxy S23", manufacturer="Samsung")
    authority.phone(bench, label="Desk 13")

    with authority.database.reading() as session:
        found = list_phones(session, situation(session, NOW), Wanted(named=piece))
        elsewhere = list_phones(session, situation(session, NOW), Wanted(Standing.VIOLATING, piece))

    assert [row.phone_id for row in found.rows] == [wanted]
    assert found.named == 1
    assert not elsewhere.rows


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", "\n"])
def test_a_search_takes_every_sign_for_itself(authority: Authority, sign: str) -> None:
    bench = authority.bench()
    authority.phone(bench, label="desk")
    wanted = authority.phone(bench, label=f"100{sign}0")

    with authority.database.reading() as session:
        found = list_phones(session, situation(session, NOW), Wanted(named=f"0{sign}0"))

    assert [row.phone_id for row in found.rows] == [wanted]


def test_a_renamed_phone_is_found_by_its_new_label_only(authority: Authority) -> None:
    bench = authority.bench()
    identity = uuid4().hex * 2
    authority.phone(bench, identity=identity, label="drawer")
    authority.phone(bench, identity=identity, label="front desk")

    with authority.database.reading() as session:
        assert len(list_phones(session, situation(session, NOW), Wanted(named="front")).rows) == 1
        assert not list_phones(session, situation(session, NOW), Wanted(named="drawer")).rows


def test_a_search_that_finds_many_is_walked_and_says_so(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 3)
    named = Wanted(named="pixel")

    with office.authority.database.reading() as session:
        here = situation(session, NOW)
        assert list_phones(session, here, named, limit=5).named is None
        assert in_pieces(session, here, named, 5) == walked(session, here, None)


@pytest.mark.parametrize(
    "text",
    ["", "x", "silent~1", "silent~1~no-id", "nobody~1~{}", "silent~x~{}", "silent~9" + "9" * 40 + "~{}"],
)
def test_what_is_no_place_in_the_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any: whoever asks takes it as "from the top"
        read_cursor(text.format(PhoneId.random()))


def test_a_place_survives_being_written() -> None:
    place = Cursor(Standing.SILENT, Place(NOW + timedelta(microseconds=1), PhoneId.random()))

    assert read_cursor(place.written()) == place


def test_no_row_of_the_kept_counts_stands_at_nothing(office: Office) -> None:
    for number in range(PHONES):
        office.check(number, 0, HOUR, is_open=False)
        office.check(number, 1, 0 * HOUR, is_open=False)

    with office.authority.database.reading() as session:
        counts = session.execute(select(Base.metadata.tables["fleet_tally"].c.phones)).scalars().all()

    assert counts == [PHONES]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE fleet_entry SET fresh = 'compliant'", "12 phones are listed other than"),
        ("DELETE FROM fleet_entry", "12 phones are listed other than"),
        ("UPDATE fleet_tally SET phones = phones + 1", "12 kept counts of 12 differ"),
        ("DELETE FROM fleet_tally", "12 kept counts of 0 differ"),
    ],
)
def test_an_index_that_went_wrong_is_told_and_can_be_made_anew(
    office: Office, damage: str, told: str
) -> None:
    with office.authority.database.writing() as session:
        session.execute(text(damage))
    with office.authority.database.reading() as session:
        assert told in " ".join(differences(session))

    with office.authority.database.writing() as session:
        make_anew(session)

    with office.authority.database.reading() as session:
        assert list(differences(session)) == []


def test_a_list_and_the_hour_of_a_limit_are_read_along_the_index_without_sorting(
    small_authority: Authority,
) -> None:
    office = Office(small_authority)
    asked: list[str] = []

    def explain(connection: Connection, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if ("FROM fleet_entry" in statement and "LIMIT" in statement) or "count(*)" in statement:
            asked.append(plan_of(connection, statement, values))

    with small_authority.database.reading() as session:
        here = office.situation(True, False, set(), later=48)
        event.listen(small_authority.database.engine, "before_cursor_execute", explain)
        list_phones(session, here, Wanted(Standing.SILENT))
        entries.list_open(session, "", 9)
        list_phones(session, here, Wanted(), Cursor(Standing.UNSEEN, Place(NOW, office.phones[0])))
        fleet_counts(session, office.situation(True, False, set(), later=49))
        sorted_by_none = list(asked)
        count_by_unit(session, here, NOT_READY)

    assert sorted_by_none
    assert [plan for plan in asked if not ALONG_THE_INDEX.search(plan)] == []
    assert [plan for plan in sorted_by_none if SORTED.search(plan)] == []


ALONG_THE_INDEX = re.compile(r"(USING COVERING INDEX|Index Only Scan using) ix_fleet_entry_kind")
SORTED = re.compile(r"USE TEMP B-TREE|\bSort\b|(?<!Index Only )Scan\b|SCAN fleet_entry(?! USING)")


def plan_of(connection: Connection, statement: str, values: Any) -> str:
    """Return in the database's own words how it would answer, where PostgreSQL spares a small table no trouble."""
    cursor = connection.connection.cursor()
    if connection.dialect.name == "postgresql":
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        return "\n".join(row[0] for row in cursor.execute(f"EXPLAIN {statement}", values))
    return "\n".join(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values))


def test_counts_stay_right_while_two_nodes_store_and_a_bench_provisions(authority: Authority) -> None:
    office = Office(authority)
    benches = [authority.bench(f"bench {number}") for number in range(2)]
    nodes = [Intake(authority.database) for _ in benches]
    with authority.database.writing() as session:
        for bench in benches:
            for phone_id in office.phones:
                meet(session, bench.station_id, phone_id, NOW)

    def report(node: int) -> None:
        for turn in range(12):
            # The same few phones and the same hours: whoever comes second waits for the first, and both count.
            changes = KINDS[(turn + node) % len(KINDS)]
            made = [
                benches[node].report(phone_id, checked_at=NOW - turn * HOUR, **changes)
                for phone_id in office.phones[:4]
            ]
            envelopes = [benches[node].sign(one) for one in made]
            results = nodes[node].accept([as_json(one) for one in envelopes], NOW).results
            assert all(result.status.is_kept for result in results)

    def provision() -> None:
        for turn in range(12):
            office.ask_again(turn % 4, Consent.DECLINED if turn % 2 else Consent.AGREED, None)

    with ThreadPoolExecutor(3) as threads:
        working = [threads.submit(report, 0), threads.submit(report, 1), threads.submit(provision)]
        for work in working:
            work.result()

    with authority.database.reading() as session:
        assert list(differences(session)) == []
