"""What makers change (docs/android/commands.md 16, 17), layouts of users, and whoever else acts on a phone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, PERSONALITIES, TIKTOK
from agent_scripts.virtual_phone.releases import PROGRAM_SINCE
from tests.virtual_phone.conftest import Computer, PhoneMaker, needs_android_shell
from tests.virtual_phone.test_android_rules import ask, user_line


def made(name: str) -> AndroidModel:
    return PERSONALITIES[name].build()


# Xiaomi and vivo ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xiaomi-preinstalled", "Cannot disable system packages."),
        ("vivo", f"Cannot disable {OUTLOOK} no root permission"),
    ],
)
def test_the_maker_keeps_apps_that_came_with_the_phone(name: str, message: str) -> None:
    model = made(name)
    refused = ask(model, f"pm disable-user --user 10 {OUTLOOK}")
    head = "\nException occurred while executing 'disable-user':\njava.lang.SecurityException: "
    assert refused.err.startswith(f"{head}{message}\n\tat com.android.server.pm.PackageManagerService")
    assert (refused.out, refused.exit_code, model.state(10, OUTLOOK).enabled) == ("", 255, 0)
    assert ask(model, f"pm disable-user --user 10 {LYNC}").exit_code == 0


@pytest.mark.parametrize(
    ("name", "package", "failure"),
    [("xiaomi-preinstalled", TIKTOK, "-1000"), ("vivo", OUTLOOK, "DELETE_FAILED_USER_RESTRICTED")],
)
def test_the_maker_refuses_to_uninstall_them_in_words_of_its_own(
    name: str, package: str, failure: str
) -> None:
    model = made(name)
    user = 0 if package == TIKTOK else 10
    assert ask(model, f"pm uninstall --user {user} {package}").out == f"Failure [{failure}]\n"


def test_xiaomi_keeps_its_core_packages_whoever_installed_them() -> None:
    model = made("xiaomi")
    model.install(0, "com.miui.core")
    refused = ask(model, "pm disable-user --user 0 com.miui.core")
    assert (
        "\njava.lang.SecurityException: Cannot disable miui core packages.\n\tat com.android." in refused.err
    )
    assert (refused.exit_code, model.state(0, "com.miui.core").enabled) == (255, 0)


def test_xiaomi_withholds_settings_and_dpm_until_its_own_switch_is_on() -> None:
    model = made("xiaomi")
    assert (
        "SecurityException: Permission denial: writing to settings requires:android.permission.WRITE_SECURE_SETTINGS\n"
        in ask(model, "settings put global key 1").err
    )
    refused = ask(model, "dpm set-profile-owner --user 10 com.android.settings/.Admin")
    assert "java.lang.SecurityException: Calling identity is not authorized\n" in refused.err
    assert ask(model, "settings get global key").out == "null\n"
    model.data.security_settings_on = True
    assert ask(model, "settings put global key 1").exit_code == 0


def test_a_newer_xiaomi_names_the_missing_right_in_brackets() -> None:
    refused = ask(made("xiaomi-preinstalled"), "settings delete global key")
    assert "must have one of: [android.permission.WRITE_SECURE_SETTINGS]\n" in refused.err


# Samsung -----------------------------------------------------------------------------------------------------


def test_samsung_masks_names_in_the_dump_and_not_in_the_list() -> None:
    model = made("samsung-one-ui")
    assert "UserInfo{0:xxx:4c13}" in ask(model, "dumpsys user").out
    assert "UserInfo{0:Canary Person:4c13}" in ask(model, "pm list users").out


def test_samsung_hides_file_names_in_frames() -> None:
    refused = ask(made("samsung-one-ui"), f"pm disable-user --user 151 {TIKTOK}")
    assert "\tat com.android.server.am.UserController.handleIncomingUser(qb/109720563 " in refused.err
    assert "(ActivityManager.java:" in refused.err


def test_samsung_keeps_a_few_knox_packages_in_one_line() -> None:
    package = "com.samsung.knox.securefolder"
    refused = ask(made("samsung-one-ui"), f"pm disable-user --user 0 {package}")
    assert (refused.err, refused.exit_code) == (f"Failed to change state of package: {package}\n", 1)


def test_the_secure_folder_is_closed_and_carries_the_bit_of_managed_profiles() -> None:
    model = made("samsung-one-ui")
    folder = model.users()[-1]
    assert (folder.number, folder.flags & 0x20, folder.type) == (151, 0x20, "profile.MANAGED")
    refused = ask(model, f"pm disable-user --user 151 {OUTLOOK}")
    assert "Shell does not have permission to access user 151\n" in refused.err


def test_samsung_lets_the_shell_into_dual_messenger_whatever_is_restricted() -> None:
    model = made("samsung-one-ui")
    model.restrict(95, "no_debugging_features")
    assert ask(model, f"pm list packages --user 95 {TIKTOK}").out == f"package:{TIKTOK}\n"


# Newer layouts, Fire OS, cars --------------------------------------------------------------------------------


def test_grapheneos_indents_its_dump_and_has_further_keys() -> None:
    dumped = ask(made("grapheneos"), f"dumpsys package {OUTLOOK}").out
    assert f"\n    Package [{OUTLOOK}] (" in dumped
    line = next(line for line in dumped.splitlines() if line.startswith("      User 10: "))
    assert " pccCeDataInode=0 pccDeDataInode=0 installed=true hidden=false suspended=false" in line
    assert " suspended=false appLockEnabled=false distractionFlags=0 " in line


def test_a_fire_tablet_has_a_profile_owner_on_user_0() -> None:
    model = made("fire-tablet")
    assert "    Has profile owner: true\n" in ask(model, "dumpsys user").out
    assert "  Profile Owner (User 0): \n" in ask(model, "dumpsys device_policy").out


def test_a_makers_heading_names_the_user_of_the_device_owner() -> None:
    model = made("cope-9")
    model.data.maker = "hannspree"
    dumped = ask(model, "dumpsys device_policy").out
    assert "\nDevice Owner (User 0):\n  admin=ComponentInfo{com.microsoft." in dumped
    assert "\n  User ID: 0\n\n  Profile Owner (User 10): \n    admin=" in dumped


def test_in_a_car_the_current_user_is_not_0() -> None:
    model = made("automotive")
    assert ask(model, "dumpsys user").out.startswith("Current user: 10\n")
    assert ask(model, "am get-current-user").out == "10\n"
    assert "    Type: android.os.usertype.system.HEADLESS\n" in ask(model, "dumpsys user").out


def test_an_update_is_dated_by_the_phones_own_clock() -> None:
    model = made("pixel-14")
    model.set_clock(-10 * 365 * 24 * 3600)
    before = ask(model, "dumpsys package " + OUTLOOK).out
    model.update(10, OUTLOOK)
    after = ask(model, "dumpsys package " + OUTLOOK).out
    year = datetime.now(UTC).year - 10
    assert "    lastUpdateTime=2024-" in before
    assert f"    lastUpdateTime={year}-" in after or f"    lastUpdateTime={year + 1}-" in after


# Layouts of users --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("several-people", "\tUserInfo{11:Guest:414}\n\tUserInfo{12:Second person:410} running\n"),
        ("paused-work-profile", "\tUserInfo{10:Work profile:10b0}\n"),
        ("locked-work-profile", "\tUserInfo{10:Work profile:1030} running\n"),
        ("private-space", "\tUserInfo{11:Private space:1090}\n"),
        ("odd-names", "\tUserInfo{10:} running\n\tUserInfo{77:工作 :4c13} serialNo=77:1030} running\n"),
    ],
)
def test_users_are_listed_as_they_are(name: str, line: str) -> None:
    assert line in ask(made(name), "pm list users").out


@pytest.mark.parametrize(
    ("name", "state"), [("locked-work-profile", "RUNNING_LOCKED"), ("private-space", "-1")]
)
def test_locked_and_stopped_users_show_their_state(name: str, state: str) -> None:
    assert f"    State: {state}\n" in ask(made(name), "dumpsys user").out


def test_an_archived_app_has_its_lines() -> None:
    model = made("archived")
    assert " installed=false " in user_line(model, TIKTOK, 0)
    assert "\n      archiveTime=" in ask(model, f"dumpsys package {TIKTOK}").out


# Whoever else acts -------------------------------------------------------------------------------------------


def test_an_owners_client_enables_again_before_the_next_command(
    make_phone: PhoneMaker, computer: Computer
) -> None:
    phone = make_phone()
    phone.model.keep_enabling(10, OUTLOOK)
    device = computer.connect(phone)
    for _ in range(2):
        shown = device.shell(f"pm disable-user --user 10 {OUTLOOK}; dumpsys package {OUTLOOK}")
        assert " enabled=3 " in shown
        device.shell("true")
        assert phone.model.state(10, OUTLOOK).enabled == 1
    device.close()


def test_a_quick_owners_client_enables_again_at_once() -> None:
    model = made("pixel-14")
    model.keep_enabling(10, OUTLOOK, state=0, at_once=True)
    assert ask(model, f"pm disable-user --user 10 {OUTLOOK}").out.endswith("new state: disabled-user\n")
    assert " enabled=0 " in user_line(model, OUTLOOK, 10)


@needs_android_shell
@pytest.mark.parametrize("name", ["pixel-8", "pixel-9", "pixel-10", "pixel-14"])
def test_the_shell_has_the_programs_of_its_release(
    make_phone: PhoneMaker, computer: Computer, name: str
) -> None:
    phone: VirtualPhone = make_phone(name)
    device = computer.connect(phone)
    names = " ".join(sorted(PROGRAM_SINCE.keys() - {"[", "test"}))
    found = device.shell(f"for name in {names}; do command -v $name >/dev/null && echo $name; done").split()
    device.close()
    api = phone.model.data.api
    assert found == sorted(n for n, since in PROGRAM_SINCE.items() if since <= api and n not in ("[", "test"))
