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

from policy.document import JUDGEMENT_VERSION, Bundle, Policy
from policy.judgement import judge
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import Observation, UserKind
from policy.picture import Pair, Picture, PicturedEntry
from policy.pictured_packages import SET_ASIDE, Corner, PicturedPackages
from policy.pictured_worlds import Placed, fits, meaning_for, placed_worlds
from policy.rings import ring_starts
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
    """Return the first moment, not before `now`, at which the policy bears on every phone.

    Where a ring would begin only once the measure pauses or has ended, it is the last second before that: behind it
    nobody is newly blocked, whom the rings before have long reached.
    """
    begun = max(now, *ring_starts(policy))
    paused = min(policy.review_at, policy.ends_at)
    return begun if begun < paused else max(now, paused - timedelta(seconds=1))


class Rehearsal:
    """One policy at one moment, tried on pictures of phones; keeps what several pictures have in common."""

    def __init__(self, bundle: Bundle, moment: datetime, judged_by: Mapping[int, Policy]) -> None:
        """`judged_by` are the policies that reports may have been judged by, by the number of their bundles."""
        self.bundle = bundle
        self.moment = moment
        self._judged_by = judged_by
        self._placed: dict[tuple[object, ...], Sequence[Placed]] = {}

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

    def _worlds_of(self, picture: Picture, asked: Policy) -> Sequence[Placed]:
        users = tuple(picture.users.items())
        key = (picture.bundle_number, users)
        if key not in self._placed:
            # Of many pictures the users are the same, and all that follows from them alone.
            self._placed[key] = list(placed_worlds(picture.users, asked, self.bundle.policy))
        if asked.kinds == self.bundle.policy.kinds and _is_clear(self.bundle.policy, asked, picture):
            # It complies whoever its profiles belong to, so one way is as good as another.
            return self._placed[key][:1]
        fitting = [placed for placed in self._placed[key] if fits(picture, asked, placed)]
        # One of those that are the same to this picture: places in which it says nothing need not be told apart.
        return list({meaning_for(picture, placed): placed for placed in fitting}.values())


_USERS_MAX = 16
_PROFILES_MAX = 3


def _is_told(picture: Picture) -> bool:
    """Whether the picture is one that can be taken apart: no more users than a person has, and every reason known."""
    profiles = sum(kind is UserKind.WORK for kind, _ in picture.users.values())
    few = len(picture.users) <= _USERS_MAX and profiles <= _PROFILES_MAX
    return (
        few and UserNumber(0) in picture.users and all(why in SET_ASIDE for why in picture.set_aside.values())
    )


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


_BLANK = Picture(
    *(0, JUDGEMENT_VERSION, Verdict.UNREADABLE, False, {}, frozenset(), {}, {}, frozenset(), frozenset()),
    *(frozenset(), False, False, {}, frozenset(), False),
)
# Ages alone are compared, and only with each other (`policy.undo`).
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Case:
    """One picture under one policy."""

    bundle: Bundle
    picture: Picture
    entries: Mapping[Pair, PicturedEntry]
    phone_id: PhoneId
    moment: datetime

    def judgements(self, placed: Placed, asked: Policy) -> Iterator[Judgement]:
        """Yield the judgement on each extreme of what the report does not tell of this world."""
        made = PicturedPackages(self.picture, self.entries, self.bundle.policy, placed, asked)
        for banned in (False, True)[: 1 + made.has_free_banned]:
            for managed in (False, True)[: 1 + made.has_free_managed]:
                for updated in (False, True)[: 1 + self._may_be_update]:
                    packages = made.read(Corner(banned, managed, updated))
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
