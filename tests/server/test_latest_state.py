"""Which check counts as a phone's latest, since when its state has lasted, and which ledger restores."""

from __future__ import annotations

from datetime import datetime, timedelta

from policy.names import PhoneId
from server.fleet import phone_states
from server.fleet.standing import LatestCheck
from server.reports import kept_reports
from tests.server.authority import NOW, UNREADABLE, VIOLATING, Authority, disabled_ledger

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
