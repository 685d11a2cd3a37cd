"""One policy tried on every phone: a walk along the fleet that judges each picture once and counts what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from policy.document import Bundle, Policy
from policy.names import PhoneId
from policy.rehearsal import Cause, Outcome, Rehearsal, Rehearsed
from policy.report import Consent
from policy.rings import ring_starts
from policy.stage import stage_of
from policy.verdict import Stage
from server.fleet.phones import Pictured, pictured
from server.fleet.pictures import find_pictures
from server.rehearsal.kept_rehearsals import Piece

_ROWS_AT_ONCE = 10_000
_PHONES_A_PIECE = 500
_KNOWN_MAX = 200_000
_AGES = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
AGES = (*_AGES, "longer", "never")
"""How old the newest report of a phone can be: at most so much."""


@dataclass(frozen=True)
class Plan:
    """What is to be tried: a bundle, beside the one in force, at a moment. ``judged_by`` are all policies that were."""

    bundle: Bundle
    in_force: Bundle | None
    judged_by: Mapping[int, Policy]
    moment: datetime
    now: datetime


class Said(NamedTuple):
    """What holds for all phones of one group: under the policy that is tried, and ``before`` under that in force."""

    rehearsed: Rehearsed
    before: Outcome | None


@dataclass
class Tally:
    """How many phones came out how, so far."""

    phones: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    changes: Counter[tuple[Outcome | None, Outcome]] = field(default_factory=Counter)
    causes: Counter[Cause] = field(default_factory=Counter)
    found: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    disabled: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)


class Walk:
    """A walk along the fleet; `tally` is what was counted so far."""

    def __init__(self, plan: Plan) -> None:
        self.tally = Tally()
        self._plan = plan
        self._tried = _Tried(plan)
        self._groups: Counter[tuple[int, str]] = Counter()
        self._open: dict[Outcome, list[tuple[str, str, int]]] = {outcome: [] for outcome in Outcome}

    def pieces(self, session: Session) -> Iterator[Sequence[Piece]]:
        """Walk the fleet as it is in the session's one look; yield after each stretch the lists that came full."""
        after = ""
        while rows := pictured(session, after, _ROWS_AT_ONCE):
            self._take(session, rows)
            after = rows[-1].phone_id
            yield list(self._full(_PHONES_A_PIECE))
        yield list(self._full(1))
        self._add_up()

    def _take(self, session: Session, rows: Sequence[Pictured]) -> None:
        numbers = self._tried.numbers_of(session, rows)
        opened = [self._open[said.rehearsed.outcome] for said in self._tried.said]
        for row, number in zip(rows, numbers, strict=True):
            opened[number].append((row.phone_id, row.unit, number))
        self._groups.update(zip(numbers, [row.unit for row in rows], strict=True))
        self.tally.ages.update(map(_ages(self._plan.now), [row.checked_at for row in rows]))
        self.tally.phones += len(rows)

    def _full(self, least: int) -> Iterator[Piece]:
        for outcome, phones in self._open.items():
            while len(phones) >= least:
                piece, phones[:] = phones[:_PHONES_A_PIECE], phones[_PHONES_A_PIECE:]
                yield self._piece(outcome, piece)

    def _piece(self, outcome: Outcome, phones: Sequence[tuple[str, str, int]]) -> Piece:
        places = {number: place for place, number in enumerate(dict.fromkeys(p[2] for p in phones))}
        said = [_written(self._tried.said[number]) for number in places]
        return Piece(outcome, said, [(phone_id, unit, places[number]) for phone_id, unit, number in phones])

    def _add_up(self) -> None:
        """Count by group what holds for each of its phones: a fleet has few groups and many phones."""
        tally = self.tally
        for (number, unit), phones in self._groups.items():
            rehearsed, before = self._tried.said[number]
            outcome = rehearsed.outcome
            tally.outcomes[outcome] += phones
            tally.changes[before, outcome] += phones
            tally.units[unit, outcome] += phones
            if rehearsed.cause is not None:
                tally.causes[rehearsed.cause] += phones
            for package in rehearsed.found:
                tally.found[package, outcome] += phones
            for package in rehearsed.disabled:
                tally.disabled[package] += phones
            for package in rehearsed.restored:
                tally.restored[package] += phones


def _written(said: Said) -> list[object]:
    rehearsed, before = said
    cause = rehearsed.cause.value if rehearsed.cause else None
    named = (rehearsed.found, rehearsed.disabled, rehearsed.restored)
    return [before.value if before else None, cause, *(sorted(packages) for packages in named)]


def _ages(now: datetime) -> Callable[[datetime | None], str]:
    day, week, month = (now - age for age in _AGES.values())

    def age_of(at: datetime | None) -> str:
        if at is None:
            return "never"
        return "day" if at >= day else "week" if at >= week else "month" if at >= month else "longer"

    return age_of


class _Key(NamedTuple):
    """What phones are alike in. Of an exempt one its id is among it: each exemption has an end of its own."""

    picture: str | None
    why: Cause | None = None
    stages: object = None
    exempt: PhoneId | None = None


class _Tried:
    """Both policies, tried once for all phones that are alike; these have one number in ``said``."""

    def __init__(self, plan: Plan) -> None:
        self.said: list[Said] = []
        self._draft = Rehearsal(plan.bundle, plan.moment, plan.judged_by)
        self._in_force = Rehearsal(plan.in_force, plan.moment, plan.judged_by) if plan.in_force else None
        self._by_said: dict[Said, int] = {}
        declined = Said(_DECLINED, Outcome.DECLINED if plan.in_force else None)
        self._declined = self._number_of(declined)
        self._numbers: dict[_Key | str, int] = {}
        self._old_before = plan.now - plan.bundle.policy.overdue_limit
        bundles = [bundle for bundle in (plan.bundle, plan.in_force) if bundle]
        self._exempt = {one.phone_id for bundle in bundles for one in bundle.fleet.exemptions}
        self._stages = _stages_of(plan)

    def numbers_of(self, session: Session, rows: Sequence[Pictured]) -> Sequence[int]:
        """Return what is said of each of these phones; what none before was like is judged."""
        keys = [self._key(row) for row in rows]
        if len(self._numbers) > _KNOWN_MAX:
            # Nearly every phone is its own: to remember them all would take more than to judge again.
            self._numbers.clear()
        numbers = self._numbers
        new = {
            key: row for key, row in zip(keys, rows, strict=True) if key is not None and key not in numbers
        }
        if new:
            self._judge(session, new)
        return [self._declined if key is None else numbers[key] for key in keys]

    def _key(self, row: Pictured) -> _Key | str | None:
        phone_id, _, consent, picture, checked_at = row
        if consent == _CONSENT_DECLINED:
            return None
        why = None
        if checked_at is None:
            why = Cause.NEVER_CHECKED
        elif checked_at < self._old_before:
            why = Cause.TOO_OLD
        stages = self._stages(phone_id) if self._stages else None
        exempt = phone_id if phone_id in self._exempt else None
        # Most phones are told by their picture alone, and a text is compared sooner than four parts.
        return _Key(picture, why, stages, exempt) if why or stages or exempt or picture is None else picture

    def _judge(self, session: Session, new: Mapping[_Key | str, Pictured]) -> None:
        pictures = find_pictures(session, {row.picture for row in new.values() if row.picture})
        for key, row in new.items():
            why = key.why if isinstance(key, _Key) else None
            picture = pictures.get(row.picture) if row.picture else None
            rehearsed = self._draft.outcome(picture, row.phone_id, why)
            before = self._in_force and self._in_force.outcome(picture, row.phone_id, why)
            self._numbers[key] = self._number_of(Said(rehearsed, before.outcome if before else None))

    def _number_of(self, said: Said) -> int:
        number = self._by_said.setdefault(said, len(self.said))
        if number == len(self.said):
            self.said.append(said)
        return number


_DECLINED = Rehearsed(Outcome.DECLINED)
_CONSENT_DECLINED = Consent.DECLINED.value


def _stages_of(plan: Plan) -> Callable[[PhoneId], object] | None:
    """Return what tells phones in different rings apart at that moment; None where all are in the same stage."""
    policies = [bundle.policy for bundle in (plan.bundle, plan.in_force) if bundle]
    if all(_is_one_stage(policy, plan.moment) for policy in policies):
        return None

    def stages(phone_id: PhoneId) -> tuple[Stage, ...]:
        return tuple(stage_of(policy, phone_id, plan.moment) for policy in policies)

    return stages


def _is_one_stage(policy: Policy, moment: datetime) -> bool:
    starts = ring_starts(policy)
    over = policy.lifted or moment >= min(policy.ends_at, policy.review_at)
    return over or moment >= max(starts) or moment < min(starts)
