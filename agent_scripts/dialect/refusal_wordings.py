"""Every known wording of a refusal, in the order in which a text is looked through: the first that is found counts.

The wordings are those of docs/android/commands.md 2.2, 2.3, 6.2, 7, 8, 9 and 17, of the captures b-*, d-* and
f-*, and of what
others posted in public. How long each refusal holds stands beside its name (`refusal.Refusal`).
"""

from __future__ import annotations

import re

from agent_scripts.dialect.refusal import Refusal

# Bounded, so that searching a long text takes time in proportion to its length.
_EXCEPTION = r"(?:java\.lang\.|android\.)[A-Za-z0-9_.$]{0,120}Exception"

# A system that is starting or was torn down says so before anything else: the exception classes that come below
# would otherwise pass for its last word.
_OF_A_SYSTEM_THAT_STARTS = (
    (r"DUMP TIMEOUT", Refusal.TOO_SLOW),
    (r"[Ii]s the system running\?", Refusal.SERVICE_MISSING),
    (r"Can't find service: |Unable to get default service manager", Refusal.SERVICE_MISSING),
    (r"device is still booting", Refusal.SERVICE_MISSING),
    (r"Dead(?:System|SystemRuntime|Object)Exception\b", Refusal.SERVICE_FAILED),
    (r"Error with service '[A-Za-z0-9_.]{1,80}' while ", Refusal.SERVICE_FAILED),
    (r"Error while reading data for service ", Refusal.SERVICE_FAILED),
    (r"while dumping service ", Refusal.SERVICE_FAILED),
    (r"Failed to create pipe to dump service info for ", Refusal.SERVICE_FAILED),
    (r"Failure calling service |Failed transaction \(", Refusal.SERVICE_FAILED),
    (r"Error occurred\. Check logcat|Error dumping service info", Refusal.SERVICE_FAILED),
    (r"\bDEAD_OBJECT\b", Refusal.SERVICE_FAILED),
)
# The particular before the general: "Cannot disable system packages", say, fits a wider wording further down, too.
_OF_A_VERB = (
    (r"Shell does not have permission to access user [0-9]", Refusal.USER_CLOSED),
    (r"Cannot (?:disable|clear data for) a protected package", Refusal.PROTECTED),
    (r"Shell cannot change component state for ", Refusal.STATE_NOT_OURS),
    (r"Cannot disable system packages", Refusal.SYSTEM_PACKAGE),
    (r"Cannot disable [A-Za-z0-9_.]{1,250} no root permission", Refusal.NEEDS_ROOT),
    (r"Cannot disable (?:[A-Za-z]{1,30} ){1,3}packages", Refusal.MAKER),
    (r"Failed to change state of package", Refusal.MAKER),
    (r"Failure \[-1000\]", Refusal.MAKER),
    (r"Permission denial: writing to settings", Refusal.SECURITY_SETTING),
    (r"Permission denial, must have one of: \[android\.permission\.WRITE_SECURE", Refusal.SECURITY_SETTING),
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
    (r"DELETE_FAILED_", Refusal.UNEXPLAINED),
    (r"new suspended state: true", Refusal.SUSPENDED_BY_OTHERS),
    (r"Failure \[user [0-9]{1,9} doesn't exist\]|Bad user number: ", Refusal.UNKNOWN_USER),
    (r"no USER_ID specified|Call does not support special user", Refusal.UNKNOWN_USER),
    (r"User not running: |User is not started: ", Refusal.UNKNOWN_USER),
)
# toybox first: its own "Unknown command" is a program that is missing, no verb that Android does not know.
_OF_A_PROGRAM = (
    (r"toybox: [Uu]nknown command ", Refusal.PROGRAM_MISSING),
    (r"No shell command implementation", Refusal.UNKNOWN_COMMAND),
    (r"[Uu]nknown command|Unknown option|Invalid option: |Bad arguments?\b", Refusal.UNKNOWN_COMMAND),
    (r"Argument expected after |package name not specified", Refusal.UNKNOWN_COMMAND),
    (r"(?m)^usage: |'pm list' commands have moved", Refusal.UNKNOWN_COMMAND),
    (r"Exception occurred while dumping", Refusal.SERVICE_FAILED),
    (r"inaccessible or not found|: not found(?:$|\n)", Refusal.PROGRAM_MISSING),
    (
        r"(?m:^(?:adb: |error: )+)(?:closed|no devices|protocol fault"
        r"|device (?:offline|unauthorized|still |not found|'))",
        Refusal.WENT_AWAY,
    ),
)
_ANY_OTHER = (
    (_EXCEPTION + r"|Security exception: |Exception occurred while executing", Refusal.EXCEPTION),
    (r"Switch failed: |(?m:^Failed$)|Failure \[|(?m:^Error: )", Refusal.UNEXPLAINED),
)

WORDINGS = tuple(
    (re.compile(pattern, re.ASCII), refusal)
    for pattern, refusal in (*_OF_A_SYSTEM_THAT_STARTS, *_OF_A_VERB, *_OF_A_PROGRAM, *_ANY_OTHER)
)
"""Every wording and the refusal that it is."""

# What `timeout` ends with when the time was up, and after KILL (docs/android/commands.md 13.2); below it, what cmd and
# dumpsys end with where a service is not there (2.2), and a shell where a program is not.
_TIMED_OUT = frozenset({124, 137})
_SERVICE_UNKNOWN = 20
_PROGRAM_UNKNOWN = 127


def classify(text: str, exit_code: int | None) -> Refusal | None:
    """Return which refusal `text` and `exit_code` of a command are, or None if they read like success.

    Without an exit code the command was interrupted.

    Whether anything changed is never told by this: only reading back tells (docs/android/commands.md 2.4, 7.2).
    """
    # Words before exit codes: many refusals end with 0 (docs/android/commands.md 2.2, 7.2, 12.1).
    for pattern, refusal in WORDINGS:
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
