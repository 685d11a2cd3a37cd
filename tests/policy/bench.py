"""The cast of the policy tests: names, a policy, and short ways to say what a phone answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from policy.document import Bundle, Exemption, Family, Fleet, ManagedApp, PlaceKind, Policy
from policy.judgement import judge
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, PackageState, User, UserKind
from policy.verdict import Action, ActionKind, EvaluationTime, Judgement, ReasonCode

PHONE = PhoneId("1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11")
MARKER = "5f0c2a"

TIKTOK = PackageName("com.zhiliaoapp.musically")
LITE = PackageName("com.zhiliaoapp.musically.go")
DOUYIN = PackageName("com.ss.android.ugc.aweme")
OUTLOOK = PackageName("com.microsoft.office.outlook")
LYNC = PackageName("com.microsoft.office.lync15")
INTUNE = PackageName("com.microsoft.windowsintune.companyportal")
CLOUDDPC = PackageName("com.google.android.apps.work.clouddpc")
BANNED = (TIKTOK, LITE)
MANAGED = (OUTLOOK, LYNC)

DEADLINE = datetime(2023, 3, 15, 11, tzinfo=UTC)
REVIEW = datetime(2023, 9, 15, 10, tzinfo=UTC)
END = datetime(2024, 3, 15, 11, tzinfo=UTC)
BEFORE = DEADLINE - timedelta(seconds=1)
LATER = DEADLINE + timedelta(days=7)

U0 = UserNumber(0)
U10 = UserNumber(10)
U11 = UserNumber(11)
U150 = UserNumber(150)

PERSONAL = User(U0, UserKind.PERSONAL)
WORK = User(U10, UserKind.WORK, has_owner=True, owner=INTUNE)
ISLAND = User(U11, UserKind.WORK, has_owner=True)

DEFAULT = EnabledState.DEFAULT
ENABLED = EnabledState.ENABLED
HERE = PackageState(installed=True)
GONE = PackageState(installed=False)
OURS = PackageState(installed=True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True)

POLICY = Policy(
    name="test",
    families=(Family("tiktok", BANNED), Family("douyin", (DOUYIN,), active=False)),
    managed=tuple(
        ManagedApp(package, frozenset({PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE}))
        for package in MANAGED
    ),
    owners=frozenset({INTUNE, CLOUDDPC}),
    kinds=frozenset(UserKind),
    deadline=DEADLINE,
    time_zone="Europe/Brussels",
    review_at=REVIEW,
    ends_at=END,
    offline_limit=timedelta(hours=72),
    overdue_limit=timedelta(hours=168),
    check_interval=timedelta(minutes=60),
    check_jitter=timedelta(minutes=10),
)


def policy(**changes: Any) -> Policy:
    """The test policy with some parts replaced."""
    return replace(POLICY, **changes)


def managed_in(*places: PlaceKind) -> tuple[ManagedApp, ...]:
    return tuple(ManagedApp(package, frozenset(places)) for package in MANAGED)


def phone(
    *users: User,
    packages: Mapping[PackageName, Mapping[UserNumber, PackageState] | PackageReading] | None = None,
    without: Iterable[PackageName] = (),
    **parts: Any,
) -> Observation:
    """A phone with these users that was asked about every package; those not named are unknown to it.

    A state is needed for the users that have the app only: the phone prints `installed=false` for the others. A
    device owner is in user 0 unless told otherwise.
    """
    if "device_owner" in parts:
        parts.setdefault("device_owner_user", U0)
    readings = {package: PackageReading(package, known=False) for package in (*BANNED, *MANAGED)}
    for package, states in (packages or {}).items():
        readings[package] = states if isinstance(states, PackageReading) else reading(package, users, states)
    for package in without:
        del readings[package]
    return Observation(PHONE, 33, users, readings, **parts)


def reading(
    package: PackageName, users: Iterable[User], states: Mapping[UserNumber, PackageState], **parts: Any
) -> PackageReading:
    return PackageReading(package, {user.number: states.get(user.number, GONE) for user in users}, **parts)


def entry(
    user: UserNumber = U10,
    package: PackageName = OUTLOOK,
    prior: EnabledState = DEFAULT,
    state: EntryState = EntryState.DONE,
) -> LedgerEntry:
    return LedgerEntry(user, package, prior, state, 1, DEADLINE)


def ledger(*entries: LedgerEntry) -> Ledger:
    return Ledger(MARKER, entries)


def exempting(phone_id: PhoneId = PHONE, until: datetime = END) -> Fleet:
    return Fleet(1, (Exemption(phone_id, until, "field_test"),))


def judged(
    observation: Observation,
    under: Policy = POLICY,
    *,
    at: datetime = LATER,
    holding: Ledger | None = None,
    fleet: Fleet | None = None,
    trusted: bool = True,
    bundle_age: timedelta = timedelta(hours=1),
    held_ring: int | None = None,
) -> Judgement:
    """Judge a phone a week after the deadline, with everything in order unless said otherwise."""
    return judge(
        Bundle(1, under, fleet or Fleet()),
        observation,
        holding or ledger(),
        EvaluationTime(at, trusted, bundle_age),
        held_ring,
    )


def actions(judgement: Judgement, kind: ActionKind) -> list[Action]:
    return [action for action in judgement.actions if action.kind is kind]


def disabled(judgement: Judgement) -> list[tuple[int, str]]:
    return [(action.user, action.package) for action in actions(judgement, ActionKind.DISABLE)]


def restored(judgement: Judgement) -> list[tuple[int, str]]:
    return [(action.user, action.package) for action in actions(judgement, ActionKind.RESTORE)]


def codes(judgement: Judgement) -> set[ReasonCode]:
    return {reason.code for reason in judgement.reasons}
