"""Who undid what we had disabled, and when we stop doing it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from policy.document import Bundle
from policy.judgement import judge
from policy.ledger import EntryState, LedgerEntry
from policy.observation import Observation, PackageState
from policy.undo import ROUNDS_LIMIT, Undo, next_round, undo_of
from policy.verdict import EvaluationTime, Judgement, ReasonCode, Verdict
from tests.policy.bench import (
    BEFORE,
    DEADLINE,
    ENABLED,
    HERE,
    LATER,
    OURS,
    OUTLOOK,
    PERSONAL,
    POLICY,
    REVIEW,
    TIKTOK,
    U0,
    U10,
    WORK,
    codes,
    disabled,
    entry,
    judged,
    ledger,
    phone,
    restored,
)

SINCE = LATER - DEADLINE
"""How long ago the entries of `bench.entry` were made, at the time of `judged`."""
UPDATED = replace(HERE, installed_ago=SINCE - timedelta(minutes=1))
PRESSED = replace(HERE, enabled=ENABLED)


def seen(state: PackageState, *, banned: bool = True) -> Observation:
    packages = {OUTLOOK: {U10: state}, **({TIKTOK: {U0: HERE}} if banned else {})}
    return phone(PERSONAL, WORK, packages=packages)


def after_rounds(rounds: int, state: PackageState = PRESSED, **changes: object) -> Judgement:
    return judged(seen(state), holding=ledger(replace(entry(), rounds=rounds)), **changes)  # type: ignore[arg-type]


class TestTellingApart:
    @pytest.mark.parametrize(
        "state",
        [
            HERE,
            PRESSED,
            replace(HERE, installed_ago=SINCE + timedelta(minutes=1)),
            replace(HERE, installed_ago=SINCE),
            replace(PRESSED, installed_ago=timedelta(minutes=1)),
            replace(HERE, installed_ago=timedelta(minutes=-1)),
        ],
        ids=["no time", "state 1", "older update", "same moment", "state 1 and an update", "from the future"],
    )
    def test_an_app_that_runs_again_without_an_update_since_was_enabled_by_somebody(
        self, state: PackageState
    ) -> None:
        judgement = judged(seen(state), holding=ledger(entry()))

        assert ReasonCode.ENABLED_AGAIN in codes(judgement)
        assert ReasonCode.RESET_BY_UPDATE not in codes(judgement)
        assert disabled(judgement) == [(10, OUTLOOK)]

    def test_an_app_in_default_state_that_was_updated_since_was_reset_by_the_update(self) -> None:
        judgement = judged(seen(UPDATED), holding=ledger(entry(prior=ENABLED)))

        assert ReasonCode.RESET_BY_UPDATE in codes(judgement)
        assert ReasonCode.ENABLED_AGAIN not in codes(judgement)
        assert [action.prior for action in judgement.actions if action.package == OUTLOOK] == [ENABLED]

    @pytest.mark.parametrize("state", [EntryState.INTENDED, EntryState.RESTORING, EntryState.RESTORED])
    def test_what_was_not_carried_out_was_not_undone(self, state: EntryState) -> None:
        assert undo_of(entry(state=state), HERE, LATER) is None

    def test_what_is_still_off_or_gone_was_not_undone(self) -> None:
        assert undo_of(entry(), OURS, LATER) is None
        assert undo_of(entry(), replace(HERE, installed=False), LATER) is None

    def test_an_undo_is_reported_also_where_nothing_new_may_be_disabled(self) -> None:
        judgement = judged(seen(UPDATED), holding=ledger(entry()), trusted=False)

        assert {ReasonCode.RESET_BY_UPDATE, ReasonCode.CLOCK_UNTRUSTED} <= codes(judgement)
        assert disabled(judgement) == []


class TestGivingUp:
    @pytest.mark.parametrize("rounds", range(1, ROUNDS_LIMIT))
    def test_up_to_the_third_round_the_app_is_disabled_again(self, rounds: int) -> None:
        judgement = after_rounds(rounds)

        assert disabled(judgement) == [(10, OUTLOOK)]
        assert judgement.enforceable

    @pytest.mark.parametrize("rounds", [ROUNDS_LIMIT, ROUNDS_LIMIT + 1])
    def test_after_the_third_round_the_app_is_left_on_and_the_phone_is_not_enforceable(
        self, rounds: int
    ) -> None:
        judgement = after_rounds(rounds)

        assert judgement.verdict is Verdict.VIOLATING
        assert not judgement.enforceable
        assert judgement.actions == ()
        assert ReasonCode.OWNER_ENABLES_AGAIN in codes(judgement)
        assert ReasonCode.ENABLED_AGAIN not in codes(judgement)

    def test_an_update_after_the_third_round_is_renewed(self) -> None:
        assert disabled(after_rounds(ROUNDS_LIMIT, UPDATED)) == [(10, OUTLOOK)]

    def test_once_given_up_an_update_does_not_start_the_fight_again(self) -> None:
        judgement = after_rounds(ROUNDS_LIMIT + 1, UPDATED)

        assert disabled(judgement) == []
        assert not judgement.enforceable

    def test_an_app_that_stays_off_in_its_third_round_is_enforced(self) -> None:
        judgement = after_rounds(ROUNDS_LIMIT, OURS)

        assert judgement.enforceable
        assert ReasonCode.OWNER_ENABLES_AGAIN not in codes(judgement)

    def test_a_newer_bundle_tries_anew(self) -> None:
        held = ledger(replace(entry(), rounds=ROUNDS_LIMIT + 1))

        judgement = judge(Bundle(2, POLICY), seen(PRESSED), held, EvaluationTime(LATER))

        assert disabled(judgement) == [(10, OUTLOOK)]
        assert judgement.enforceable

    def test_compliance_closes_what_was_given_up(self) -> None:
        held = ledger(replace(entry(), rounds=ROUNDS_LIMIT + 1))

        judgement = judged(seen(PRESSED, banned=False), holding=held)

        assert judgement.verdict is Verdict.COMPLIANT
        assert judgement.enforceable
        assert restored(judgement) == [(10, OUTLOOK)]

    @pytest.mark.parametrize("at", [BEFORE, POLICY.ends_at], ids=["remind", "lifted"])
    def test_outside_enforcement_nothing_is_given_up(self, at: datetime) -> None:
        assert ReasonCode.OWNER_ENABLES_AGAIN not in codes(after_rounds(ROUNDS_LIMIT, at=at))

    def test_a_missed_review_does_not_hide_that_we_gave_up(self) -> None:
        assert not after_rounds(ROUNDS_LIMIT, at=REVIEW).enforceable


class TestCounting:
    @pytest.mark.parametrize(
        ("held", "undo", "number", "rounds"),
        [
            (entry(), Undo.BY_SOMEBODY, 1, 2),
            (entry(), Undo.BY_UPDATE, 1, 1),
            (entry(), None, 1, 1),
            (replace(entry(), rounds=3), Undo.BY_SOMEBODY, 1, 4),
            (replace(entry(), rounds=4), Undo.BY_SOMEBODY, 1, 4),
            (replace(entry(), rounds=4), Undo.BY_SOMEBODY, 2, 1),
        ],
        ids=["enabled", "updated", "killed in between", "given up", "given up before", "newer bundle"],
    )
    def test_only_what_somebody_undid_under_one_bundle_counts(
        self, held: LedgerEntry, undo: Undo | None, number: int, rounds: int
    ) -> None:
        assert next_round(held, undo, number) == rounds
