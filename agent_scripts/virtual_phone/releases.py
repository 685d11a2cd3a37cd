"""What differs between Android releases as far as a shell command shows it; one row per API level, no logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class SuspensionLayout(Enum):
    """Where ``dumpsys package`` shows who suspends an app (docs/android/commands.md 5.3)."""

    NOT_SHOWN = "26, 27"
    MESSAGE_INLINE = "28"
    INFO_INLINE = "29"
    PARAMS = "30-34"
    PARAMS_WITH_USER = "35+"


class ShellSuspends(Enum):
    """What ``suspend`` by uid 2000 meets (docs/android/commands.md 7.3)."""

    NO_PERMISSION = "26, 27"
    USER_0_ONLY = "28"
    WITHOUT_OWNER = "29"
    ALLOWED = "30+"


class ClosedUserListing(Enum):
    """What ``list packages`` does about a user that refuses the shell (docs/android/commands.md 4.2)."""

    WORKS = "26-29"
    THROWS = "30-32"
    THROWS_FOR_ALL = "33, 34"
    SKIPS = "35, 36"


_OLD_LINE = "ceDataInode installed hidden suspended stopped notLaunched enabled instant"
_MIDDLE_LINE = (
    "ceDataInode installed hidden suspended distractionFlags stopped notLaunched enabled instant virtual"
)
_NEW_LINE = f"ceDataInode deDataInode {_MIDDLE_LINE.removeprefix('ceDataInode ')} quarantined"


@dataclass(frozen=True)
class Release:
    """One API level as the shell sees it; the fields name the chapter of docs/android/commands.md they come from."""

    api: int
    version: str
    system_user_flags: int  # 3.2
    user_line: str  # 5.3, the keys in their order
    suspension: SuspensionLayout  # 5.3
    shell_suspends: ShellSuspends  # 7.3
    closed_listing: ClosedUserListing  # 4.2
    pm_is_a_process: bool = False  # 2.1
    dpm_is_a_process: bool = False  # 10.1
    exceptions_name_the_verb: bool = True  # 2.3
    translates_users: bool = True  # 2.4
    lists_all_users_by_default: bool = False  # 2.4
    several_suspend_targets: bool = False  # 7.1
    user_types: bool = True  # 3.3, 3.4
    parent_in_user_dump: bool = False  # 3.4
    verbose_user_list: bool = False  # 3.1: type= and owner words
    visible_users: bool = False  # 3.1
    one_policy_restriction_block: bool = False  # 3.4
    user_dump_takes_a_number: bool = False  # 3.4
    started_users_line: bool = False  # 3.4
    app_id_word: str = "userId"  # 5.1
    install_times_per_user: bool = False  # 5.3
    user_data_dir_line: bool = False  # 5.3
    installer_always_shown: bool = False  # 5.1
    last_disabled_caller: str = "shell:1000"  # 5.3
    queries_section: bool = True  # 5.1
    component_text_names_package: bool = False  # 6.2
    suspends_only_installed: bool = False  # 7.2
    owner_removes_suspensions: bool = False  # 7.5
    create_user_explains: bool = True  # 8.5
    create_user_exit: int = 0  # 8.5
    lists_owners: bool = False  # 10.2
    lists_profile_admins_twice: bool = False  # 10.2
    owner_name_line: bool = False  # 10.5
    keep_profiles_running_line: bool = False  # 3.5
    posts_notifications: bool = True  # 12.1
    notification_id: int = 2020  # 12.1
    tells_sleep_reason: bool = True  # 12.5


def _until_29(
    api: int, version: str, layout: SuspensionLayout, suspends: ShellSuspends, **more: object
) -> Release:
    return Release(
        api=api,
        version=version,
        system_user_flags=0x13,
        suspension=layout,
        shell_suspends=suspends,
        closed_listing=ClosedUserListing.WORKS,
        dpm_is_a_process=True,
        tells_sleep_reason=False,
        exceptions_name_the_verb=False,
        translates_users=False,
        user_types=False,
        queries_section=False,
        component_text_names_package=True,
        create_user_explains=False,
        owner_name_line=True,
        **more,  # type: ignore[arg-type]
    )


def _from_30(api: int, version: str, flags: int, listing: ClosedUserListing, **more: object) -> Release:
    newest = api >= 35
    return Release(
        api=api,
        version=version,
        system_user_flags=flags,
        user_line=_NEW_LINE if newest else _MIDDLE_LINE,
        suspension=SuspensionLayout.PARAMS_WITH_USER if newest else SuspensionLayout.PARAMS,
        shell_suspends=ShellSuspends.ALLOWED,
        closed_listing=listing,
        dpm_is_a_process=api == 30,
        lists_all_users_by_default=api >= 33,
        several_suspend_targets=api >= 31,
        parent_in_user_dump=api >= 31,
        started_users_line=api >= 31,
        lists_owners=api >= 31,
        lists_profile_admins_twice=api >= 32,
        verbose_user_list=api >= 33,
        user_dump_takes_a_number=api >= 33,
        install_times_per_user=api >= 33,
        owner_removes_suspensions=api >= 33,
        owner_name_line=api <= 32,
        component_text_names_package=api <= 32,
        visible_users=api >= 34,
        one_policy_restriction_block=api >= 34,
        app_id_word="appId" if api >= 34 else "userId",
        installer_always_shown=api >= 34,
        keep_profiles_running_line=api >= 34,
        user_data_dir_line=newest,
        suspends_only_installed=newest,
        **more,  # type: ignore[arg-type]
    )


_ROWS = (
    _until_29(
        26, "8.0.0", SuspensionLayout.NOT_SHOWN, ShellSuspends.NO_PERMISSION,
        user_line=_OLD_LINE, pm_is_a_process=True, last_disabled_caller="shell:2000", create_user_exit=1,
        posts_notifications=False,
    ),
    _until_29(
        27, "8.1.0", SuspensionLayout.NOT_SHOWN, ShellSuspends.NO_PERMISSION,
        user_line=_OLD_LINE, pm_is_a_process=True, last_disabled_caller="shell:2000",
        posts_notifications=False,
    ),
    _until_29(
        28, "9", SuspensionLayout.MESSAGE_INLINE, ShellSuspends.USER_0_ONLY,
        user_line=f"{_OLD_LINE} virtual", posts_notifications=False,
    ),
    _until_29(
        29, "10", SuspensionLayout.INFO_INLINE, ShellSuspends.WITHOUT_OWNER,
        user_line=f"{_OLD_LINE} virtual", owner_removes_suspensions=True, notification_id=1138,
    ),
    _from_30(30, "11", 0xC13, ClosedUserListing.THROWS),
    _from_30(31, "12", 0xC13, ClosedUserListing.THROWS),
    # 12L calls itself 12 as well: only the API level tells the two apart.
    _from_30(32, "12", 0xC13, ClosedUserListing.THROWS),
    _from_30(33, "13", 0xC13, ClosedUserListing.THROWS_FOR_ALL),
    _from_30(34, "14", 0x4C13, ClosedUserListing.THROWS_FOR_ALL),
    _from_30(35, "15", 0x4C13, ClosedUserListing.SKIPS),
    _from_30(36, "16", 0x4C13, ClosedUserListing.SKIPS),
)  # fmt: skip

RELEASES: Mapping[int, Release] = {row.api: row for row in _ROWS}
"""Every API level that a virtual phone can have."""

PROGRAM_SINCE: Mapping[str, int] = {
    "awk": 28,
    "egrep": 29,
    "fsync": 29,
    "getconf": 29,
    "nc": 29,
    "netcat": 29,
    "uuidgen": 29,
    "watch": 29,
    "bc": 30,
    "[": 31,
    "test": 31,
    "logger": 34,
}
"""Programs of the phone's shell that came later than 26, and the API level of the first with them (13.2).

``fsync`` stands in no table: the README of 8 and 9 does not list it, and the scripts must do without.
"""
