"""The rules of docs/android/commands.md 18 for API 26-29, where they differ from those of `test_android_rules`."""

from __future__ import annotations

import pytest

from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer
from agent_scripts.virtual_phone.personalities import (
    COMPANY_PORTAL,
    LYNC,
    OUTLOOK,
    OWNER_COMPONENT,
    PERSONALITIES,
    TIKTOK,
)
from tests.virtual_phone.test_android_rules import OLD, android, ask, user_line

PM_IS_A_PROCESS, PM_IS_A_SCRIPT = [26, 27], [28, 29]
ENABLING = [("enable", 1, "enabled"), ("disable-user", 3, "disabled-user"), ("default-state", 0, "default")]


def refusal(api: int, java_class: str, message: str) -> tuple[str, int]:
    """How an exception of a verb of `pm` begins, and the exit code."""
    if api in PM_IS_A_PROCESS:
        return f"Error: java.lang.{java_class}: {message}\n", 1
    if java_class == "SecurityException":
        return f"Security exception: {message}\n\njava.lang.SecurityException: {message}\n\tat ", 255
    return f"\nException occurred while executing:\njava.lang.{java_class}: {message}\n\tat ", 255


def assert_refused(refused: FrameworkAnswer, expected: tuple[str, int]) -> None:
    text, code = expected
    assert refused.err.startswith(text)
    assert (refused.out, refused.exit_code) == ("", code)


@pytest.mark.parametrize("api", OLD)
def test_rule_1_bare_listing_lists_user_0_beside_a_restricted_user(api: int) -> None:
    listed = ask(android(api, closed=True), "pm list packages musically")
    assert listed == FrameworkAnswer(f"package:{TIKTOK}\n", "", 0)


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize("word", ["all", "cur"])
def test_rule_1_listing_special_users_is_silently_empty(api: int, word: str) -> None:
    assert ask(android(api), f"pm list packages --user {word}") == FrameworkAnswer("", "", 0)


@pytest.mark.parametrize("api", OLD)
def test_rule_2_the_filter_is_a_substring_and_hidden_packages_are_missing(api: int) -> None:
    model = android(api)
    model.install(0, f"{TIKTOK}.go")
    model.set_hidden(10, OUTLOOK, True)
    ask(model, f"pm disable-user --user 10 {LYNC}")
    assert ask(model, f"pm list packages {TIKTOK}").out == f"package:{TIKTOK}\npackage:{TIKTOK}.go\n"
    assert ask(model, "pm list packages --user 10 microsoft.office").out == f"package:{LYNC}\n"
    assert "installed=true hidden=true" in user_line(model, OUTLOOK, 10)


@pytest.mark.parametrize("api", OLD)
def test_rule_4_disable_user_makes_state_3_with_the_mark_of_the_release(api: int) -> None:
    model = android(api)
    done = ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    assert done == FrameworkAnswer(f"Package {OUTLOOK} new state: disabled-user\n", "", 0)
    assert " enabled=3 " in user_line(model, OUTLOOK, 10)
    mark = "shell:2000" if api in PM_IS_A_PROCESS else "shell:1000"
    assert f"\n      lastDisabledCaller: {mark}\n" in ask(model, f"dumpsys package {OUTLOOK}").out


@pytest.mark.parametrize("api", PM_IS_A_SCRIPT)
def test_rule_4_cmd_package_knows_the_verb_from_28(api: int) -> None:
    assert ask(android(api), f"cmd package disable-user --user 10 {OUTLOOK}").exit_code == 0


@pytest.mark.parametrize("api", OLD)
def test_rule_4_the_owners_package_is_protected(api: int) -> None:
    refused = ask(android(api), f"pm disable-user --user 10 {COMPANY_PORTAL}")
    text = f"Cannot disable a protected package: {COMPANY_PORTAL}"
    assert_refused(refused, refusal(api, "SecurityException", text))


@pytest.mark.parametrize("api", OLD)
def test_rule_4_an_owner_cannot_withdraw_an_app_from_the_shell_before_30(api: int) -> None:
    model = android(api)
    model.data.user_control_disabled.append(f"10:{OUTLOOK}")
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").exit_code == 0


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize("verb", ["disable-user", "enable", "default-state"])
def test_rule_4_a_restricted_user_is_refused(api: int, verb: str) -> None:
    model = android(api, closed=True)
    refused = ask(model, f"pm {verb} --user 10 {LYNC}")
    text = "Shell does not have permission to access user 10"
    assert_refused(refused, refusal(api, "SecurityException", text))
    assert model.state(10, LYNC).enabled == 1


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize("old_state", [2, 4])
@pytest.mark.parametrize(("verb", "number", "_word"), ENABLING)
def test_rule_4_states_2_and_4_cannot_be_left(
    api: int, old_state: int, verb: str, number: int, _word: str
) -> None:
    model = android(api)
    model.set_enabled(10, OUTLOOK, old_state)
    refused = ask(model, f"pm {verb} --user 10 {OUTLOOK}")
    text = f"Shell cannot change component state for {OUTLOOK}/null to {number}"
    assert_refused(refused, refusal(api, "SecurityException", text))
    assert model.state(10, OUTLOOK).enabled == old_state


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize(("verb", "number", "word"), ENABLING)
def test_rule_4_states_0_1_and_3_change_into_each_other(api: int, verb: str, number: int, word: str) -> None:
    for before in (0, 1, 3):
        model = android(api)
        model.set_enabled(10, OUTLOOK, before)
        assert ask(model, f"pm {verb} --user 10 {OUTLOOK}").out == f"Package {OUTLOOK} new state: {word}\n"
        assert model.state(10, OUTLOOK).enabled == number


@pytest.mark.parametrize("api", OLD)
def test_rule_4_uninstall_blocked_apps_can_be_disabled(api: int) -> None:
    model = android(api)
    model.data.uninstall_blocked.append(f"10:{OUTLOOK}")
    model.restrict(10, "no_control_apps", "no_uninstall_apps")
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").exit_code == 0


@pytest.mark.parametrize("api", OLD)
def test_rule_4_a_user_that_does_not_exist_gets_the_odd_answer(api: int) -> None:
    model = android(api)
    before = model.to_json()
    done = ask(model, f"pm disable-user --user 77 {OUTLOOK}")
    assert done == FrameworkAnswer(f"Package {OUTLOOK} new state: disabled\n", "", 0)
    assert model.to_json() == before


@pytest.mark.parametrize("api", OLD)
def test_rule_4_an_unknown_package_is_an_illegal_argument(api: int) -> None:
    refused = ask(android(api), "pm disable-user --user 10 com.bsp.catchlog")
    assert_refused(refused, refusal(api, "IllegalArgumentException", "Unknown package: com.bsp.catchlog"))


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize(("verb", "number"), [("disable", 2), ("disable-until-used", 4)])
def test_rule_5_disable_is_refused_in_the_words_of_the_release(api: int, verb: str, number: int) -> None:
    refused = ask(android(api), f"pm {verb} --user 10 {OUTLOOK}")
    text = f"Shell cannot change component state for {OUTLOOK}/null to {number}"
    assert_refused(refused, refusal(api, "SecurityException", text))


def test_rule_6_suspending_works_in_user_0_without_an_owner_on_28() -> None:
    model = android(28)
    done = ask(model, f"pm suspend --user 0 --dialogMessage 'Not now' {TIKTOK}")
    assert done == FrameworkAnswer(f"Package {TIKTOK} new suspended state: true\n", "", 0)
    line = user_line(model, TIKTOK, 0)
    assert " suspended=true suspendingPackage=com.android.shell dialogMessage=Not now stopped=false" in line


def test_rule_6_a_device_owner_forbids_suspending_in_user_0_on_28() -> None:
    model = android(28)
    model.data.device_owner = OWNER_COMPONENT
    refused = ask(model, f"pm suspend --user 0 {TIKTOK}")
    text = "Cannot suspend/unsuspend packages. User 0 has an active DO or PO"
    assert_refused(refused, refusal(28, "UnsupportedOperationException", text))


@pytest.mark.parametrize("api", PM_IS_A_SCRIPT)
@pytest.mark.parametrize("why", ["launcher", "dialer", "installer", "admin"])
def test_rule_6_some_apps_are_refused_silently(api: int, why: str) -> None:
    model = android(api)
    model.data.users[0].admins.append(f"{TIKTOK}/.Admin")
    package = model.data.special_apps.get(why, TIKTOK)
    done = ask(model, f"pm suspend --user 0 {package}")
    assert done == FrameworkAnswer(f"Package {package} new suspended state: false\n", "", 0)


@pytest.mark.parametrize("api", PM_IS_A_SCRIPT)
def test_rule_6_uninstall_block_is_no_obstacle_before_30(api: int) -> None:
    model = android(api)
    model.data.uninstall_blocked.append(f"0:{TIKTOK}")
    assert ask(model, f"pm suspend --user 0 {TIKTOK}").out.endswith("state: true\n")


@pytest.mark.parametrize("api", PM_IS_A_SCRIPT)
def test_rule_7_there_is_one_suspension_only_and_unsuspending_ends_it(api: int) -> None:
    model = android(api)
    model.suspend(0, TIKTOK, "com.other")
    ask(model, f"pm suspend --user 0 {TIKTOK}")
    assert list(model.state(0, TIKTOK).suspenders) == ["com.android.shell"]
    assert ask(model, f"pm unsuspend --user 0 {TIKTOK}").out.endswith("new suspended state: false\n")


@pytest.mark.parametrize("api", OLD)
def test_rule_8_a_reboot_keeps_disabled_states_and_resets_the_change_counter(api: int) -> None:
    model = android(api)
    ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    model.reboot()
    assert " enabled=3 " in user_line(model, OUTLOOK, 10)
    assert ask(model, "dumpsys package changes").out == "Package Changes:\n  Sequence number=0\n"


@pytest.mark.parametrize("api", [28, 29])
def test_rule_8_on_29_suspensions_in_owned_users_end_with_a_reboot(api: int) -> None:
    model = android(api)
    model.suspend(10, OUTLOOK, "com.android.shell")
    model.suspend(0, TIKTOK, "com.android.shell")
    model.reboot()
    assert (model.state(10, OUTLOOK).suspended, model.state(0, TIKTOK).suspended) == (api == 28, True)


@pytest.mark.parametrize("api", OLD)
def test_rule_9_force_stop_reaches_restricted_users_and_throws_with_their_number(api: int) -> None:
    model = android(api, closed=True)
    refused = ask(model, f"am force-stop --user 10 {OUTLOOK}")
    assert "Shell does not have permission to access user 10\n" in refused.err
    assert refused.exit_code == 255
    assert not model.state(10, OUTLOOK).stopped
    assert ask(model, f"am force-stop {OUTLOOK}") == FrameworkAnswer("", "", 0)
    assert model.state(10, OUTLOOK).stopped


@pytest.mark.parametrize("api", PM_IS_A_PROCESS)
@pytest.mark.parametrize("words", ["--user", "--user all", f"--user ten {OUTLOOK}"])
def test_rule_11_pm_wants_a_number_for_a_user(api: int, words: str) -> None:
    refused = ask(android(api), f"pm disable-user {words}")
    assert refused.err.startswith("Error: no USER_ID specified\nNOTE: 'pm list' commands have moved!")
    assert (refused.out, refused.exit_code) == ("", 1)


@pytest.mark.parametrize("api", PM_IS_A_PROCESS)
@pytest.mark.parametrize("verb", ["suspend", "unsuspend", "install-existing"])
def test_rule_11_cmd_package_knows_what_pm_does_not(api: int, verb: str) -> None:
    unknown = ask(android(api), f"pm {verb} {OUTLOOK}")
    assert unknown.err.startswith(f"Error: unknown command '{verb}'\n")
    assert (unknown.out, unknown.exit_code) == ("", 1)
    assert "Unknown command" not in ask(android(api), f"cmd package {verb} {OUTLOOK}").out


@pytest.mark.parametrize("api", OLD)
@pytest.mark.parametrize(
    ("command", "answered"),
    [
        ("settings get global never_set", FrameworkAnswer("null\n", "", 0)),
        ("cmd nothing list", FrameworkAnswer("", "cmd: Can't find service: nothing\n", 20)),
        ("cmd package frobnicate", FrameworkAnswer("Unknown command: frobnicate\n", "", 255)),
    ],
)
def test_rule_12_settings_and_services(api: int, command: str, answered: FrameworkAnswer) -> None:
    assert ask(android(api), command) == answered


@pytest.mark.parametrize("api", [26, 27, 28])
def test_notifications_cannot_be_posted_before_29(api: int) -> None:
    assert ask(android(api), "cmd notification post tag text") == FrameworkAnswer(
        "Unknown command: post\n", "", 255
    )


@pytest.mark.parametrize("api", PM_IS_A_SCRIPT)
def test_rule_14_a_forged_message_stands_in_the_middle_of_the_line(api: int) -> None:
    model = android(api)
    forged = "x\n    User 0: ceDataInode=1 installed=false hidden=false suspended=false enabled=0"
    model.suspend(0, TIKTOK, "com.evil", forged)
    dumped = ask(model, f"dumpsys package {TIKTOK}").out
    assert f"\n{forged.splitlines()[1]}" in dumped
    assert " stopped=false notLaunched=false enabled=0 instant=false virtual=false\n" in dumped


@pytest.mark.parametrize("api", OLD)
def test_other_apps_names_stand_in_no_queries_section_before_30(api: int) -> None:
    assert "Queries:" not in ask(android(api), f"dumpsys package {OUTLOOK}").out


@pytest.mark.parametrize("name", ["pixel-8", "pixel-8.1", "pixel-9", "pixel-10"])
def test_users_have_neither_types_nor_newer_flags(name: str) -> None:
    model = PERSONALITIES[name].build()
    dumped = ask(model, "dumpsys user").out
    assert "Type:" not in dumped
    assert "Current user:" not in dumped
    assert "  UserInfo{10:Work profile:30} serialNo=10\n" in dumped
    assert "\tUserInfo{0:Canary Person:13} running\n" in ask(model, "pm list users").out


def test_a_company_owned_phone_has_two_owners_before_30() -> None:
    dumped = ask(PERSONALITIES["cope-9"].build(), "dumpsys device_policy").out
    assert "  Device Owner: \n" in dumped
    assert "  Profile Owner (User 10): \n" in dumped
    assert "isOrganizationOwnedDevice" not in dumped


def test_a_company_owned_phone_says_so_at_its_profile_from_30() -> None:
    dumped = ask(PERSONALITIES["cope"].build(), "dumpsys device_policy").out
    assert "Device Owner" not in dumped
    assert "    isOrganizationOwnedDevice=true\n" in dumped


@pytest.mark.parametrize(
    ("api", "command"),
    [
        *((api, "cmd package install-existing") for api in OLD),
        *((api, "pm uninstall") for api in OLD),
        *((api, "pm clear") for api in OLD),
    ],
)
def test_verbs_that_change_apps_throw_for_a_restricted_user(api: int, command: str) -> None:
    model = android(api, closed=True)
    before = model.to_json()

    refused = ask(model, f"{command} --user 10 {OUTLOOK}")

    assert "Shell does not have permission to access user 10" in refused.err + refused.out
    assert "Success" not in refused.out
    assert "installed for user" not in refused.out
    assert model.to_json() == before
