"""Every way in which a phone can be owned that would have written one report: whose profiles and places there are.

A picture tells which users there are, not whose their profiles are; what was found where leaves some ways out. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from policy.coverage import counts, managed_pairs, places_of, unplaced_owners
from policy.document import PlaceKind, Policy
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import Observation, PackageReading, User, UserKind
from policy.picture import HIDDEN, Pair, Picture

_ORGANISATION = (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE)
_U0 = UserNumber(0)
_NOBODY = PhoneId("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class World:
    """One way in which a phone can be that would have written the report, as far as owners and places go."""

    users: tuple[User, ...]
    has_device_owner: bool = False
    device_owner: PackageName | None = None
    device_owner_user: UserNumber | None = None
    main_user: UserNumber = _U0

    def phone(self, phone_id: PhoneId, packages: Mapping[PackageName, PackageReading]) -> Observation:
        """Return what would be read of such a phone, with these packages on it."""
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


def _worlds(users: Mapping[UserNumber, tuple[UserKind, bool]], ours: PackageName | None) -> Iterator[World]:
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
                yield World(made, *owner, main_user)


@dataclass(frozen=True)
class Placed:
    """A world with what follows from it alone: under the policy of the report (``then``), and under the tried one."""

    world: World
    organisations: frozenset[UserNumber]
    """Users in which a listed owner is, so that a hidden app is gone there."""
    is_unplaced: bool
    counted_then: frozenset[UserNumber]
    counted_now: frozenset[UserNumber]
    pairs_then: frozenset[Pair]
    pairs_now: frozenset[Pair]


def placed_worlds(
    users: Mapping[UserNumber, tuple[UserKind, bool]], asked: Policy, policy: Policy
) -> Iterator[Placed]:
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
        yield Placed(
            world,
            frozenset(number for number, place in places.items() if place in _ORGANISATION),
            unplaced and bool(asked.managed),
            _counted(asked, phone),
            _counted(policy, phone),
            managed_pairs(asked, phone),
            managed_pairs(policy, phone),
        )


def fits(picture: Picture, asked: Policy, placed: Placed) -> bool:
    """Whether the report on such a phone would have said what this one says."""
    seen = {number for number, _ in (*picture.findings, *picture.set_aside)}
    hidden = {number for (number, _), why in picture.set_aside.items() if why == HIDDEN}
    lines = {pair for pair in picture.no_line if pair[1] not in asked.banned}
    return (
        placed.is_unplaced == picture.unplaced
        and seen <= placed.counted_then
        and hidden <= placed.organisations
        and placed.pairs_then >= picture.managed.keys()
        and placed.pairs_then >= lines
    )


def meaning_for(picture: Picture, placed: Placed) -> tuple[object, ...]:
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


def _counted(policy: Policy, phone: Observation) -> frozenset[UserNumber]:
    places = places_of(policy, phone)
    return frozenset(user.number for user in phone.users if counts(policy, user, places))
