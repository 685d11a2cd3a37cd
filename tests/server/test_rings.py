"""Rings: who is in which, how far each has come and why not further, counted in SQL as a walk over every phone says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from policy.document import LISTING_JUDGEMENT, Bundle, Exemption, Fleet, Policy, Ring
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState
from policy.report import Consent, ReportedApp
from policy.rings import RingPart, rings_of
from policy.stage import enforcement_starts_at, ring_of, share_of
from policy.verdict import Reason, ReasonCode, Stage
from server.cli import main as curfew_server
from server.fleet import phone_states, phones, ring_tallies
from server.fleet.entries import Place
from server.fleet.failures import Failure, failure_of
from server.fleet.listing import Cursor, PhoneSort, Wanted, list_phones
from server.fleet.recounting import differences
from server.fleet.ring_phones import RingPhones, count_rings, keep_ring_counts
from server.fleet.rings import Progress, progress_of
from server.fleet.standing import GONE, Standing, fresh_standing
from server.policies.bundles import situation
from server.policies.situation import Situation
from server.storage.database import Database
from tests.reports import compliant_report
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    banning_policy,
    disabled_ledger,
)
from tests.server.test_fleet_lists import ALONG_THE_INDEX, HOUR, PHONES, Office, in_pieces, plan_of

BANNED, OUT_OF_REACH, UNREAD = dict(VIOLATING), dict(NOT_ENFORCEABLE), dict(UNREADABLE)
OFF, ON = EnabledState.DISABLED_BY_USER, EnabledState.DEFAULT
# One that does not start with a whole hour, by which phones are counted.
SHARES = [0.3, 0.6, 1.0]
STARTS = (NOW - 30 * HOUR, NOW - 2.25 * HOUR, NOW + 9 * HOUR)
RINGS = tuple(map(Ring, SHARES, STARTS))


def said(*codes: ReasonCode) -> dict[str, Any]:
    return {"reasons": tuple(Reason(code) for code in codes)}


def managed(*after: EnabledState | None) -> dict[str, Any]:
    package = PackageName("com.microsoft.office.outlook")
    return {
        "managed": tuple(ReportedApp(UserNumber(10 + n), package, ON, one) for n, one in enumerate(after))
    }


OFF_BY_US = {"ledger": disabled_ledger()}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({}, None),
        (BANNED | managed(OFF, OFF), None),
        (BANNED | OFF_BY_US, None),
        (BANNED | managed(OFF, ON), Failure.STILL_RUNS),
        (BANNED | managed(OFF, None), Failure.STILL_RUNS),
        (BANNED, Failure.STILL_RUNS),
        (BANNED | managed(ON) | {"stage": Stage.REMIND}, Failure.NOT_ITS_TURN),
        (BANNED | managed(ON) | said(ReasonCode.CLOCK_UNTRUSTED), Failure.CLOCK_UNTRUSTED),
        (BANNED | managed(ON) | said(ReasonCode.BUNDLE_TOO_OLD), Failure.BUNDLE_TOO_OLD),
        # Switched off again by this very check, and yet somebody switches it on.
        (BANNED | managed(OFF) | said(ReasonCode.ENABLED_AGAIN), Failure.ENABLED_AGAIN),
        (OUT_OF_REACH | said(ReasonCode.OWNER_ENABLES_AGAIN), Failure.OWNER_ENABLES_AGAIN),
        (OUT_OF_REACH | said(ReasonCode.PLACE_CLOSED), Failure.PLACE_CLOSED),
        (OUT_OF_REACH, Failure.UNTOLD),
        (UNREAD, Failure.UNTOLD),
        (UNREAD | said(ReasonCode.USER_MISSING), Failure.USER_MISSING),
    ],
)
def test_a_check_that_did_not_reach_what_is_asked_tells_why(
    changes: dict[str, Any], failure: Failure | None
) -> None:
    names = {"station_id": "s", "phone_id": PhoneId.random(), "counter": 1, "checked_at": NOW}

    assert failure_of(compliant_report(**names, **changes)) is failure


def test_every_reason_that_a_failure_is_called_by_is_one_that_reports_give() -> None:
    ours = {Failure.NOT_ITS_TURN, Failure.STILL_RUNS, Failure.UNTOLD}

    assert {one.value for one in set(Failure) - ours} <= {code.value for code in ReasonCode}


def test_each_phone_is_in_the_one_ring_by_which_its_station_enforces() -> None:
    policy = banning_policy(rings=RINGS)
    for _ in range(200):
        phone_id = PhoneId.random()
        ring = rings_of(policy)[ring_of(policy, phone_id) - 1]

        assert ring.above <= share_of(phone_id) < ring.below
        assert ring.starts_at == enforcement_starts_at(policy, phone_id)


@pytest.fixture
def office(authority: Authority) -> Office:
    """Return a fleet that every example adds checks to."""
    return Office(authority)


KINDS: tuple[dict[str, Any], ...] = (
    {},
    OFF_BY_US,
    BANNED,
    BANNED | OFF_BY_US,
    BANNED | OFF_BY_US | said(ReasonCode.ENABLED_AGAIN),
    BANNED | said(ReasonCode.CLOCK_UNTRUSTED),
    OUT_OF_REACH | said(ReasonCode.PLACE_CLOSED),
    OUT_OF_REACH | said(ReasonCode.OWNER_ENABLES_AGAIN),
    UNREAD | said(ReasonCode.PHONE_UNREADABLE),
    {"handed_back": True},
    {"handed_back": True} | OFF_BY_US,
)
NUMBERS = st.integers(0, PHONES - 1)
# Around the starts of the rings, and the 48 hours of silence.
AGES = st.sampled_from([0, 1, 2, 2.25, 2.3, 2.75, 3, 29, 30, 31, 47, 48, 48.25, 49])
CHECKS = st.lists(st.tuples(NUMBERS, st.integers(0, len(KINDS) - 1), AGES), max_size=6)


def keep_counts(database: Database, bounds: Sequence[float]) -> None:
    with database.writing() as session:
        ring_tallies.keep_for(session, bounds)


def kept(database: Database) -> Sequence[float]:
    with database.reading() as session:
        return ring_tallies.kept_bounds(session)


# The fixture is made once for all examples on purpose: what earlier ones did is the past of the later ones.
@pytest.mark.parametrize("bounds", [SHARES, [0.5, 1.0], []])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(
    CHECKS,
    st.none() | NUMBERS,
    st.none() | NUMBERS,
    st.sets(NUMBERS, max_size=3),
    st.tuples(
        st.sets(NUMBERS, max_size=3), st.sets(NUMBERS, max_size=3), st.integers(0, 3), st.integers(0, 3)
    ),
    st.sampled_from([0, 10, 60]),
    st.sampled_from(Progress),
    st.none() | st.sampled_from([Failure.CLOCK_UNTRUSTED, Failure.STILL_RUNS, Failure.PLACE_CLOSED]),
)
def test_counts_and_lists_of_rings_say_what_a_walk_over_every_phone_says(
    office: Office,
    bounds: Sequence[float],
    checks: list[tuple[int, int, float]],
    declining: int | None,
    retired: int | None,
    exempt: set[int],
    lists: tuple[set[int], set[int], int, int],
    later: int,
    wanted: Progress,
    failure: Failure | None,
) -> None:
    if kept(office.authority.database) != bounds:
        keep_counts(office.authority.database, bounds)
    for number, kind, age in checks:
        report = office.bench.report(office.phones[number], checked_at=NOW - age * HOUR, **KINDS[kind])
        assert office.authority.accept(office.bench.sign(report))[0].status.is_kept
    if declining is not None:
        office.ask_again(declining, Consent.DECLINED, None)
    if retired is not None:
        office.turn(retired, HOUR)
    exemptions = tuple(Exemption(office.phones[n], NOW + timedelta(days=9), "travel") for n in exempt)
    here = Situation(NOW + later * HOUR, Bundle(1, with_lists(office, *lists), Fleet(1, exemptions)))

    with office.authority.database.reading() as session:
        assert list(differences(session)) == []
        walked = walk(session, here)
        counts = count_rings(session, here)
        for one in counts:
            inside = [(progress, why) for ring, progress, why, _ in walked if ring == one.ring]
            assert one.phones == len(inside)
            assert one.by_progress == dict.fromkeys(Progress, 0) | Counter(p for p, _ in inside)
            for found in one.failures:
                assert found.phones == inside.count((found.progress, found.failure))
            for progress, why in ((None, None), (wanted, None), (wanted, failure)):
                asked = RingPhones(one.ring, progress, why)
                right = {
                    phone_id
                    for ring, is_at, failed, phone_id in walked
                    if ring == one.ring and progress in (None, is_at) and why in (None, failed)
                }
                listed = [phone_id for _, phone_id in in_pieces(session, here, Wanted(ring=asked), 2)]
                assert (len(listed), set(listed)) == (len(right), right)
                for sort in (PhoneSort.LONGEST_UNSEEN, PhoneSort.LATEST_SEEN):
                    rows = list_phones(session, here, Wanted(ring=asked), limit=PHONES, sort=sort).rows
                    assert sorted(row.phone_id for row in rows) == sorted(right)


def test_the_phones_of_a_ring_are_found_along_the_index_alone(small_authority: Authority) -> None:
    office = Office(small_authority)
    database, asked = small_authority.database, list[str]()

    def explain(connection: Connection, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "FROM fleet_entry" in statement:
            asked.append(plan_of(connection, statement, values))

    here = Situation(NOW + HOUR, Bundle(1, banning_policy(rings=RINGS)))
    with database.reading() as session:
        event.listen(database.engine, "before_cursor_execute", explain)
        for progress in (None, *Progress):
            for failure in (None, Failure.STILL_RUNS):
                wanted = Wanted(ring=RingPhones(rings_of(banning_policy(rings=RINGS))[1], progress, failure))
                list_phones(session, here, wanted)
                list_phones(session, here, wanted, Cursor(Standing.UNREADABLE, Place(NOW, office.phones[0])))

    assert len(asked) > len(Progress)
    assert [plan for plan in asked if not ALONG_THE_INDEX.search(plan)] == []


def with_lists(office: Office, first: set[int], second: set[int], place: int, other: int) -> Policy:
    """Return a policy with `RINGS` and between them two that list these phones, and one that nobody knows."""
    rings, listed = list(RINGS), (first, second - first)
    for at, numbers, name in zip((place, other), listed, ("pilot", "crisis"), strict=True):
        if numbers:
            phones = frozenset({*(office.phones[number] for number in numbers), PhoneId.random()})
            rings.insert(at, Ring(None, NOW - (2.25 if at else 30) * HOUR, phones, name))
    return banning_policy(rings=tuple(rings), minimum_judgement=LISTING_JUDGEMENT)


def walk(session: Session, here: Situation) -> list[tuple[RingPart, Progress, Failure | None, PhoneId]]:
    assert here.bundle
    rings, facts = rings_of(here.bundle.policy), phone_states.check_facts(session)
    found = []
    for phone in phones.find_phones(session):
        listing = [ring for ring in rings if phone.phone_id in ring.rule.phones]
        ring = (listing or [ring for ring in rings if share_of(phone.phone_id) < ring.below])[0]
        fact = facts.get(phone.phone_id)
        fresh, failure = fresh_standing(phone.told, fact), fact.failure if fact else None
        if fresh in GONE:
            continue
        is_heard = bool(fact and fact.effective_at >= ring.starts_at and not here.overdue(fact.effective_at))
        progress = progress_of(fresh, bool(fact and fact.open_entries), failure, is_heard)
        if here.exempts(phone.phone_id):
            progress = Progress.EXEMPT
        found.append((ring, progress, failure, phone.phone_id))
    return found


def test_what_is_kept_follows_the_rings_of_the_policy_in_force(authority: Authority, tmp_path: Path) -> None:
    bench = authority.bench()
    authority.accept(bench.sign(bench.report(authority.phone(bench), **BANNED)))
    keep_ring_counts(authority.database, NOW)
    assert kept(authority.database) == []

    for number, shares in ((2, [0.5, 1.0]), (3, [0.25, 0.75, 1.0]), (4, [])):
        authority.trust = authority.trust.copy(tmp_path / str(number))
        authority.trust.publish(number, banning_policy(rings=tuple(Ring(share, NOW) for share in shares)))
        authority.publish()
        keep_ring_counts(authority.database, NOW)

        assert kept(authority.database) == shares
        with authority.database.reading() as session:
            phones = [one.phones for one in count_rings(session, situation(session, NOW))]
        assert sum(phones) == (1 if shares else 0)


def test_counting_rings_looks_at_no_phone_where_counts_are_kept_for_them(authority: Authority) -> None:
    bench = authority.bench()
    authority.accept(bench.sign(bench.report(authority.phone(bench), **BANNED)))
    whole_hours = [replace(ring, starts_at=NOW - HOUR) for ring in RINGS]
    here = Situation(NOW, Bundle(1, banning_policy(rings=tuple(whole_hours))))
    keep_counts(authority.database, SHARES)

    with authority.database.reading() as session, statements(authority.database) as ran:
        count_rings(session, here)

    assert ran
    assert not [statement for statement in ran if "fleet_entry" in statement]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    ran: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        ran.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_however_large_the_fleet_is_only_those_that_are_listed_are_looked_at(authority: Authority) -> None:
    bench = authority.bench()
    listed, other = authority.phone(bench), authority.phone(bench)
    for phone_id in (listed, other):
        authority.accept(bench.sign(bench.report(phone_id, **BANNED, **managed(ON))))
    rings = (Ring(None, NOW - HOUR, frozenset({listed}), "pilot"), Ring(1.0, NOW - 2 * HOUR))
    here = Situation(NOW, Bundle(1, banning_policy(rings=rings, minimum_judgement=LISTING_JUDGEMENT)))
    keep_counts(authority.database, [1.0])

    with authority.database.reading() as session, statements(authority.database) as ran:
        counts = count_rings(session, here)

    assert [(one.phones, one.by_progress[Progress.NOT_DONE]) for one in counts] == [(1, 1), (1, 1)]
    [looked] = [statement for statement in ran if "fleet_entry" in statement]
    assert "fleet_entry.phone_id IN (SELECT" in looked


def test_a_policy_without_rings_has_none_to_count(authority: Authority) -> None:
    with authority.database.reading() as session:
        assert count_rings(session, Situation(NOW)) == ()
        assert count_rings(session, Situation(NOW, Bundle(1, banning_policy()))) == ()


def test_a_late_report_of_before_does_not_change_why_the_newest_failed(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    newest = bench.report(phone_id, **BANNED, **managed(ON))
    authority.accept(bench.sign(newest))
    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - HOUR, **UNREAD)))

    with authority.database.reading() as session:
        assert phone_states.check_facts(session)[phone_id].failure is Failure.STILL_RUNS


def published(authority: Authority, folder: Path, *rings: Ring) -> None:
    # A copy: the folder is every test's.
    authority.trust = authority.trust.copy(folder / "copied")
    authority.trust.publish(2, replace(banning_policy(), rings=rings))
    authority.publish()


def test_the_command_tells_how_far_each_ring_has_come(
    small_authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = small_authority.bench()
    small_authority.accept(bench.sign(bench.report(small_authority.phone(bench), **BANNED, **managed(ON))))
    published(small_authority, tmp_path, Ring(1.0, NOW - HOUR))
    env = str(small_authority.write_settings())

    assert curfew_server(["--config", env, "policy", "rings"]) == 0
    said = capsys.readouterr().out
    assert curfew_server(["--config", env, "policy", "rings", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert "ring 1, 0 % to 100 % of all phones, since" in said
    assert "1 not done: an app still ran after the check, which gave no reason" in said
    [ring] = told["rings"]
    assert (told["bundle_number"], ring["phones"], ring["progress"]["not_done"]) == (2, 1, 1)
    assert ring["failures"] == [{"progress": "not_done", "failure": "still_runs", "phones": 1}]


def test_the_command_says_where_there_are_no_rings(
    small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    small_authority.publish()

    assert curfew_server(["--config", str(small_authority.write_settings()), "policy", "rings"]) == 0
    assert "has no rings: all phones are enforced from the deadline on" in capsys.readouterr().err
