"""What a user is for: by type, flags, parent and owner together, never by one flag.

See docs/android/commands.md 3, 10, 16.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policy.observation import UserKind

_GUEST = 0x4
_MANAGED_PROFILE = 0x20
_FULL = 0x400
_PROFILE = 0x1000
_MAIN = 0x4000
_MAKERS_BITS = ~0xFFFF
"""Bits above Android's own; Samsung marks Knox users with them (10061030, 61010, 20001010)."""

_SECURE_FOLDERS = range(150, 161)
_DUAL_MESSENGERS = range(95, 100)
_HUAWEI_TWIN = 128
"""Flags 4000410 and 4100410 were seen: a full user with the maker's bits, though it is a clone of user 0."""
_APP_TWINS = frozenset({998, 999})
"""Clones of Xiaomi, OPPO and OnePlus, whatever type they give them."""

_MARKED_TWINS = frozenset({_HUAWEI_TWIN, *_DUAL_MESSENGERS})
"""An ordinary user may get one of these numbers too; the maker's bits tell."""

_TYPE_PREFIX = "android.os.usertype."
_KINDS_BY_TYPE = {
    "profile.PRIVATE": UserKind.PRIVATE,
    "profile.CLONE": UserKind.CLONE,
    "profile.COMMUNAL": UserKind.OTHER,
    "profile.TEST": UserKind.OTHER,
    # A parent's or school's view of a child (Android 16): nobody's twin.
    "profile.SUPERVISING": UserKind.OTHER,
}


@dataclass(frozen=True)
class UserFacts:
    """What the kind of a user is told by; `type` is empty before Android 11, `parent` before 12."""

    number: int
    flags: int
    type: str = ""
    parent: int | None = None
    closed: bool = False
    owner_listed: bool = False

    @property
    def is_managed(self) -> bool:
        """Whether it is a managed profile, be it the organisation's or Samsung's Secure Folder."""
        # The type where there is one: bit 20 alone makes no work profile (docs/android/commands.md 3.2).
        if self.type:
            return self.type == f"{_TYPE_PREFIX}profile.MANAGED"
        return bool(self.flags & _MANAGED_PROFILE)


def main_user_of(users: Iterable[UserFacts]) -> int:
    """Return the user whose profiles are the phone's: 0, or its first person where user 0 is nobody's (cars)."""
    persons = sorted(users, key=lambda user: user.number)
    # Before Android 11 there are no types to tell a headless system user by, so user 0 counts as a person's.
    if not persons or persons[0].type != f"{_TYPE_PREFIX}system.HEADLESS":
        return 0
    full = [user for user in persons[1:] if user.flags & _FULL]
    # MAIN is known from Android 14 on; on older cars the first full user is the driver (docs/android/commands.md 16).
    first = next((user for user in full if user.flags & _MAIN), full[0] if full else persons[0])
    return first.number


def kind_of(user: UserFacts, *, samsung: bool, main_user: int = 0) -> UserKind:
    """Return the kind of a user; `main_user` is the one of `main_user_of`.

    A managed profile is WORK only under one of the policy's owners: a profile of any other owner, or of none,
    belongs to the person (docs/design.md rule 4).
    """
    if user.number in (0, main_user):
        return UserKind.PERSONAL
    # Makers' numbers before Android's types: a Secure Folder is managed by type too, and twins come with any type.
    if _is_secure_folder(user, samsung):
        return UserKind.SECURE_FOLDER
    if user.number in _APP_TWINS or (user.number in _MARKED_TWINS and user.flags & _MAKERS_BITS):
        return UserKind.CLONE
    if user.parent not in (None, 0, main_user):
        return UserKind.OTHER  # a profile of a second person
    if user.is_managed:
        return UserKind.WORK if user.owner_listed else UserKind.PERSONAL
    return _kind_by_type(user)


def _is_secure_folder(user: UserFacts, samsung: bool) -> bool:
    """Samsung's numbers, told from an ordinary user of that number by the maker's bits or the maker itself.

    Beyond these numbers the maker's bits together with a closed profile tell it: the managed bit never does.
    """
    knox = bool(user.flags & _MAKERS_BITS)
    profile = bool(user.flags & (_PROFILE | _MANAGED_PROFILE)) or user.type.startswith(
        f"{_TYPE_PREFIX}profile."
    )
    if not profile:
        return False
    # Even with a listed owner: a work profile of such a number is read as a Secure Folder and never touched. Beyond
    # these numbers an organisation may close its own profile, so there a listed owner tells against it.
    if user.number in _SECURE_FOLDERS:
        return knox or samsung
    return knox and user.closed and not user.owner_listed and user.number not in _DUAL_MESSENGERS


def _kind_by_type(user: UserFacts) -> UserKind:
    known = _KINDS_BY_TYPE.get(user.type.removeprefix(_TYPE_PREFIX))
    if known is not None:
        return known
    # Makers give their app twins types of their own; a profile of the same person is never a guest.
    profile = "profile." in user.type or user.flags & _PROFILE
    return UserKind.CLONE if profile else UserKind.OTHER
