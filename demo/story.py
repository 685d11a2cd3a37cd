"""Who the seven phones of the story are, and what must be true of each after every chapter. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

TIKTOK = "com.zhiliaoapp.musically"
TIKTOK_LITE = "com.zhiliaoapp.musically.go"
# Outlook and Skype for Business, as in the ready-made policy.
MANAGED = ("com.microsoft.office.outlook", "com.microsoft.office.lync15")


class Chapter(Enum):
    """The four times all phones are checked."""

    REMIND = "before the deadline: owners are reminded, nothing is touched"
    ENFORCE = "after the deadline: mail and Skype go off where the ban is violated"
    REMOVED = "some owners removed the app: their mail and Skype come back"
    LIFTED = "the ban is lifted: everything comes back everywhere"


@dataclass(frozen=True)
class Member:
    """One phone of the story. ``place`` is the user with the managed apps, ``banned_in`` the one with the ban's app.

    ``enforceable`` is False where Android refuses the shell the place; ``owner_removes`` tells who gives in.
    """

    personality: str
    label: str
    place: int
    banned: str = TIKTOK
    banned_in: int | None = None
    enforceable: bool = True
    owner_removes: bool = False

    def is_off(self, chapter: Chapter) -> bool:
        """Whether the managed apps must be off on this phone after `chapter`."""
        if self.banned_in is None or not self.enforceable:
            return False
        if chapter is Chapter.REMOVED:
            return not self.owner_removes
        return chapter is Chapter.ENFORCE


CAST = (
    Member("clean", "A-1 clean, with a work profile", place=10),
    Member("tiktok-personal", "A-2 TikTok in the personal user", place=10, banned_in=0, owner_removes=True),
    Member("tiktok-work", "A-3 TikTok only in the work profile", place=10, banned_in=10),
    Member(
        "tiktok-clone",
        "A-4 TikTok Lite in a clone profile",
        place=10,
        banned=TIKTOK_LITE,
        banned_in=11,
        owner_removes=True,
    ),
    Member("samsung-secure-folder", "A-5 Samsung, TikTok in the Secure Folder", place=10, banned_in=150),
    Member(
        "closed-work-profile",
        "A-6 work profile closed to the shell, TikTok",
        place=10,
        banned_in=0,
        enforceable=False,
    ),
    Member("fully-managed", "A-7 fully managed, TikTok in user 0", place=0, banned_in=0, owner_removes=True),
)
