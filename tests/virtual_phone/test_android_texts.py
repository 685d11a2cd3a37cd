"""The texts about users and owners, line by line, per release (docs/android/commands.md 3 and 10)."""

from __future__ import annotations

import pytest

from agent_scripts.virtual_phone.framework import answer
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import (
    COMPANY_PORTAL,
    LYNC,
    OUTLOOK,
    PERSONALITIES,
    TIKTOK,
    personality,
)
from agent_scripts.virtual_phone.releases import RELEASES
from tests.virtual_phone.test_android_rules import CLAIMED, android

ADMIN = f"{COMPANY_PORTAL}/.admin.DeviceAdminReceiver"
FULL_ADMIN = f"{COMPANY_PORTAL}/{COMPANY_PORTAL}.admin.DeviceAdminReceiver"


def text(model: AndroidModel, *words: str) -> str:
    return answer(model, words[0], words[1:]).out


def section(dump: str, head: str) -> list[str]:
    """The lines of one user of ``dumpsys user``."""
    lines = dump.splitlines()
    start = lines.index(head)
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith("    ")), len(lines))
    return lines[start:end]


@pytest.mark.parametrize(
    ("api", "flags"), [(26, "13"), (29, "13"), (30, "c13"), (33, "c13"), (34, "4c13"), (36, "4c13")]
)
def test_the_system_users_flags_follow_the_release(api: int, flags: str) -> None:
    assert f"\tUserInfo{{0:Owner:{flags}}} running\n" in text(android(api), "pm", "list", "users")


@pytest.mark.parametrize(
    ("api", "head"),
    [
        (29, "  UserInfo{10:Work:30} serialNo=10"),
        (30, "  UserInfo{10:Work:1030} serialNo=10 isPrimary=false"),
        (31, "  UserInfo{10:Work:1030} serialNo=10 isPrimary=false parentId=0"),
    ],
)
def test_the_first_line_of_a_user_grows_with_the_releases(api: int, head: str) -> None:
    assert head in text(android(api), "dumpsys", "user").splitlines()


@pytest.mark.parametrize("api", CLAIMED)
def test_a_closed_profile_shows_its_restriction_in_both_blocks(api: int) -> None:
    head = "  UserInfo{10:Work:1030} serialNo=10 isPrimary=false" + " parentId=0" * (api >= 31)
    lines = section(text(android(api, closed=True), "dumpsys", "user"), head)
    assert "    Type: android.os.usertype.profile.MANAGED" in lines
    assert "    Flags: 4144 (INITIALIZED|MANAGED_PROFILE|PROFILE)" in lines
    policy = "    Device policy restrictions:" if api >= 34 else "    Device policy local restrictions:"
    assert lines[lines.index(policy) + 1] == "      no_debugging_features"
    effective = lines[lines.index("    Effective restrictions:") + 1 :]
    assert effective == ["      no_bluetooth_sharing", "      no_debugging_features"]


@pytest.mark.parametrize("api", list(RELEASES))
def test_the_state_of_started_users_is_summed_up_from_31(api: int) -> None:
    line = "  Started users state: [0=RUNNING_UNLOCKED, 10=RUNNING_UNLOCKED]\n"
    assert (line in text(android(api), "dumpsys", "user")) == (api >= 31)


def test_one_user_can_be_dumped_from_33() -> None:
    assert text(android(33), "dumpsys", "user", "--user", "10").startswith("  UserInfo{10:")
    assert text(android(32), "dumpsys", "user", "--user", "10").startswith("Current user: 0\n")


def test_the_verbose_list_has_types_and_owners_from_33() -> None:
    listed = text(android(34), "cmd", "user", "list", "-v")
    assert listed == (
        "2 users:\n\n"
        "0: id=0, name=Owner, type=full.SYSTEM, flags=ADMIN|FULL|INITIALIZED|MAIN|PRIMARY|SYSTEM"
        " (running) (current) (visible)\n"
        "1: id=10, name=Work, type=profile.MANAGED, flags=INITIALIZED|MANAGED_PROFILE|PROFILE"
        " (parentId=0) (running) (profile-owner) (visible)\n"
    )


def test_a_wrong_option_of_the_list_is_refused() -> None:
    refused = answer(android(34), "cmd", ["user", "list", "-x"])
    assert (refused.out, refused.exit_code) == ("Invalid option: -x\n", 255)


@pytest.mark.parametrize(
    ("api", "owners"),
    [
        (31, f"1 owner:\nUser 10: admin={ADMIN},ProfileOwner\n"),
        (
            32,
            f"2 owners:\nUser 10: admin={ADMIN},ProfileOwner\n"
            f"User 10: admin={ADMIN},ManagedProfileOwner(parentUserId=0)\n",
        ),
    ],
)
def test_owners_are_listed_a_second_time_from_32(api: int, owners: str) -> None:
    assert text(android(api), "dpm", "list-owners") == owners


def test_a_phone_without_owners_says_so() -> None:
    model = android(34)
    model.remove_user(10)
    assert text(model, "dpm", "list-owners") == "no owners\n"


def test_a_fully_managed_phone_lists_its_device_owner() -> None:
    assert text(personality("fully-managed").build(), "dpm", "list-owners") == (
        f"1 owner:\nUser  0: admin={ADMIN},DeviceOwner\n"
    )


def test_dpm_before_31_does_not_list_owners() -> None:
    refused = answer(android(30), "dpm", ["list-owners"])
    assert refused.out == ""
    assert refused.err.startswith("usage: dpm [subcommand] [options]\n")


@pytest.mark.parametrize("api", CLAIMED)
def test_the_profile_owner_is_dumped_with_what_the_release_knows(api: int) -> None:
    dumped = text(android(api, closed=True), "dumpsys", "device_policy")
    name = "    name=\n" if api <= 32 else ""
    assert (
        f"\n  Profile Owner (User 10): \n    admin=ComponentInfo{{{FULL_ADMIN}}}\n{name}"
        f"    package={COMPANY_PORTAL}\n    isOrganizationOwnedDevice=false\n\n"
    ) in dumped
    assert "Device Owner" not in dumped


def test_the_device_owner_is_dumped_for_user_0() -> None:
    dumped = text(personality("fully-managed").build(), "dumpsys", "device_policy")
    assert (
        f"  Device Owner: \n    admin=ComponentInfo{{{FULL_ADMIN}}}\n    name=\n    package={COMPANY_PORTAL}\n"
        "    User ID: 0\n\n"
    ) in dumped
    assert "Profile Owner" not in dumped


@pytest.mark.parametrize(
    ("verb", "text_of_refusal"),
    [
        (
            "set-device-owner",
            "Not allowed to set the device owner because there are already several users on the device",
        ),
        (
            "set-profile-owner",
            "Not allowed to set the profile owner because there are already some accounts on the profile",
        ),
    ],
)
def test_owners_cannot_be_set_on_a_phone_in_use(verb: str, text_of_refusal: str) -> None:
    refused = answer(android(34), "dpm", [verb, "com.android.settings/.Admin"])
    assert f"java.lang.IllegalStateException: {text_of_refusal}\n" in refused.err
    assert refused.exit_code == 255


def test_an_unknown_admin_exits_0_where_dpm_is_a_process() -> None:
    refused = answer(android(30), "dpm", ["set-device-owner", "com.nobody/.Admin"])
    assert refused.err.endswith("\nError: Unknown admin: ComponentInfo{com.nobody/com.nobody.Admin}\n")
    assert refused.exit_code == 0


@pytest.mark.parametrize("name", sorted(PERSONALITIES))
def test_every_ready_made_phone_carries_the_canaries(name: str) -> None:
    model = personality(name).build()
    assert ":Canary Person:" in text(model, "pm", "list", "users")
    dumped = text(model, "dumpsys", "package", OUTLOOK if model.package(OUTLOOK) else TIKTOK)
    newer = model.data.api >= 30
    assert ("\n  Queries:\n" in dumped or "\nQueries:\n" in dumped) == newer
    assert dumped.count("com.canary.not.yours") >= (4 if newer else 1)
    assert model.state(0, "com.canary.not.yours").installed


@pytest.mark.parametrize("name", sorted(set(PERSONALITIES) - {"automotive"}))
def test_managed_apps_are_on_in_their_place_on_every_ready_made_phone(name: str) -> None:
    model = personality(name).build()
    profiles = [user.number for user in model.users() if user.type == "profile.MANAGED"]
    place = profiles[0] if profiles else model.data.device_owner_user
    outlook, lync = (model.state(place, app) for app in (OUTLOOK, LYNC))
    assert lync.installed or name == "fire-tablet"
    assert (outlook.installed, outlook.enabled) == (name != "fire-tablet", 0)
    assert lync.enabled == (1 if name in ("tiktok-personal", "cope", "headless-tablet") else 0)


@pytest.mark.parametrize(
    ("name", "user", "package"),
    [
        ("tiktok-personal", 0, "com.zhiliaoapp.musically"),
        ("tiktok-work", 10, "com.zhiliaoapp.musically"),
        ("tiktok-clone", 11, "com.zhiliaoapp.musically.go"),
        ("samsung-secure-folder", 150, "com.zhiliaoapp.musically"),
        ("closed-work-profile", 0, "com.zhiliaoapp.musically"),
        ("fully-managed", 0, "com.zhiliaoapp.musically"),
    ],
)
def test_each_phone_of_the_story_hides_its_app_in_one_user_only(name: str, user: int, package: str) -> None:
    model = personality(name).build()
    assert [found.number for found in model.users() if model.state(found.number, package).installed] == [user]


def test_the_clean_phone_has_no_banned_app() -> None:
    dumped = text(personality("clean").build(), "dumpsys", "package", "com.zhiliaoapp.musically")
    assert dumped == "Unable to find package: com.zhiliaoapp.musically\n"


def test_serial_numbers_differ_between_ready_made_phones() -> None:
    serials = {phone.build().data.properties["ro.serialno"] for phone in PERSONALITIES.values()}
    assert len(serials) == len(PERSONALITIES)
