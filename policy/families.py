"""The families that Curfew ships: which names an app goes by, how each is known, and what a policy lacks of them.

Names come and go, and a policy carries those of the day it was drafted: whoever approves or publishes one has to
hear of names that came later. Sources and review days stay out of a policy's rules, where stations take nothing
that they do not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from policy.document import Family, Policy
from policy.names import PackageName

REVIEW_HOLDS_FOR = timedelta(days=180)
"""A list of names that nobody looked at for longer is called old."""


@dataclass(frozen=True)
class KnownName:
    """One name of an app, what the app is, and how we know that it goes by it."""

    package: PackageName
    app: str
    source: str


@dataclass(frozen=True)
class ReadyMadeFamily:
    """One shipped family, and the day on which its names were last compared with their sources."""

    name: str
    active: bool
    reviewed_on: date
    names: tuple[KnownName, ...]

    @property
    def packages(self) -> tuple[PackageName, ...]:
        """The names alone, in the order of the file."""
        return tuple(known.package for known in self.names)

    def banned_in(self, policy: Policy) -> Family | None:
        """Return the policy's switched-on family that is this one: of its name, or else with any of its packages."""
        on = [family for family in policy.families if family.active]
        # By name first, by packages second: an admin may have renamed the family, and it bans the same app still.
        named = (family for family in on if family.name.casefold() == self.name.casefold())
        sharing = (family for family in on if not set(self.packages).isdisjoint(family.packages))
        return next(named, next(sharing, None))


@dataclass(frozen=True)
class FamilyReview:
    """What a policy lacks of one family that it bans.

    ``banned_as`` is what the policy calls the family; ``is_old`` says that nobody has looked at our list for long.
    """

    family: ReadyMadeFamily
    banned_as: str
    missing: tuple[KnownName, ...]
    is_old: bool


@cache
def ready_made_families() -> tuple[ReadyMadeFamily, ...]:
    """Return the families of the installed version."""
    shipped = json.loads(files("policy").joinpath("ready_made_families.json").read_bytes())
    return tuple(
        ReadyMadeFamily(
            name=family["name"],
            active=family["active"],
            reviewed_on=date.fromisoformat(family["reviewed_on"]),
            names=tuple(
                KnownName(PackageName(known["package"]), known["app"], known["source"])
                for known in family["packages"]
            ),
        )
        for family in shipped
    )


def review_families(
    policy: Policy, today: date, families: tuple[ReadyMadeFamily, ...] | None = None
) -> tuple[FamilyReview, ...]:
    """Return, for each shipped family that the policy bans, the names it lacks; nothing for a lifted policy.

    `families` are those of the installed version unless others are given.
    """
    if policy.lifted:
        return ()
    return tuple(
        FamilyReview(
            family,
            banned.name,
            # Against all that the policy bans: another switched-on family may name it.
            tuple(known for known in family.names if known.package not in policy.banned),
            today - family.reviewed_on > REVIEW_HOLDS_FOR,
        )
        for family in families or ready_made_families()
        if (banned := family.banned_in(policy))
    )


def oldest_review() -> date:
    """Return the day since when every family of the installed version was looked at."""
    return min(family.reviewed_on for family in ready_made_families())
