"""How far the measure has come, to the second."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.document import LISTING_JUDGEMENT, Ring
from policy.names import PhoneId
from policy.stage import enforcement_starts_at, is_held, ring_of, ring_of_share, share_of, stage_of
from policy.verdict import Stage
from tests.policy.bench import DEADLINE, END, PHONE, POLICY, REVIEW, policy

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
# SHA-256 of the id, read as a fraction.
SHARE_OF_PHONE = 0.8504115980063904
OTHER = PhoneId("00000000-0000-4000-8000-0000000000ff")
uuids = st.uuids().map(lambda drawn: PhoneId(str(drawn)))


@pytest.mark.parametrize(
    ("now", "stage"),
    [
        (DEADLINE - SECOND, Stage.REMIND),
        (DEADLINE, Stage.ENFORCE),
        (REVIEW - SECOND, Stage.ENFORCE),
        (REVIEW, Stage.PAUSED),
        (END - SECOND, Stage.PAUSED),
        (END, Stage.LIFTED),
        (END + 3650 * DAY, Stage.LIFTED),
    ],
)
def test_each_stage_begins_with_its_very_second(now: datetime, stage: Stage) -> None:
    assert stage_of(POLICY, PHONE, now) is stage


@pytest.mark.parametrize("now", [DEADLINE - DAY, DEADLINE, REVIEW, END])
def test_a_lifted_policy_is_lifted_at_any_time(now: datetime) -> None:
    assert stage_of(policy(lifted=True), PHONE, now) is Stage.LIFTED


def test_a_missed_review_outranks_a_deadline_that_comes_after_it() -> None:
    late = policy(review_at=DEADLINE - DAY)

    assert stage_of(late, PHONE, DEADLINE - 2 * DAY) is Stage.REMIND
    assert stage_of(late, PHONE, DEADLINE) is Stage.PAUSED


def test_a_ring_delays_enforcement_and_never_hastens_it() -> None:
    early = policy(rings=(Ring(1.0, DEADLINE - DAY),))
    late = policy(rings=(Ring(1.0, DEADLINE + DAY),))

    assert enforcement_starts_at(early, PHONE) == DEADLINE
    assert enforcement_starts_at(late, PHONE) == DEADLINE + DAY
    assert stage_of(late, PHONE, DEADLINE) is Stage.REMIND
    assert stage_of(late, PHONE, DEADLINE + DAY) is Stage.ENFORCE


def test_a_phone_belongs_to_the_first_ring_that_reaches_its_share() -> None:
    phones = [PhoneId.random() for _ in range(50)]
    rings = (Ring(0.3, DEADLINE + DAY), Ring(0.6, DEADLINE + 2 * DAY), Ring(1.0, DEADLINE + 3 * DAY))

    for phone_id in phones:
        share = share_of(phone_id)
        days = 1 if share < 0.3 else 2 if share < 0.6 else 3
        assert enforcement_starts_at(policy(rings=rings), phone_id) == DEADLINE + days * DAY


def listing(*phones: PhoneId, name: str = "pilot", days: int = 0) -> Ring:
    return Ring(None, DEADLINE + days * DAY, frozenset(phones), name)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_listed_phone_belongs_to_the_ring_that_lists_it_whatever_its_share(place: int) -> None:
    rings = [Ring(0.3, DEADLINE + DAY), Ring(1.0, DEADLINE + 3 * DAY)]
    rings.insert(place, listing(PHONE, days=9))
    ringed = policy(rings=tuple(rings), minimum_judgement=LISTING_JUDGEMENT)

    assert ring_of(ringed, PHONE) == place + 1
    assert enforcement_starts_at(ringed, PHONE) == DEADLINE + 9 * DAY


@given(uuids)
def test_a_phone_that_no_ring_lists_is_in_the_ring_of_its_share(phone_id: PhoneId) -> None:
    plain = policy(rings=(Ring(0.3, DEADLINE), Ring(1.0, DEADLINE)))
    ringed = policy(
        rings=(listing(PHONE), plain.rings[0], listing(OTHER, name="crisis"), plain.rings[1]),
        minimum_judgement=LISTING_JUDGEMENT,
    )

    assert ring_of(ringed, phone_id) == {1: 2, 2: 4}[ring_of(plain, phone_id)]


def test_without_rings_everybody_is_in_one() -> None:
    assert ring_of(POLICY, PHONE) == ring_of_share(POLICY, 0.5) == 1
    assert is_held(POLICY, PHONE, 1)
    assert not is_held(POLICY, PHONE, None)


def test_a_hold_is_of_a_ring_and_of_those_behind_it_by_their_order_alone() -> None:
    ringed = policy(
        rings=(listing(OTHER), Ring(1.0, DEADLINE), listing(PHONE, name="crisis")),
        minimum_judgement=LISTING_JUDGEMENT,
    )
    unlisted = PhoneId("00000000-0000-4000-8000-000000000001")

    held = {ring: [is_held(ringed, one, ring) for one in (OTHER, unlisted, PHONE)] for ring in (1, 2, 3, 4)}

    assert held == {
        1: [True, True, True],
        2: [False, True, True],
        3: [False, False, True],
        4: [False, False, False],
    }


def test_the_share_of_a_phone_never_changes_between_versions() -> None:
    assert share_of(PHONE) == pytest.approx(SHARE_OF_PHONE, abs=1e-9)


@given(uuids)
def test_every_share_lies_in_some_ring(phone_id: PhoneId) -> None:
    assert 0 <= share_of(phone_id) < 1


def test_shares_are_spread_evenly() -> None:
    count = 4000
    below = sum(share_of(PhoneId(f"00000000-0000-4000-8000-{number:012x}")) < 0.25 for number in range(count))

    assert 0.22 * count < below < 0.28 * count
