"""What changed since a moment: found by kept turns and indexes, and the same whatever the engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from policy.names import PhoneId
from policy.report import Consent
from policy.verdict import Verdict
from server.app import create_app
from server.fleet.changes import Change, list_changes, tell_changes
from server.fleet.entries import Place
from server.fleet.standing import CheckFacts
from server.fleet.turns import Turn, turns_between
from server.people.people import Role
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    Bench,
    banning_policy,
    disabled_ledger,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SINCE = NOW - DAY


@pytest.fixture
def bench(authority: Authority) -> Bench:
    return authority.bench()


def check(authority: Authority, bench: Bench, phone: PhoneId, age: timedelta, **changes: Any) -> None:
    report = bench.report(phone, checked_at=NOW - age, **changes)
    authority.accept(bench.sign(report), now=report.checked_at + timedelta(seconds=1))


def changed(
    authority: Authority, change: Change, now: datetime = NOW, since: datetime = SINCE, limit: int = 100
) -> list[str]:
    """Return the phones, in the order told, read in pieces."""
    found: list[str] = []
    after: Place | None = None
    while True:
        with authority.database.reading() as session:
            piece = list_changes(session, now, since, change, after, limit)
        assert len(piece.rows) <= limit
        assert all(since <= one.at <= now for one in piece.rows)
        found += [one.row.phone_id for one in piece.rows]
        after = piece.next
        if after is None:
            return found


def facts(verdict: Verdict, open_entries: int = 0) -> CheckFacts:
    return CheckFacts(NOW, verdict, True, open_entries, NOW)


C, V, U = Verdict.COMPLIANT, Verdict.VIOLATING, Verdict.UNREADABLE


@pytest.mark.parametrize(
    ("before", "looked", "after", "expected"),
    [
        (None, None, facts(C), set()),
        (None, None, facts(V), {Turn.VIOLATING}),
        (None, None, facts(V, 1), {Turn.VIOLATING, Turn.SWITCHED_OFF}),
        (facts(C), C, facts(V), {Turn.VIOLATING}),
        (facts(V), V, facts(V), set()),
        (facts(V), V, facts(V, 2), {Turn.SWITCHED_OFF}),
        (facts(V, 2), V, facts(V, 1), set()),
        (facts(V, 1), V, facts(C), {Turn.COMPLYING, Turn.RESTORED}),
        (facts(V, 1), V, facts(C, 1), {Turn.COMPLYING}),
        (facts(V, 1), V, facts(U, 1), set()),
        (facts(U, 1), V, facts(V, 1), set()),
        (facts(U), C, facts(V), {Turn.VIOLATING}),
        (facts(U), V, facts(C), {Turn.COMPLYING}),
        (facts(U), None, facts(C), set()),
    ],
)
def test_how_a_phone_turns_from_one_check_to_the_next(
    before: CheckFacts | None, looked: Verdict | None, after: CheckFacts, expected: set[Turn]
) -> None:
    assert set(turns_between(before, looked, after)) == expected


def test_who_began_to_violate_or_complied_again_since_then_is_told(
    authority: Authority, bench: Bench
) -> None:
    began, before, complied, clean, unread = (authority.phone(bench) for _ in range(5))
    for phone, old, new in (
        (began, {}, VIOLATING),
        (before, VIOLATING, VIOLATING),
        (complied, VIOLATING, {}),
        (clean, {}, {}),
        (unread, VIOLATING, UNREADABLE),
    ):
        check(authority, bench, phone, 2 * DAY, **old)
        check(authority, bench, phone, HOUR, **new)

    assert changed(authority, Change.VIOLATING) == [began]
    assert changed(authority, Change.COMPLYING) == [complied]


def test_a_check_that_could_not_look_lies_between_without_a_turn(authority: Authority, bench: Bench) -> None:
    same, other = authority.phone(bench), authority.phone(bench)
    for phone, last in ((same, VIOLATING), (other, {})):
        check(authority, bench, phone, 2 * DAY, **VIOLATING)
        check(authority, bench, phone, 3 * HOUR, **UNREADABLE)
        check(authority, bench, phone, HOUR, **last)

    assert changed(authority, Change.VIOLATING) == []
    assert changed(authority, Change.COMPLYING) == [other]


def test_what_was_switched_off_and_put_back_is_told_also_of_reports_that_came_together(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    reports = [
        bench.report(phone, checked_at=NOW - 3 * HOUR, **VIOLATING, ledger=disabled_ledger()),
        bench.report(phone, checked_at=NOW - HOUR),
    ]
    authority.accept(*(bench.sign(report) for report in reports))

    assert changed(authority, Change.SWITCHED_OFF) == [phone]
    assert changed(authority, Change.SWITCHED_OFF, since=NOW - 2 * HOUR) == []


def test_a_late_report_of_before_turns_nothing(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench)
    late = bench.report(phone, checked_at=NOW - 2 * HOUR, **VIOLATING)
    check(authority, bench, phone, HOUR)
    authority.accept(bench.sign(late))

    assert changed(authority, Change.VIOLATING) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pieces_put_together_are_the_whole_in_the_order_in_which_it_happened(
    authority: Authority, bench: Bench, limit: int
) -> None:
    phones = [authority.phone(bench) for _ in range(5)]
    for number, phone in enumerate(phones):
        check(authority, bench, phone, 5 * HOUR - number // 2 * HOUR, **VIOLATING)

    found = changed(authority, Change.VIOLATING, limit=limit)

    assert sorted(found) == sorted(phones)
    assert set(found[:2]) == set(phones[:2])
    assert sorted(changed(authority, Change.NEW, limit=limit)) == sorted(phones)


def test_who_fell_silent_since_then_is_told_by_the_clock_alone(authority: Authority, bench: Bench) -> None:
    limit, now = banning_policy().overdue_limit, NOW + 5 * DAY
    fell, long_ago, fresh = (authority.phone(bench, holder=f"mailbox-{number}") for number in range(3))
    check(authority, bench, long_ago, limit + DAY + HOUR - 5 * DAY)
    check(authority, bench, fell, limit + HOUR - 5 * DAY)
    check(authority, bench, fresh, HOUR - 5 * DAY)

    assert changed(authority, Change.SILENT, now, now - DAY, limit=1) == [fell]
    assert changed(authority, Change.BLOCKED, now, now - DAY) == [fell]


def test_who_is_to_be_blocked_since_then_is_told(authority: Authority, bench: Bench) -> None:
    closed, before = (authority.phone(bench, holder=f"mailbox-{number}") for number in range(2))
    check(authority, bench, before, HOUR * 0, **NOT_ENFORCEABLE)
    check(authority, bench, closed, HOUR * -3, **NOT_ENFORCEABLE)

    assert changed(authority, Change.BLOCKED, NOW + 4 * HOUR, NOW + 2 * HOUR) == [closed]


def test_an_owner_who_declines_is_told_as_newly_to_block(authority: Authority, bench: Bench) -> None:
    phone = authority.phone(bench, consent=Consent.DECLINED)

    assert changed(authority, Change.BLOCKED) == [phone]


def test_once_enforcing_has_begun_those_found_long_before_are_newly_to_block(
    authority: Authority, bench: Bench
) -> None:
    phone = authority.phone(bench)
    check(authority, bench, phone, 2 * DAY - HOUR, **NOT_ENFORCEABLE)

    assert changed(authority, Change.BLOCKED) == [phone]
    assert changed(authority, Change.BLOCKED, NOW + 4 * HOUR, NOW + HOUR) == []


def test_where_not_every_phone_can_be_asked_it_is_told_that_there_may_be_more(
    authority: Authority, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        check(authority, bench, authority.phone(bench), 2 * DAY - HOUR, **NOT_ENFORCEABLE)
    for asked, count in ((4, 3), (2, 2)):
        for name in ("_ASKED", "_ASKED_TO_TELL"):
            monkeypatch.setattr(f"server.fleet.changes.{name}", asked)
        with authority.database.reading() as session:
            told = tell_changes(session, NOW, SINCE, 1)
            piece = list_changes(session, NOW, SINCE, Change.BLOCKED)

        assert (told[Change.BLOCKED].count, len(piece.rows)) == (count, count)
        assert told[Change.BLOCKED].may_be_more == piece.may_be_more == (count < 3)
        assert not told[Change.NEW].may_be_more


def test_every_change_is_counted_and_its_first_phones_are_told(authority: Authority, bench: Bench) -> None:
    for _ in range(3):
        check(authority, bench, authority.phone(bench), HOUR, **VIOLATING)
    with authority.database.reading() as session:
        told = tell_changes(session, NOW, SINCE, 2)

    assert (told[Change.VIOLATING].count, len(told[Change.VIOLATING].first)) == (3, 2)
    assert (told[Change.NEW].count, told[Change.SILENT].count) == (3, 0)


def test_programs_read_them_piece_by_piece(authority: Authority, bench: Bench) -> None:
    phones = {authority.phone(bench) for _ in range(3)}
    token = authority.person_token(Role.AUTHOR)
    client = create_app(authority.config).test_client()

    def ask(query: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get(f"/api/v1/changes?{query}", headers=headers)

    first = ask("change=new&limit=2").json
    second = ask(f"change=new&limit=2&after={first['next']}").json
    assert {row["phone_id"] for row in first["phones"] + second["phones"]} == phones
    assert "at" in first["phones"][0]
    assert ask(f"change=new&since={(NOW + DAY):%Y-%m-%dT%H:%M:%SZ}").json["phones"] == []
    assert ask("change=new&after=nonsense").json["error"]["code"] == "after_malformed"
    assert ask("change=other").status_code in (400, 422)
