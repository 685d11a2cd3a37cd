"""What was asked of one phone and what it answered: named packages only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, IntEnum

from policy.names import PackageName, PhoneId, UserNumber


class UserKind(Enum):
    """What an Android user is for, told by type, owner and parent, not by one flag (docs/android/commands.md 3, 16)."""

    PERSONAL = "personal"
    WORK = "work"
    PRIVATE = "private"
    CLONE = "clone"
    SECURE_FOLDER = "secure_folder"
    OTHER = "other"


class EnabledState(IntEnum):
    """Android's ``enabled=`` number (docs/android/commands.md 5.3)."""

    DEFAULT = 0
    ENABLED = 1
    DISABLED = 2
    DISABLED_BY_USER = 3
    DISABLED_UNTIL_USED = 4

    @property
    def can_run(self) -> bool:
        """Whether an installed package in this state can be used."""
        return self in (EnabledState.DEFAULT, EnabledState.ENABLED)


@dataclass(frozen=True)
class User:
    """One Android user of the phone; its name never leaves the phone.

    ``owner`` is the package of the profile owner if it is one of the policy's ``owners``; any other owner
    stays unnamed and only ``has_owner`` tells of it. ``open_to_shell`` is False under ``no_debugging_features``.
    """

    number: UserNumber
    kind: UserKind
    has_owner: bool = False
    owner: PackageName | None = None
    open_to_shell: bool = True
    running: bool = True


class Notice(Enum):
    """What a notice of ours says to the phone's owner; the words also stand in a file on the phone."""

    REMIND = "remind"
    """A banned app is to be removed before the deadline."""
    DISABLED = "disabled"
    """The managed apps are off until it is."""
    RESTORED = "restored"
    """Nothing is off, and nothing is asked any more."""


@dataclass(frozen=True)
class PackageState:
    """What ``dumpsys package PKG`` says of one package for one user.

    ``disabled_by_shell`` is True when ``lastDisabledCaller`` names the shell; every adb user leaves that mark.
    ``installed_ago`` is how long before the reading, by the phone's own clock, the app was last installed or
    updated; None where the phone was not asked or does not tell.
    """

    installed: bool
    hidden: bool = False
    archived: bool = False
    # Read and never judged: a suspended app is present, and a suspended managed app is disabled all the same (rule 2).
    suspended: bool = False
    enabled: EnabledState = EnabledState.DEFAULT
    disabled_by_shell: bool = False
    installed_ago: timedelta | None = None


@dataclass(frozen=True)
class PackageReading:
    """The states of one package in every user that the phone named, or why they could not be read.

    ``unreadable`` is empty for a good reading. A package unknown to the device has ``known=False`` and no states.
    ``system`` tells that the phone came with it.
    """

    package: PackageName
    states: Mapping[UserNumber, PackageState] = field(default_factory=dict)
    known: bool = True
    system: bool = False
    unreadable: str = ""


@dataclass(frozen=True)
class Observation:
    """One phone at one moment.

    ``device_owner`` is named only when it is one of the policy's ``owners`` (``has_device_owner`` tells of any);
    ``device_owner_user`` is the user it is in, None where the phone does not tell. ``main_user`` is the phone's first
    person: 0, or another where user 0 is the system's alone (headless tablets and cars).
    ``company_owned`` is what a work profile says of the phone it is on (docs/android/commands.md 10.5); else None.
    ``unreadable`` lists what spoils the whole observation (a cut answer, users that contradict each other);
    what concerns one package stands in its reading.
    """

    phone_id: PhoneId
    api_level: int
    users: tuple[User, ...] = ()
    packages: Mapping[PackageName, PackageReading] = field(default_factory=dict)
    has_device_owner: bool = False
    device_owner: PackageName | None = None
    device_owner_user: UserNumber | None = None
    main_user: UserNumber = UserNumber(0)
    company_owned: bool | None = None
    unreadable: tuple[str, ...] = ()
    told: Notice | None = None

    def user(self, number: UserNumber) -> User | None:
        """Return the user of that number, if the phone named it."""
        return next((user for user in self.users if user.number == number), None)
