"""Times and words on pages are unambiguous."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest

from policy.attempt import AttemptCause
from policy.ledger import EntryState
from policy.observation import EnabledState, UserKind
from policy.report import ActionResult, Consent
from policy.verdict import ActionKind, ReasonCode, Stage, Verdict
from server.evidence.alarms import AlarmKind
from server.fleet.blocks import BlockCause
from server.fleet.standing import Standing
from server.pages.standing_words import MAIL
from server.pages.words import word
from server.times import in_zone, length, machine, relative, skew, utc

NOON = datetime(2023, 3, 15, 12, 0, tzinfo=UTC)


def test_a_time_names_its_zone() -> None:
    assert utc(NOON) == "2023-03-15 12:00 UTC"
    assert machine(NOON) == "2023-03-15T12:00:00Z"


@pytest.mark.parametrize(
    ("time", "zone", "shown"),
    [
        (NOON, "Europe/Brussels", "2023-03-15 13:00 Europe/Brussels (UTC+01:00)"),
        (NOON + timedelta(days=30), "Europe/Brussels", "2023-04-14 14:00 Europe/Brussels (UTC+02:00)"),
        (NOON, "Asia/Kolkata", "2023-03-15 17:30 Asia/Kolkata (UTC+05:30)"),
    ],
)
def test_a_deadline_is_shown_in_the_zone_it_was_written_in(time: datetime, zone: str, shown: str) -> None:
    assert in_zone(time, zone) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=10), "less than a minute"),
        (timedelta(seconds=61), "1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=26), "26 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=40), "40 days"),
    ],
)
def test_a_length_of_time_is_one_number_and_its_unit(span: timedelta, shown: str) -> None:
    assert length(span) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "agrees"),
        (3, "3 s ahead"),
        (-119, "119 s behind"),
        (-18_000, "5 hours behind"),
        (120, "2 minutes ahead"),
    ],
)
def test_a_wrong_clock_is_told_in_a_unit_that_a_reader_feels(seconds: int, shown: str) -> None:
    assert skew(seconds) == shown


def test_an_age_tells_past_from_future() -> None:
    assert relative(NOON - timedelta(hours=3), NOON) == "3 hours ago"
    assert relative(NOON + timedelta(days=2), NOON) == "in 2 days"
    assert relative(NOON + timedelta(seconds=5), NOON) == "just now"


@pytest.mark.parametrize(
    "words",
    [
        AttemptCause,
        Verdict,
        Stage,
        ReasonCode,
        ActionKind,
        ActionResult,
        UserKind,
        EnabledState,
        Consent,
        EntryState,
        AlarmKind,
        Standing,
    ],
)
def test_every_closed_word_has_its_words_on_pages(words: type[Enum]) -> None:
    for member in words:
        assert word(member).label


def test_every_cause_of_the_mail_side_has_its_words() -> None:
    assert set(MAIL) == set(BlockCause)


def test_no_standing_but_compliant_looks_good() -> None:
    assert [standing for standing in Standing if word(standing).tone == "good"] == [Standing.COMPLIANT]
