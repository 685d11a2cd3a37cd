"""Names that may travel to a phone's shell: each is checked once, at construction, and trusted afterwards."""

from __future__ import annotations

import re
from typing import Self
from uuid import uuid4

from policy.errors import InvalidName

# Narrow on purpose: nothing in it means anything to a shell, and no name can begin like an option.
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
_PACKAGE_MAX_LENGTH = 223
_PHONE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# UserHandle.MAX_SECONDARY_USER_ID and above overflow Android's uid arithmetic (uid = user * 100000 + app).
USER_MAX = 21473


class PackageName(str):
    """An Android package name such as ``com.zhiliaoapp.musically``; nothing else can be constructed.

    Raises `InvalidName` for anything that Android would not accept as an application id.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Check `value` whole (never by prefix) and keep it."""
        if not isinstance(value, str) or not _PACKAGE.fullmatch(value):
            raise InvalidName(f"expected a package name like com.example.app, found {value!r}")
        if len(value) > _PACKAGE_MAX_LENGTH:
            raise InvalidName(f"package name longer than {_PACKAGE_MAX_LENGTH} characters: {value[:40]}…")
        return super().__new__(cls, value)


class UserNumber(int):
    """The number of an Android user, 0 for the system user; special words such as ``all`` or -1 cannot be made.

    Raises `InvalidName` for anything but a plain non-negative number in Android's range.
    """

    __slots__ = ()

    def __new__(cls, value: int) -> Self:
        """Check the range (docs/android/commands.md 2.4: always give a plain number)."""
        # To Python `True` is an integer; here it would be user 1.
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= USER_MAX:
            raise InvalidName(f"expected an Android user number from 0 to {USER_MAX}, found {value!r}")
        return super().__new__(cls, value)


class PhoneId(str):
    """The random UUID under which a phone is known, made by the station that first enrols it."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Accept only the canonical lower-case form, so that equal phones compare equal."""
        # `UUID` also takes capitals, braces and `urn:uuid:`; two spellings would make two phones of one.
        if not isinstance(value, str) or not _PHONE_ID.fullmatch(value):
            raise InvalidName(f"expected a phone id (lower-case UUID), found {value!r}")
        return super().__new__(cls, value)

    @classmethod
    def random(cls) -> Self:
        """Return an id that no phone has yet."""
        return cls(str(uuid4()))
