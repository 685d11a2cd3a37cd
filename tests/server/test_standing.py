"""What the server says of a phone, from facts and the clock; the first standing that fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from policy.document import Bundle, Exemption, Fleet
from policy.names import PhoneId
from policy.report import Consent
from policy.verdict import Verdict
from server.fleet.counts import fleet_counts
from server.fleet.phone_page import phone_page
from server.fleet.standing import GONE, CheckFacts, Standing, Told, standing_of
from server.policies.bundles import situation
from server.policies.situation import Situation
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    banning_policy,
    disabled_ledger,
)

PHONE = PhoneId.random()
COMPLIANT = CheckFacts(NOW, Verdict.COMPLIANT, True, 0, NOW)


def in_force(**changes: object) -> Situation:
    return Situation(NOW, Bundle(1, banning_policy(**changes)))


def exempting() -> Situation:
    exemption = Exemption(PHONE, NOW + timedelta(days=1), "travel")
    return Situation(NOW, Bundle(1, banning_policy(), Fleet(1, (exemption,))))


@pytest.mark.parametrize(
    ("consent", "facts", "situation", "expected"),
    [
        (Consent.DECLINED, None, in_force(), Standing.DECLINED),
        (Consent.DECLINED, COMPLIANT, in_force(), Standing.DECLINED),
        (Consent.AGREED, None, in_force(), Standing.UNSEEN),
        (Consent.AGREED, COMPLIANT, in_force(), Standing.COMPLIANT),
        (Consent.AGREED, replace(COMPLIANT, verdict=Verdict.VIOLATING), in_force(), Standing.VIOLATING),
        (
            Consent.AGREED,
            replace(COMPLIANT, verdict=Verdict.VIOLATING, enforceable=False),
            in_force(),
            Standing.NOT_ENFORCEABLE,
        ),
        (Consent.AGREED, replace(COMPLIANT, verdict=Verdict.UNREADABLE), in_force(), Standing.UNREADABLE),
        (
            Consent.AGREED,
            replace(COMPLIANT, effective_at=NOW - timedelta(hours=48)),
            in_force(),
            Standing.COMPLIANT,
        ),
        (
            Consent.AGREED,
            replace(COMPLIANT, effective_at=NOW - timedelta(hours=48, seconds=1)),
            in_force(),
            Standing.SILENT,
        ),
        (
            Consent.AGREED,
            replace(COMPLIANT, effective_at=NOW - timedelta(days=400)),
            Situation(NOW),
            Standing.COMPLIANT,
        ),
        (
            Consent.AGREED,
            replace(COMPLIANT, open_entries=1),
            in_force(lifted=True),
            Standing.WAITING_FOR_LIFT,
        ),
        (
            Consent.AGREED,
            replace(COMPLIANT, open_entries=1, effective_at=NOW - timedelta(days=9)),
            in_force(lifted=True),
            Standing.WAITING_FOR_LIFT,
        ),
        (Consent.AGREED, COMPLIANT, in_force(lifted=True), Standing.NOTHING_DUE),
        (
            Consent.AGREED,
            replace(COMPLIANT, verdict=Verdict.VIOLATING, enforceable=False),
            exempting(),
            Standing.NOTHING_DUE,
        ),
        (Consent.AGREED, None, in_force(lifted=True), Standing.NOTHING_DUE),
        (Consent.DECLINED, None, in_force(lifted=True), Standing.NOTHING_DUE),
        (Consent.DECLINED, replace(COMPLIANT, open_entries=1), in_force(lifted=True), Standing.DECLINED),
        (Consent.AGREED, replace(COMPLIANT, open_entries=1), exempting(), Standing.WAITING_FOR_LIFT),
        (Consent.AGREED, replace(COMPLIANT, open_entries=1), in_force(), Standing.COMPLIANT),
    ],
)
def test_the_first_standing_that_fits_is_the_one(
    consent: Consent, facts: CheckFacts | None, situation: Situation, expected: Standing
) -> None:
    assert standing_of(PHONE, Told(consent), facts, situation) is expected


def test_the_end_of_the_measure_lifts_by_time_alone() -> None:
    policy = banning_policy()

    assert Situation(policy.ends_at, Bundle(1, policy)).lifted
    assert not Situation(policy.ends_at - timedelta(seconds=1), Bundle(1, policy)).lifted


def test_counts_hold_every_standing_and_every_phone_once(authority: Authority) -> None:
    bench = authority.bench()
    for kind in ({}, VIOLATING, NOT_ENFORCEABLE, UNREADABLE):
        authority.accept(bench.sign(bench.report(authority.phone(bench), **kind)))
    authority.phone(bench, consent=Consent.DECLINED)
    authority.phone(bench)

    with authority.database.reading() as session:
        counts = fleet_counts(session, situation(session, NOW))

    assert counts.total == 6
    assert counts.by_standing == dict.fromkeys(Standing, 1) | dict.fromkeys(GONE, 0) | {
        Standing.NOTHING_DUE: 0,
        Standing.SILENT: 0,
        Standing.WAITING_FOR_LIFT: 0,
    }


def test_time_alone_turns_a_compliant_phone_silent(authority: Authority) -> None:
    bench = authority.bench()
    authority.accept(bench.sign(bench.report(authority.phone(bench))))

    with authority.database.reading() as session:
        counts = fleet_counts(session, situation(session, NOW + timedelta(hours=49)))

    assert counts.by_standing[Standing.SILENT] == 1


def test_phones_that_wait_for_the_lift_are_counted_by_age(authority: Authority) -> None:
    bench = authority.bench()
    for age in (0, 3, 40):
        report = bench.report(
            authority.phone(bench), checked_at=NOW - timedelta(days=age), ledger=disabled_ledger()
        )
        authority.accept(bench.sign(report))

    with authority.database.reading() as session:
        counts = fleet_counts(session, situation(session, NOW + timedelta(days=60)))

    assert counts.by_standing[Standing.WAITING_FOR_LIFT] == 3
    assert counts.waiting_by_age == {"day": 0, "week": 0, "month": 0, "longer": 3}


def test_the_page_of_a_phone_tells_all_of_it(authority: Authority) -> None:
    bench = authority.bench("bench 7")
    phone_id = authority.phone(bench, holder="mailbox-42")
    report = bench.report(phone_id, **VIOLATING)
    authority.accept(bench.sign(report))

    with authority.database.reading() as session:
        page = phone_page(session, phone_id, NOW, authority.config.holder_key)

    assert page is not None
    assert (page.holder, page.report, page.row.station_name) == ("mailbox-42", report, "bench 7")
    assert [line.check.report_id for line in page.history] == [report.report_id]
    assert page.row.latest is not None
    assert page.row.latest.families == ("TikTok",)


def test_an_unknown_phone_has_no_page(small_authority: Authority) -> None:
    with small_authority.database.reading() as session:
        assert phone_page(session, PHONE, NOW, small_authority.config.holder_key) is None
