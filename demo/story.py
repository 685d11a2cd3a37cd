"""Who the seven phones of the story are, and what must be true of each after every chapter. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

TIKTOK = "com.zhiliaoapp.musically"
TIKTOK_LITE = "com.zhiliaoapp.musically.go"
# Outlook and Skype for Business, as in the ready-made policy.
MANAGED = ("com.microsoft.office.outlook", "com.microsoft.office.lync15")


class Chapter(Enum):
    """The five times all phones are checked."""

    REMIND = "before the deadline: owners are reminded, nothing is touched"
    RING_ONE = "after the deadline, ring one: mail and Skype go off where the ban is violated, on some phones"
    RING_TWO = "ring two: now on all phones"
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

    @property
    def can_be_off(self) -> bool:
        """Whether the measure switches the managed apps off on this phone at all."""
        return self.banned_in is not None and self.enforceable

    def is_off(self, chapter: Chapter, *, in_ring_one: bool) -> bool:
        """Whether the managed apps must be off on this phone after `chapter`."""
        if not self.can_be_off:
            return False
        if chapter is Chapter.RING_ONE:
            return in_ring_one
        if chapter is Chapter.REMOVED:
            return not self.owner_removes
        return chapter is Chapter.RING_TWO


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


def ring_one(shares: Mapping[Member, float]) -> float:
    """Return up to which share phones are in ring one, so that some of those that are switched off are, and some not.

    ``shares`` are the phones' own, by the stable hash of their ids, which are made anew for every telling.
    """
    switched_off = sorted(share for member, share in shares.items() if member.can_be_off)
    middle = len(switched_off) // 2
    return round((switched_off[middle - 1] + switched_off[middle]) / 2, 6)
