"""When an app was installed or updated, as an age by the phone's own clock; and whose phone it is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from agent_scripts import exchange
from agent_scripts.dialect.cut_answer import CutAnswer
from agent_scripts.dialect.device import read_device
from agent_scripts.dialect.owners import read_owners
from agent_scripts.dialect.packages import read_package
from policy.names import PackageName, UserNumber
from tests.dialect.asking import NONCE, OWNERS, PACKAGES, MakePhone, reading_from
from tests.phones.samples import OUTLOOK, TIKTOK, SampleApp, SampleState, personal_phone

NAME = PackageName(OUTLOOK)
U0, U10 = UserNumber(0), UserNumber(10)
CLOCK = datetime.fromisoformat("2024-05-01T12:00:00")
HEAD = ("package", "pkgFlags user")
USER_0 = "user 0 installed:true hidden:false suspended:false enabled:0"
USER_10 = "user 10 installed:true hidden:false suspended:false enabled:0"


def ages(*lines: str, clock: datetime | None = CLOCK) -> list[timedelta | None]:
    reading = read_package(NAME, CutAnswer("it", lines, 0), frozenset({U0, U10}), clock)
    assert not reading.unreadable
    return [reading.states[user].installed_ago for user in (U0, U10)]


def test_up_to_android_12_the_update_of_the_package_counts_for_every_user() -> None:
    times = ("installed 2024-01-01T00:00:00", "installed 2024-05-01T11:00:00")

    assert ages(*HEAD, *times, USER_0, USER_10) == [timedelta(hours=1)] * 2


def test_from_android_13_a_user_may_have_installed_it_later_than_the_package_was_updated() -> None:
    lines = (*HEAD, "installed 2024-05-01T11:00:00", USER_0, USER_10, "installed 2024-05-01T11:59:00")

    assert ages(*lines) == [timedelta(hours=1), timedelta(minutes=1)]


@pytest.mark.parametrize(
    "line",
    ["installed never", "installed 2024-13-01T00:00:00", "installed", "installed 2024-05-01T11:00:00Z"],
)
def test_a_time_that_is_none_never_spoils_a_reading(line: str) -> None:
    assert ages(*HEAD, line, USER_0, USER_10) == [None, None]


def test_without_the_phones_clock_there_is_no_age() -> None:
    assert ages(*HEAD, "installed 2024-05-01T11:00:00", USER_0, USER_10, clock=None) == [None, None]


def test_the_time_of_another_package_is_not_taken_for_ours() -> None:
    lines = (*HEAD, USER_0, USER_10, "other-package", "installed 2024-05-01T11:00:00")

    assert ages(*lines) == [None, None]


def test_only_apps_that_were_asked_for_tell_their_times(phone: MakePhone) -> None:
    state = {0: SampleState(), 10: SampleState()}
    fake = phone(personal_phone(34).with_app(SampleApp(TIKTOK, state)).with_app(SampleApp(OUTLOOK, state)))
    for name in (TIKTOK, OUTLOOK):
        dump = f"dumpsys-package-{name}"
        text = (fake.printed / dump).read_text()
        marked = "    lastUpdateTime=2020-01-01 10:00:00\n    User 0:"
        assert "    User 0:" in text
        fake.print(dump, text.replace("    User 0:", marked, 1))

    answer = fake.run(exchange.ReadingQuestion(PACKAGES, OWNERS, dated=[NAME], nonce=NONCE).command)

    packages = reading_from(answer).observation.packages
    assert answer.count(b"installed 2020") == 1
    age = packages[NAME].states[U0].installed_ago
    assert age is not None
    assert age > timedelta(days=365)
    assert packages[PackageName(TIKTOK)].states[U0].installed_ago is None


def test_the_clock_is_told_in_utc_and_in_the_phones_own_zone() -> None:
    properties = CutAnswer("properties", ("property ro.build.version.sdk 34",), 0)
    clock = CutAnswer("clock", ("line 1714557600:2024-05-01T12:00:00",), 0)

    facts = read_device(properties, None, clock)

    assert facts.phone_clock is not None
    assert facts.phone_clock.isoformat() == "2024-05-01T10:00:00+00:00"
    assert facts.local_clock == CLOCK


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("profile 10", "name -", "admins"), None),
        (("profile 10", "name -", "company false", "admins"), False),
        (("profile 10", "name -", "company true", "admins"), True),
        (("profile 10", "name -", "company false", "profile 11", "name -", "company true", "admins"), True),
        (("profile 10", "name -", "admins", "company true"), None),
    ],
    ids=["not told", "personal", "company", "one of two", "below the admins"],
)
def test_whose_phone_it_is_is_what_a_profile_owner_says(
    lines: tuple[str, ...], expected: bool | None
) -> None:
    assert read_owners(CutAnswer("owners", lines, 0), OWNERS).company_owned is expected
