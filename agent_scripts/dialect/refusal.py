"""How Android says no: every refusal by name, how long it holds, and what a technician does about it.

By which words it is known stands in `refusal_wordings`.
"""

from __future__ import annotations

from enum import Enum


class Holds(Enum):
    """How long a refusal holds, as far as we know."""

    BRIEFLY = "briefly"
    """A system that is starting or was torn down: a check waits a little and tries again."""
    FOR_NOW = "for_now"
    """A later check may find it otherwise; waiting within this one does not help."""
    LASTING = "lasting"
    """The phone would say the same next time: what was refused cannot be done there."""


class Refusal(Enum):
    """Why a command had no effect. A closed list: reports and pages show the value.

    None can be made without saying how long it holds and what to do next.
    """

    _value_: str
    holds: Holds
    sentence: str

    def __new__(cls, word: str, holds: Holds, sentence: str) -> Refusal:
        """Take the word of reports, how long it holds, and what it means and what to do next."""
        made = object.__new__(cls)
        made._value_ = word
        made.holds = holds
        made.sentence = sentence
        return made

    USER_CLOSED = (
        "user_closed",
        Holds.LASTING,
        "This user is closed to the shell by its owner; ask the owner of the profile to allow debugging in it.",
    )
    PROTECTED = (
        "protected",
        Holds.LASTING,
        "Android protects this package because it manages the phone or the profile; take it out of the policy's"
        " managed apps.",
    )
    STATE_NOT_OURS = (
        "state_not_ours",
        Holds.LASTING,
        "An app, the owner or the maker has set this package's state, and the shell may not change it; it stays"
        " as it is.",
    )
    SYSTEM_PACKAGE = (
        "system_package",
        Holds.LASTING,
        "The maker does not let the shell switch apps that came with the phone.",
    )
    NEEDS_ROOT = (
        "needs_root",
        Holds.LASTING,
        "The maker asks for root rights to switch this app, which we never use.",
    )
    MAKER = (
        "maker",
        Holds.LASTING,
        "The maker keeps this package on a list of its own, and the shell may not switch it.",
    )
    SECURITY_SETTING = (
        "security_setting",
        Holds.LASTING,
        "The maker withholds this right until 'USB debugging (Security settings)' is on; switch it on in the"
        " developer options and check again.",
    )
    PERMISSION = (
        "permission",
        Holds.LASTING,
        "The shell of this Android release has no permission for it; nothing was changed.",
    )
    UNKNOWN_PACKAGE = (
        "unknown_package",
        Holds.FOR_NOW,
        "The phone does not know this package any more; check the phone again.",
    )
    NOT_INSTALLED = (
        "not_installed",
        Holds.FOR_NOW,
        "The app is not installed for this user any more; check the phone again.",
    )
    DEVICE_ADMIN = (
        "device_admin",
        Holds.LASTING,
        "The app is an active device administrator; its administration must be ended first.",
    )
    BLOCKED_BY_OWNER = (
        "blocked_by_owner",
        Holds.LASTING,
        "The owner of the profile has blocked this change.",
    )
    RESTRICTED = (
        "restricted",
        Holds.LASTING,
        "A restriction on this user, or the maker, forbids this change.",
    )
    SUSPENDED_BY_OTHERS = (
        "suspended_by_others",
        Holds.LASTING,
        "Another app still suspends this package; that is not ours to change.",
    )
    UNKNOWN_USER = (
        "unknown_user",
        Holds.FOR_NOW,
        "The phone has no such user any more; check the phone again.",
    )
    UNKNOWN_COMMAND = (
        "unknown_command",
        Holds.LASTING,
        "This Android release does not know the command; report the model and release, and nothing was changed.",
    )
    NO_NOTIFICATIONS = (
        "no_notifications",
        Holds.LASTING,
        "Android before 10 cannot post a notification from here; tell the owner in person.",
    )
    SERVICE_MISSING = (
        "service_missing",
        Holds.BRIEFLY,
        "A part of Android is not running yet; wait a minute and check again.",
    )
    SERVICE_FAILED = (
        "service_failed",
        Holds.BRIEFLY,
        "A part of Android failed, as it does shortly after a start; wait a minute and check again, restart"
        " the phone if it stays so.",
    )
    TOO_SLOW = (
        "too_slow",
        Holds.FOR_NOW,
        "The phone took too long to answer; keep its screen on and check again.",
    )
    WENT_AWAY = (
        "went_away",
        Holds.FOR_NOW,
        "The phone went away in the middle; reconnect it and check again.",
    )
    PROGRAM_MISSING = (
        "program_missing",
        Holds.LASTING,
        "The phone's shell lacks a program that every Android has; report model and release.",
    )
    BUSY = (
        "busy",
        Holds.FOR_NOW,
        "Somebody else is working on this phone; wait until the other station is done, then check again.",
    )
    LEDGER_CHANGED = (
        "ledger_changed",
        Holds.FOR_NOW,
        "The phone's ledger changed between reading and acting, so nothing was done; check the phone again.",
    )
    LEDGER_NOT_WRITTEN = (
        "ledger_not_written",
        Holds.FOR_NOW,
        "The phone could not keep the ledger; free some storage on it and check again.",
    )
    FOLDER_OPEN = (
        "folder_open",
        Holds.FOR_NOW,
        "Our folder on the phone is missing or open to other apps; provision the phone again and then check it.",
    )
    FILTER_REFUSED = (
        "filter_refused",
        # That nothing can be read says nothing of what the phone allows.
        Holds.FOR_NOW,
        "This phone's own programs do not carry out our filters, so what was done cannot be read; report model and"
        " release to the makers of Curfew.",
    )
    EXCEPTION = (
        "exception",
        Holds.LASTING,
        "Android stopped with an error that has no advice yet; send us model, release and report.",
    )
    NO_EFFECT = (
        "no_effect",
        Holds.LASTING,
        "The phone said yes and changed nothing; check again and report model and release.",
    )
    # Lasting, since nothing is known to end it: the phone counts as not enforceable, and the mail side acts.
    UNEXPLAINED = (
        "unexplained",
        Holds.LASTING,
        "The phone refused in words not known here; report model, release and the report id.",
    )

    @property
    def is_lasting(self) -> bool:
        """Whether the phone would say the same next time: then it cannot be made to comply."""
        return self.holds is Holds.LASTING

    @property
    def is_brief(self) -> bool:
        """Whether waiting a little within the check may be enough."""
        return self.holds is Holds.BRIEFLY
