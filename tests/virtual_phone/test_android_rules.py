"""The rules of docs/android/commands.md 18 for a model of Android, one by one, for API 30-36 and where cheap 26-29."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from agent_scripts.virtual_phone.android_state import PackageInUser
from agent_scripts.virtual_phone.framework import answer
from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import (
    COMPANY_PORTAL,
    LYNC,
    OUTLOOK,
    OWNER_COMPONENT,
    PERSONALITIES,
    TIKTOK,
    Person,
    Personality,
)
from agent_scripts.virtual_phone.releases import RELEASES

CLAIMED = [api for api in RELEASES if api >= 30]
OLD = [api for api in RELEASES if api < 30]
NOT_FOUND = "android.content.pm.PackageManager$NameNotFoundException"


def android(api: int, *, closed: bool = False) -> AndroidModel:
    """A phone with TikTok in user 0 and a work profile 10, whose owner may close it to the shell."""
    flags = 0x1030 if api >= 30 else 0x30
    personal = Person(0, "Owner", "full.SYSTEM", RELEASES[api].system_user_flags, {TIKTOK: 0})
    shut = ("no_debugging_features",) if closed else ()
    work = Person(10, "Work", "profile.MANAGED", flags, {OUTLOOK: 0, LYNC: 1}, 0, OWNER_COMPONENT, shut)
    return Personality("test", api, "Google", "Test", "test", (personal, work)).build()


def ask(model: AndroidModel, command: str) -> FrameworkAnswer:
    program, *args = shlex.split(command)
    return answer(model, program, args)


def user_line(model: AndroidModel, package: str, user: int) -> str:
    lines = ask(model, f"dumpsys package {package}").out.splitlines()
    return next(line for line in lines if line.startswith(f"    User {user}: "))


def exception_head(verb: str, text: str) -> str:
    return f"\nException occurred while executing '{verb}':\n{text}\n"


# Rule 1: listing with one restricted user --------------------------------------------------------------------


@pytest.mark.parametrize("api", [30, 31, 32])
def test_rule_1_bare_listing_lists_user_0_up_to_32(api: int) -> None:
    listed = ask(android(api, closed=True), "pm list packages musically")
    assert (listed.out, listed.err, listed.exit_code) == (f"package:{TIKTOK}\n", "", 0)


@pytest.mark.parametrize("api", [33, 34])
def test_rule_1_bare_listing_throws_for_all_on_33_and_34(api: int) -> None:
    listed = ask(android(api, closed=True), "pm list packages")
    assert (listed.out, listed.exit_code) == ("", 255)
    text = "java.lang.SecurityException: Shell does not have permission to access user 10\n com.android.server.am."
    assert listed.err.startswith(f"\nException occurred while executing 'list':\n{text}")


@pytest.mark.parametrize("api", [35, 36])
def test_rule_1_bare_listing_skips_the_user_on_35_and_36(api: int) -> None:
    listed = ask(android(api, closed=True), "pm list packages musically")
    assert (listed.out, listed.exit_code) == (f"package:{TIKTOK}\n", 0)
    first = listed.err.splitlines()[0]
    assert first == "Error: java.lang.SecurityException: Shell does not have permission to access user 10"


@pytest.mark.parametrize("api", [30, 31, 32, 33, 34])
def test_rule_1_listing_the_restricted_user_throws(api: int) -> None:
    listed = ask(android(api, closed=True), "cmd package list packages --user 10")
    assert (listed.out, listed.exit_code) == ("", 255)


@pytest.mark.parametrize("api", OLD)
def test_rule_1_listing_the_restricted_user_works_before_30(api: int) -> None:
    listed = ask(android(api, closed=True), f"pm list packages --user 10 {OUTLOOK}")
    assert (listed.out, listed.exit_code) == (f"package:{OUTLOOK}\n", 0)


# Rule 2: what a listing contains -----------------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_2_the_filter_is_a_substring(api: int) -> None:
    model = android(api)
    model.install(0, f"{TIKTOK}.go")
    assert ask(model, f"pm list packages --user 0 {TIKTOK}").out == f"package:{TIKTOK}\npackage:{TIKTOK}.go\n"


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_2_hidden_packages_are_missing_from_the_list_and_present_in_the_dump(api: int) -> None:
    model = android(api)
    model.set_hidden(10, OUTLOOK, True)
    assert ask(model, f"pm list packages --user 10 {OUTLOOK}").out == ""
    assert "installed=true hidden=true" in user_line(model, OUTLOOK, 10)


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_2_disabled_and_suspended_packages_are_listed(api: int) -> None:
    model = android(api)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    ask(model, f"pm suspend --user 10 {LYNC}")
    assert (
        ask(model, "pm list packages --user 10 microsoft.office").out
        == f"package:{OUTLOOK}\npackage:{LYNC}\n"
    )


def test_the_uninstalled_flag_lists_packages_of_any_user() -> None:
    model = android(34)
    assert ask(model, f"pm list packages --user 0 {OUTLOOK}").out == ""
    assert ask(model, f"pm list packages -u --user 0 {OUTLOOK}").out == f"package:{OUTLOOK}\n"


def test_several_users_are_merged_to_one_line_from_33() -> None:
    listed = ask(android(34), "pm list packages -U com.android.shell")
    assert listed.out == "package:com.android.shell uid:2000,1002000\n"


def test_an_unknown_option_is_refused() -> None:
    listed = ask(android(34), "pm list packages -q")
    assert (listed.out, listed.exit_code) == ("Error: Unknown option: -q\n", 255)
    assert ask(android(35), "pm list packages -q").exit_code == 0


def test_a_listing_with_the_path_splits_at_the_last_equals_sign() -> None:
    listed = ask(android(34), f"pm list packages -f -i --user 0 {TIKTOK}").out
    path, _, rest = listed.removeprefix("package:").rpartition("=")[0], "", listed.rpartition("base.apk=")[2]
    assert path.startswith("/data/app/~~")
    assert rest == f"{TIKTOK}  installer=com.android.vending\n"


# Rule 3: the dump --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", list(RELEASES))
def test_rule_3_the_dump_has_a_line_for_every_user_restricted_ones_too(api: int) -> None:
    model = android(api, closed=True)
    assert " installed=true " in user_line(model, TIKTOK, 0)
    assert " installed=false " in user_line(model, TIKTOK, 10)


@pytest.mark.parametrize("api", list(RELEASES))
def test_rule_3_an_unknown_package_is_not_found_with_exit_0(api: int) -> None:
    dumped = ask(android(api), "dumpsys package app.zippie.companion")
    assert (dumped.out, dumped.exit_code) == ("Unable to find package: app.zippie.companion\n", 0)


LINES = {
    26: "installed=true hidden=false suspended=false stopped=false notLaunched=false enabled=0 instant=false",
    28: "installed=true hidden=false suspended=false stopped=false notLaunched=false enabled=0 instant=false"
    " virtual=false",
    30: "installed=true hidden=false suspended=false distractionFlags=0 stopped=false notLaunched=false enabled=0"
    " instant=false virtual=false",
    35: "installed=true hidden=false suspended=false distractionFlags=0 stopped=false notLaunched=false enabled=0"
    " instant=false virtual=false quarantined=false",
}


@pytest.mark.parametrize("api", list(RELEASES))
def test_rule_3_the_keys_of_the_user_line_stand_in_the_order_of_the_release(api: int) -> None:
    line = user_line(android(api), OUTLOOK, 10)
    expected = LINES[max(since for since in LINES if since <= api)]
    assert line.partition("installed=")[1] + line.partition("installed=")[2] == expected
    keys = [field.partition("=")[0] for field in line.split()[2:]]
    assert keys[: 2 if api >= 35 else 1] == (["ceDataInode", "deDataInode"] if api >= 35 else ["ceDataInode"])


@pytest.mark.parametrize("api", CLAIMED)
def test_other_sections_have_user_lines_without_a_state(api: int) -> None:
    dumped = ask(android(api), f"dumpsys package {OUTLOOK}").out
    bare = [line for line in dumped.splitlines() if line.startswith("    User ") and "installed=" not in line]
    assert bare == ["    User 0:", "    User 10:"]


@pytest.mark.parametrize("api", CLAIMED)
def test_the_factory_copy_of_an_updated_system_app_is_dumped_apart(api: int) -> None:
    model = android(api)
    with model.changing() as data:
        data.packages[TIKTOK].system = data.packages[TIKTOK].updated = True
    ask(model, f"pm disable-user --user 0 {TIKTOK}")
    dumped = ask(model, f"dumpsys package {TIKTOK}").out
    now, _, factory = dumped.partition("\nHidden system packages:\n")
    assert "User 0: " in now
    assert " enabled=3 " in now
    assert " enabled=3 " not in factory


@pytest.mark.parametrize("api", [34, 35, 36])
def test_the_app_id_moves_from_34(api: int) -> None:
    assert "\n    appId=" in ask(android(api), f"dumpsys package {OUTLOOK}").out
    assert "\n    userId=" in ask(android(33), f"dumpsys package {OUTLOOK}").out


def test_the_checkin_dump_writes_the_state_in_letters() -> None:
    model = android(33)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    lines = ask(model, f"dumpsys package --checkin {OUTLOOK}").out.splitlines()
    assert lines[0] == "vers,1"
    assert lines[-2:] == [
        "pkg-usr,0,ibsuSliavpiha,0,?,0,",
        "pkg-usr,10,IbsusLiavpiha,3,shell:1000,1714557600000,",
    ]


# Rules 4 and 5: the enable family ----------------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_disable_user_makes_state_3_by_the_shell(api: int) -> None:
    model = android(api)
    done = ask(model, f"cmd package disable-user --user 10 {OUTLOOK}")
    assert (done.out, done.err, done.exit_code) == (f"Package {OUTLOOK} new state: disabled-user\n", "", 0)
    assert " enabled=3 " in user_line(model, OUTLOOK, 10)
    assert "\n      lastDisabledCaller: shell:1000\n" in ask(model, f"dumpsys package {OUTLOOK}").out


@pytest.mark.parametrize(
    ("verb", "word", "state"), [("default-state", "default", 0), ("enable", "enabled", 1)]
)
def test_restoring_takes_the_callers_mark_away(verb: str, word: str, state: int) -> None:
    model = android(34)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    assert ask(model, f"pm {verb} --user 10 {OUTLOOK}").out == f"Package {OUTLOOK} new state: {word}\n"
    assert model.state(10, OUTLOOK).enabled == state
    assert model.state(10, OUTLOOK).last_disabled_caller is None


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_the_owners_package_is_protected(api: int) -> None:
    refused = ask(android(api), f"pm disable-user --user 10 {COMPANY_PORTAL}")
    text = f"java.lang.SecurityException: Cannot disable a protected package: {COMPANY_PORTAL}"
    assert refused.err.startswith(exception_head("disable-user", text))
    assert (refused.out, refused.exit_code) == ("", 255)


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_what_the_owner_withdrew_from_the_persons_control_is_protected(api: int) -> None:
    model = android(api)
    with model.changing() as data:
        data.user_control_disabled.append(f"10:{OUTLOOK}")
    refused = ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    assert f"java.lang.SecurityException: Cannot disable a protected package: {OUTLOOK}\n" in refused.err
    assert ask(model, f"pm disable-user --user 10 {LYNC}").exit_code == 0


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize("verb", ["disable-user", "enable", "default-state"])
def test_rule_4_a_restricted_user_is_refused(api: int, verb: str) -> None:
    model = android(api, closed=True)
    refused = ask(model, f"pm {verb} --user 10 {LYNC}")
    text = "java.lang.SecurityException: Shell does not have permission to access user 10\n com.android.server.am."
    assert refused.err.startswith(f"\nException occurred while executing '{verb}':\n{text}")
    assert refused.exit_code == 255
    assert model.state(10, LYNC).enabled == 1


@pytest.mark.parametrize("api", [28, 29])
def test_rule_4_a_restricted_user_is_refused_in_one_line_on_28_and_29(api: int) -> None:
    refused = ask(android(api, closed=True), f"pm disable-user --user 10 {LYNC}")
    assert refused.err.startswith(
        "Security exception: Shell does not have permission to access user 10\n\njava.lang."
    )


@pytest.mark.parametrize("api", [26, 27])
def test_rule_4_a_restricted_user_is_refused_by_the_pm_process_of_26_and_27(api: int) -> None:
    refused = ask(android(api, closed=True), f"pm disable-user --user 10 {LYNC}")
    text = "Error: java.lang.SecurityException: Shell does not have permission to access user 10\n"
    assert (refused.err, refused.exit_code) == (text, 1)


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize("old_state", [2, 4])
@pytest.mark.parametrize(("verb", "number"), [("enable", 1), ("disable-user", 3), ("default-state", 0)])
def test_rule_4_states_2_and_4_cannot_be_left(api: int, old_state: int, verb: str, number: int) -> None:
    model = android(api)
    model.set_enabled(10, OUTLOOK, old_state)
    refused = ask(model, f"pm {verb} --user 10 {OUTLOOK}")
    subject = f"{OUTLOOK}/null" if api <= 32 else "null"
    text = f"java.lang.SecurityException: Shell cannot change component state for {subject} to {number}"
    assert refused.err.startswith(exception_head(verb, text))
    assert model.state(10, OUTLOOK).enabled == old_state


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_uninstall_blocked_apps_can_be_disabled(api: int) -> None:
    model = android(api)
    with model.changing() as data:
        data.uninstall_blocked.append(f"10:{OUTLOOK}")
    model.restrict(10, "no_control_apps", "no_uninstall_apps")
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").exit_code == 0


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_a_user_that_does_not_exist_gets_the_odd_answer(api: int) -> None:
    model = android(api)
    before = model.to_json()
    done = ask(model, f"pm disable-user --user 77 {OUTLOOK}")
    assert (done.out, done.exit_code) == (f"Package {OUTLOOK} new state: disabled\n", 0)
    assert model.to_json() == before


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_4_an_unknown_package_is_an_illegal_argument(api: int) -> None:
    refused = ask(android(api), "pm disable-user --user 10 com.bsp.catchlog")
    text = "java.lang.IllegalArgumentException: Unknown package: com.bsp.catchlog"
    assert refused.err.startswith(exception_head("disable-user", text))


def test_a_package_known_to_the_device_but_not_to_the_user_gets_a_state_all_the_same() -> None:
    model = android(34)
    assert ask(model, f"pm disable-user --user 10 {TIKTOK}").exit_code == 0
    assert (model.state(10, TIKTOK).enabled, model.state(10, TIKTOK).installed) == (3, False)


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize(("verb", "number"), [("disable", 2), ("disable-until-used", 4)])
def test_rule_5_disable_is_refused_in_the_words_of_the_release(api: int, verb: str, number: int) -> None:
    refused = ask(android(api), f"pm {verb} --user 10 {OUTLOOK}")
    subject = f"{OUTLOOK}/null" if api <= 32 else "null"
    text = f"java.lang.SecurityException: Shell cannot change component state for {subject} to {number}"
    assert refused.err.startswith(exception_head(verb, text))
    assert refused.exit_code == 255


@pytest.mark.parametrize(
    ("api", "subject"),
    [(32, f"{OUTLOOK}/{OUTLOOK}.Main"), (33, f"ComponentInfo{{{OUTLOOK}/{OUTLOOK}.Main}}")],
)
def test_single_components_are_closed_to_the_shell(api: int, subject: str) -> None:
    refused = ask(android(api), f"pm disable-user --user 10 {OUTLOOK}/.Main")
    text = f"java.lang.SecurityException: Shell cannot change component state for {subject} to 3"
    assert refused.err.startswith(exception_head("disable-user", text))


def test_test_only_packages_are_exempt() -> None:
    model = android(34)
    with model.changing() as data:
        data.packages[OUTLOOK].test_only = True
    assert ask(model, f"pm disable --user 10 {OUTLOOK}").out == f"Package {OUTLOOK} new state: disabled\n"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--user all", "Call does not support special user #-1"),
        ("--user ten", "Bad user number: ten"),
        ("--user", 'Argument expected after "--user"'),
    ],
)
def test_a_wrong_user_argument_is_illegal(option: str, text: str) -> None:
    refused = ask(android(34), f"pm disable-user {option}")
    if option == "--user all":
        refused = ask(android(34), f"pm disable-user {option} {OUTLOOK}")
    if option == "--user ten":
        refused = ask(android(34), f"pm disable-user {option} {OUTLOOK}")
    assert refused.err.startswith(
        exception_head("disable-user", f"java.lang.IllegalArgumentException: {text}")
    )


def test_no_package_is_an_error_without_a_trace() -> None:
    refused = ask(android(34), "pm disable-user --user 10")
    assert (refused.err, refused.exit_code) == ("Error: no package or component specified\n", 1)


# Rules 6 and 7: suspending -----------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_6_suspend_is_accepted_in_a_work_profile(api: int) -> None:
    model = android(api)
    done = ask(model, f"pm suspend --user 10 --dialogMessage 'Not now' {OUTLOOK}")
    assert (done.out, done.exit_code) == (f"Package {OUTLOOK} new suspended state: true\n", 0)
    assert " suspended=true " in user_line(model, OUTLOOK, 10)


@pytest.mark.parametrize("api", CLAIMED)
def test_the_suspender_stands_below_the_user_line(api: int) -> None:
    model = android(api)
    ask(model, f"pm suspend --user 10 --dialogMessage 'Not now' {OUTLOOK}")
    who, end = (
        ("<10>com.android.shell", " quarantined=false\n\n") if api >= 35 else ("com.android.shell", "\n")
    )
    info = 'SuspendDialogInfo: {mDialogMessage = "Not now" mNeutralButtonAction = 0}'
    line = f"\n    Suspend params:\n      suspendingPackage={who} dialogInfo={info}{end}"
    assert line in ask(model, f"dumpsys package {OUTLOOK}").out


@pytest.mark.parametrize("api", [26, 27])
def test_rule_6_suspend_needs_a_permission_on_26_and_27(api: int) -> None:
    refused = ask(android(api), f"cmd package suspend --user 10 {OUTLOOK}")
    text = "Security exception: Neither user 2000 nor current process has android.permission.MANAGE_USERS.\n"
    assert refused.err.startswith(text)


def test_rule_6_suspend_fails_by_the_uid_on_28() -> None:
    refused = ask(android(28), f"pm suspend --user 10 {OUTLOOK}")
    text = "Calling package com.android.shell in user 10 does not belong to calling uid 2000"
    assert refused.err.startswith(f"Security exception: {text}\n")


def test_rule_6_suspend_fails_by_the_owner_on_29() -> None:
    refused = ask(android(29), f"pm suspend --user 10 {OUTLOOK}")
    text = "Cannot suspend/unsuspend packages. User 10 has an active DO or PO"
    assert f"\njava.lang.UnsupportedOperationException: {text}\n" in refused.err
    assert (
        ask(android(29), f"pm suspend --user 0 {TIKTOK}").out
        == f"Package {TIKTOK} new suspended state: true\n"
    )


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize(
    "why", ["uninstall-blocked", "admin", "launcher", "dialer", "installer", "no_control_apps", "itself"]
)
def test_rule_6_some_apps_are_refused_silently(api: int, why: str) -> None:
    model = android(api)
    with model.changing() as data:
        if why == "uninstall-blocked":
            data.uninstall_blocked.append(f"10:{OUTLOOK}")
        if why == "admin":
            data.users[10].admins.append(f"{OUTLOOK}/.Admin")
        if why == "no_control_apps":
            data.users[10].policy_restrictions.append(why)
    package = model.data.special_apps.get(why, "com.android.shell" if why == "itself" else OUTLOOK)
    done = ask(model, f"pm suspend --user 10 {package}")
    assert (done.out, done.exit_code) == (f"Package {package} new suspended state: false\n", 0)


@pytest.mark.parametrize(
    ("api", "text"),
    [
        (34, "Calling package com.android.shell in user 10 does not belong to calling uid 2000"),
        (35, "Suspending package com.android.shell in user 10 does not belong to calling uid 2000"),
    ],
)
def test_suspend_needs_the_shell_app_in_that_user(api: int, text: str) -> None:
    model = android(api)
    model.uninstall(10, "com.android.shell")
    refused = ask(model, f"pm suspend --user 10 {OUTLOOK}")
    assert refused.err.startswith(exception_head("suspend", f"java.lang.SecurityException: {text}"))


@pytest.mark.parametrize("api", CLAIMED)
def test_suspending_the_unknown_is_answered_on_stdout(api: int) -> None:
    done = ask(android(api), "pm suspend --user 10 com.nobody")
    text = "java.lang.IllegalArgumentException: Unknown target package: com.nobody\n"
    assert (done.out, done.err, done.exit_code) == (text, "", 1)


def test_suspending_for_a_user_without_the_app_is_refused_from_35() -> None:
    assert ask(android(35), f"pm suspend --user 10 {TIKTOK}").exit_code == 1
    assert (
        ask(android(34), f"pm suspend --user 10 {TIKTOK}").out
        == f"Package {TIKTOK} new suspended state: false\n"
    )


@pytest.mark.parametrize(("api", "lines"), [(30, 1), (31, 2)])
def test_several_suspend_targets_are_taken_from_31(api: int, lines: int) -> None:
    assert len(ask(android(api), f"pm suspend --user 10 {OUTLOOK} {LYNC}").out.splitlines()) == lines


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_7_unsuspend_leaves_other_suspenders(api: int) -> None:
    model = android(api)
    model.suspend(10, OUTLOOK, "android")
    ask(model, f"pm suspend --user 10 {OUTLOOK}")
    done = ask(model, f"pm unsuspend --user 10 {OUTLOOK}")
    assert (done.out, done.exit_code) == (f"Package {OUTLOOK} new suspended state: true\n", 0)
    assert list(model.state(10, OUTLOOK).suspenders) == ["android"]


# Rule 8: reboot ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_8_suspensions_by_the_shell_are_gone_after_a_reboot_from_33(api: int) -> None:
    model = android(api)
    ask(model, f"pm suspend --user 10 {OUTLOOK}")
    model.suspend(10, LYNC, "android")
    model.reboot()
    assert model.state(10, OUTLOOK).suspended == (api < 33)
    assert model.state(10, LYNC).suspended


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_8_a_reboot_keeps_disabled_states_and_resets_the_change_counter(api: int) -> None:
    model = android(api)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    before = model.data.boot_id
    model.reboot()
    assert " enabled=3 " in user_line(model, OUTLOOK, 10)
    assert ask(model, "dumpsys package changes").out == "Package Changes:\n  Sequence number=0\n"
    assert model.data.boot_id != before


def test_the_change_counter_moves_with_enabling_and_installing_but_not_with_suspending() -> None:
    model = android(34)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    ask(model, f"pm suspend --user 10 {OUTLOOK}")
    model.install(0, "com.example.app")
    ask(model, f"pm enable --user 10 {OUTLOOK}")
    assert ask(model, "dumpsys package changes").out == (
        "Package Changes:\n  Sequence number=3\n  User 0:\n    seq=1, package=com.example.app\n"
        f"  User 10:\n    seq=2, package={OUTLOOK}\n"
    )


def test_setting_the_same_state_again_changes_nothing() -> None:
    model = android(34)
    model.press_disable(10, OUTLOOK)
    before = model.data.change_number
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").exit_code == 0
    assert model.data.change_number == before
    assert model.state(10, OUTLOOK).last_disabled_caller == "com.android.settings"


# Rules 9 and 10: am and users --------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_9_force_stop_without_a_user_reaches_restricted_users(api: int) -> None:
    model = android(api, closed=True)
    done = ask(model, f"am force-stop {OUTLOOK}")
    assert done == FrameworkAnswer("", "", 0)
    assert model.state(10, OUTLOOK).stopped


@pytest.mark.parametrize("api", CLAIMED)
def test_rule_9_force_stop_with_a_restricted_user_throws(api: int) -> None:
    model = android(api, closed=True)
    refused = ask(model, f"am force-stop --user 10 {OUTLOOK}")
    assert "java.lang.SecurityException: Shell does not have permission to access user 10\n" in refused.err
    assert refused.exit_code == 255
    assert not model.state(10, OUTLOOK).stopped


def test_force_stop_of_the_owner_ends_without_a_word() -> None:
    model = android(34)
    assert ask(model, f"am force-stop {COMPANY_PORTAL}") == FrameworkAnswer("", "", 0)
    assert not model.state(10, COMPANY_PORTAL).stopped


@pytest.mark.parametrize(("api", "code"), [(26, 1), (27, 0), (30, 0), (36, 0)])
def test_rule_10_create_user_exits_1_on_26_though_it_worked(api: int, code: int) -> None:
    model = android(api)
    model.remove_user(10)
    made = ask(model, "pm create-user --profileOf 0 --managed Island")
    assert (made.out, made.exit_code) == ("Success: created user id 11\n", code)
    assert model.user(11) is not None


def test_a_second_managed_profile_is_refused_in_two_lines_from_30() -> None:
    refused = ask(android(30), "pm create-user --profileOf 0 --managed Island")
    assert refused.err == (
        "Error: android.os.ServiceSpecificException: Cannot add more profiles of type"
        " android.os.usertype.profile.MANAGED for user 0 (code 6)\nError: couldn't create User.\n"
    )


@pytest.mark.parametrize(
    ("command", "out", "err", "code"),
    [
        ("am get-current-user", "0\n", "", 0),
        ("am get-started-user-state 10", "RUNNING_UNLOCKED\n", "", 0),
        ("am get-started-user-state 77", "User is not started: 77\n", "", 0),
        ("am is-user-stopped 10", "false\n", "", 0),
        ("am start-user 10", "Success: user started\n", "", 0),
        ("am start-user 77", "", "Error: could not start user\n", 0),
        ("pm get-max-users", "Maximum supported users: 4\n", "", 0),
        ("pm remove-user 77", "", "Error: couldn't remove user id 77\n", 1),
        ("pm remove-user 10", "Success: removed user\n", "", 0),
    ],
)
def test_verbs_about_users_answer_in_androids_words(command: str, out: str, err: str, code: int) -> None:
    assert ask(android(34), command) == FrameworkAnswer(out, err, code)


# Rules 11 and 12: programs and services ----------------------------------------------------------------------


@pytest.mark.parametrize("api", [26, 27])
def test_rule_11_pm_of_26_and_27_is_a_process_of_its_own(api: int) -> None:
    model = android(api)
    assert ask(model, "pm uninstall com.nobody") == FrameworkAnswer("Failure [not installed for 0]\n", "", 0)
    assert ask(model, "pm list packages --wrong").exit_code == 0
    unknown = ask(model, f"pm suspend --user 10 {OUTLOOK}")
    assert unknown.err.startswith("Error: unknown command 'suspend'\n")
    assert unknown.exit_code == 1
    assert ask(model, f"cmd package disable-user --user 10 {OUTLOOK}") == FrameworkAnswer(
        "Unknown command: disable-user\n", "", 255
    )


def test_rule_12_an_unset_setting_is_null() -> None:
    assert ask(android(34), "settings get global never_set") == FrameworkAnswer("null\n", "", 0)


def test_a_setting_is_kept_and_deleted() -> None:
    model = android(34)
    assert ask(model, "settings put --user 10 secure key 'a value'") == FrameworkAnswer()
    assert ask(model, "settings --user 10 get secure key").out == "a value\n"
    assert ask(model, "settings get --user 10 secure key").out == "a value\n"
    assert ask(model, "settings get secure key").out == "null\n"
    assert ask(model, "settings delete --user 10 secure key").out == "Deleted 1 rows\n"


def test_settings_know_no_user_all() -> None:
    assert ask(android(34), "settings get --user all secure key") == FrameworkAnswer(
        "", "Invalid user: all\n", 255
    )


def test_rule_12_an_unknown_service_exits_20() -> None:
    assert ask(android(34), "cmd nothing list") == FrameworkAnswer(
        "", "cmd: Can't find service: nothing\n", 20
    )
    assert ask(android(34), "dumpsys nothing").err == "Can't find service: nothing\n"


def test_an_unknown_verb_exits_255() -> None:
    assert ask(android(34), "cmd package frobnicate") == FrameworkAnswer(
        "Unknown command: frobnicate\n", "", 255
    )


def test_properties_unknown_to_the_phone_are_empty() -> None:
    assert ask(android(34), "getprop no.such.key") == FrameworkAnswer("\n", "", 0)
    assert "[ro.build.version.sdk]: [34]\n" in ask(android(34), "getprop").out


# Rule 13 is held in test_phone_shell; rule 14: forged messages ------------------------------------------------


@pytest.mark.parametrize("api", [28, 29, *CLAIMED])
def test_rule_14_a_message_may_imitate_a_user_line(api: int) -> None:
    model = android(api)
    forged = "x stopped=true\n    User 10: ceDataInode=1 installed=false hidden=false enabled=0"
    model.suspend(10, OUTLOOK, "com.evil", forged)
    assert f"\n{forged.splitlines()[1]}" in ask(model, f"dumpsys package {OUTLOOK}").out


# Other verbs the shell may not or hardly use ------------------------------------------------------------------


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize("verb", ["hide", "unhide"])
def test_hiding_needs_a_permission_the_shell_lacks(api: int, verb: str) -> None:
    refused = ask(android(api), f"pm {verb} --user 10 {OUTLOOK}")
    assert refused.exit_code == 255
    assert "Neither user 2000 nor current process has android.permission.MANAGE_USERS.\n" in refused.err


@pytest.mark.parametrize("api", CLAIMED)
@pytest.mark.parametrize(
    "verb", ["path", "suspend", "unsuspend", "hide", "uninstall", "install-existing", "clear"]
)
def test_every_other_verb_throws_for_a_restricted_user(api: int, verb: str) -> None:
    model = android(api, closed=True)
    before = model.to_json()
    refused = ask(model, f"pm {verb} --user 10 {OUTLOOK}")
    assert refused.exit_code == 255
    assert "java.lang.SecurityException: Shell does not have permission to access user 10\n" in refused.err
    assert model.to_json() == before


@pytest.mark.parametrize("api", RELEASES)
def test_clearing_needs_a_started_user(api: int) -> None:
    model = android(api)
    with model.changing() as data:
        data.users[10].state = "-1"

    refused = ask(model, f"pm clear --user 10 {OUTLOOK}")

    assert refused == FrameworkAnswer("", "Failed\n", 1)


@pytest.mark.parametrize("api", RELEASES)
def test_installing_what_is_there_begins_with_the_user_in_front_from_30(api: int) -> None:
    model = android(api)
    with model.changing() as data:
        data.current_user = 10

    said = ask(model, f"cmd package install-existing {TIKTOK}")

    assert said.out == f"Package {TIKTOK} installed for user: {10 if api >= 30 else 0}\n"
    assert ("installed=true" in user_line(model, TIKTOK, 10)) == (api >= 30)


@pytest.mark.parametrize("word", ["cur", "current"])
def test_the_user_in_front_is_named_by_a_word(word: str) -> None:
    car = PERSONALITIES["automotive"].build()

    ask(car, f"settings --user {word} put secure key driver")
    ask(car, f"pm disable-user --user {word} {TIKTOK}")

    assert ask(car, "settings --user 10 get secure key").out == "driver\n"
    assert ask(car, "settings get secure key").out == "null\n"
    assert "enabled=3" in user_line(car, TIKTOK, 10)


def test_a_device_owner_under_a_headless_system_user_is_shown_in_the_user_it_is_in() -> None:
    tablet = PERSONALITIES["headless-tablet"].build()

    verbose = ask(tablet, "cmd user list -v").out.splitlines()

    assert [line.split(",")[0] for line in verbose if "(device-owner)" in line] == ["1: id=10"]
    assert "  Device owner id:10\n" in ask(tablet, "dumpsys user").out
    assert "    User ID: 10\n" in ask(tablet, "dumpsys device_policy").out
    assert "User 10: admin=" in ask(tablet, "dpm list-owners").out


def test_the_heading_of_a_makers_device_owner_names_the_user_it_is_in() -> None:
    tablet = replace(PERSONALITIES["headless-tablet"], maker="hannspree").build()

    assert "Device Owner (User 10):\n" in ask(tablet, "dumpsys device_policy").out


@pytest.mark.parametrize(
    ("command", "out", "code"),
    [
        (f"pm path --user 10 {TIKTOK}", "", 1),
        (f"pm uninstall --user 10 {OUTLOOK}", "Success\n", 0),
        (f"pm uninstall --user 10 {TIKTOK}", "Failure [not installed for 10]\n", 1),
        (f"pm uninstall --user 10 {COMPANY_PORTAL}", "Failure [DELETE_FAILED_DEVICE_POLICY_MANAGER]\n", 1),
        (f"pm install-existing --user 10 {TIKTOK}", f"Package {TIKTOK} installed for user: 10\n", 0),
        ("pm install-existing com.no", f"{NOT_FOUND}: Package com.no doesn't exist\n", 1),
        (f"pm clear --user 10 {OUTLOOK}", "Success\n", 0),
        ("pm list users", "Users:\n\tUserInfo{0:Owner:4c13} running\n\tUserInfo{10:Work:1030} running\n", 0),
    ],
)  # fmt: skip
def test_verbs_about_packages_answer_in_androids_words(command: str, out: str, code: int) -> None:
    done = ask(android(34), command)
    assert (done.out, done.exit_code) == (out, code)


def test_uninstalling_for_a_user_that_does_not_exist_says_so_from_35() -> None:
    assert ask(android(35), f"pm uninstall --user 77 {OUTLOOK}").out == "Failure [user 77 doesn't exist]\n"
    assert ask(android(34), f"pm uninstall --user 77 {OUTLOOK}").out == "Failure [not installed for 77]\n"


def test_a_notification_is_posted_and_replaced_by_its_tag() -> None:
    model = android(34)
    assert ask(model, "cmd notification post -t Title tag 'first text'").out.startswith("posting:\n")
    ask(model, "cmd notification post -S bigtext -t Title tag 'second text'")
    assert model.data.notifications == {"tag": {"title": "Title", "text": "second text"}}


def test_too_few_words_for_a_notification_print_the_usage_with_exit_0() -> None:
    done = ask(android(34), "cmd notification post tag")
    assert done.out.startswith("usage: cmd notification post [flags] <tag> <text>\n")
    assert done.exit_code == 0


# What people do -----------------------------------------------------------------------------------------------


def test_an_update_by_the_store_resets_the_state() -> None:
    model = android(34)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    model.update(10, OUTLOOK)
    assert (model.state(10, OUTLOOK).enabled, model.state(10, OUTLOOK).last_disabled_caller) == (0, None)


def test_pressing_enable_leaves_state_1_and_no_mark() -> None:
    model = android(34)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    model.press_enable(10, OUTLOOK)
    state = model.state(10, OUTLOOK)
    assert (state.enabled, state.last_disabled_caller) == (1, None)


def test_the_last_removal_of_an_app_makes_the_device_forget_it() -> None:
    model = android(34)
    model.uninstall(0, TIKTOK)
    assert ask(model, f"dumpsys package {TIKTOK}").out == f"Unable to find package: {TIKTOK}\n"
    assert model.state(0, TIKTOK) == PackageInUser()


def test_a_paused_profile_is_not_running_and_its_packages_can_still_be_disabled() -> None:
    model = android(34)
    model.pause(10)
    assert "UserInfo{10:Work:10b0}\n" in ask(model, "pm list users").out
    assert "    State: -1\n" in ask(model, "dumpsys user").out
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").exit_code == 0


def test_an_archived_app_is_not_installed_and_has_archive_lines() -> None:
    model = android(35)
    model.archive(0, TIKTOK)
    assert " installed=false " in user_line(model, TIKTOK, 0)
    assert "\n      archiveTime=" in ask(model, f"dumpsys package {TIKTOK}").out
