"""What an admin writes and approvers sign: the policy, its fleet exemptions, and the bundle that carries both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policy.errors import InvalidDocument, InvalidTime, JudgementTooOld
from policy.names import PackageName, PhoneId
from policy.observation import UserKind

# The phone's script has its own copy (agent_scripts/on_phone/plan.sh) and refuses a plan that asks for more.
JUDGEMENT_VERSION = 4
"""The version of the rules in `policy.judgement`; a policy may ask for a minimum."""
LISTING_JUDGEMENT = 4
"""The first version that knows rings of listed phones (decision 0039)."""
LISTED_MAX = 5000
"""How many phones the rings of a policy list at most: as many as can be exempt."""


class PlaceKind(Enum):
    """Where managed apps live (docs/design.md 1)."""

    WORK_PROFILE = "work_profile"
    MANAGED_DEVICE = "managed_device"
    USER_0 = "user_0"


class DebuggingAtHandBack(Enum):
    """How USB and wireless debugging are left when a phone is handed back; nothing is ever switched on."""

    AS_FOUND = "as_found"
    """Off where it was off when the phone was provisioned."""
    OFF = "off"


@dataclass(frozen=True)
class Family:
    """Packages that are one banned app under several names; switched off, it bans nothing."""

    name: str
    packages: tuple[PackageName, ...]
    active: bool = True

    def __post_init__(self) -> None:
        """Refuse an empty family: it would look like a ban and be none."""
        if not self.packages:
            raise InvalidDocument(f"family {self.name!r} names no package; name one or remove the family")


@dataclass(frozen=True)
class ManagedApp:
    """An app of the organisation that stays off while the ban is violated, and the places it is managed in."""

    package: PackageName
    places: frozenset[PlaceKind]


@dataclass(frozen=True)
class Ring:
    """Some of the phones, and when enforcement starts for them (UTC): a share of all, or those that are listed.

    ``share`` adds up over the rings that have one, 0 < share <= 1; of a ring that lists its ``phones`` it is None. Whom
    these are people read by the ``name``, or by the ``unit`` whose phones they were when the policy was written. Raises
    `InvalidDocument` for a ring that is both, or neither.
    """

    share: float | None
    starts_at: datetime
    phones: frozenset[PhoneId] = frozenset()
    name: str = ""
    unit: str = ""

    @property
    def called(self) -> str:
        """What people call the phones that it lists; empty where it is a share."""
        return f"unit {self.unit}" if self.unit else self.name

    def __post_init__(self) -> None:
        """Refuse a ring of which nobody could say whom it has."""
        names = [name for name in (self.name, self.unit) if name]
        if self.share is not None and (self.phones or names):
            raise InvalidDocument("expected a share of all phones or a list of them, found both; remove one")
        if self.share is None and not (self.phones or names):
            raise InvalidDocument(
                "expected a share of all phones or a list of them, found neither; write one"
            )
        if self.share is None and len(names) != 1:
            raise InvalidDocument(
                f"expected a name or a unit with a list of phones, found {'both' if names else 'neither'}"
            )
        if self.share is None and not self.phones:
            by_unit = (
                "; a server lists those of a unit when it takes the policy as a draft" if self.unit else ""
            )
            raise InvalidDocument(
                f"the ring {names[0]!r} lists nobody; list its phones, or remove the ring{by_unit}"
            )


@dataclass(frozen=True)
class Message:
    """What a phone's owner reads in one language.

    ``restored`` is read once nothing is asked any more: after apps came back, and where a reminder was followed before
    any was off.
    """

    remind: str
    disabled: str
    restored: str


@dataclass(frozen=True)
class Policy:
    """One version of what is forbidden and what follows. All times are aware UTC.

    ``time_zone`` is the zone the deadline was written in, kept for display. Raises `InvalidDocument` or
    `InvalidTime` when the parts contradict each other.
    """

    name: str
    families: tuple[Family, ...]
    managed: tuple[ManagedApp, ...]
    owners: frozenset[PackageName]
    kinds: frozenset[UserKind]
    deadline: datetime
    time_zone: str
    review_at: datetime
    ends_at: datetime
    offline_limit: timedelta
    overdue_limit: timedelta
    check_interval: timedelta
    check_jitter: timedelta
    reminders: tuple[timedelta, ...] = ()
    rings: tuple[Ring, ...] = ()
    messages: Mapping[str, Message] = field(default_factory=dict)
    preinstalled_disabled_counts: bool = True
    minimum_judgement: int = 1
    lifted: bool = False
    on_phone: bool = False
    """Whether a phone may check and enforce by itself between visits."""
    debugging_at_hand_back: DebuggingAtHandBack = DebuggingAtHandBack.AS_FOUND
    described: Mapping[str, Any] = field(default_factory=dict)
    """Descriptive fields that this version does not know; kept so that nothing signed is lost."""

    def __post_init__(self) -> None:
        """Check what no single field can tell."""
        for name in ("deadline", "review_at", "ends_at"):
            _require_utc(name, getattr(self, name))
        # A review before the deadline is no contradiction: the stage is `paused` from then on, and nothing is
        # disabled.
        if not self.deadline < self.ends_at or not self.review_at <= self.ends_at:
            raise InvalidTime(
                "expected deadline < ends_at and review_at <= ends_at; put the later time later"
            )
        try:
            # A zone that nobody knows is `ZoneInfoNotFoundError`; one that is a path, like `../x`, is a `ValueError`.
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InvalidTime(
                f"unknown time zone {self.time_zone!r}; write one like Europe/Brussels"
            ) from error
        self._require_rings()
        for what, names in (
            ("family", [family.name for family in self.families]),
            ("managed app", [app.package for app in self.managed]),
            ("name of a ring", [ring.called for ring in self.rings if ring.phones]),
        ):
            if len(set(names)) != len(names):
                raise InvalidDocument(f"expected each {what} once, found {sorted(names)}; remove the double")
        # Disabling could not end such a ban: an app that is installed and merely disabled counts as present (rule 2).
        overlap = self.banned & {app.package for app in self.managed}
        if overlap:
            raise InvalidDocument(f"an app cannot be banned and managed at once: {sorted(overlap)}")
        if self.minimum_judgement > JUDGEMENT_VERSION:
            raise JudgementTooOld(
                f"the policy needs judgement version {self.minimum_judgement}, this is {JUDGEMENT_VERSION};"
                " update Curfew"
            )

    def _require_rings(self) -> None:
        shares = [ring.share for ring in self.rings if ring.share is not None]
        if self.rings and not shares:
            raise InvalidDocument(
                "no ring is for the phones that are not listed; add one with the share 1, and when it starts"
            )
        # Exactly 1: below it some phones are in no ring, and these would start with the deadline, before every
        # later ring.
        if shares and (shares != sorted(set(shares)) or shares[0] <= 0 or shares[-1] != 1):
            raise InvalidDocument(f"ring shares must rise from above 0 to exactly 1, found {shares}")
        for ring in self.rings:
            _require_utc("starts_at of a ring", ring.starts_at)
        listing = [(number, ring) for number, ring in enumerate(self.rings, 1) if ring.phones]
        found = sum(len(ring.phones) for _, ring in listing)
        if found > LISTED_MAX:
            raise InvalidDocument(
                f"expected rings that list at most {LISTED_MAX} phones together, found {found};"
                " let the largest of them be a share"
            )
        for number, ring in listing:
            for phone_id in sorted(ring.phones):
                if self.listed[phone_id] != number:
                    raise InvalidDocument(
                        f"phone {phone_id} is listed in ring {number} and in ring {self.listed[phone_id]};"
                        " leave it in one of them"
                    )
        # An older version would refuse the fields of such a ring as well, and not say why.
        if listing and self.minimum_judgement < LISTING_JUDGEMENT:
            raise InvalidDocument(
                f"rings that list phones need minimum_judgement {LISTING_JUDGEMENT} or more,"
                f" found {self.minimum_judgement}; raise it"
            )

    @cached_property
    def listed(self) -> Mapping[PhoneId, int]:
        """For each phone that a ring lists the number of that ring; 1 is the first."""
        return {phone_id: number for number, ring in enumerate(self.rings, 1) for phone_id in ring.phones}

    @property
    def banned(self) -> frozenset[PackageName]:
        """Every package of every active family."""
        return frozenset(package for family in self.families if family.active for package in family.packages)

    @property
    def named_packages(self) -> tuple[PackageName, ...]:
        """All that a phone may be asked about, banned first, each once, in a stable order."""
        return (*sorted(self.banned), *sorted(app.package for app in self.managed))


@dataclass(frozen=True)
class Exemption:
    """One phone that nothing is disabled on until a time (UTC), with a reason code, never a person's story."""

    phone_id: PhoneId
    until: datetime
    reason: str

    def __post_init__(self) -> None:
        """Refuse a time that cannot be compared with trusted time."""
        _require_utc("until of an exemption", self.until)


@dataclass(frozen=True)
class Fleet:
    """The exemptions in force; signed by the ``fleet`` role, so they need no new policy signatures."""

    number: int = 0
    exemptions: tuple[Exemption, ...] = ()

    def exempts(self, phone_id: PhoneId, now: datetime) -> bool:
        """Whether `phone_id` is exempt at `now`."""
        until = self.exempt_until(phone_id)
        return until is not None and now < until

    def exempt_until(self, phone_id: PhoneId) -> datetime | None:
        """Return until when `phone_id` is exempt (UTC), which may be past; None without an exemption."""
        return self._until.get(phone_id)

    @cached_property
    def _until(self) -> Mapping[PhoneId, datetime]:
        # Looked up: each line of a list of phones asks, and there may be thousands of exemptions.
        latest: dict[PhoneId, datetime] = {}
        for one in self.exemptions:
            latest[one.phone_id] = max(one.until, latest.get(one.phone_id, one.until))
        return latest


@dataclass(frozen=True)
class Bundle:
    """One published, numbered, immutable, signed policy together with the newest accepted fleet document."""

    number: int
    policy: Policy
    fleet: Fleet = Fleet()


def _require_utc(name: str, time: datetime) -> None:
    # The offset of a naive time is None, so that one is refused here too.
    if time.tzinfo is not UTC and time.utcoffset() != timedelta(0):
        raise InvalidTime(f"{name} must be an aware UTC time, found {time.isoformat()}")
