"""The calendar file of a policy, held to the rules of RFC 5545."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from policy.document import LISTING_JUDGEMENT, Bundle, Fleet, Policy, Ring
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from server.policies.calendar import calendar_file, events_of

DEADLINE = datetime(2027, 3, 15, 11, tzinfo=UTC)
PUBLISHED = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)


def policy(**changes: object) -> Policy:
    made = replace(
        ready_made_policy(),
        deadline=DEADLINE,
        review_at=DEADLINE + timedelta(days=40),
        ends_at=DEADLINE + timedelta(days=80),
        reminders=(),
        rings=(Ring(0.1, DEADLINE - timedelta(days=1)), Ring(1.0, DEADLINE + timedelta(days=7))),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def written(**changes: object) -> bytes:
    return calendar_file(Bundle(7, policy(**changes), Fleet()), PUBLISHED, "curfew.example.org")


def unfolded(file: bytes) -> list[str]:
    return file.replace(b"\r\n ", b"").decode().split("\r\n")[:-1]


def values(file: bytes, name: str) -> list[str]:
    return [line.partition(":")[2] for line in unfolded(file) if line.startswith(f"{name}:")]


def test_lines_end_with_crlf_and_none_is_longer_than_75_octets() -> None:
    file = written(name="Été " * 30)

    assert file.endswith(b"END:VCALENDAR\r\n")
    assert re.search(rb"[^\r]\n|\r[^\n]", file) is None
    lines = file.split(b"\r\n")
    assert max(map(len, lines)) == 75
    # None is cut within a character.
    assert [line.decode() for line in lines]


def test_the_file_has_what_it_must_have() -> None:
    lines = unfolded(written())

    assert lines[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Curfew//Curfew//EN"]
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 5
    for name in ("UID", "DTSTAMP", "DTSTART", "SUMMARY"):
        assert len(values(written(), name)) == 5


def test_a_ring_that_lists_its_phones_says_how_many_and_what_they_are_called() -> None:
    pilot = Ring(None, DEADLINE, frozenset({PhoneId.random(), PhoneId.random()}), unit="A")
    told = events_of(policy(rings=(pilot, Ring(1.0, DEADLINE)), minimum_judgement=LISTING_JUDGEMENT))

    assert [event.description for event in told if event.name.startswith("ring")] == [
        "Enforcing begins for 2 phones by list (unit A).",
        "Enforcing begins for 0 % to 100 % of all other phones.",
    ]


def test_every_date_is_there_in_utc_and_no_ring_before_the_deadline() -> None:
    assert list(zip(values(written(), "UID"), values(written(), "DTSTART"), strict=True)) == [
        ("bundle-7-deadline@curfew.example.org", "20270315T110000Z"),
        ("bundle-7-ring-1@curfew.example.org", "20270315T110000Z"),
        ("bundle-7-ring-2@curfew.example.org", "20270322T110000Z"),
        ("bundle-7-review@curfew.example.org", "20270424T110000Z"),
        ("bundle-7-end@curfew.example.org", "20270603T110000Z"),
    ]
    assert set(values(written(), "DTSTAMP")) == {"20270301T083000Z"}


def test_texts_are_escaped() -> None:
    assert values(written(name="a, b; c\\d"), "SUMMARY")[0] == r"Curfew: Deadline of a\, b\; c\\d"


def test_what_a_name_says_adds_no_line() -> None:
    assert len(unfolded(written(name="a\r\nEND:VCALENDAR\nb"))) == len(unfolded(written()))


def test_the_same_bundle_makes_the_same_file() -> None:
    assert written() == written()


def test_a_lifted_policy_has_no_dates() -> None:
    assert events_of(policy(lifted=True)) == ()


def test_each_reminder_of_the_policy_is_a_date_of_its_own() -> None:
    reminders = (timedelta(days=14), timedelta(hours=24))
    found = [one for one in events_of(policy(reminders=reminders)) if one.name.startswith("reminder")]

    assert [(one.name, one.at) for one in found] == [
        ("reminder-336", DEADLINE - timedelta(days=14)),
        ("reminder-24", DEADLINE - timedelta(days=1)),
    ]
    assert found[0].summary.startswith("14 days to the deadline of ")
