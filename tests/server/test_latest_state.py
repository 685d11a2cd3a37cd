"""Which check counts as a phone's latest, since when its state has lasted, and which ledger restores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from policy.names import PhoneId
from policy.report import Consent
from server.fleet import phone_states, phones
from server.fleet.meetings import meet
from server.fleet.phone_rows import phone_now, phone_rows
from server.fleet.standing import LatestCheck
from server.policies.bundles import situation
from server.reports import kept_reports
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    disabled_ledger,
)

HOUR = timedelta(hours=1)


def test_a_report_that_arrives_later_but_was_checked_earlier_does_not_become_the_state(
    authority: Authority,
) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    earlier = bench.report(phone_id, checked_at=NOW - HOUR)
    later = bench.report(phone_id, checked_at=NOW, **VIOLATING)

    authority.accept(bench.sign(later))
    authority.accept(bench.sign(earlier))

    assert _latest(authority, phone_id).report_id == later.report_id


def test_order_within_a_batch_does_not_matter(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    reports = [bench.report(phone_id, checked_at=NOW - n * HOUR) for n in (2, 0, 1)]

    authority.accept(*map(bench.sign, reports))

    assert _latest(authority, phone_id).report_id == reports[1].report_id


def test_checks_of_one_moment_are_ordered_by_the_counter_of_their_station(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    first, second = bench.report(phone_id), bench.report(phone_id)

    authority.accept(bench.sign(second))
    authority.accept(bench.sign(first))

    assert _latest(authority, phone_id).report_id == second.report_id


def test_a_station_with_a_clock_far_ahead_cannot_pin_the_state(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    ahead = bench.report(phone_id, checked_at=NOW + timedelta(days=300), time_trusted=False)
    authority.accept(bench.sign(ahead), now=NOW)
    right = bench.report(phone_id, checked_at=NOW + HOUR)

    authority.accept(bench.sign(right), now=NOW + HOUR)

    assert _latest(authority, phone_id).report_id == right.report_id


def test_the_state_lasts_since_the_first_check_of_its_kind(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    for hours, kind in ((4, {}), (3, VIOLATING), (2, VIOLATING), (1, VIOLATING)):
        authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - hours * HOUR, **kind)))

    assert _unchanged_since(authority, phone_id) == NOW - 3 * HOUR


def test_a_late_report_of_another_kind_shortens_how_long_the_state_has_lasted(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    for hours in (4, 1):
        authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - hours * HOUR, **VIOLATING)))
    assert _unchanged_since(authority, phone_id) == NOW - 4 * HOUR

    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - 2 * HOUR)))

    assert _unchanged_since(authority, phone_id) == NOW - HOUR


def test_a_late_report_of_the_same_kind_lengthens_it(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - HOUR, **VIOLATING)))

    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - 3 * HOUR, **VIOLATING)))

    assert _unchanged_since(authority, phone_id) == NOW - 3 * HOUR


def test_the_ledger_is_that_of_the_newest_check(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(bench.sign(bench.report(phone_id, checked_at=NOW - HOUR)))

    authority.accept(bench.sign(bench.report(phone_id, ledger=disabled_ledger())))

    with authority.database.reading() as session:
        assert kept_reports.newest_ledger(session, phone_id) == disabled_ledger()


def test_a_check_that_could_not_read_the_phone_wipes_out_no_ledger(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)
    authority.accept(
        bench.sign(bench.report(phone_id, checked_at=NOW - HOUR, ledger=disabled_ledger(), **VIOLATING))
    )

    authority.accept(bench.sign(bench.report(phone_id, **UNREADABLE)))

    with authority.database.reading() as session:
        assert kept_reports.newest_ledger(session, phone_id) == disabled_ledger()
    assert _latest(authority, phone_id).open_entries == 1


def test_a_phone_never_checked_has_no_ledger(authority: Authority) -> None:
    bench = authority.bench()
    phone_id = authority.phone(bench)

    with authority.database.reading() as session:
        assert kept_reports.newest_ledger(session, phone_id) is None
        assert phone_states.latest_checks(session, [phone_id]) == {}


def _latest(authority: Authority, phone_id: PhoneId) -> LatestCheck:
    with authority.database.reading() as session:
        return phone_states.latest_checks(session, [phone_id])[phone_id]


def _unchanged_since(authority: Authority, phone_id: PhoneId) -> datetime:
    return _latest(authority, phone_id).unchanged_since


def test_what_lists_ask_of_a_check_is_what_its_page_tells(authority: Authority) -> None:
    bench, other = authority.bench("bench 1"), authority.bench("bench 2")
    kinds: tuple[Mapping[str, Any], ...] = (
        *({}, VIOLATING, NOT_ENFORCEABLE, UNREADABLE),
        *({"handed_back": True}, {"ledger": disabled_ledger()}),
    )
    for number, changes in enumerate(kinds):
        phone_id, by = authority.phone(bench), (bench, other)[number % 2]
        with authority.database.writing() as session:
            meet(session, by.station_id, phone_id, NOW)
        authority.accept(by.sign(by.report(phone_id, **changes)))
    never = authority.phone(bench, consent=Consent.DECLINED)

    with authority.database.reading() as session:
        found, here = phones.find_phones(session), situation(session, NOW + 9 * HOUR)
        lines = phone_rows(session, found, here)
        told = [phone_now(session, phone, here) for phone in found]
        facts = phone_states.check_facts(session)

    assert [line.phone_id for line in lines if line.latest is None] == [never]
    for line, now in zip(lines, told, strict=True):
        assert {name: parts(now)[name] for name in parts(line)} == parts(line)
        assert parts(facts.get(line.phone_id)).items() <= parts(line.latest).items()
        assert parts(line.latest).items() <= parts(now.latest).items()


def parts(value: Any) -> dict[str, Any]:
    """Return what a value is made of, without the check in it."""
    if value is None:
        return {}
    return {one.name: getattr(value, one.name) for one in fields(value) if one.name != "latest"}
