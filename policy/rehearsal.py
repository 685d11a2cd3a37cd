"""What a policy would mean for a phone of which only its newest report is known: pure, and never a guess.

A report tells less than a station sees, so there are several phones that would have written it. Each of these is
judged by the station's own judgement (`policy.judgement.judge`); what comes out for all of them is the outcome, and
where they differ it is unknown, with the reason. What no report has asked about may be there or not. It is taken for
readable: that a phone answered badly once is told by its report, that it may do so the next time is nobody's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import product

from policy.coverage import counts, managed_pairs, places_of, unplaced_owners
from policy.document import JUDGEMENT_VERSION, Bundle, PlaceKind, Policy
from policy.judgement import judge
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState, Observation, PackageReading, PackageState, User, UserKind
from policy.picture import Pair, Picture, PicturedEntry
from policy.undo import ROUNDS_LIMIT
from policy.verdict import ActionKind, EvaluationTime, Judgement, Stage, Verdict


class Outcome(Enum):
    """What becomes of a phone under a policy; each has exactly one."""

    BLOCKED = "blocked"
    """A managed app that runs now is disabled."""
    STAYS_BLOCKED = "stays_blocked"
    """Nothing new is disabled; what is off by us stays off."""
    NOT_ENFORCEABLE = "not_enforceable"
    """Violating, and disabling cannot reach every place in use: the mail side has to act."""
    REMINDED = "reminded"
    """Its owner is told what to remove, and nothing is disabled."""
    RESTORED = "restored"
    """What is off by us is put back."""
    NOTHING = "nothing"
    """Nothing is disabled, put back or told."""
    EXEMPT = "exempt"
    """An exemption holds, and nothing of ours is off."""
    DECLINED = "declined"
    """Its owner did not agree: nothing is asked of it."""
    UNKNOWN = "unknown"
    """What is known does not decide it; see `Cause`."""


CUT_OFF = (Outcome.BLOCKED, Outcome.NOT_ENFORCEABLE)
"""What a policy newly takes away, by the phone or by the mail side. What is off already is not its doing."""


class Cause(Enum):
    """Why an outcome is unknown."""

    NEVER_CHECKED = "never_checked"
    TOO_OLD = "too_old"
    """The newest report is older than the policy's ``overdue_limit``."""
    UNREADABLE = "unreadable"
    """The newest check could not look."""
    NOT_ASKED = "not_asked"
    """It depends on what the newest check did not ask about: another app, another kind of user or place."""
    LEDGER_UNKNOWN = "ledger_unknown"
    """The newest check did not know what is off by us."""
    NO_PICTURE = "no_picture"
    """Of the newest report nothing is kept to judge by, or its bundle or its rules are not known here."""


@dataclass(frozen=True)
class Rehearsed:
    """The outcome for one picture, and which apps are certain: found, to be disabled, to be put back."""

    outcome: Outcome
    cause: Cause | None = None
    found: frozenset[PackageName] = frozenset()
    disabled: frozenset[PackageName] = frozenset()
    restored: frozenset[PackageName] = frozenset()


def fully_enforced_at(policy: Policy, now: datetime) -> datetime:
    """Return the first moment, not before `now`, at which the policy bears on every phone."""
    return max(now, policy.deadline, *(ring.starts_at for ring in policy.rings))


class Rehearsal:
    """One policy at one moment, tried on pictures of phones; keeps what several pictures have in common."""

    def __init__(self, bundle: Bundle, moment: datetime, judged_by: Mapping[int, Policy]) -> None:
        """`judged_by` are the policies that reports may have been judged by, by the number of their bundles."""
        self.bundle = bundle
        self.moment = moment
        self._judged_by = judged_by
        self._placed: dict[tuple[object, ...], Sequence[_Placed]] = {}

    def outcome(self, picture: Picture | None, phone_id: PhoneId, why: Cause | None = None) -> Rehearsed:
        """Return what becomes of a phone whose newest report gave `picture`; None where there is none.

        `phone_id` says which ring and which exemptions: phones alike in these and in their picture are alike. `why`
        tells why the picture says nothing of today: then only what is ours is known, to give it back.
        """
        if picture is None:
            blank = _Case(self.bundle, _BLANK, {}, phone_id, self.moment)
            # Where no check ever came nothing is ours; else what is ours cannot be told.
            if why is Cause.NEVER_CHECKED:
                return blank.without_a_look(why)
            return Rehearsed(Outcome.UNKNOWN, why or Cause.NO_PICTURE)
        if picture.entries is None:
            return Rehearsed(Outcome.UNKNOWN, Cause.LEDGER_UNKNOWN)
        case = _Case(self.bundle, picture, picture.entries, phone_id, self.moment)
        if why is not None:
            return case.without_a_look(why)
        asked = self._judged_by.get(picture.bundle_number)
        if not picture.is_whole:
            return case.without_a_look(Cause.UNREADABLE)
        if asked is None or not _is_told(picture):
            return case.without_a_look(Cause.NO_PICTURE)
        if _was_not_asked(self.bundle.policy, asked, picture):
            return case.without_a_look(Cause.NOT_ASKED)
        worlds = self._worlds_of(picture, asked)
        if not worlds:
            return case.without_a_look(Cause.NO_PICTURE)
        judged = [judgement for world in worlds for judgement in case.judgements(world, asked)]
        return case.agreed(judged)

    def _worlds_of(self, picture: Picture, asked: Policy) -> Sequence[_Placed]:
        users = tuple(picture.users.items())
        key = (picture.bundle_number, users)
        if key not in self._placed:
            # Of many pictures the users are the same, and all that follows from them alone.
            self._placed[key] = list(_placed_worlds(picture.users, asked, self.bundle.policy))
        if asked.kinds == self.bundle.policy.kinds and _is_clear(self.bundle.policy, asked, picture):
            # It complies whoever its profiles belong to, so one way is as good as another.
            return self._placed[key][:1]
        fitting = [placed for placed in self._placed[key] if _fits(picture, asked, placed)]
        # One of those that are the same to this picture: places in which it says nothing need not be told apart.
        return list({_meaning_for(picture, placed): placed for placed in fitting}.values())


_USERS_MAX = 16
_PROFILES_MAX = 3
_HIDDEN = "hidden"
_ORGANISATION = (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE)
_U0 = UserNumber(0)


def _is_told(picture: Picture) -> bool:
    """Whether the picture is one that can be taken apart: no more users than a person has, and every reason known."""
    profiles = sum(kind is UserKind.WORK for kind, _ in picture.users.values())
    few = len(picture.users) <= _USERS_MAX and profiles <= _PROFILES_MAX
    return few and _U0 in picture.users and all(why in _SET_ASIDE for why in picture.set_aside.values())


def _was_not_asked(policy: Policy, asked: Policy, picture: Picture) -> bool:
    """Whether a rule is another one of which a report tells nothing at all."""
    if any(package in policy.banned for _, package in picture.entries or ()):
        return True
    # A user's kind follows from the owners, too: a profile of an owner that is not listed is its person's.
    everywhere = asked.kinds == policy.kinds == frozenset(UserKind)
    return policy.owners != asked.owners and not (everywhere and _is_clear(policy, asked, picture))


def _is_clear(policy: Policy, asked: Policy, picture: Picture) -> bool:
    """Whether nothing that counted then was seen of any app that is banned now."""
    seen = picture.findings or picture.set_aside
    gaps = picture.unread or picture.no_line or picture.unlisted
    return not seen and not gaps and policy.banned <= asked.banned


@dataclass(frozen=True)
class _World:
    """One way in which a phone can be that would have written the report, as far as owners and places go."""

    users: tuple[User, ...]
    has_device_owner: bool = False
    device_owner: PackageName | None = None
    device_owner_user: UserNumber | None = None
    main_user: UserNumber = _U0

    def phone(self, phone_id: PhoneId, packages: Mapping[PackageName, PackageReading]) -> Observation:
        return Observation(
            phone_id,
            0,
            self.users,
            packages,
            self.has_device_owner,
            self.device_owner,
            self.device_owner_user,
            self.main_user,
        )


def _worlds(users: Mapping[UserNumber, tuple[UserKind, bool]], ours: PackageName | None) -> Iterator[_World]:
    """Yield every way in which these users can be owned: by nobody, by a listed owner (`ours`), by another."""
    works = [number for number, (kind, _) in users.items() if kind is UserKind.WORK]
    persons = [number for number, (kind, _) in users.items() if kind is UserKind.PERSONAL]
    owners: list[tuple[bool, PackageName | None, UserNumber | None]] = [
        (False, None, None),
        (True, None, None),
    ]
    if ours:
        owners += [(True, ours, number) for number in (None, *users)]
    for owned in product((None, ours) if ours else (None,), repeat=len(works)):
        by = dict(zip(works, owned, strict=True))
        made = tuple(
            User(number, kind, kind is UserKind.WORK, by.get(number), is_open)
            for number, (kind, is_open) in users.items()
        )
        for main_user in {_U0, *persons}:
            for owner in owners:
                yield _World(made, *owner, main_user)


@dataclass(frozen=True)
class _Placed:
    """A world with what follows from it alone: under the policy of the report (``then``), and under the tried one."""

    world: _World
    organisations: frozenset[UserNumber]
    """Users in which a listed owner is, so that a hidden app is gone there."""
    is_unplaced: bool
    counted_then: frozenset[UserNumber]
    counted_now: frozenset[UserNumber]
    pairs_then: frozenset[Pair]
    pairs_now: frozenset[Pair]


def _placed_worlds(
    users: Mapping[UserNumber, tuple[UserKind, bool]], asked: Policy, policy: Policy
) -> Iterator[_Placed]:
    """Yield every world of these users, one of those whose places are the same."""
    known: set[tuple[object, ...]] = set()
    # Any listed owner stands for all: places and reach ask whether an owner is listed, not which it is.
    for world in _worlds(users, min(asked.owners, default=None)):
        phone = world.phone(_NOBODY, {})
        places, unplaced = places_of(asked, phone), bool(unplaced_owners(asked, phone))
        key = (frozenset(places.items()), unplaced)
        if key in known:
            continue
        known.add(key)
        yield _Placed(
            world,
            frozenset(number for number, place in places.items() if place in _ORGANISATION),
            unplaced and bool(asked.managed),
            _counted(asked, phone),
            _counted(policy, phone),
            managed_pairs(asked, phone),
            managed_pairs(policy, phone),
        )


def _fits(picture: Picture, asked: Policy, placed: _Placed) -> bool:
    """Whether the report on such a phone would have said what this one says."""
    seen = {number for number, _ in (*picture.findings, *picture.set_aside)}
    hidden = {number for (number, _), why in picture.set_aside.items() if why == _HIDDEN}
    lines = {pair for pair in picture.no_line if pair[1] not in asked.banned}
    return (
        placed.is_unplaced == picture.unplaced
        and seen <= placed.counted_then
        and hidden <= placed.organisations
        and placed.pairs_then >= picture.managed.keys()
        and placed.pairs_then >= lines
    )


def _meaning_for(picture: Picture, placed: _Placed) -> tuple[object, ...]:
    """Return all of a world that a judgement on this picture can depend on."""
    said = {*picture.managed, *(picture.entries or ()), *picture.no_line}
    return (
        placed.counted_then,
        placed.counted_now,
        placed.organisations & {number for number, _ in picture.set_aside},
        placed.is_unplaced,
        placed.pairs_now - placed.pairs_then,
        frozenset(pair for pair in placed.pairs_now if pair in said or pair[1] in picture.unread),
    )


@dataclass(frozen=True)
class _Corner:
    """An extreme of what is not known: all of it there, or none.

    What is between them need not be tried: whether anything is found, in use or to be disabled only grows with what is
    there, so where both extremes agree on each of these, all between do.
    """

    banned: bool = False
    managed: bool = False
    updated: bool = False


_BLANK = Picture(
    *(0, JUDGEMENT_VERSION, Verdict.UNREADABLE, False, {}, frozenset(), {}, {}, frozenset(), frozenset()),
    *(frozenset(), False, False, {}, frozenset(), False),
)
_NOBODY = PhoneId("00000000-0000-4000-8000-000000000000")
_HERE = PackageState(installed=True)
_GONE = PackageState(installed=False)
_OURS = PackageState(True, enabled=EnabledState.DISABLED_BY_USER, disabled_by_shell=True)
_FOREIGN = PackageState(False, enabled=EnabledState.DISABLED)
# Ages alone are compared, and only with each other (`policy.undo`).
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SYSTEM = "preinstalled and switched off"
_SET_ASIDE = {
    "archived": PackageState(True, archived=True),
    _HIDDEN: PackageState(True, hidden=True),
    _SYSTEM: PackageState(True, enabled=EnabledState.DISABLED_BY_USER),
}


@dataclass(frozen=True)
class _Case:
    """One picture under one policy."""

    bundle: Bundle
    picture: Picture
    entries: Mapping[Pair, PicturedEntry]
    phone_id: PhoneId
    moment: datetime

    def judgements(self, placed: _Placed, asked: Policy) -> Iterator[Judgement]:
        """Yield the judgement on each extreme of what the report does not tell of this world."""
        made = _Packages(self, placed, asked)
        for banned in (False, True)[: 1 + made.has_free_banned]:
            for managed in (False, True)[: 1 + made.has_free_managed]:
                for updated in (False, True)[: 1 + self._may_be_update]:
                    packages = made.read(_Corner(banned, managed, updated))
                    yield self._judge(placed.world.phone(self.phone_id, packages), self.entries)

    @property
    def _may_be_update(self) -> bool:
        return any(e.rounds == ROUNDS_LIMIT and e.state is EntryState.DONE for e in self.entries.values())

    def without_a_look(self, cause: Cause) -> Rehearsed:
        """Return what holds whatever is on the phone: what was ours is given back, or nothing follows."""
        entries = {pair: entry for pair, entry in self.entries.items() if pair not in self.picture.not_ours}
        blind = Observation(self.phone_id, 0, unreadable=("nothing is known of it",))
        return self._rehearsed([self._judge(blind, entries)], cause)

    def agreed(self, judged: Sequence[Judgement]) -> Rehearsed:
        """Return what all of the judgements come to, or that it is not known."""
        unreadable = self.picture.verdict is Verdict.UNREADABLE
        if len({self._meaning(judgement) for judgement in judged}) > 1:
            return Rehearsed(Outcome.UNKNOWN, Cause.UNREADABLE if unreadable else Cause.NOT_ASKED)
        return self._rehearsed(judged, Cause.UNREADABLE)

    def _judge(self, phone: Observation, entries: Mapping[Pair, PicturedEntry]) -> Judgement:
        ledger = Ledger(
            "known",
            tuple(
                LedgerEntry(*pair, e.prior, e.state, e.bundle_number, _LONG_AGO, e.rounds)
                for pair, e in entries.items()
            ),
        )
        return judge(self.bundle, phone, ledger, EvaluationTime(self.moment))

    @property
    def _exempt(self) -> bool:
        return self.bundle.fleet.exempts(self.phone_id, self.moment)

    def _meaning(self, judgement: Judgement) -> tuple[object, ...]:
        """Return all that an outcome follows from; where it is over for the phone, what is found does not matter."""
        restores = _has(judgement, ActionKind.RESTORE)
        if judgement.stage is Stage.LIFTED or self._exempt:
            return (restores,)
        if judgement.stage is Stage.REMIND:
            return (restores, judgement.verdict)
        reached = judgement.enforceable or judgement.verdict is not Verdict.VIOLATING
        disables = _has(judgement, ActionKind.DISABLE)
        return (restores, judgement.verdict, reached, disables, self._keeps_off(judgement))

    def _keeps_off(self, judgement: Judgement) -> bool:
        return any(
            app.state.disabled_by_shell
            and not app.state.enabled.can_run
            and (app.user, app.package) in self.entries
            for app in judgement.managed
        )

    def _rehearsed(self, judged: Sequence[Judgement], cause: Cause) -> Rehearsed:
        outcome = self._outcome(judged[0])
        return Rehearsed(
            outcome,
            cause if outcome is Outcome.UNKNOWN else None,
            frozenset.intersection(*(frozenset(f.package for f in one.findings) for one in judged)),
            frozenset.intersection(*(_packages(one, ActionKind.DISABLE) for one in judged)),
            frozenset.intersection(*(_packages(one, ActionKind.RESTORE) for one in judged)),
        )

    def _outcome(self, judgement: Judgement) -> Outcome:
        restores = _has(judgement, ActionKind.RESTORE)
        if self._exempt:
            return Outcome.RESTORED if restores else Outcome.EXEMPT
        if judgement.verdict is Verdict.VIOLATING and judgement.stage in (Stage.ENFORCE, Stage.PAUSED):
            return self._where_enforced(judgement, restores)
        if restores:
            return Outcome.RESTORED
        if judgement.stage is Stage.LIFTED or judgement.verdict is Verdict.COMPLIANT:
            return Outcome.NOTHING
        return Outcome.UNKNOWN if judgement.verdict is Verdict.UNREADABLE else Outcome.REMINDED

    def _where_enforced(self, judgement: Judgement, restores: bool) -> Outcome:
        disables = _has(judgement, ActionKind.DISABLE)
        # What this phone's Android refused once, it is not believed to do the next time.
        refuses = disables and self.picture.refused
        if judgement.stage is Stage.ENFORCE and (not judgement.enforceable or refuses):
            return Outcome.NOT_ENFORCEABLE
        if disables:
            return Outcome.BLOCKED
        if self._keeps_off(judgement):
            return Outcome.STAYS_BLOCKED
        return Outcome.RESTORED if restores else Outcome.NOTHING


def _has(judgement: Judgement, kind: ActionKind) -> bool:
    return any(action.kind is kind for action in judgement.actions)


def _packages(judgement: Judgement, kind: ActionKind) -> frozenset[PackageName]:
    return frozenset(action.package for action in judgement.actions if action.kind is kind)


class _Packages:
    """What a phone in one world would answer about each package, as far as its report tells."""

    def __init__(self, case: _Case, placed: _Placed, asked: Policy) -> None:
        self._picture, self._entries = case.picture, case.entries
        policy = case.bundle.policy
        # Asked for each user and package, and made anew by each asking (`Policy.banned`).
        self._banned_now, self._banned_then = policy.banned, asked.banned
        self._managed_now = [app.package for app in policy.managed]
        self._users = [user.number for user in placed.world.users]
        self._counted_then, self._counted_now = placed.counted_then, placed.counted_now
        self._pairs_now = placed.pairs_now
        # Of an app that could not be read for the moment, a station says that it is in reach: then that is open.
        passing = self._picture.verdict is Verdict.VIOLATING and self._picture.enforceable
        self._unread = self._picture.unread
        if passing:
            self._unread -= frozenset(app.package for app in asked.managed)
        self._managed_then = frozenset(app.package for app in asked.managed)
        passing_apps = self._picture.unread - self._unread
        self._known_pairs = frozenset(pair for pair in placed.pairs_then if pair[1] not in passing_apps)
        self._off_counts_anew = policy.preinstalled_disabled_counts and not asked.preinstalled_disabled_counts

    @property
    def has_free_banned(self) -> bool:
        """Whether a banned app may be somewhere that was not asked about, or may count otherwise than it did."""
        return any(
            self._is_free(number, package)
            for package in self._banned_now
            for number in self._counted_now
            if package not in self._unread
        )

    @property
    def has_free_managed(self) -> bool:
        """Whether a managed app may be somewhere that was not asked about."""
        return any(
            pair not in self._known_pairs or self._picture.managed.get(pair, _GONE) is None
            for pair in self._pairs_now
            if pair[1] not in self._unread
        )

    def _is_free(self, number: UserNumber, package: PackageName) -> bool:
        if package not in self._banned_then or number not in self._counted_then:
            return True
        return self._off_counts_anew and (number, package) in self._picture.findings

    def read(self, corner: _Corner) -> dict[PackageName, PackageReading]:
        readings = {package: self._banned(package, corner) for package in self._banned_now}
        readings |= {package: self._managed(package, corner) for package in self._managed_now}
        dropped = {package for _, package in self._entries} - readings.keys()
        readings |= {package: PackageReading(package, self._held(package)) for package in dropped}
        return readings

    def _banned(self, package: PackageName, corner: _Corner) -> PackageReading:
        picture = self._picture
        if package in self._unread and package in self._banned_then:
            return PackageReading(package, unreadable="it was not read")
        states = {}
        for number in self._users:
            pair = (number, package)
            if pair in picture.no_line:
                continue
            if self._is_free(number, package):
                states[number] = _HERE if corner.banned else _GONE
            elif pair in picture.findings:
                states[number] = _HERE
            else:
                states[number] = _SET_ASIDE[picture.set_aside[pair]] if pair in picture.set_aside else _GONE
        states |= {number: _HERE for number, name in picture.unlisted if name == package}
        system = any(why == _SYSTEM for (_, name), why in picture.set_aside.items() if name == package)
        return PackageReading(package, states, system=system)

    def _managed(self, package: PackageName, corner: _Corner) -> PackageReading:
        if package in self._unread and package in self._managed_then:
            return PackageReading(package, unreadable="it was not read")
        states = {
            number: self._state((number, package), corner)
            for number in self._users
            if (number, package) not in self._picture.no_line
        }
        states |= {number: _HERE for number, name in self._picture.unlisted if name == package}
        return PackageReading(package, self._held(package) | states)

    def _state(self, pair: Pair, corner: _Corner) -> PackageState:
        held = pair in self._entries
        if pair in self._known_pairs and pair in self._picture.managed:
            after = self._picture.managed[pair]
            if after is None:
                return _HERE if corner.managed else _OURS
            ours = held and pair not in self._picture.not_ours
            ago = timedelta(0) if corner.updated else None
            return PackageState(True, enabled=after, disabled_by_shell=ours, installed_ago=ago)
        if pair in self._known_pairs or pair not in self._pairs_now:
            return _FOREIGN if pair in self._picture.not_ours else _GONE
        if corner.managed:
            return _HERE
        return _OURS if held else _GONE

    def _held(self, package: PackageName) -> dict[UserNumber, PackageState]:
        """Return the lines of those users in whom something of ours may be off."""
        return {
            number: _FOREIGN if (number, name) in self._picture.not_ours else _GONE
            for number, name in self._entries
            if name == package
        }


def _counted(policy: Policy, phone: Observation) -> frozenset[UserNumber]:
    places = places_of(policy, phone)
    return frozenset(user.number for user in phone.users if counts(policy, user, places))
