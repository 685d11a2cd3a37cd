"""Every known wording of a refusal has a name, a word for how long it holds and one sentence for the technician."""

from __future__ import annotations

import pytest

from agent_scripts.dialect.refusal import Holds, Refusal
from agent_scripts.dialect.refusal_wordings import WORDINGS, classify

BRIEFLY, FOR_NOW, LASTING = Holds.BRIEFLY, Holds.FOR_NOW, Holds.LASTING

OURS = {
    Refusal.NO_NOTIFICATIONS: LASTING,
    Refusal.NO_EFFECT: LASTING,
    Refusal.BUSY: FOR_NOW,
    Refusal.LEDGER_CHANGED: FOR_NOW,
    Refusal.LEDGER_NOT_WRITTEN: FOR_NOW,
    Refusal.FOLDER_OPEN: FOR_NOW,
    Refusal.FILTER_REFUSED: FOR_NOW,
}
"""What no text of Android says: we find it ourselves."""

TEXTS = [
    # docs/android/commands.md 2.2 and 13.2
    ("cmd: Can't find service: package", 20, Refusal.SERVICE_MISSING, BRIEFLY),
    ("Can't find service: package", 0, Refusal.SERVICE_MISSING, BRIEFLY),
    ("", 20, Refusal.SERVICE_MISSING, BRIEFLY),
    (
        "cmd: Failure calling service package: Failed transaction (2147483646)",
        254,
        Refusal.SERVICE_FAILED,
        BRIEFLY,
    ),
    ("cmd: Failure calling service package: Broken pipe (32)", 32, Refusal.SERVICE_FAILED, BRIEFLY),
    ("*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***", 0, Refusal.TOO_SLOW, FOR_NOW),
    ("", 124, Refusal.TOO_SLOW, FOR_NOW),
    ("", 137, Refusal.TOO_SLOW, FOR_NOW),
    ("/system/bin/sh: cmd: inaccessible or not found", 127, Refusal.PROGRAM_MISSING, LASTING),
    ("/system/bin/sh: cmd: not found", 127, Refusal.PROGRAM_MISSING, LASTING),
    ("toybox: Unknown command wget", 127, Refusal.PROGRAM_MISSING, LASTING),
    ("", 127, Refusal.PROGRAM_MISSING, LASTING),
    # 2.1, 2.3, 2.4
    ("Error: unknown command 'suspend'", 1, Refusal.UNKNOWN_COMMAND, LASTING),
    ("Unknown command: disable-user", 255, Refusal.UNKNOWN_COMMAND, LASTING),
    ("Error: no USER_ID specified", 1, Refusal.UNKNOWN_USER, FOR_NOW),
    (
        'java.lang.IllegalArgumentException: Argument expected after "--user"',
        255,
        Refusal.UNKNOWN_COMMAND,
        LASTING,
    ),
    ("java.lang.IllegalArgumentException: Bad user number: x", 255, Refusal.UNKNOWN_USER, FOR_NOW),
    (
        "java.lang.IllegalArgumentException: Call does not support special user #-1",
        255,
        Refusal.UNKNOWN_USER,
        FOR_NOW,
    ),
    (
        "Security exception: Neither user 2000 nor current process has android.permission.MANAGE_USERS.",
        255,
        Refusal.PERMISSION,
        LASTING,
    ),
    (
        "java.lang.SecurityException: setHidden: Neither user 2000 nor current process has android.permission.X.",
        255,
        Refusal.PERMISSION,
        LASTING,
    ),
    (
        "Exception occurred while executing:\njava.lang.NullPointerException: x",
        255,
        Refusal.EXCEPTION,
        LASTING,
    ),
    (
        "Exception occurred while executing 'enable':\njava.lang.IllegalStateException",
        255,
        Refusal.EXCEPTION,
        LASTING,
    ),
    # 6.1, 6.2
    ("java.lang.IllegalArgumentException: Unknown package: com.a.b", 255, Refusal.UNKNOWN_PACKAGE, FOR_NOW),
    (
        "Error: java.lang.IllegalArgumentException: Unknown package: com.a.b",
        1,
        Refusal.UNKNOWN_PACKAGE,
        FOR_NOW,
    ),
    ("Shell cannot change component state for com.a.b/null to 2", 255, Refusal.STATE_NOT_OURS, LASTING),
    ("Shell cannot change component state for null to 1", 255, Refusal.STATE_NOT_OURS, LASTING),
    (
        "Shell cannot change component state for ComponentInfo{a.b/a.b.C} to 2",
        255,
        Refusal.STATE_NOT_OURS,
        LASTING,
    ),
    (
        "java.lang.SecurityException: Cannot disable a protected package: com.a.b",
        255,
        Refusal.PROTECTED,
        LASTING,
    ),
    (
        "Security exception: Shell does not have permission to access user 10",
        255,
        Refusal.USER_CLOSED,
        LASTING,
    ),
    ("java.lang.SecurityException: Cannot disable system packages.", 255, Refusal.SYSTEM_PACKAGE, LASTING),
    (
        "java.lang.SecurityException: Cannot disable com.a.b no root permission",
        255,
        Refusal.NEEDS_ROOT,
        LASTING,
    ),
    ("Failed to change state of package: com.a.b", 1, Refusal.MAKER, LASTING),
    # 7, 8
    ("Package com.a.b new suspended state: true", 0, Refusal.SUSPENDED_BY_OTHERS, LASTING),
    (
        "Calling package com.android.shell in user 10 does not belong to calling uid 2000",
        255,
        Refusal.PERMISSION,
        LASTING,
    ),
    ("Suspender package com.android.shell doesn't match calling uid 2000", 255, Refusal.PERMISSION, LASTING),
    (
        "Cannot suspend/unsuspend packages. User 10 has an active DO or PO",
        255,
        Refusal.BLOCKED_BY_OWNER,
        LASTING,
    ),
    (
        "java.lang.IllegalArgumentException: Unknown target package: com.a.b",
        1,
        Refusal.UNKNOWN_PACKAGE,
        FOR_NOW,
    ),
    ("Error: package name not specified", 1, Refusal.UNKNOWN_COMMAND, LASTING),
    ("Failure [not installed for 0]", 1, Refusal.NOT_INSTALLED, FOR_NOW),
    ("Failure [DELETE_FAILED_OWNER_BLOCKED]", 1, Refusal.BLOCKED_BY_OWNER, LASTING),
    ("Failure [user 77 doesn't exist]", 1, Refusal.UNKNOWN_USER, FOR_NOW),
    ("Error: device is still booting.", 1, Refusal.SERVICE_MISSING, BRIEFLY),
    # 10.4, 12, 17
    (
        "java.lang.SecurityException: Calling identity is not authorized",
        255,
        Refusal.SECURITY_SETTING,
        LASTING,
    ),
    ("Error occurred. Check logcat for details. null", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Failure [-1000]", 1, Refusal.MAKER, LASTING),
    ("Failure [DELETE_FAILED_USER_RESTRICTED]", 1, Refusal.RESTRICTED, LASTING),
    # what adb says on a computer
    ("adb: error: protocol fault (couldn't read status)", 1, Refusal.WENT_AWAY, FOR_NOW),
    # a system that starts, or that was torn down
    (
        "Error: Could not access the Package Manager.  Is the system running?",
        1,
        Refusal.SERVICE_MISSING,
        BRIEFLY,
    ),
    (
        "RemoteException while calling PackageManager, is the system running?",
        1,
        Refusal.SERVICE_MISSING,
        BRIEFLY,
    ),
    (
        "Error: Unable to connect to activity manager; is the system running?",
        1,
        Refusal.SERVICE_MISSING,
        BRIEFLY,
    ),
    (
        "** Error: Unable to connect to device policy manager; is the system running?",
        1,
        Refusal.SERVICE_MISSING,
        BRIEFLY,
    ),
    ("cmd: Unable to get default service manager!", 20, Refusal.SERVICE_MISSING, BRIEFLY),
    ("android.os.DeadSystemException", 255, Refusal.SERVICE_FAILED, BRIEFLY),
    ("java.lang.RuntimeException: android.os.DeadSystemException", 255, Refusal.SERVICE_FAILED, BRIEFLY),
    ("android.os.DeadSystemRuntimeException", 255, Refusal.SERVICE_FAILED, BRIEFLY),
    (
        "Exception occurred while executing 'disable-user':\nandroid.os.DeadObjectException",
        255,
        Refusal.SERVICE_FAILED,
        BRIEFLY,
    ),
    ("Error: android.os.DeadObjectException", 1, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Error with service 'package' while dumping: DEAD_OBJECT", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Error with service 'user' while dumping: FAILED_TRANSACTION", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Error while reading data for service device_policy: EPIPE", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Failed to read while dumping service package: I/O error", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Error in poll while dumping service user : Bad address", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    (
        "Failed to create pipe to dump service info for user: Too many files",
        0,
        Refusal.SERVICE_FAILED,
        BRIEFLY,
    ),
    ("Error dumping service info: (DEAD_OBJECT) package", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("Exception occurred while dumping:", 0, Refusal.SERVICE_FAILED, BRIEFLY),
    ("the service said DEAD_OBJECT", 1, Refusal.SERVICE_FAILED, BRIEFLY),
    # makers
    ("java.lang.SecurityException: Cannot disable miui core packages.", 255, Refusal.MAKER, LASTING),
    ("java.lang.SecurityException: Cannot disable carrier core packages.", 255, Refusal.MAKER, LASTING),
    ("Security exception: Cannot disable miui core packages", 255, Refusal.MAKER, LASTING),
    # a program or a service that does not know what it is asked; the exit code may say 0
    ("No shell command implementation.", 0, Refusal.UNKNOWN_COMMAND, LASTING),
    ("usage: dpm [subcommand] [options]", 0, Refusal.UNKNOWN_COMMAND, LASTING),
    # seen in captures alone
    (
        "Permission denial: writing to settings requires android.permission.X",
        255,
        Refusal.SECURITY_SETTING,
        LASTING,
    ),
    (
        "Permission denial, must have one of: [android.permission.WRITE_SECURE_SETTINGS]",
        255,
        Refusal.SECURITY_SETTING,
        LASTING,
    ),
    ("Permission Denial: can't dump package from uid 2000", 0, Refusal.PERMISSION, LASTING),
    ("NameNotFoundException: Package com.a.b", 1, Refusal.UNKNOWN_PACKAGE, FOR_NOW),
    ("Failure [DELETE_FAILED_DEVICE_POLICY_MANAGER]", 1, Refusal.DEVICE_ADMIN, LASTING),
    ("Failure [DELETE_FAILED_INTERNAL_ERROR]", 1, Refusal.UNEXPLAINED, LASTING),
    ("Error: no_add_managed_profile is enabled", 1, Refusal.RESTRICTED, LASTING),
    ("Failure - not installed for 10", 1, Refusal.NOT_INSTALLED, FOR_NOW),
    ("User is not started: 10", 1, Refusal.UNKNOWN_USER, FOR_NOW),
    # anything else
    ("Error: something that nobody has seen", 1, Refusal.UNEXPLAINED, LASTING),
    ("Failed", 1, Refusal.UNEXPLAINED, LASTING),
    ("what", 1, Refusal.UNEXPLAINED, LASTING),
    ("", 255, Refusal.UNEXPLAINED, LASTING),
    ("", None, Refusal.WENT_AWAY, FOR_NOW),
    ("error: device offline", 1, Refusal.WENT_AWAY, FOR_NOW),
    ("adb: error: closed", 1, Refusal.WENT_AWAY, FOR_NOW),
    ("error: device 'SERIAL-1' not found", 1, Refusal.WENT_AWAY, FOR_NOW),
]

SUCCESSES = [
    "Package com.a.b new state: disabled-user",
    "Package com.a.b new state: default",
    "Package com.a.b new state: enabled",
    "posting:\n  Notification(channel=shell_cmd)",
    "",
]


@pytest.mark.parametrize(("text", "exit_code", "refusal", "holds"), TEXTS)
def test_a_known_wording_has_its_name_and_how_long_it_holds(
    text: str, exit_code: int | None, refusal: Refusal, holds: Holds
) -> None:
    found = classify(text, exit_code)

    assert found is refusal
    assert found.holds is holds


def test_no_wording_and_no_refusal_goes_without_a_text_that_says_how_long_it_holds() -> None:
    told = {next((p for p, _ in WORDINGS if p.search(text)), None) for text, *_ in TEXTS}
    holds = {refusal: holds for _, _, refusal, holds in TEXTS} | OURS

    assert [pattern.pattern for pattern, _ in WORDINGS if pattern not in told] == []
    assert {refusal: refusal.holds for refusal in Refusal} == holds


@pytest.mark.parametrize("text", SUCCESSES)
def test_a_success_is_no_refusal(text: str) -> None:
    assert classify(text, 0) is None


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_one_sentence_of_its_own(refusal: Refusal) -> None:
    assert refusal.sentence.endswith(".")
    assert [r for r in Refusal if r.sentence == refusal.sentence] == [refusal]
