"""What an employee who complains is told of a phone, word for word, in each state it can be in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policy.document import Policy
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PhoneId, UserNumber
from policy.observation import EnabledState, UserKind
from policy.ready_made import ready_made_policy
from policy.report import Consent, Report, ReportedUser
from policy.verdict import Finding, Reason, ReasonCode, Stage, Verdict
from server.fleet.blocks import BlockCause
from server.fleet.off_times import OffEnd, OffTime
from server.fleet.phone_rows import PhoneNow
from server.fleet.standing import LatestCheck, Standing
from server.pages.answer import Known, answer
from server.policies.bundles import BundleRow
from tests.pages.office import OUTLOOK, TIKTOK
from tests.reports import compliant_report

CHECKED = datetime(2023, 3, 15, 11, 0, tzinfo=UTC)
OFF_AT = CHECKED - timedelta(days=1)
HOUR = timedelta(hours=1)
PHONE = PhoneId("11111111-1111-4111-8111-111111111111")
WORK = UserNumber(10)
USERS = (
    ReportedUser(UserNumber(0), UserKind.PERSONAL, True),
    ReportedUser(WORK, UserKind.WORK, True),
)
FOUND = (Finding("TikTok", UserNumber(0), TIKTOK),)


def policy(**changes: Any) -> Policy:
    times: dict[str, Any] = {
        "deadline": CHECKED - timedelta(days=3),
        "review_at": CHECKED + timedelta(days=40),
        "ends_at": CHECKED + timedelta(days=80),
        "check_interval": 4 * HOUR,
        "overdue_limit": 72 * HOUR,
    }
    return replace(ready_made_policy(), **(times | changes))


BUNDLE = BundleRow(
    number=7,
    name="TikTok",
    published_at=OFF_AT,
    signers=("Approver 1", "Approver 2"),
    expires=CHECKED + timedelta(days=20),
    demo=False,
    current=True,
    policy=policy(),
)

ANNOUNCED = policy(deadline=CHECKED + timedelta(days=2))


def ledger(state: EntryState, at: datetime = OFF_AT, number: int = 7) -> Ledger:
    return Ledger("0" * 32, (LedgerEntry(WORK, OUTLOOK, EnabledState.DEFAULT, state, number, at),))


def off(end: OffEnd = OffEnd.NOT_ENDED, until: datetime | None = None) -> tuple[OffTime, ...]:
    return (OffTime(WORK, OUTLOOK, OFF_AT, until, end),)


def check(verdict: Verdict, reasons: tuple[Reason, ...] = (), open_entries: int = 0) -> LatestCheck:
    return LatestCheck(
        effective_at=CHECKED,
        verdict=verdict,
        enforceable=True,
        open_entries=open_entries,
        unchanged_since=CHECKED,
        report_id="report",
        station_id="station",
        received_at=CHECKED,
        time_trusted=True,
        stage=Stage.ENFORCE,
        bundle_number=7,
        release="15",
        api_level=35,
        patch_level="",
        boot_state="",
        families=("TikTok",) if verdict is Verdict.VIOLATING else (),
        reasons=reasons,
    )


def row(standing: Standing, latest: LatestCheck | None, stage: Stage | None, **changes: Any) -> PhoneNow:
    facts: dict[str, Any] = {
        "phone_id": PHONE,
        "manufacturer": "Google",
        "model": "Pixel 8",
        "label": "",
        "unit": "",
        "virtual": False,
        "consent": Consent.AGREED,
        "registered_at": CHECKED - timedelta(days=9),
        "standing": standing,
        "exempt": False,
        "stage": stage,
        "mail": BlockCause.COMPLIANT,
        "station_name": "Bench 2",
        "latest": latest,
    }
    return PhoneNow(**(facts | changes))


def report(verdict: Verdict, consent: Consent = Consent.AGREED) -> Report:
    return compliant_report(
        station_id="station",
        phone_id=PHONE,
        counter=1,
        checked_at=CHECKED,
        consent=consent,
        verdict=verdict,
        users=USERS,
        findings=FOUND if verdict is Verdict.VIOLATING else (),
    )


def told(
    standing: Standing,
    verdict: Verdict | None,
    stage: Stage | None = Stage.ENFORCE,
    *,
    of: Ledger | None = None,
    times: Sequence[OffTime] = (),
    reasons: tuple[Reason, ...] = (),
    later: timedelta = HOUR,
    newest: Policy | None = BUNDLE.policy,
    asked: Consent = Consent.AGREED,
    **changes: Any,
) -> str:
    """Return the answer for a phone in that state, `later` than its check."""
    latest = check(verdict, reasons) if verdict else None
    seen = report(verdict, asked) if verdict else None
    line = row(standing, latest, stage, **changes)
    held = of or (Ledger() if seen else None)
    known = Known(line, seen, held, times, (BUNDLE,), newest, CHECKED, CHECKED + later)
    return " ".join(answer(known))


FOUND_TIKTOK = (
    "The check of 2023-03-15 11:00 UTC found TikTok (com.zhiliaoapp.musically) in the personal user."
)
SWITCHED_OFF = (
    "com.microsoft.office.outlook in the work profile was switched off on 2023-03-14 11:00 UTC"
    " by bundle 7, approved by Approver 1 and Approver 2"
)
NEXT = "The next check is due by 2023-03-15 15:00 UTC, and is overdue from 2023-03-18 11:00 UTC on."
TIKTOK_GONE = "The check of 2023-03-15 11:00 UTC found no banned app that counts as present."
NOTHING_OFF = "No app is switched off by us."
DO_NOTHING = "The owner has nothing to do."
REMOVE = "remove TikTok (com.zhiliaoapp.musically) from the personal user"


def test_a_phone_whose_app_is_off_says_who_did_it_and_how_to_get_it_back() -> None:
    said = told(Standing.VIOLATING, Verdict.VIOLATING, of=ledger(EntryState.DONE), times=off())

    assert said == (
        f"{FOUND_TIKTOK} {SWITCHED_OFF}."
        f" To get it back, {REMOVE} and bring the phone to a station:"
        f" a check that finds it gone puts the app back. {NEXT}"
    )


@pytest.mark.parametrize(
    ("stage", "to_do"),
    [
        (Stage.ENFORCE, f"To keep every app, {REMOVE} and bring the phone to a station."),
        (Stage.PAUSED, f"To keep every app, {REMOVE} and bring the phone to a station."),
        (
            Stage.REMIND,
            f"To keep every app, {REMOVE} before 2023-03-17 11:00 UTC, when disabling begins at the earliest.",
        ),
    ],
)
@pytest.mark.parametrize("standing", [Standing.VIOLATING, Standing.NOT_ENFORCEABLE])
def test_a_phone_that_violates_with_nothing_off_says_how_to_keep_it_so(
    standing: Standing, stage: Stage, to_do: str
) -> None:
    newest = ANNOUNCED if stage is Stage.REMIND else BUNDLE.policy

    said = told(standing, Verdict.VIOLATING, stage, newest=newest)

    assert said == f"{FOUND_TIKTOK} {NOTHING_OFF} {to_do} {NEXT}"


def test_before_the_deadline_what_is_off_comes_back_at_the_next_check() -> None:
    of = ledger(EntryState.DONE)

    said = told(Standing.VIOLATING, Verdict.VIOLATING, Stage.REMIND, of=of, times=off(), newest=ANNOUNCED)

    assert said == (
        f"{FOUND_TIKTOK} {SWITCHED_OFF}. To get it back, bring the phone to a station: the next check puts it back."
        f" To keep every app, {REMOVE} before 2023-03-17 11:00 UTC, when disabling begins at the earliest. {NEXT}"
    )


@pytest.mark.parametrize(
    ("standing", "verdict", "cause", "because", "to_do"),
    [
        (
            Standing.NOT_ENFORCEABLE,
            Verdict.VIOLATING,
            BlockCause.NOT_ENFORCEABLE,
            "the phone violates and cannot be enforced on",
            f"To have mail again, {REMOVE} and bring the phone to a station.",
        ),
        (
            Standing.SILENT,
            Verdict.COMPLIANT,
            BlockCause.SILENT,
            "the phone was not checked for longer than the policy allows",
            "Bring the phone to a station to have it checked again.",
        ),
    ],
)
def test_blocked_mail_is_told_with_its_cause(
    standing: Standing, verdict: Verdict, cause: BlockCause, because: str, to_do: str
) -> None:
    said = told(standing, verdict, mail=cause)

    assert (
        f" {NOTHING_OFF} Mail is to be blocked since 2023-03-15 11:00 UTC, because {because}. {to_do} "
        in said
    )


def test_without_a_published_bundle_nothing_is_asked_of_the_owner() -> None:
    said = told(Standing.VIOLATING, Verdict.VIOLATING, None, newest=None)

    assert said == (
        f"{FOUND_TIKTOK} {NOTHING_OFF} No bundle is published, so the owner has nothing to do now."
        " No check is due while no bundle is published."
    )


def test_a_compliant_phone_has_nothing_to_do() -> None:
    said = told(Standing.COMPLIANT, Verdict.COMPLIANT)

    assert said == f"{TIKTOK_GONE} {NOTHING_OFF} {DO_NOTHING} {NEXT}"


def test_a_phone_without_managed_apps_may_keep_the_banned_one() -> None:
    reasons = (Reason(ReasonCode.MANAGED_APPS_GONE),)

    said = told(Standing.COMPLIANT, Verdict.COMPLIANT, reasons=reasons)

    assert said == (
        "The check of 2023-03-15 11:00 UTC found no managed app in a place of the policy,"
        f" so what else is there may stay. {NOTHING_OFF} {DO_NOTHING} {NEXT}"
    )


def test_a_phone_whose_app_was_put_back_says_from_when_to_when_it_was_off() -> None:
    back = ledger(EntryState.RESTORED, CHECKED)

    said = told(Standing.COMPLIANT, Verdict.COMPLIANT, of=back, times=off(OffEnd.PUT_BACK, CHECKED))

    assert said == (
        f"{TIKTOK_GONE} {SWITCHED_OFF}, and was put back on 2023-03-15 11:00 UTC."
        f" {NOTHING_OFF} {DO_NOTHING} {NEXT}"
    )


@pytest.mark.parametrize(
    ("of", "times", "sentence"),
    [
        (
            ledger(EntryState.DONE),
            off(OffEnd.ENABLED_BY_OTHERS, CHECKED),
            f"{SWITCHED_OFF}, and was found enabled again on 2023-03-15 11:00 UTC.",
        ),
        (
            ledger(EntryState.INTENDED),
            (),
            "Whether com.microsoft.office.outlook in the work profile was switched off on 2023-03-14 11:00 UTC"
            " is not known; it would have been by bundle 7, approved by Approver 1 and Approver 2.",
        ),
        (
            ledger(EntryState.RESTORING, CHECKED),
            off(),
            f"{SWITCHED_OFF}; an attempt to put it back was made on 2023-03-15 11:00 UTC,"
            " and whether it runs again is not known.",
        ),
        (
            ledger(EntryState.DONE, number=3),
            off(),
            "com.microsoft.office.outlook in the work profile was switched off on 2023-03-14 11:00 UTC"
            " by bundle 3, which is not stored here.",
        ),
    ],
    ids=["enabled by others", "cut before it was done", "cut while restoring", "a bundle that is unknown"],
)
def test_each_way_an_entry_can_stand_has_its_words(
    of: Ledger, times: tuple[OffTime, ...], sentence: str
) -> None:
    said = told(Standing.COMPLIANT, Verdict.COMPLIANT, of=of, times=times)

    back = "To get it back, bring the phone to a station: the next check puts it back."
    assert said == f"{TIKTOK_GONE} {sentence} {back} {NEXT}"


def test_an_app_that_went_with_its_user_is_not_called_off() -> None:
    said = told(
        Standing.COMPLIANT,
        Verdict.COMPLIANT,
        of=ledger(EntryState.GONE),
        times=off(OffEnd.USER_GONE, CHECKED),
    )

    assert (
        said == f"{TIKTOK_GONE} {SWITCHED_OFF}, and is gone with its user. {NOTHING_OFF} {DO_NOTHING} {NEXT}"
    )


COULD_NOT = "The check of 2023-03-15 11:00 UTC could not look: whether a banned app is there is unknown."


def test_an_unreadable_phone_is_to_be_checked_again() -> None:
    assert told(Standing.UNREADABLE, Verdict.UNREADABLE) == (
        f"{COULD_NOT} No app is known to be switched off by us."
        f" Bring the phone to a station to have it checked again. {NEXT}"
    )


def test_an_unreadable_phone_with_an_app_off_says_what_brings_it_back() -> None:
    said = told(Standing.UNREADABLE, Verdict.UNREADABLE, of=ledger(EntryState.DONE), times=off())

    assert said == (
        f"{COULD_NOT} {SWITCHED_OFF}. To get it back, bring the phone to a station:"
        f" a check that finds no banned app puts it back. {NEXT}"
    )


@pytest.mark.parametrize(
    ("later", "due"),
    [
        (
            5 * HOUR,
            "The next check was due by 2023-03-15 15:00 UTC, and is overdue from 2023-03-18 11:00 UTC on.",
        ),
        (
            73 * HOUR,
            "The next check was due by 2023-03-15 15:00 UTC, and has been overdue since 2023-03-18 11:00 UTC.",
        ),
    ],
)
def test_a_check_that_did_not_come_is_said_to_be_late(later: timedelta, due: str) -> None:
    said = told(Standing.SILENT, Verdict.COMPLIANT, later=later)

    assert said == f"{TIKTOK_GONE} {NOTHING_OFF} Bring the phone to a station to have it checked again. {due}"


def test_a_phone_never_checked_is_due_now() -> None:
    assert told(Standing.UNSEEN, None) == (
        "This phone was provisioned on 2023-03-06 11:00 UTC and never checked: what is on it is unknown."
        " Bring the phone to a station for its first check. Its first check is due now."
    )


def test_a_phone_whose_owner_never_agreed_has_no_check_due() -> None:
    assert told(Standing.DECLINED, None, consent=Consent.DECLINED) == (
        "This phone was registered on 2023-03-06 11:00 UTC and never checked, since its owner did not agree."
        " An owner who agrees after all has the phone provisioned again at a station. No check is due."
    )


def test_an_owner_who_withdrew_with_an_app_off_is_told_how_it_comes_back() -> None:
    said = told(
        Standing.DECLINED,
        Verdict.UNREADABLE,
        of=ledger(EntryState.DONE),
        times=off(),
        asked=Consent.DECLINED,
        consent=Consent.DECLINED,
    )

    assert said == (
        "On 2023-03-15 11:00 UTC only what had been changed before was looked at, since the owner did not agree."
        f" {SWITCHED_OFF}. To get it back, bring the phone to a station and have it unprovisioned there."
        " No check is due."
    )


@pytest.mark.parametrize(
    ("stage", "exempt"), [(Stage.LIFTED, False), (Stage.ENFORCE, True)], ids=["lifted", "exempt"]
)
def test_when_the_measure_is_over_an_app_comes_back_without_any_condition(stage: Stage, exempt: bool) -> None:
    said = told(
        Standing.WAITING_FOR_LIFT,
        Verdict.VIOLATING,
        stage,
        of=ledger(EntryState.DONE),
        times=off(),
        exempt=exempt,
    )

    assert said == (
        f"{FOUND_TIKTOK} {SWITCHED_OFF}."
        " To get it back, bring the phone to a station: a check puts it back without any condition."
    )


@pytest.mark.parametrize(
    ("stage", "exempt"), [(Stage.LIFTED, False), (Stage.ENFORCE, True)], ids=["lifted", "exempt"]
)
def test_when_the_measure_is_over_and_nothing_is_off_nothing_is_due(stage: Stage, exempt: bool) -> None:
    said = told(Standing.NOTHING_DUE, Verdict.VIOLATING, stage, exempt=exempt)

    assert said == f"{FOUND_TIKTOK} {NOTHING_OFF} {DO_NOTHING} No check is due."
