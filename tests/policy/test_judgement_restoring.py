"""What is put back, when, and to which state."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from policy.document import PlaceKind, Policy
from policy.ledger import EntryState, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Notice, Observation, PackageReading, PackageState, User, UserKind
from policy.verdict import NOTICE_POSTER, Action, ActionKind, Reason, ReasonCode, Stage, Verdict
from tests.policy.bench import (
    BEFORE,
    DEFAULT,
    ENABLED,
    END,
    GONE,
    HERE,
    INTUNE,
    LATER,
    LYNC,
    MANAGED,
    OURS,
    OUTLOOK,
    PERSONAL,
    POLICY,
    REVIEW,
    TIKTOK,
    U0,
    U10,
    WORK,
    actions,
    codes,
    entry,
    exempting,
    judged,
    ledger,
    managed_in,
    phone,
    policy,
    reading,
    restored,
)

COMPLIANT = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: OURS}, LYNC: {U10: OURS}})
VIOLATING = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: OURS}, LYNC: {U10: OURS}, TIKTOK: {U0: HERE}})
UNREADABLE = replace(VIOLATING, unreadable=("timeout",))
HELD = ledger(entry(), entry(package=LYNC, prior=ENABLED))
BOTH = [(10, LYNC), (10, OUTLOOK)]
ALL_IS_BACK = Action(ActionKind.NOTIFY, U0, NOTICE_POSTER)
USER_77 = User(UserNumber(77), UserKind.OTHER)


def test_a_compliant_phone_gets_every_app_back_in_exactly_its_former_state() -> None:
    assert judged(COMPLIANT, holding=HELD).actions == (
        Action(ActionKind.RESTORE, U10, LYNC, ENABLED),
        Action(ActionKind.RESTORE, U10, OUTLOOK, DEFAULT),
        ALL_IS_BACK,
    )


def test_an_exempt_phone_and_one_under_a_lift_read_once_that_all_is_back() -> None:
    for under, exempt in ((POLICY, True), (policy(lifted=True), False)):
        judgement = judged(VIOLATING, under, holding=HELD, fleet=exempting() if exempt else None)
        assert actions(judgement, ActionKind.NOTIFY) == [ALL_IS_BACK]


@pytest.mark.parametrize("told", [Notice.REMIND, Notice.DISABLED])
def test_a_notice_that_asks_for_what_is_not_asked_any_more_is_replaced(told: Notice) -> None:
    follows = replace(phone(PERSONAL, WORK, packages={OUTLOOK: {U10: HERE}, LYNC: {U10: HERE}}), told=told)
    violates = replace(VIOLATING, told=told)

    assert judged(follows, at=BEFORE).actions == (ALL_IS_BACK,)
    assert judged(violates, policy(lifted=True)).actions == (ALL_IS_BACK,)
    assert judged(violates, at=BEFORE, fleet=exempting()).actions == (ALL_IS_BACK,)


@pytest.mark.parametrize("told", [None, Notice.RESTORED])
def test_who_was_asked_for_nothing_is_told_nothing(told: Notice | None) -> None:
    assert judged(replace(COMPLIANT, told=told), at=BEFORE).actions == ()


def test_a_reminder_stands_while_the_phone_cannot_be_read_and_while_the_review_is_late() -> None:
    assert judged(replace(UNREADABLE, told=Notice.REMIND), at=BEFORE).actions == ()
    assert judged(replace(VIOLATING, told=Notice.REMIND), at=REVIEW).actions == ()


def test_a_deadline_that_moved_away_gives_all_back_and_reminds() -> None:
    judgement = judged(VIOLATING, at=BEFORE, holding=HELD)

    assert restored(judgement) == BOTH
    assert [action.package for action in actions(judgement, ActionKind.NOTIFY)] == [TIKTOK]


def test_an_app_that_is_managed_no_more_comes_back_and_the_notice_of_the_others_stands() -> None:
    only_outlook = tuple(app for app in POLICY.managed if app.package == OUTLOOK)

    judgement = judged(VIOLATING, policy(managed=only_outlook), holding=HELD)

    assert [action.kind for action in judgement.actions] == [ActionKind.RESTORE]


def test_restoring_needs_neither_a_trusted_clock_nor_a_fresh_bundle() -> None:
    judgement = judged(COMPLIANT, holding=HELD, trusted=False, bundle_age=timedelta(days=900))

    assert restored(judgement) == BOTH


def test_a_violating_phone_gets_nothing_back_while_the_ban_is_enforced() -> None:
    assert judged(VIOLATING, holding=HELD).actions == ()


def test_an_unreadable_phone_gets_nothing_back_while_the_ban_is_enforced() -> None:
    assert judged(UNREADABLE, holding=HELD).actions == ()


def test_a_package_unread_keeps_the_enforcement_in_force() -> None:
    seen = replace(
        COMPLIANT,
        packages={**COMPLIANT.packages, TIKTOK: PackageReading(TIKTOK, unreadable="exception text")},
    )

    judgement = judged(seen, holding=HELD)

    assert judgement.verdict is Verdict.UNREADABLE
    assert judgement.actions == ()


@pytest.mark.parametrize(
    ("under", "at", "stage"),
    [
        (POLICY, BEFORE, Stage.REMIND),
        (POLICY, END, Stage.LIFTED),
        (policy(lifted=True), LATER, Stage.LIFTED),
    ],
    ids=["deadline moved", "past its end", "lifted"],
)
@pytest.mark.parametrize(
    "seen", [COMPLIANT, VIOLATING, UNREADABLE], ids=["compliant", "violating", "unreadable"]
)
def test_a_measure_not_in_force_gives_everything_back_on_any_phone(
    under: Policy, at: datetime, stage: Stage, seen: Observation
) -> None:
    judgement = judged(seen, under, at=at, holding=HELD)

    assert judgement.stage is stage
    assert restored(judgement) == BOTH


@pytest.mark.parametrize(
    "seen", [COMPLIANT, VIOLATING, UNREADABLE], ids=["compliant", "violating", "unreadable"]
)
def test_an_exempt_phone_gets_everything_back(seen: Observation) -> None:
    judgement = judged(seen, holding=HELD, fleet=exempting())

    assert restored(judgement) == BOTH


def test_a_missed_review_goes_on_restoring_compliant_phones_and_no_others() -> None:
    assert restored(judged(COMPLIANT, at=REVIEW, holding=HELD)) == BOTH
    assert judged(VIOLATING, at=REVIEW, holding=HELD).actions == ()
    assert judged(UNREADABLE, at=REVIEW, holding=HELD).actions == ()


def test_the_second_way_to_comply_restores_too() -> None:
    seen = phone(
        PERSONAL, WORK, packages={TIKTOK: {U0: HERE}, OUTLOOK: {U10: replace(OURS, installed=False)}}
    )

    judgement = judged(seen, holding=ledger(entry()))

    assert judgement.verdict is Verdict.COMPLIANT
    assert restored(judgement) == [(10, OUTLOOK)]


@pytest.mark.parametrize("state", [EntryState.INTENDED, EntryState.DONE, EntryState.RESTORING])
def test_whatever_may_still_be_in_force_is_restored(state: EntryState) -> None:
    assert restored(judged(COMPLIANT, holding=ledger(entry(state=state)))) == [(10, OUTLOOK)]


def test_what_is_restored_is_not_restored_again() -> None:
    seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: HERE}})

    assert judged(seen, holding=ledger(entry(state=EntryState.RESTORED))).actions == ()


def test_an_app_off_again_after_it_was_restored_is_not_ours() -> None:
    judgement = judged(COMPLIANT, holding=ledger(entry(state=EntryState.RESTORED)))

    assert judgement.actions == ()
    assert f"{OUTLOOK} in user 10 is in state 3" in [reason.detail for reason in judgement.reasons]


def test_a_state_in_a_refused_reading_does_not_stop_a_lift() -> None:
    foreign = PackageReading(
        OUTLOOK, {U0: GONE, U10: PackageState(True, enabled=EnabledState.DISABLED)}, unreadable="timeout"
    )

    judgement = judged(phone(PERSONAL, WORK, packages={OUTLOOK: foreign}), at=END, holding=ledger(entry()))

    assert restored(judgement) == [(10, OUTLOOK)]


def test_what_the_ledger_does_not_hold_is_never_restored() -> None:
    judgement = judged(COMPLIANT)

    assert judgement.actions == ()
    assert ReasonCode.NO_MEMORY in codes(judgement)


@pytest.mark.parametrize(
    "state",
    [
        PackageState(True, enabled=EnabledState.DISABLED),
        PackageState(True, enabled=EnabledState.DISABLED_UNTIL_USED),
        PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=False),
        PackageState(True, enabled=EnabledState.DISABLED, disabled_by_shell=True),
    ],
    ids=["state 2", "state 4", "state 3 by somebody else", "state 2 with a shell mark"],
)
@pytest.mark.parametrize("at", [LATER, END], ids=["compliant", "lifted"])
def test_a_state_that_somebody_else_has_set_since_is_left_alone(state: PackageState, at: datetime) -> None:
    seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: state}})

    judgement = judged(seen, at=at, holding=ledger(entry()))

    assert judgement.actions == ()
    assert ReasonCode.NOT_OURS in codes(judgement)


def test_a_state_in_a_spoiled_answer_does_not_stop_a_lift() -> None:
    foreign = PackageState(True, enabled=EnabledState.DISABLED)
    seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: foreign}}, unreadable=("answer cut",))

    judgement = judged(seen, at=END, holding=ledger(entry()))

    assert restored(judgement) == [(10, OUTLOOK)]
    assert ReasonCode.NOT_OURS not in codes(judgement)


def test_an_entry_whose_app_is_enabled_or_gone_is_closed_by_restoring() -> None:
    for state in (HERE, replace(HERE, enabled=ENABLED), GONE):
        seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: state}})

        assert restored(judged(seen, holding=ledger(entry()))) == [(10, OUTLOOK)]


def test_an_app_in_a_place_closed_since_is_restored_or_the_refusal_seen() -> None:
    closed = replace(WORK, open_to_shell=False)
    judgement = judged(phone(PERSONAL, closed, packages={OUTLOOK: {U10: OURS}}), holding=ledger(entry()))

    assert restored(judgement) == [(10, OUTLOOK)]
    assert ReasonCode.PLACE_CLOSED in codes(judgement)


class TestNoLongerManaged:
    def test_an_app_that_the_policy_has_dropped_is_given_back_at_once(self) -> None:
        only_outlook = tuple(app for app in POLICY.managed if app.package == MANAGED[0])

        judgement = judged(VIOLATING, policy(managed=only_outlook), holding=HELD)

        assert judgement.verdict is Verdict.VIOLATING
        assert restored(judgement) == [(10, LYNC)]

    def test_an_app_in_a_kind_of_place_that_the_policy_has_dropped_is_given_back_at_once(self) -> None:
        packages = {OUTLOOK: {U0: HERE, U10: OURS}, TIKTOK: {U0: HERE}}
        seen = phone(PERSONAL, WORK, packages=packages, has_device_owner=True, device_owner=INTUNE)

        judgement = judged(
            seen, policy(managed=managed_in(PlaceKind.MANAGED_DEVICE)), holding=ledger(entry())
        )

        assert judgement.verdict is Verdict.VIOLATING
        assert restored(judgement) == [(10, OUTLOOK)]

    def test_a_place_whose_owner_the_policy_has_dropped_is_given_back_at_once(self) -> None:
        seen = phone(
            PERSONAL,
            WORK,
            packages={OUTLOOK: {U0: HERE, U10: OURS}, TIKTOK: {U0: HERE}},
            has_device_owner=True,
            device_owner=PackageName("com.example.dpc"),
        )

        judgement = judged(
            seen, policy(owners=frozenset({PackageName("com.example.dpc")})), holding=ledger(entry())
        )

        assert judgement.verdict is Verdict.VIOLATING
        assert restored(judgement) == [(10, OUTLOOK)]

    def test_an_unreadable_phone_keeps_even_dropped_apps_as_they_are(self) -> None:
        assert judged(UNREADABLE, policy(owners=frozenset()), holding=HELD).actions == ()

    def test_a_user_that_the_phone_did_not_list_keeps_its_apps_as_they_are_while_it_violates(self) -> None:
        stranger = LedgerEntry(UserNumber(77), OUTLOOK, DEFAULT, EntryState.DONE, 1, BEFORE)

        assert restored(judged(VIOLATING, holding=ledger(stranger))) == []

    @pytest.mark.parametrize("seen", [COMPLIANT, VIOLATING], ids=["compliant", "violating"])
    def test_what_was_in_a_user_that_is_no_more_is_said_and_not_restored(self, seen: Observation) -> None:
        stranger = LedgerEntry(UserNumber(77), OUTLOOK, DEFAULT, EntryState.DONE, 1, BEFORE)

        judgement = judged(seen, holding=ledger(stranger))

        assert restored(judgement) == []
        assert Reason(ReasonCode.USER_GONE, f"{OUTLOOK} in user 77") in judgement.reasons

    def test_a_user_is_not_taken_for_gone_while_its_app_is_still_named(self) -> None:
        stranger = LedgerEntry(UserNumber(77), OUTLOOK, DEFAULT, EntryState.DONE, 1, BEFORE)
        seen = phone(PERSONAL, WORK, packages={OUTLOOK: reading(OUTLOOK, [PERSONAL, WORK, USER_77], {})})

        assert restored(judged(seen, at=END, holding=ledger(stranger))) == [(77, OUTLOOK)]

    def test_a_user_is_not_taken_for_gone_on_an_unreadable_phone(self) -> None:
        stranger = LedgerEntry(UserNumber(77), OUTLOOK, DEFAULT, EntryState.DONE, 1, BEFORE)

        assert restored(judged(UNREADABLE, at=END, holding=ledger(stranger))) == [(77, OUTLOOK)]


class TestNoMemory:
    def test_an_app_that_the_shell_switched_off_without_any_ledger_is_left_to_a_person(self) -> None:
        judgement = judged(phone(PERSONAL, WORK, packages={OUTLOOK: {U10: OURS}}))

        assert judgement.actions == ()
        assert Reason(ReasonCode.NO_MEMORY, f"{OUTLOOK} in user 10 is in state 3") in judgement.reasons

    def test_an_app_that_we_put_back_and_another_adb_user_switched_off_is_not_ours(self) -> None:
        seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: OURS}})

        judgement = judged(seen, holding=ledger(entry(state=EntryState.RESTORED)))

        assert judgement.actions == ()
        assert ReasonCode.NOT_OURS in codes(judgement)
        assert ReasonCode.NO_MEMORY not in codes(judgement)


def test_restoring_comes_before_anything_else_is_done() -> None:
    dropped = entry(package=LYNC, prior=ENABLED)
    only_outlook = tuple(app for app in POLICY.managed if app.package == OUTLOOK)
    seen = phone(PERSONAL, WORK, packages={OUTLOOK: {U10: HERE}, LYNC: {U10: OURS}, TIKTOK: {U0: HERE}})

    judgement = judged(seen, policy(managed=only_outlook), holding=ledger(dropped))

    assert [action.kind for action in judgement.actions] == [
        ActionKind.RESTORE,
        ActionKind.DISABLE,
        ActionKind.NOTIFY,
    ]
    assert actions(judgement, ActionKind.RESTORE) == [Action(ActionKind.RESTORE, U10, LYNC, ENABLED)]
