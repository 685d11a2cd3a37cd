"""Since when a holder is blocked: what is kept and computed agrees with a plain walk over the phone's reports."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy.document import Bundle, Exemption, Fleet
from policy.names import PhoneId
from policy.report import Consent
from policy.stage import enforcement_starts_at, stage_of
from policy.verdict import Stage, Verdict
from server.fleet import phone_states
from server.fleet.blocks import BLOCKING, BlockCause, cause_of
from server.fleet.failures import Failure
from server.fleet.phones import Phone
from server.fleet.standing import CheckFacts
from server.policies.situation import Published, Situation
from tests.server.authority import NOT_ENFORCEABLE, NOW, UNREADABLE, VIOLATING, Authority, banning_policy

HOUR = timedelta(hours=1)
PHONE_ID = PhoneId.random()
CAUSES = (BlockCause.SILENT, BlockCause.UNREADABLE, BlockCause.NOT_ENFORCEABLE)
"""In the order in which they are told where several hold."""
KINDS = {"compliant": {}, "violating": VIOLATING, "closed": NOT_ENFORCEABLE, "unreadable": UNREADABLE}

FAILURES = {
    "compliant": None,
    "violating": Failure.STILL_RUNS,
    "closed": Failure.UNTOLD,
    "unreadable": Failure.UNTOLD,
}
"""What these reports say of why the phone is not done: none of them names a reason that would be one."""


class Check(NamedTuple):
    at: datetime
    kind: str


def walked(checks: Sequence[Check]) -> CheckFacts:
    """Return what a phone's checks, oldest first, say of it: read one after another, nothing remembered but runs."""
    unchanged: list[Check] = []
    closed: list[Check] = []
    for check in checks:
        unchanged = [*unchanged, check] if unchanged and unchanged[-1].kind == check.kind else [check]
        if check.kind == "closed":
            closed.append(check)
        elif check.kind != "unreadable":
            closed = []
    return CheckFacts(
        effective_at=checks[-1].at,
        verdict=KINDS[checks[-1].kind].get("verdict", Verdict.COMPLIANT),
        enforceable=checks[-1].kind != "closed",
        open_entries=0,
        unchanged_since=unchanged[0].at,
        not_enforceable_since=closed[0].at if closed else None,
        failure=FAILURES[checks[-1].kind],
    )


def test_what_is_kept_of_phones_is_what_their_reports_say_in_whatever_order_they_come(
    authority: Authority,
) -> None:
    drawn = random.Random(1)
    bench = authority.bench()
    told: dict[PhoneId, list[Check]] = {}
    envelopes = []
    for phone_id in [authority.phone(bench) for _ in range(40)]:
        # Few moments, so that some checks share one: then the station's counter orders them.
        hours = sorted(drawn.choices(range(1, 9), k=drawn.randint(1, 9)), reverse=True)
        told[phone_id] = [Check(NOW - hour * HOUR, drawn.choice(list(KINDS))) for hour in hours]
        reports = [bench.report(phone_id, checked_at=at, **KINDS[kind]) for at, kind in told[phone_id]]
        envelopes += [bench.sign(report) for report in reports]
    drawn.shuffle(envelopes)

    while envelopes:
        size = drawn.randint(1, 20)
        authority.accept(*envelopes[:size])
        envelopes = envelopes[size:]

    with authority.database.reading() as session:
        assert phone_states.check_facts(session) == {phone_id: walked(told[phone_id]) for phone_id in told}


HOURS = 24


def lasting(
    deadline: int = 0, review: int = 60, end: int = 60, lifted: bool = False, exempt: int = 0
) -> Bundle:
    """Return a measure by the hours at which it begins, is reviewed and ends, and until when it exempts the phone."""
    policy = banning_policy(
        deadline=NOW + deadline * HOUR,
        review_at=NOW + min(review, deadline + end) * HOUR,
        ends_at=NOW + (deadline + end) * HOUR,
        overdue_limit=4 * HOUR,
        lifted=lifted,
    )
    exemptions = (Exemption(PHONE_ID, NOW + exempt * HOUR, "travel"),) if exempt else ()
    return Bundle(1, policy, Fleet(1, exemptions))


def policies() -> st.SearchStrategy[Bundle]:
    """Measures of which most end, are reviewed or exempt the phone within the hours that are walked."""
    return st.builds(
        lasting,
        deadline=st.integers(0, 16),
        review=st.integers(4, 60),
        end=st.integers(1, 60),
        lifted=st.sampled_from([False] * 4 + [True]),
        exempt=st.sampled_from([0] * 8 + list(range(1, HOURS))),
    )


def at_hours(what: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[list[tuple[int, Any]]]:
    """Return some of them, each at an hour of its own, in their order."""
    drawn = st.dictionaries(st.integers(0, HOURS - 1), what, min_size=least, max_size=most)
    return drawn.map(lambda by_hour: sorted(by_hour.items()))


@example([(0, lasting(review=5, end=5)), (4, lasting(review=4, end=24))], [])
@example([(0, lasting()), (10, lasting(lifted=True)), (12, lasting())], [(1, "closed"), (11, "closed")])
@example([(0, lasting()), (10, lasting(deadline=12))], [(1, "closed"), (11, "closed")])
@example([(0, lasting(end=8)), (10, lasting())], [(1, "closed"), (11, "unreadable")])
@example([(0, lasting(review=12))], [(1, "unreadable"), (9, "unreadable")])
@example([(0, lasting(exempt=9)), (3, lasting(exempt=9))], [(1, "closed"), (22, "closed")])
@example([(0, lasting(review=6))], [(1, "unreadable"), (4, "unreadable")])
@settings(max_examples=100, deadline=None)
@given(at_hours(policies(), 1, 4), at_hours(st.sampled_from(list(KINDS)), 0, 6))
def test_a_block_counts_from_where_a_walk_hour_by_hour_sees_its_cause_begin(
    published: list[tuple[int, Bundle]], checked: list[tuple[int, str]]
) -> None:
    publications = tuple(Published(NOW + hour * HOUR, bundle) for hour, bundle in published)
    checks = [Check(NOW + hour * HOUR, kind) for hour, kind in checked]
    # Everything happens at full hours, and is looked at in between.
    here = Situation(NOW + (HOURS - 0.5) * HOUR, publications[-1].bundle, publications)
    phone = Phone(PHONE_ID, "Google", "Pixel 7", "", False, Consent.AGREED, NOW, NOW)

    cause, since = cause_of(phone, walked(checks) if checks else None, here)

    expected = _walk_by_hours(publications, checks)
    assert (cause in BLOCKING) == bool(expected)
    if expected:
        # Of those that hold, the first that is told.
        assert (cause, since) == next(iter(expected.items()))


@example([(0, lasting(review=4)), (10, lasting(review=30))], 5, 8)
@example([(0, lasting(exempt=20)), (10, lasting())], 1, 8)
@example([(0, lasting(lifted=True)), (10, lasting())], 1, 8)
@settings(max_examples=300, deadline=None)
@given(at_hours(policies(), 1, 4), st.integers(0, HOURS - 2), st.integers(0, HOURS - 1))
def test_where_a_block_began_though_its_cause_was_there_it_is_told_that_enforcing_did(
    published: list[tuple[int, Bundle]], began: int, later: int
) -> None:
    publications = tuple(Published(NOW + hour * HOUR, bundle) for hour, bundle in published)
    here = Situation(NOW + (HOURS - 0.5) * HOUR, publications[-1].bundle, publications)
    since = NOW + max(later, began + 1) * HOUR
    is_due = not here.lifted and here.now >= enforcement_starts_at(publications[-1].bundle.policy, PHONE_ID)

    counts_from = here.enforced_since(PHONE_ID, NOW + began * HOUR)

    if is_due and not here.exempts(PHONE_ID) and counts_from and counts_from >= since:
        assert here.enforcing_began(since) or PHONE_ID in here.exempt_before(since)


@pytest.mark.parametrize("change", [{}, {"exempt": 20}])
def test_a_publication_that_moves_no_date_lets_enforcing_begin_for_nobody(change: dict[str, Any]) -> None:
    publications = (Published(NOW, lasting()), Published(NOW + 5 * HOUR, lasting(**change)))
    here = Situation(NOW + 9 * HOUR, publications[-1].bundle, publications)

    assert not here.enforcing_began(NOW + 4 * HOUR)
    assert here.exempt_before(NOW + 4 * HOUR) == set()


def test_a_phone_whose_exemption_ended_or_was_taken_back_is_named_and_no_other() -> None:
    ended, taken = lasting(exempt=6), lasting()
    for publications in (
        (Published(NOW, ended),),
        (Published(NOW, lasting(exempt=20)), Published(NOW + 6 * HOUR, taken)),
    ):
        here = Situation(NOW + 9 * HOUR, publications[-1].bundle, publications)

        assert not here.enforcing_began(NOW + 4 * HOUR)
        assert here.exempt_before(NOW + 4 * HOUR) == {PHONE_ID}
        assert here.exempt_before(NOW + 8 * HOUR) == set()


def _walk_by_hours(publications: Sequence[Published], checks: Sequence[Check]) -> dict[BlockCause, datetime]:
    """Return since when each cause that blocks in the end has done so without a break, asked anew each half hour."""
    blocking: dict[BlockCause, datetime] = {}
    limit = publications[-1].bundle.policy.overdue_limit
    for step in range(HOURS):
        hour = NOW + step * HOUR
        at = hour + HOUR / 2
        newest = next((one.bundle for one in reversed(publications) if one.at < at), None)
        stage = stage_of(newest.policy, PHONE_ID, at) if newest else Stage.REMIND
        # Of a review that comes before the deadline: what is not enforced yet is not kept up either.
        spared = newest is not None and (
            newest.fleet.exempts(PHONE_ID, at) or at < enforcement_starts_at(newest.policy, PHONE_ID)
        )
        asking = set() if spared else _asking([check for check in checks if check.at < at], at, limit)
        for cause in CAUSES:
            if cause not in asking or stage in (Stage.REMIND, Stage.LIFTED):
                blocking.pop(cause, None)
            elif stage is Stage.ENFORCE:
                blocking.setdefault(cause, hour)
    return {cause: blocking[cause] for cause in CAUSES if cause in blocking}


def _asking(checks: Sequence[Check], at: datetime, limit: timedelta) -> set[BlockCause]:
    unread: list[Check] = []
    for check in checks:
        unread = [*unread, check] if check.kind == "unreadable" else []
    read = [check for check in checks if check.kind != "unreadable"]
    asked = {
        BlockCause.SILENT: at - (checks[-1].at if checks else NOW) > limit,
        BlockCause.UNREADABLE: bool(unread) and at - unread[0].at > limit,
        BlockCause.NOT_ENFORCEABLE: bool(read) and read[-1].kind == "closed",
    }
    return {cause for cause, holds in asked.items() if holds}
