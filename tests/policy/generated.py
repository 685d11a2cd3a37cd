"""Thousands of phones: what is really on each, what it answers, what went wrong on the way, and what must follow.

A phone is made as a truth first (users, apps, states); its answer is derived from that truth and then, perhaps,
spoiled. What has to follow is worked out from the truth in `expected_verdict`, by other means than the judgement's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from policy.document import LISTING_JUDGEMENT, Bundle, Exemption, Fleet, PlaceKind, Policy, Ring
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, PackageState, User, UserKind
from policy.verdict import EvaluationTime, Verdict
from tests.policy.bench import (
    BANNED,
    CLOUDDPC,
    DEADLINE,
    END,
    INTUNE,
    MANAGED,
    MARKER,
    PHONE,
    REVIEW,
    U0,
    managed_in,
    policy,
)

HOUR = timedelta(hours=1)
FOREIGN_OWNER = PackageName("com.oasisfeng.island")
ANY_PACKAGE = (*BANNED, *MANAGED)


class Fault(Enum):
    """What spoils an answer; the first two spoil the whole of it."""

    CUT = "cut"
    USER_TWICE = "user_twice"
    NO_USER_0 = "no_user_0"
    OWNER_CONTRADICTED = "owner_contradicted"
    BANNED_UNREADABLE = "banned_unreadable"
    BANNED_UNASKED = "banned_unasked"
    BANNED_LINE_MISSING = "banned_line_missing"
    MANAGED_UNREADABLE = "managed_unreadable"


WHOLE = (Fault.CUT, Fault.USER_TWICE, Fault.NO_USER_0, Fault.OWNER_CONTRADICTED)


@dataclass(frozen=True)
class Case:
    """Everything `judge` is given, and the fault that was put in (None: the phone answered well)."""

    bundle: Bundle
    observation: Observation
    ledger: Ledger
    time: EvaluationTime
    fault: Fault | None
    truth: Observation

    @property
    def policy(self) -> Policy:
        return self.bundle.policy


# Weights stand in how often a thing is listed; one draw a question keeps thousands of phones affordable, and so
# do strategies made once: hypothesis looks through the whole list each time that `sampled_from` is called.
_EXTRA_USERS = st.sampled_from(
    [
        (),
        (),
        (UserKind.PRIVATE,),
        (UserKind.CLONE,),
        (UserKind.SECURE_FOLDER,),
        (UserKind.WORK, UserKind.OTHER),
        (UserKind.PERSONAL, UserKind.CLONE, UserKind.PRIVATE),
    ]
)
_PROFILES: st.SearchStrategy[Any] = st.sampled_from(
    [(INTUNE, True)] * 6 + [(CLOUDDPC, True), (INTUNE, False), (INTUNE, False), (None, True), ()]
)
_DEVICE_OWNERS = st.sampled_from(["none"] * 6 + ["ours", "ours somewhere", "foreign"])
_ONE_IN_EIGHT = st.integers(0, 7)
_ENABLED = [EnabledState.DEFAULT] * 5 + [EnabledState.ENABLED] * 2 + [*EnabledState]
_ABSENT = [PackageState(False), PackageState(False), PackageState(False, enabled=EnabledState.DISABLED)]
_PRESENT = [
    *(
        PackageState(True, enabled=enabled, suspended=index % 4 == 0, disabled_by_shell=False)
        for index, enabled in enumerate(_ENABLED * 2)
    ),
    PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True),
    PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True),
    PackageState(True, hidden=True),
    PackageState(True, archived=True),
    PackageState(True, hidden=True, enabled=EnabledState.DISABLED),
]
_NEVER = st.sampled_from(_ABSENT)
_SELDOM = st.sampled_from([*_ABSENT * 20, *_PRESENT])
_MOSTLY = st.sampled_from([*_ABSENT, *_PRESENT])
_BANNED_STATES = st.sampled_from([_NEVER, _SELDOM, _SELDOM, _MOSTLY, _MOSTLY])
_KNOWN_AND_SYSTEM = st.sampled_from([(True, False)] * 6 + [(True, True)] * 2 + [(False, False)])
_POLICIES = st.sampled_from(
    [
        policy(
            managed=managed_in(*places),
            kinds=kinds,
            rings=rings,
            preinstalled_disabled_counts=counts,
            lifted=lifted,
            minimum_judgement=LISTING_JUDGEMENT,
        )
        for places in (
            (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE),
            (PlaceKind.WORK_PROFILE,),
            tuple(PlaceKind),
        )
        for kinds in (
            frozenset(UserKind),
            frozenset({UserKind.PERSONAL}),
            frozenset({UserKind.PERSONAL, UserKind.WORK}),
        )
        for rings in (
            (),
            (Ring(0.5, DEADLINE), Ring(1.0, DEADLINE + 48 * HOUR)),
            # The phone that is judged is listed: first of all, and last.
            (Ring(None, DEADLINE, frozenset({PHONE}), "pilot"), Ring(1.0, DEADLINE + 96 * HOUR)),
            (Ring(1.0, DEADLINE), Ring(None, DEADLINE + 48 * HOUR, frozenset({PHONE}), unit="A")),
        )
        for counts in (True, False)
        for lifted in (False,) * 8 + (True,)
    ]
)
_TIMES = [DEADLINE + 72 * HOUR] * 6 + [
    DEADLINE - HOUR,
    DEADLINE,
    DEADLINE + HOUR,
    REVIEW - HOUR,
    REVIEW,
    END - HOUR,
    END,
]
_MOMENTS = st.sampled_from(
    [
        EvaluationTime(now, trusted, age)
        for now in _TIMES
        for trusted in (True, True, True, False)
        for age in (HOUR, HOUR, HOUR, 72 * HOUR, 73 * HOUR, -HOUR)
    ]
)
_FLEETS = st.sampled_from(
    [Fleet()] * 5 + [Fleet(1, (Exemption(PHONE, DEADLINE + 100 * HOUR, "field_test"),))]
)
_HELD = st.sampled_from(
    [(prior, state) for prior in (EnabledState.DEFAULT, EnabledState.ENABLED) for state in EntryState]
)
_FAULTS = st.sampled_from([*(None,) * 12, *Fault])


@st.composite
def _users(draw: st.DrawFn) -> tuple[User, ...]:
    kinds = draw(_EXTRA_USERS)
    users = [User(U0, UserKind.OTHER if UserKind.OTHER in kinds else UserKind.PERSONAL)]
    profile = draw(_PROFILES)
    if profile:
        users.append(User(UserNumber(10), UserKind.WORK, True, *profile))
    users += [
        User(
            UserNumber(number), kind, kind is UserKind.WORK, open_to_shell=kind is not UserKind.SECURE_FOLDER
        )
        for number, kind in enumerate(kinds, start=11)
    ]
    return tuple(users)


@st.composite
def phones(draw: st.DrawFn) -> Observation:
    """A phone that answered everything it was asked, without contradictions."""
    users = draw(_users())
    device_owner = draw(_DEVICE_OWNERS)
    owner_user = {"ours": U0, "ours somewhere": None}.get(device_owner)
    main_user = U0
    if draw(_ONE_IN_EIGHT) == 0:
        # Headless: user 0 is nobody's, the first person is another, and a device owner is in that one's user.
        main_user = UserNumber(20)
        users = (*users, User(main_user, UserKind.PERSONAL, open_to_shell=draw(st.booleans())))
        owner_user = main_user if owner_user is not None else None
    banned_states = draw(_BANNED_STATES)
    readings = {}
    for package in ANY_PACKAGE:
        known, system = draw(_KNOWN_AND_SYSTEM)
        choices = banned_states if package in BANNED else _MOSTLY
        states = {user.number: draw(choices) for user in users} if known else {}
        readings[package] = PackageReading(package, states, known, system)
    return Observation(
        PHONE,
        33,
        users,
        readings,
        has_device_owner=device_owner != "none",
        device_owner=INTUNE if device_owner.startswith("ours") else None,
        device_owner_user=owner_user,
        main_user=main_user,
    )


def spoil(phone: Observation, fault: Fault) -> Observation:
    """Return what is left of a good answer after `fault`."""
    banned, managed = BANNED[0], MANAGED[0]
    last = max(user.number for user in phone.users)
    match fault:
        case Fault.CUT:
            return replace(phone, unreadable=("the answer ended early",))
        case Fault.USER_TWICE:
            return replace(phone, users=(*phone.users, phone.users[0]))
        case Fault.NO_USER_0:
            return replace(phone, users=phone.users[1:])
        case Fault.OWNER_CONTRADICTED:
            return replace(phone, has_device_owner=False, device_owner=INTUNE, device_owner_user=U0)
        case Fault.BANNED_UNREADABLE:
            readings = {**phone.packages, banned: PackageReading(banned, unreadable="exception text")}
        case Fault.BANNED_UNASKED:
            readings = {package: reading for package, reading in phone.packages.items() if package != banned}
        case Fault.BANNED_LINE_MISSING:
            answered = phone.packages[banned]
            states = {
                user.number: answered.states.get(user.number, PackageState(False))
                for user in phone.users
                if user.number != last
            }
            readings = {**phone.packages, banned: PackageReading(banned, states, system=answered.system)}
        case Fault.MANAGED_UNREADABLE:
            readings = {**phone.packages, managed: PackageReading(managed, unreadable="timeout")}
    return replace(phone, packages=readings)


@st.composite
def ledgers(draw: st.DrawFn, phone: Observation) -> Ledger:
    """Up to three entries, among them a user that is no more and an app that the policy has dropped since."""
    pairs = [(user.number, package) for user in phone.users for package in MANAGED]
    pairs += [(UserNumber(77), MANAGED[0]), (U0, PackageName("com.example.dropped"))]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3))
    held = [(*pair, *draw(_HELD)) for pair in chosen]
    return Ledger(MARKER, tuple(LedgerEntry(*pair, 1, DEADLINE) for pair in held))


@st.composite
def cases(draw: st.DrawFn, faulty: bool = True) -> Case:
    """All that one judgement rests on, well answered or spoiled."""
    truth = draw(phones())
    fault = draw(_FAULTS) if faulty else None
    return Case(
        Bundle(1, draw(_POLICIES), draw(_FLEETS)),
        truth if fault is None else spoil(truth, fault),
        draw(ledgers(truth)),
        draw(_MOMENTS),
        fault,
        truth,
    )


# What has to follow, told from the truth.


def place_users(under: Policy, phone: Observation) -> set[int]:
    """The users in which the policy manages apps."""
    wanted = {place for app in under.managed for place in app.places}
    work = {
        user.number for user in phone.users if user.kind is UserKind.WORK and user.owner in (INTUNE, CLOUDDPC)
    }
    chosen: set[int] = set(work) if PlaceKind.WORK_PROFILE in wanted else set()
    if phone.device_owner in (INTUNE, CLOUDDPC):
        if PlaceKind.MANAGED_DEVICE in wanted and phone.device_owner_user is not None:
            chosen.add(phone.device_owner_user)
    elif not phone.has_device_owner and not work and PlaceKind.USER_0 in wanted:
        chosen.add(phone.main_user)
    return chosen


def owner_is_lost(phone: Observation) -> bool:
    """Whether one of our owners is somewhere on the phone and it does not tell where."""
    return phone.device_owner in (INTUNE, CLOUDDPC) and phone.device_owner_user is None


def is_ours(phone: Observation, user: User) -> bool:
    """Whether a user is under one of our owners, who alone can hide an app for good there."""
    listed = user.kind is UserKind.WORK and user.owner in (INTUNE, CLOUDDPC)
    return listed or (phone.device_owner in (INTUNE, CLOUDDPC) and phone.device_owner_user == user.number)


def usable(state: PackageState | None) -> bool:
    """Whether an app in that state is on the phone at all, switched on or not."""
    return state is not None and state.installed and not state.hidden and not state.archived


def violations(under: Policy, phone: Observation) -> set[tuple[int, str]]:
    """Each user and banned package that is really there and counts."""
    found: set[tuple[int, str]] = set()
    for user in phone.users:
        foreign_profile = user.kind is UserKind.WORK and user.owner not in (INTUNE, CLOUDDPC)
        if user.kind not in under.kinds and not (foreign_profile and UserKind.PERSONAL in under.kinds):
            continue
        for package in BANNED:
            reading = phone.packages[package]
            state = reading.states.get(user.number)
            switched_off = state is not None and int(state.enabled) >= 2
            if state is not None and state.hidden and not is_ours(phone, user):
                state = replace(state, hidden=False)
            if usable(state) and not (reading.system and switched_off and under.preinstalled_disabled_counts):
                found.add((int(user.number), package))
    return found


def managed_in_use(under: Policy, phone: Observation) -> set[tuple[int, str]]:
    """Each place and managed app that is really there."""
    return {
        (number, package)
        for number in place_users(under, phone)
        for package in MANAGED
        if usable(phone.packages[package].states.get(UserNumber(number)))
    }


def expected_verdict(under: Policy, phone: Observation) -> Verdict:
    """The verdict on a phone that answered well; never unreadable."""
    if violations(under, phone) and (managed_in_use(under, phone) or owner_is_lost(phone)):
        return Verdict.VIOLATING
    return Verdict.COMPLIANT
