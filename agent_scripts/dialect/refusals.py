"""How Android says no: every known wording of a refusal, and what a technician does about it.

The wordings are those of COMMANDS.md 2.2, 2.3, 6.2, 7, 8, 9 and 17 and of the captures b-*, d-* and f-*.
"""

from __future__ import annotations

import re
from enum import Enum


class Refusal(Enum):
    """Why a command had no effect. A closed list: reports and pages show the value."""

    USER_CLOSED = "user_closed"
    PROTECTED = "protected"
    STATE_NOT_OURS = "state_not_ours"
    SYSTEM_PACKAGE = "system_package"
    NEEDS_ROOT = "needs_root"
    MAKER = "maker"
    SECURITY_SETTING = "security_setting"
    PERMISSION = "permission"
    UNKNOWN_PACKAGE = "unknown_package"
    NOT_INSTALLED = "not_installed"
    DEVICE_ADMIN = "device_admin"
    BLOCKED_BY_OWNER = "blocked_by_owner"
    RESTRICTED = "restricted"
    SUSPENDED_BY_OTHERS = "suspended_by_others"
    UNKNOWN_USER = "unknown_user"
    UNKNOWN_COMMAND = "unknown_command"
    NO_NOTIFICATIONS = "no_notifications"
    SERVICE_MISSING = "service_missing"
    SERVICE_FAILED = "service_failed"
    TOO_SLOW = "too_slow"
    WENT_AWAY = "went_away"
    PROGRAM_MISSING = "program_missing"
    BUSY = "busy"
    LEDGER_CHANGED = "ledger_changed"
    LEDGER_NOT_WRITTEN = "ledger_not_written"
    FOLDER_OPEN = "folder_open"
    EXCEPTION = "exception"
    NO_EFFECT = "no_effect"
    UNEXPLAINED = "unexplained"

    @property
    def sentence(self) -> str:
        """What it means and what to do next, for a technician."""
        return _SENTENCES[self]

    @property
    def is_lasting(self) -> bool:
        """Whether the phone would say the same next time, as far as we know: then it cannot be made to comply."""
        return self not in _PASSING


_PASSING = frozenset(
    {
        Refusal.UNKNOWN_PACKAGE,
        Refusal.NOT_INSTALLED,
        Refusal.UNKNOWN_USER,
        Refusal.SERVICE_MISSING,
        Refusal.SERVICE_FAILED,
        Refusal.TOO_SLOW,
        Refusal.WENT_AWAY,
        Refusal.BUSY,
        Refusal.LEDGER_CHANGED,
        Refusal.LEDGER_NOT_WRITTEN,
        Refusal.FOLDER_OPEN,
    }
)

_SENTENCES = {
    Refusal.USER_CLOSED: (
        "This user is closed to the shell by its owner; block the mailbox instead, or ask the owner of the"
        " profile to allow debugging in it."
    ),
    Refusal.PROTECTED: (
        "Android protects this package because it manages the phone or the profile; take it out of the policy's"
        " managed apps."
    ),
    Refusal.STATE_NOT_OURS: (
        "An app, the owner or the maker has set this package's state, and the shell may not change it; it stays"
        " as it is."
    ),
    Refusal.SYSTEM_PACKAGE: (
        "The maker does not let the shell disable apps that came with the phone; block the mailbox instead."
    ),
    Refusal.NEEDS_ROOT: (
        "The maker asks for root rights to disable this app, which we never use; block the mailbox instead."
    ),
    Refusal.MAKER: "The maker keeps this package on a list of its own; block the mailbox instead.",
    Refusal.SECURITY_SETTING: (
        "The maker withholds this right until 'USB debugging (Security settings)' is on; switch it on in the"
        " developer options and check again."
    ),
    Refusal.PERMISSION: "The shell of this Android release has no permission for it; nothing was changed.",
    Refusal.UNKNOWN_PACKAGE: "The phone does not know this package any more; check the phone again.",
    Refusal.NOT_INSTALLED: "The app is not installed for this user any more; check the phone again.",
    Refusal.DEVICE_ADMIN: "The app is an active device administrator; its administration must be ended first.",
    Refusal.BLOCKED_BY_OWNER: "The owner of the profile has blocked this change.",
    Refusal.RESTRICTED: "A restriction on this user, or the maker, forbids this change.",
    Refusal.SUSPENDED_BY_OTHERS: "Another app still suspends this package; that is not ours to change.",
    Refusal.UNKNOWN_USER: "The phone has no such user any more; check the phone again.",
    Refusal.UNKNOWN_COMMAND: (
        "This Android release does not know the command; report the model and release, and nothing was changed."
    ),
    Refusal.NO_NOTIFICATIONS: "Android before 10 cannot post a notification from here; tell the owner in person.",
    Refusal.SERVICE_MISSING: "A part of Android is not running yet; wait a minute and check again.",
    Refusal.SERVICE_FAILED: (
        "A part of Android failed, as it does shortly after a start; wait a minute and check again, restart"
        " the phone if it stays so."
    ),
    Refusal.TOO_SLOW: "The phone took too long to answer; keep its screen on and check again.",
    Refusal.WENT_AWAY: "The phone went away in the middle; reconnect it and check again.",
    Refusal.PROGRAM_MISSING: "The phone's shell lacks a program that every Android has; report model and release.",
    Refusal.BUSY: "Somebody else is working on this phone; wait until the other station is done, then check again.",
    Refusal.LEDGER_CHANGED: (
        "The phone's ledger changed between reading and acting, so nothing was done; check the phone again."
    ),
    Refusal.LEDGER_NOT_WRITTEN: (
        "The phone could not keep the ledger; free some storage on it and check again."
    ),
    Refusal.FOLDER_OPEN: (
        "Our folder on the phone is missing or open to other apps; provision the phone again and then check it."
    ),
    Refusal.EXCEPTION: "Android stopped with an error that has no advice yet; send us model, release and report.",
    Refusal.NO_EFFECT: "The phone said yes and changed nothing; check again and report model and release.",
    Refusal.UNEXPLAINED: "The phone refused in words not known here; report model, release and the report id.",
}

_EXCEPTION = r"(?:java\.lang\.|android\.)[A-Za-z0-9_.$]{0,120}Exception"
_PATTERNS = tuple(
    (re.compile(pattern, re.ASCII), refusal)
    for pattern, refusal in (
        (r"DUMP TIMEOUT", Refusal.TOO_SLOW),
        (r"Shell does not have permission to access user [0-9]", Refusal.USER_CLOSED),
        (r"Cannot (?:disable|clear data for) a protected package", Refusal.PROTECTED),
        (r"Shell cannot change component state for ", Refusal.STATE_NOT_OURS),
        (r"Cannot disable system packages", Refusal.SYSTEM_PACKAGE),
        (r"Cannot disable [A-Za-z0-9_.]{1,250} no root permission", Refusal.NEEDS_ROOT),
        (r"Failed to change state of package", Refusal.MAKER),
        (r"Failure \[-1000\]", Refusal.MAKER),
        (r"Permission denial: writing to settings", Refusal.SECURITY_SETTING),
        (
            r"Permission denial, must have one of: \[android\.permission\.WRITE_SECURE",
            Refusal.SECURITY_SETTING,
        ),
        (r"Calling identity is not authorized", Refusal.SECURITY_SETTING),
        (r"Neither user [0-9]{1,9} nor current process has ", Refusal.PERMISSION),
        (r"Permission Denial: |Permission denial", Refusal.PERMISSION),
        (r"does not belong to calling uid|doesn't match calling uid", Refusal.PERMISSION),
        (r"has an active DO or PO", Refusal.BLOCKED_BY_OWNER),
        (r"Unknown (?:target )?package: |Unable to find package: ", Refusal.UNKNOWN_PACKAGE),
        (r"NameNotFoundException: Package ", Refusal.UNKNOWN_PACKAGE),
        (r"Failure (?:\[|- )not installed for [0-9]", Refusal.NOT_INSTALLED),
        (r"DELETE_FAILED_DEVICE_POLICY_MANAGER", Refusal.DEVICE_ADMIN),
        (r"DELETE_FAILED_OWNER_BLOCKED", Refusal.BLOCKED_BY_OWNER),
        (r"DELETE_FAILED_USER_RESTRICTED", Refusal.RESTRICTED),
        (r"no_add_managed_profile is enabled|Cannot add more profiles", Refusal.RESTRICTED),
        (r"DELETE_FAILED_INTERNAL_ERROR|DELETE_FAILED_", Refusal.UNEXPLAINED),
        (r"new suspended state: true", Refusal.SUSPENDED_BY_OTHERS),
        (r"Failure \[user [0-9]{1,9} doesn't exist\]|Bad user number: ", Refusal.UNKNOWN_USER),
        (r"no USER_ID specified|Call does not support special user", Refusal.UNKNOWN_USER),
        (r"User not running: |User is not started: ", Refusal.UNKNOWN_USER),
        (r"toybox: [Uu]nknown command ", Refusal.PROGRAM_MISSING),
        (r"[Uu]nknown command|Unknown option|Invalid option: |Bad arguments?\b", Refusal.UNKNOWN_COMMAND),
        (r"Argument expected after |package name not specified", Refusal.UNKNOWN_COMMAND),
        (r"(?m)^usage: |'pm list' commands have moved", Refusal.UNKNOWN_COMMAND),
        (r"Can't find service: ", Refusal.SERVICE_MISSING),
        (r"device is still booting", Refusal.SERVICE_MISSING),
        (r"Failure calling service |Failed transaction \(", Refusal.SERVICE_FAILED),
        (r"Error occurred\. Check logcat|Error dumping service info", Refusal.SERVICE_FAILED),
        (r"Exception occurred while dumping", Refusal.SERVICE_FAILED),
        (r"inaccessible or not found|: not found(?:$|\n)", Refusal.PROGRAM_MISSING),
        (
            r"(?m:^(?:adb: |error: )+)(?:closed|no devices|device (?:offline|unauthorized|still |not found|'))",
            Refusal.WENT_AWAY,
        ),
        (_EXCEPTION + r"|Security exception: |Exception occurred while executing", Refusal.EXCEPTION),
        (r"Switch failed: |(?m:^Failed$)|Failure \[|(?m:^Error: )", Refusal.UNEXPLAINED),
    )
)

_TIMED_OUT = frozenset({124, 137})
_SERVICE_UNKNOWN = 20
_PROGRAM_UNKNOWN = 127


def classify(text: str, exit_code: int | None) -> Refusal | None:
    """Return which refusal `text` and `exit_code` of a command are, or None if they read like success.

    Without an exit code the command was interrupted.

    Whether anything changed is never told by this: only reading back tells (COMMANDS.md 2.4, 7.2).
    """
    for pattern, refusal in _PATTERNS:
        if pattern.search(text):
            return refusal
    if exit_code is None:
        return Refusal.WENT_AWAY
    if exit_code in _TIMED_OUT:
        return Refusal.TOO_SLOW
    if exit_code == _SERVICE_UNKNOWN:
        return Refusal.SERVICE_MISSING
    if exit_code == _PROGRAM_UNKNOWN:
        return Refusal.PROGRAM_MISSING
    return None if exit_code == 0 else Refusal.UNEXPLAINED
