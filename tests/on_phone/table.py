"""The table of cases that both judgements run: the Python one, and judge.sh in a real shell.

Each case is a phone as the station saw it when it made the plan, the phone as it is now, a ledger and a moment.
`SEED` makes the table the same in every run.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from policy.document import Bundle, Exemption, Fleet, ManagedApp, PlaceKind, Ring
from policy.judgement import judge
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState, Notice, Observation, PackageReading, PackageState, User, UserKind
from policy.plan import Plan, plan_of, plan_text
from policy.verdict import ActionKind, EvaluationTime
from tests.on_phone.script import part
from tests.policy.bench import BANNED, DEADLINE, END, INTUNE, MANAGED, MARKER, PHONE, REVIEW, policy

SEED = 4
CASES = int(os.environ.get("CURFEW_CASES", "4000"))
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DROPPED = PackageName("com.example.dropped")
BUNDLE = 3

Answer = tuple[str, str, bool, frozenset[str], frozenset[str], frozenset[str]]

_PLACES = [
    (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE),
    (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE),
    (PlaceKind.MANAGED_DEVICE,),
    (PlaceKind.WORK_PROFILE,),
    (PlaceKind.USER_0,),
    tuple(PlaceKind),
]
_KINDS = [frozenset(UserKind)] * 3 + [frozenset({UserKind.PERSONAL}), frozenset(UserKind) - {UserKind.CLONE}]
_RINGS = [(), (), (Ring(0.5, DEADLINE), Ring(1.0, DEADLINE + 48 * HOUR))]
_LATER = DEADLINE + 72 * HOUR
_TIMES = [_LATER] * 14 + [
    *(DEADLINE + n * HOUR for n in (-1, 0, 1, 47, 48)),
    *(time + n * SECOND for time in (DEADLINE, REVIEW, END) for n in (-1, 0, 1)),
]
_QUARRELS = [_LATER] * 3 + [REVIEW]
_AGES = [HOUR] * 8 + [timedelta(0), 72 * HOUR, 72 * HOUR + SECOND, -SECOND]
_EXEMPT = [None] * 8 + [_LATER + HOUR, _LATER, END]
_EXTRA = [
    (),
    (),
    (UserKind.PRIVATE,),
    (UserKind.CLONE,),
    (UserKind.SECURE_FOLDER,),
    (UserKind.WORK, UserKind.OTHER),
]
_STATES = [EntryState.DONE] * 4 + [*EntryState]
_TOLD = [None, *Notice]


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    bundle: Bundle
    planned: Observation
    now: Observation
    ledger: Ledger
    time: EvaluationTime
    problem: str = ""

    @property
    def plan(self) -> Plan:
        made_at = self.time.now - self.time.bundle_age
        valid_until = made_at + self.bundle.policy.offline_limit
        return plan_of(self.bundle, PHONE, self.planned, self.ledger, made_at, valid_until, "en")


def cases(count: int = CASES, seed: int = SEED) -> Iterator[Case]:
    """Make the table."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _case(chance)


def _often(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _case(chance: random.Random) -> Case:
    under = policy(
        on_phone=_often(chance, 0.95),
        managed=tuple(ManagedApp(package, frozenset(chance.choice(_PLACES))) for package in MANAGED),
        kinds=chance.choice(_KINDS),
        rings=chance.choice(_RINGS),
        preinstalled_disabled_counts=_often(chance, 0.5),
        lifted=_often(chance, 0.05),
    )
    until = chance.choice(_EXEMPT)
    fleet = Fleet(1, (Exemption(PHONE, until, "field_test"),)) if until else Fleet()
    users = _users(chance)
    owner = chance.choice(["none"] * 7 + ["ours", "foreign"])
    headless = _often(chance, 0.1)
    main_user = UserNumber(20) if headless else UserNumber(0)
    if headless:
        users = (*users, _first_person(chance, owner))
    planned = Observation(
        PHONE,
        33,
        users,
        has_device_owner=owner != "none",
        device_owner=INTUNE if owner == "ours" else None,
        device_owner_user=main_user if owner == "ours" else None,
        main_user=main_user,
    )
    there = [user.number for user in users]
    # Under a foreign owner the plan does not tell who the first person is.
    may_go = [
        number for number in there if number and not (headless and owner == "foreign" and number == main_user)
    ]
    if _often(chance, 0.15) and may_go:
        there.remove(chance.choice(may_go))
    if _often(chance, 0.2):
        there.append(UserNumber(chance.choice((40, 41))))
    # An owner who enables what we disable, round after round: rare by chance, so some phones are made for it.
    quarrel = _often(chance, 0.2)
    now = chance.choice(_QUARRELS if quarrel else _TIMES)
    readings = _readings(chance, there, quarrel)
    if _often(chance, 0.02):
        there.remove(UserNumber(0))
    observed = replace(
        planned,
        users=tuple(User(number, UserKind.OTHER) for number in there),
        packages=readings,
        told=chance.choice(_TOLD),
    )
    time = EvaluationTime(now, _often(chance, 0.9), chance.choice(_AGES))
    problem = "users" if _often(chance, 0.02) else ""
    return Case(
        Bundle(BUNDLE, under, fleet),
        planned,
        observed,
        _ledger(chance, users, now - DEADLINE, quarrel),
        time,
        problem,
    )


def _first_person(chance: random.Random, owner: str) -> User:
    """Whoever lives on a phone whose user 0 is nobody's; without a device owner, one of ours may own the user."""
    owned = owner == "none" and _often(chance, 0.4)
    return User(
        UserNumber(20), UserKind.PERSONAL, owned, INTUNE if owned else None, open_to_shell=_often(chance, 0.9)
    )


def _users(chance: random.Random) -> tuple[User, ...]:
    users = [User(UserNumber(0), UserKind.PERSONAL, open_to_shell=_often(chance, 0.97))]
    profile = chance.choice(["open"] * 5 + ["closed", "foreign", "none", "none"])
    if profile != "none":
        owner = None if profile == "foreign" else INTUNE
        users.append(User(UserNumber(10), UserKind.WORK, True, owner, open_to_shell=profile != "closed"))
    users += [
        User(
            UserNumber(number), kind, kind is UserKind.WORK, open_to_shell=kind is not UserKind.SECURE_FOLDER
        )
        for number, kind in enumerate(chance.choice(_EXTRA), start=11)
    ]
    return tuple(users)


def _readings(
    chance: random.Random, users: Sequence[UserNumber], quarrel: bool
) -> dict[PackageName, PackageReading]:
    readings = {}
    rare = 0.7 if quarrel else chance.choice((0.0, 0.1, 0.1, 0.5))
    for package in (*BANNED, *MANAGED):
        share = rare if package in BANNED else 0.75
        luck = chance.random()
        if luck < 0.04:
            readings[package] = PackageReading(package, unreadable="exception text")
        elif luck < 0.06:
            continue
        elif luck < 0.15:
            readings[package] = PackageReading(package, known=False)
        else:
            states = {number: _state(chance, share) for number in users}
            if luck < 0.17:
                states.popitem()
            readings[package] = PackageReading(package, states, system=_often(chance, 0.3))
    return readings


def _state(chance: random.Random, share: float) -> PackageState:
    enabled = chance.choice([0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 4])
    ago = None if _often(chance, 0.3) else timedelta(seconds=chance.choice((-1, 0, 59, 60, 3600, 10**7)))
    return PackageState(
        installed=_often(chance, share),
        hidden=_often(chance, 0.07),
        archived=_often(chance, 0.07),
        enabled=EnabledState(enabled),
        disabled_by_shell=enabled == 3 and _often(chance, 0.7),
        installed_ago=ago,
    )


def _ledger(chance: random.Random, users: Iterable[User], age: timedelta, quarrel: bool) -> Ledger:
    """Up to three entries, among them a user that is no more and an app that the policy has dropped since."""
    pairs = [(user.number, package) for user in users for package in MANAGED]
    pairs += [(UserNumber(77), MANAGED[0]), (UserNumber(0), DROPPED)]
    entries = [
        LedgerEntry(
            *pair,
            EnabledState(chance.choice((0, 1))),
            EntryState.DONE if quarrel else chance.choice(_STATES),
            chance.choice((BUNDLE - 1, BUNDLE, BUNDLE, BUNDLE + 1)),
            DEADLINE + age - timedelta(seconds=chance.choice((60, 60, 3600, 3601, 10**6))),
            3 if quarrel else chance.choice((1, 2, 3, 3, 4)),
        )
        for pair in chance.sample(pairs, min(len(pairs), 4 if quarrel else chance.choice((0, 1, 2, 3))))
    ]
    return Ledger(MARKER, tuple(entries))


# What each judgement answers -----------------------------------------------------------------------------------------


def as_the_phone_knows(case: Case) -> Observation:
    """Return the phone as it is now, as far as a plan and package dumps can tell.

    A user that came after the plan is no place: that a managed app is in use there is a gap. It counts where every
    kind counts; elsewhere it is not listed, so a banned app in it is a gap as well.
    """
    known = {user.number: user for user in case.planned.users}
    every_kind_counts = case.bundle.policy.kinds == frozenset(UserKind)
    users = []
    packages = dict(case.now.packages)
    for there in case.now.users:
        if there.number in known:
            users.append(known[there.number])
        elif every_kind_counts:
            users.append(User(there.number, UserKind.OTHER))
            for package in MANAGED:
                if package in packages:
                    packages[package] = _unlisted(packages[package], there.number)
    problem = (case.problem,) if case.problem else ()
    return replace(
        case.planned, users=tuple(users), packages=packages, unreadable=problem, told=case.now.told
    )


def _unlisted(reading: PackageReading, number: UserNumber) -> PackageReading:
    states = {UserNumber(n + 1000) if n == number else n: state for n, state in reading.states.items()}
    return replace(reading, states=states)


def python_answer(case: Case) -> Answer:
    time = replace(case.time, trusted=case.time.trusted and case.bundle.policy.on_phone)
    judgement = judge(case.bundle, as_the_phone_knows(case), case.ledger, time)

    def pairs(kind: ActionKind) -> frozenset[str]:
        return frozenset(
            f"{a.user}/{a.package}" + (f"/{int(a.prior)}" if a.prior is not None else "")
            for a in judgement.actions
            if a.kind is kind
        )

    told = frozenset(pair.partition("/")[2] for pair in pairs(ActionKind.NOTIFY))
    return (
        judgement.stage.value,
        judgement.verdict.value,
        judgement.enforceable,
        pairs(ActionKind.RESTORE),
        pairs(ActionKind.DISABLE),
        told,
    )


DRIVER = """
set -f
nonce=none
while read -r case_word case_rest; do
    case $case_word in
        case)
            case_name=$case_rest f_problem='' f_users='' f_words=' ' f_told='' l_entries=' '
            plan_is_empty
            ;;
        problem) f_problem=$case_rest ;;
        users) f_users=" $case_rest " ;;
        words) f_words=" $case_rest " ;;
        told) f_told=$case_rest ;;
        ledger) l_entries=" $case_rest " ;;
        judge)
            plan_is_whole
            now=${case_rest% *} trusted=${case_rest#* }
            judge
            echo "$case_name ${p_bad:-good}|$j_stage|$j_verdict|$j_enforceable|$j_restore|$j_disable|$j_notify"
            ;;
        *) plan_line "$case_word" "$case_rest" ;;
    esac
done
"""


def driver() -> str:
    """Return the shell text that judges cases from its stdin."""
    names = ("frame", "values", "digest", "plan", "judge", "judge_actions")
    return "\n".join((*map(part, names), DRIVER))


def case_lines(name: int, case: Case) -> str:
    """Return a case as the driver reads it."""
    lines = [f"case {name}", *plan_text(case.plan).decode().splitlines()[1:-2]]
    if case.problem:
        lines.append(f"problem {case.problem}")
    lines += [
        f"told {case.now.told.value if case.now.told else ''}",
        f"users {' '.join(str(user.number) for user in case.now.users)}",
        f"words {' '.join(word for r in case.now.packages.values() for word in words_of(r))}",
        f"ledger {' '.join(map(_entry_word, case.ledger.entries))}",
        f"judge {int(case.time.now.timestamp())} {int(case.time.trusted)}",
    ]
    return "\n".join(lines) + "\n"


def _kind(reading: PackageReading) -> str:
    if reading.unreadable:
        return "unreadable"
    return "unknown" if not reading.known else "system" if reading.system else "user"


def words_of(reading: PackageReading) -> list[str]:
    """Return a reading as the script's own words (digest.sh)."""
    states = [
        f"{reading.package}/{number}/{_word(s.installed)},{_word(s.hidden)},{_word(s.archived)},{int(s.enabled)},"
        f"{'shell' if s.disabled_by_shell else 'other'},"
        f"{'-' if s.installed_ago is None else s.installed_ago // SECOND}"
        for number, s in reading.states.items()
    ]
    return [f"{reading.package}={_kind(reading)}", *states]


def _word(value: bool) -> str:
    return "true" if value else "false"


def _entry_word(e: LedgerEntry) -> str:
    return f"{e.user}/{e.package}/{e.prior.value}/{e.state.value}/{e.bundle_number}/{e.at.isoformat()}/{e.rounds}"


def shell_answers(shell: Sequence[str], table: Path) -> dict[int, Answer]:
    """Judge every case of a file in one process of a shell."""
    # From a file, not a pipe: what cannot seek, a shell reads byte by byte.
    with table.open() as lines:
        done = subprocess.run(
            [*shell, "-c", driver()],
            stdin=lines,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.stderr == "", done.stderr[:1000]
    return dict(map(shell_answer, done.stdout.splitlines()))


def shell_answer(line: str) -> tuple[int, Answer]:
    """Return the number of the case and the answer in one line of the driver."""
    head, stage, verdict, enforceable, restore, disable, notify = line.split("|")
    name, bad = head.split(" ")
    assert bad == "good", line
    words = (frozenset(part.split()) for part in (restore, disable, notify))
    return int(name), (stage, verdict, enforceable == "1", *words)  # type: ignore[return-value]
