"""Every known wording of a refusal has a name and one sentence for the technician."""

from __future__ import annotations

import pytest

from agent_scripts.dialect.refusals import Refusal, classify

WORDINGS = [
    # COMMANDS.md 2.2 and 13.2
    ("cmd: Can't find service: package", 20, Refusal.SERVICE_MISSING),
    ("Can't find service: package", 0, Refusal.SERVICE_MISSING),
    ("", 20, Refusal.SERVICE_MISSING),
    ("cmd: Failure calling service package: Failed transaction (2147483646)", 254, Refusal.SERVICE_FAILED),
    ("cmd: Failure calling service package: Broken pipe (32)", 32, Refusal.SERVICE_FAILED),
    ("*** SERVICE 'package' DUMP TIMEOUT (10000ms) EXPIRED ***", 0, Refusal.TOO_SLOW),
    ("", 124, Refusal.TOO_SLOW),
    ("", 137, Refusal.TOO_SLOW),
    ("/system/bin/sh: cmd: inaccessible or not found", 127, Refusal.PROGRAM_MISSING),
    ("/system/bin/sh: cmd: not found", 127, Refusal.PROGRAM_MISSING),
    ("toybox: Unknown command wget", 127, Refusal.PROGRAM_MISSING),
    ("", 127, Refusal.PROGRAM_MISSING),
    # 2.1, 2.3, 2.4
    ("Error: unknown command 'suspend'", 1, Refusal.UNKNOWN_COMMAND),
    ("Unknown command: disable-user", 255, Refusal.UNKNOWN_COMMAND),
    ("Error: no USER_ID specified", 1, Refusal.UNKNOWN_USER),
    ('java.lang.IllegalArgumentException: Argument expected after "--user"', 255, Refusal.UNKNOWN_COMMAND),
    ("java.lang.IllegalArgumentException: Bad user number: x", 255, Refusal.UNKNOWN_USER),
    ("java.lang.IllegalArgumentException: Call does not support special user #-1", 255, Refusal.UNKNOWN_USER),
    (
        "Security exception: Neither user 2000 nor current process has android.permission.MANAGE_USERS.",
        255,
        Refusal.PERMISSION,
    ),
    (
        "java.lang.SecurityException: setHidden: Neither user 2000 nor current process has android.permission.X.",
        255,
        Refusal.PERMISSION,
    ),
    ("Exception occurred while executing:\njava.lang.NullPointerException: x", 255, Refusal.EXCEPTION),
    ("Exception occurred while executing 'enable':\njava.lang.IllegalStateException", 255, Refusal.EXCEPTION),
    # 6.1, 6.2
    ("java.lang.IllegalArgumentException: Unknown package: com.a.b", 255, Refusal.UNKNOWN_PACKAGE),
    ("Error: java.lang.IllegalArgumentException: Unknown package: com.a.b", 1, Refusal.UNKNOWN_PACKAGE),
    ("Shell cannot change component state for com.a.b/null to 2", 255, Refusal.STATE_NOT_OURS),
    ("Shell cannot change component state for null to 1", 255, Refusal.STATE_NOT_OURS),
    ("Shell cannot change component state for ComponentInfo{a.b/a.b.C} to 2", 255, Refusal.STATE_NOT_OURS),
    ("java.lang.SecurityException: Cannot disable a protected package: com.a.b", 255, Refusal.PROTECTED),
    ("Security exception: Shell does not have permission to access user 10", 255, Refusal.USER_CLOSED),
    ("java.lang.SecurityException: Cannot disable system packages.", 255, Refusal.SYSTEM_PACKAGE),
    ("java.lang.SecurityException: Cannot disable com.a.b no root permission", 255, Refusal.NEEDS_ROOT),
    ("Failed to change state of package: com.a.b", 1, Refusal.MAKER),
    # 7, 8
    ("Package com.a.b new suspended state: true", 0, Refusal.SUSPENDED_BY_OTHERS),
    (
        "Calling package com.android.shell in user 10 does not belong to calling uid 2000",
        255,
        Refusal.PERMISSION,
    ),
    ("Suspender package com.android.shell doesn't match calling uid 2000", 255, Refusal.PERMISSION),
    ("Cannot suspend/unsuspend packages. User 10 has an active DO or PO", 255, Refusal.BLOCKED_BY_OWNER),
    ("java.lang.IllegalArgumentException: Unknown target package: com.a.b", 1, Refusal.UNKNOWN_PACKAGE),
    ("Error: package name not specified", 1, Refusal.UNKNOWN_COMMAND),
    ("Failure [not installed for 0]", 1, Refusal.NOT_INSTALLED),
    ("Failure [DELETE_FAILED_OWNER_BLOCKED]", 1, Refusal.BLOCKED_BY_OWNER),
    ("Failure [user 77 doesn't exist]", 1, Refusal.UNKNOWN_USER),
    ("Error: device is still booting.", 1, Refusal.SERVICE_MISSING),
    # 10.4, 12, 17
    ("java.lang.SecurityException: Calling identity is not authorized", 255, Refusal.SECURITY_SETTING),
    ("Error occurred. Check logcat for details. null", 0, Refusal.SERVICE_FAILED),
    ("Failure [-1000]", 1, Refusal.MAKER),
    ("Failure [DELETE_FAILED_USER_RESTRICTED]", 1, Refusal.RESTRICTED),
    # anything else
    ("what", 1, Refusal.UNEXPLAINED),
    ("", 255, Refusal.UNEXPLAINED),
    ("", None, Refusal.WENT_AWAY),
    ("error: device offline", 1, Refusal.WENT_AWAY),
    ("adb: error: closed", 1, Refusal.WENT_AWAY),
    ("error: device 'SERIAL-1' not found", 1, Refusal.WENT_AWAY),
]

SUCCESSES = [
    "Package com.a.b new state: disabled-user",
    "Package com.a.b new state: default",
    "Package com.a.b new state: enabled",
    "posting:\n  Notification(channel=shell_cmd)",
    "",
]


@pytest.mark.parametrize(("text", "exit_code", "refusal"), WORDINGS)
def test_a_known_wording_has_its_name(text: str, exit_code: int | None, refusal: Refusal) -> None:
    assert classify(text, exit_code) is refusal


@pytest.mark.parametrize("text", SUCCESSES)
def test_a_success_is_no_refusal(text: str) -> None:
    assert classify(text, 0) is None


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_one_sentence_of_its_own(refusal: Refusal) -> None:
    assert refusal.sentence.endswith(".")
    assert [r for r in Refusal if r.sentence == refusal.sentence] == [refusal]
