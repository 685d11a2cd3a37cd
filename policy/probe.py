"""What Curfew can promise on one phone: the value types of a probe; `policy.schemas` gives them their JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from policy.document import PlaceKind
from policy.names import UserNumber
from policy.observation import UserKind


class Owner(Enum):
    """Whose a profile or a phone is, as far as the policy's ``owners`` tell; other owners stay unnamed."""

    NONE = "none"
    POLICY = "policy"
    OTHER = "other"


class Reach(Enum):
    """Whether the managed apps of a phone can be switched off and on again."""

    OPEN = "open"
    """Every place is open to the shell."""
    CLOSED = "closed"
    """A place is closed to the shell, or its apps cannot be switched: the mail side would have to act."""
    NONE = "none"
    """The phone has no place: there is nothing to enforce on it."""
    UNKNOWN = "unknown"
    """It could not be read, or no policy was there to read it by."""


class LimitCode(Enum):
    """What a probe may have to say. A closed list."""

    UNREADABLE = "unreadable"
    NO_POLICY = "no_policy"
    NO_PLACE = "no_place"
    FOREIGN_OWNER = "foreign_owner"
    PLACE_CLOSED = "place_closed"
    SYSTEM_APP_REFUSED = "system_app_refused"
    NOT_OURS_TO_SWITCH = "not_ours_to_switch"
    PACKAGE_UNREADABLE = "package_unreadable"
    OWNER_MAY_PROTECT = "owner_may_protect"
    OWNER_MAY_CLOSE = "owner_may_close"
    USER_CLOSED = "user_closed"
    NOT_RUNNING = "not_running"
    NO_NOTIFICATIONS = "no_notifications"
    KEY_EXPIRES = "key_expires"
    WIRELESS = "wireless"
    SECURITY_SETTINGS = "security_settings"
    UPDATE_RESETS = "update_resets"
    NEWER_RELEASE = "newer_release"


@dataclass(frozen=True)
class Limit:
    """One thing to know before anything is promised, in one sentence, with its source.

    ``hinders`` tells that enforcing or restoring cannot be promised because of it. ``change`` is the setting that
    would lift it, empty if none would.
    """

    code: LimitCode
    sentence: str
    source: str
    change: str = ""
    hinders: bool = False


@dataclass(frozen=True)
class ProbedUser:
    """A user of the phone: number and kind, never a name."""

    user: UserNumber
    kind: UserKind
    running: bool
    open_to_shell: bool
    owner: Owner


@dataclass(frozen=True)
class ProbedPlace:
    """A place of the policy on this phone, and what can be promised there."""

    user: UserNumber
    kind: PlaceKind
    open_to_shell: bool
    enforce: bool
    restore: bool


@dataclass(frozen=True)
class Probe:
    """What can be read, enforced and restored on one phone at one moment.

    ``company_owned`` is None where the phone does not tell (docs/android/commands.md 10.5).
    """

    release: str
    api_level: int
    manufacturer: str
    model: str
    reach: Reach
    users: tuple[ProbedUser, ...] = ()
    device_owner: Owner = Owner.NONE
    company_owned: bool | None = None
    places: tuple[ProbedPlace, ...] = ()
    limits: tuple[Limit, ...] = ()
