"""Who is not ready for the deadline and what follows: pure, in exact numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policy.document import Bundle, Fleet, Policy, Ring
from policy.ready_made import ready_made_policy
from server.fleet.blocks import BLOCKING
from server.fleet.deadline_words import AGES, CAUSES, NEXT_STEPS, what_happens, when_told
from server.fleet.readiness import NOT_READY, Moment, Overdue, bears_from, moment_of, not_ready, outlook
from server.fleet.standing import FleetCounts, Standing, no_counts
from server.fleet.units_left import told_by_unit
from server.policies.situation import Situation

DEADLINE = datetime(2027, 3, 15, 11, tzinfo=UTC)
COUNTS = no_counts() | {
    Standing.COMPLIANT: 60,
    Standing.VIOLATING: 12,
    Standing.NOT_ENFORCEABLE: 3,
    Standing.UNREADABLE: 1,
    Standing.SILENT: 7,
    Standing.UNSEEN: 5,
    Standing.DECLINED: 2,
    Standing.NOTHING_DUE: 10,
}
FOLLOWS = outlook(COUNTS, Overdue(checked=11, unseen=4))


def policy(**changes: object) -> Policy:
    made = replace(
        ready_made_policy(),
        deadline=DEADLINE,
        time_zone="Europe/Brussels",
        review_at=DEADLINE + timedelta(days=40),
        ends_at=DEADLINE + timedelta(days=80),
        overdue_limit=timedelta(days=14),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def at(days: float, **changes: object) -> Situation:
    return Situation(DEADLINE + timedelta(days=days), Bundle(1, policy(**changes), Fleet()))


def counts(by_standing: dict[Standing, int] = COUNTS) -> FleetCounts:
    return FleetCounts(sum(by_standing.values()), by_standing, {}, {})


def paragraph(here: Situation) -> str:
    return what_happens(moment_of(here), here, counts(), not_ready(counts()), FOLLOWS)


def test_not_ready_is_one_number_with_its_causes() -> None:
    ready = not_ready(counts())

    assert (ready.total, ready.of) == (30, 100)
    assert [(one.standing, one.phones, one.percent) for one in ready.left] == [
        (Standing.VIOLATING, 12, 12.0),
        (Standing.NOT_ENFORCEABLE, 3, 3.0),
        (Standing.UNREADABLE, 1, 1.0),
        (Standing.SILENT, 7, 7.0),
        (Standing.UNSEEN, 5, 5.0),
        (Standing.DECLINED, 2, 2.0),
    ]


def test_nobody_is_left_in_an_empty_fleet() -> None:
    ready = not_ready(counts(no_counts()))

    assert (ready.total, ready.of, {one.percent for one in ready.left}) == (0, 0, {0.0})


def test_every_cause_has_its_next_step_and_every_block_its_words() -> None:
    assert set(NEXT_STEPS) == set(NOT_READY)
    assert set(CAUSES) == BLOCKING == {one.cause for one in FOLLOWS.told}


def test_who_is_blocked_at_once_and_who_falls_silent_until_then() -> None:
    # Not enforceable, declined, silent, and never checked for too long by then; the unreadable one only later.
    assert FOLLOWS.by_mail == 3 + 2 + 7 + 4
    assert FOLLOWS.on_phone == 12
    assert FOLLOWS.falling_silent == 11 - 7


@pytest.mark.parametrize(
    ("here", "moment"),
    [
        (Situation(DEADLINE), Moment.NO_POLICY),
        (at(-1), Moment.BEFORE),
        (at(0), Moment.AFTER),
        (at(1, rings=(Ring(1.0, DEADLINE + timedelta(days=2)),)), Moment.BEFORE),
        (at(40), Moment.PAUSED),
        (at(80), Moment.LIFTED),
        (at(-1, lifted=True), Moment.LIFTED),
    ],
)
def test_a_fleet_stands_in_one_moment_of_its_policy(here: Situation, moment: Moment) -> None:
    assert moment_of(here) is moment


def test_findings_bear_from_the_deadline_and_after_it_from_now() -> None:
    assert bears_from(at(-3)) == DEADLINE
    assert bears_from(at(3)) == DEADLINE + timedelta(days=3)


def test_before_the_deadline_the_paragraph_says_who_would_lose_what_and_when() -> None:
    assert paragraph(at(-5)) == (
        "Enforcing begins 2027-03-15 12:00 Europe/Brussels (UTC+01:00) (in 5 days). Of 100 phones, 30 are not ready. If"
        " nothing changes, 12 phones lose the managed apps, each at its next check, and 16 phones lose mail through the"
        " mail side at that moment. Unless checked before, 4 more phones are silent by then and blocked for that,"
        " whatever they stand as now. 1 phone could not be read: the holder of each is blocked once that has lasted"
        " 14 days."
    )


def test_with_rings_the_paragraph_says_when_the_last_begins() -> None:
    rings = (Ring(0.1, DEADLINE), Ring(1.0, DEADLINE + timedelta(days=7)))

    assert "the last of 2 beginning 2027-03-22 12:00 Europe/Brussels" in paragraph(at(-5, rings=rings))
    assert "1 of 2 rings has not begun" in paragraph(at(1, rings=rings))
    assert when_told(Moment.AFTER, at(1, rings=rings), False) == "now, ring by ring"


def test_a_script_on_the_phone_is_told_of() -> None:
    assert "at its next check or by its own script" in paragraph(at(-5, on_phone=True))


def test_a_review_before_the_deadline_stops_it() -> None:
    here = at(-5, review_at=DEADLINE - timedelta(days=1))

    assert "unless it is done before, nothing is disabled on the 30 phones" in paragraph(here)
    assert when_told(moment_of(here), here, False) == "not before a reviewed policy is published"


def test_after_the_deadline_the_paragraph_says_what_follows_now() -> None:
    assert paragraph(at(2)).startswith(
        "Enforcing began 2027-03-15 12:00 Europe/Brussels (UTC+01:00) (2 days ago). Of 100 phones, 30 are not ready: 12"
        " phones lose the managed apps, or have lost them, each at its next check, and for 16 phones the mail side is"
        " told to block the holder."
    )


def test_paused_lifted_and_unpublished_each_say_their_own() -> None:
    assert "nothing new is disabled on the 12 phones that violate, and nobody new is blocked" in paragraph(
        at(41)
    )
    assert paragraph(at(80)).startswith("The measure is over. 0 phones wait")
    assert paragraph(Situation(DEADLINE)).startswith("Nothing is published, so there is no deadline")


def test_the_mail_side_hears_of_the_unreadable_once_it_has_lasted() -> None:
    assert when_told(Moment.BEFORE, at(-5), False) == "from 2027-03-15 12:00 Europe/Brussels (UTC+01:00) on"
    assert when_told(Moment.AFTER, at(1), True) == "now, once it has lasted 14 days"
    assert when_told(Moment.LIFTED, at(80), True) == "not at all"


def test_all_ages_have_words() -> None:
    assert list(AGES) == ["day", "week", "month", "longer"]


@pytest.mark.parametrize(
    ("left", "told", "hides_larger"),
    [
        ({}, [], False),
        ({"a": 9, "b": 5}, [("a", 9), ("b", 5)], False),
        # Several small ones do not tell of each other.
        ({"a": 9, "b": 2, "c": 4}, [("a", 9), ("b", None), ("c", None)], False),
        # The fleet's number less the others would be the one that is small.
        ({"a": 9, "b": 6, "c": 2}, [("a", 9), ("b", None), ("c", None)], True),
        # All of them can only be one, or only be four.
        ({"a": 9, "b": 6, **dict.fromkeys("cdefg", 1)}, [("a", 9), *((one, None) for one in "bcdefg")], True),
        ({"a": 9, "b": 4, "c": 4}, [("a", None), ("b", None), ("c", None)], True),
        # Together still somebody.
        ({"a": 9, "b": 1, "c": 2}, [("a", None), ("b", None), ("c", None)], True),
        ({"": 3}, [("", None)], False),
    ],
)
def test_no_small_number_of_a_unit_is_told_or_can_be_worked_out(
    left: dict[str, int], told: list[tuple[str, int | None]], hides_larger: bool
) -> None:
    found = told_by_unit(left, 5)

    assert [(one.unit, one.phones) for one in found.units] == told
    assert found.hides_larger is hides_larger


def test_with_a_smallest_cell_of_one_every_number_is_told() -> None:
    assert [one.phones for one in told_by_unit({"a": 2, "b": 1}, 1).units] == [2, 1]
