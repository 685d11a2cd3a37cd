"""A plan is taken whole or not at all, by Python and by the script alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policy.document import JUDGEMENT_VERSION, Bundle
from policy.errors import PlanImpossible
from policy.names import UserNumber
from policy.observation import User, UserKind
from policy.plan import LATEST_TIME, PlannedPlace, parse_plan, plan_of, plan_text
from tests.on_phone.conftest import PhoneShell
from tests.on_phone.plans import GOOD, broken, good, shell_takes
from tests.policy.bench import (
    END,
    INTUNE,
    LATER,
    MARKER,
    PERSONAL,
    PHONE,
    POLICY,
    WORK,
    exempting,
    ledger,
    phone,
)

BROKEN = list(broken())
VALID = LATER + timedelta(hours=72)


def test_a_plan_says_the_same_after_its_text() -> None:
    for text in good():
        assert plan_text(parse_plan(text)) == text


@pytest.mark.parametrize(("what", "text"), BROKEN, ids=[what for what, _ in BROKEN])
def test_a_plan_broken_in_one_place_is_refused(what: str, text: bytes) -> None:
    if what == f"judgement {JUDGEMENT_VERSION + 1}":
        return  # the shell's own rules
    with pytest.raises(PlanImpossible):
        parse_plan(text)


def test_the_script_refuses_every_broken_plan(phone_shell: PhoneShell, tmp_path: Path) -> None:
    answers = shell_takes(phone_shell.words, tmp_path, [text for _, text in BROKEN])

    assert len(answers) == len(BROKEN)
    assert [what for (what, _), answer in zip(BROKEN, answers, strict=True) if answer == "good"] == []


def test_the_script_takes_every_good_plan(phone_shell: PhoneShell, tmp_path: Path) -> None:
    assert set(shell_takes(phone_shell.words, tmp_path, good())) == {"good"}


def test_times_a_phone_cannot_count_to_are_refused() -> None:
    last = datetime.fromtimestamp(LATEST_TIME, UTC)

    for ends_at in (last + timedelta(microseconds=1), last.replace(year=2100)):
        with pytest.raises(PlanImpossible, match="2037"):
            plan_of(
                Bundle(1, replace(POLICY, ends_at=ends_at)),
                PHONE,
                phone(PERSONAL),
                ledger(),
                LATER,
                VALID,
                "en",
            )
    plan_of(Bundle(1, replace(POLICY, ends_at=last)), PHONE, phone(PERSONAL), ledger(), LATER, VALID, "en")


def test_a_phone_that_was_not_read_well_gets_no_plan() -> None:
    for seen in (replace(phone(PERSONAL), unreadable=("cut",)), phone(WORK)):
        with pytest.raises(PlanImpossible, match="check it again"):
            plan_of(Bundle(1, POLICY), PHONE, seen, ledger(), LATER, VALID, "en")


def test_fractions_of_seconds_never_begin_or_end_early() -> None:
    half = timedelta(milliseconds=500)
    plan = plan_of(
        Bundle(1, replace(POLICY, ends_at=END + half)),
        PHONE,
        phone(PERSONAL),
        ledger(),
        LATER + half,
        VALID + half,
        "en",
    )

    assert (plan.ends_at, plan.made_at) == (int(END.timestamp()) + 1, int(LATER.timestamp()) + 1)
    assert plan.valid_until == int(VALID.timestamp())


def test_users_become_places_by_the_rules_of_the_policy() -> None:
    island = User(UserNumber(11), UserKind.WORK, has_owner=True)
    closed = User(UserNumber(10), UserKind.WORK, True, INTUNE, open_to_shell=False)
    owned = phone(PERSONAL, has_device_owner=True, device_owner=INTUNE)
    foreign = replace(phone(PERSONAL), has_device_owner=True)

    def places(seen):  # type: ignore[no-untyped-def]
        plan = plan_of(Bundle(1, POLICY), PHONE, seen, ledger(), LATER, VALID, "en")
        return [(user.place, user.open_to_shell) for user in plan.users]

    none, work = PlannedPlace.NONE, PlannedPlace.WORK_PROFILE
    assert places(phone(PERSONAL, closed, island)) == [
        (PlannedPlace.ALONE, True),
        (work, False),
        (none, True),
    ]
    assert places(owned) == [(PlannedPlace.MANAGED_DEVICE, True)]
    assert places(foreign) == [(none, True)]


def test_the_plan_carries_this_phones_exemption_and_marker() -> None:
    plan = plan_of(Bundle(1, POLICY, exempting()), PHONE, phone(PERSONAL), ledger(), LATER, VALID, "en")

    assert (plan.exempt_until, plan.marker, plan.message) == (int(END.timestamp()), MARKER, None)


def test_texts_for_the_owner_stay_texts() -> None:
    assert "\nrestored *\n" in GOOD
    assert "'c' %s -n" in GOOD
