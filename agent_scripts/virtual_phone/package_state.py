"""The verbs that change what a user has of a package: suspending, hiding, removing, adding.

See docs/android/commands.md 7, 8.
"""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import SHELL_PACKAGE, PackageInUser
from agent_scripts.virtual_phone.framework_answers import (
    ILLEGAL_ARGUMENT,
    SECURITY,
    UNSUPPORTED,
    Call,
    FrameworkAnswer,
    Thrown,
)
from agent_scripts.virtual_phone.releases import ShellSuspends
from agent_scripts.virtual_phone.users_and_shell import (
    ALL_USERS,
    CURRENT_USER,
    handler_frames,
    refuse_closed,
    translate,
    user_option,
)


def run_suspend(call: Call, verb: str) -> FrameworkAnswer:
    """Answer ``suspend`` and ``unsuspend``: the printed state is read afresh, whoever caused it.

    See docs/android/commands.md 7.2.
    """
    user, message = 0, None
    while (option := call.option()) is not None:
        if option == "--user":
            user = user_option(call)
        elif option == "--dialogMessage" and call.release.api >= 28:
            message = call.needed(option)
        elif option in ("--ael", "--aes", "--aed", "--lel", "--les", "--led") and call.release.api >= 28:
            call.needed(option)
            call.needed(option)
        else:
            call.say(f"Error: Unknown option: {option}")
            return call.finish(1)
    # Up to 30 the first name counts and the others are passed over without a word (docs/android/commands.md 7.1).
    names = call.args if call.release.several_suspend_targets else call.args[:1]
    if not names:
        call.say("Error: package name not specified")
        return call.finish(1)
    try:
        user = translate(call, user, "runSuspend")
        _need_right_to_suspend(call, user)
        # All before a line is said: an unknown name ends the call without a word about those before it.
        lines = [_suspend_one(call, user, name, verb == "suspend", message) for name in names]
    except Thrown as thrown:
        # This one the verb catches itself and says on stdout with 1; all others end the call as exceptions do.
        if thrown.java_class != ILLEGAL_ARGUMENT:
            raise
        call.say(thrown.text)
        return call.finish(1)
    for line in lines:
        call.say(line)
    return call.finish()


def _suspend_one(call: Call, user: int, name: str, suspend: bool, message: str | None) -> str:
    with call.model.changing():
        package = call.model.package(name)
        exists = call.model.user(user) is not None
        missing = (
            exists
            and call.release.suspends_only_installed
            and not (package and package.in_user(user).installed)
        )
        if package is None or missing:
            raise Thrown(ILLEGAL_ARGUMENT, f"Unknown target package: {name}")
        # Up to 34 an app that the user does not have is no error: nothing changes, and the answer tells the state.
        if exists and package.in_user(user).installed:
            _apply_suspension(call, user, package.writable(user), name, suspend, message)
        now = package.in_user(user).suspended
        return f"Package {name} new suspended state: {'true' if now else 'false'}"


def _apply_suspension(
    call: Call, user: int, state: PackageInUser, name: str, suspend: bool, message: str | None
) -> None:
    if not suspend:
        state.suspenders.pop(SHELL_PACKAGE, None)
        # One state for all suspenders up to 29: unsuspending ends also what somebody else began.
        if call.release.api < 30:
            state.suspenders.clear()
    elif _can_be_suspended(call, user, name):
        if call.release.api < 30:
            state.suspenders.clear()
        state.suspenders[SHELL_PACKAGE] = message


def _can_be_suspended(call: Call, user: int, name: str) -> bool:
    """Whether no reason of docs/android/commands.md 7.4 stands against it; refusals are silent, exit 0."""
    data, found = call.model.data, call.model.user(user)
    protected = name in call.model.owners_of(user) or name in data.special_apps.values()
    admin = found is not None and any(name == admin.partition("/")[0] for admin in found.admins)
    if call.release.api >= 28:
        protected = protected or name in ("android", SHELL_PACKAGE)
    # The owner's wishes count from 30 on only; disabling does not ask them in any release.
    if call.release.api >= 30 and found is not None:
        protected = protected or f"{user}:{name}" in data.uninstall_blocked
        protected = protected or bool(
            {"no_control_apps", "no_uninstall_apps"} & set(found.effective_restrictions)
        )
    return not protected and not admin


def _need_right_to_suspend(call: Call, user: int) -> None:
    """Throw what the release throws at uid 2000 (docs/android/commands.md 7.3)."""
    release, owned = call.release, bool(call.model.owners_of(user))
    if release.shell_suspends is ShellSuspends.NO_PERMISSION:
        raise Thrown(SECURITY, "Neither user 2000 nor current process has android.permission.MANAGE_USERS.")
    if release.shell_suspends is ShellSuspends.USER_0_ONLY and user != 0:
        raise _not_ours(call, user)
    if release.shell_suspends is not ShellSuspends.ALLOWED and owned:
        text = f"Cannot suspend/unsuspend packages. User {user} has an active DO or PO"
        raise Thrown(UNSUPPORTED, text, *handler_frames(call))
    # uid 2000 suspends in the name of its app, so the app must be there; a work profile normally has it.
    shell = call.model.package(SHELL_PACKAGE)
    if release.api >= 30 and call.model.user(user) and not (shell and shell.in_user(user).installed):
        raise _not_ours(call, user)


def _not_ours(call: Call, user: int) -> Thrown:
    who = "Suspending package" if call.release.api >= 35 else "Calling package"
    text = f"{who} {SHELL_PACKAGE} in user {user} does not belong to calling uid 2000"
    return Thrown(SECURITY, text, *handler_frames(call))


def run_hide(call: Call) -> FrameworkAnswer:
    """Refuse ``hide`` and ``unhide``: they need MANAGE_USERS (docs/android/commands.md 8.1)."""
    user = 0
    if call.option() == "--user":
        user = user_option(call)
    if call.argument() is None:
        call.complain("Error: no package or component specified")
        return call.finish(1)
    # From 30 on a closed user is refused in its own words, before the right is missed.
    translate(call, user, "runSetHiddenSetting")
    text = "Neither user 2000 nor current process has android.permission.MANAGE_USERS."
    if call.release.api >= 28:
        text = f"setApplicationHiddenSettingAsUser: {text}"
    raise Thrown(SECURITY, text, *handler_frames(call))


def run_uninstall(call: Call) -> FrameworkAnswer:
    """Answer ``uninstall [-k] [--user N] PKG``; the default is all users."""
    user = ALL_USERS
    while (option := call.option()) is not None:
        if option == "--user":
            user = user_option(call)
        elif option == "--versionCode":
            call.needed(option)
        elif option != "-k":
            call.complain(f"Error: Unknown option: {option}")
            return call.finish(1)
    name = call.argument()
    if name is None:
        call.complain("Error: package name not specified")
        return call.finish(1)
    user = translate(call, user, "runUninstall", allow_all=True)
    refuse_closed(call, user, *handler_frames(call))
    if user != ALL_USERS and call.model.user(user) is None and call.release.api >= 35:
        call.say(f"Failure [user {user} doesn't exist]")
        return call.finish(1)
    failure = _uninstall(call, user, name)
    call.say(f"Failure [{failure}]" if failure else "Success")
    return call.finish(1 if failure else 0)


def _uninstall(call: Call, user: int, name: str) -> str | None:
    with call.model.changing() as data:
        package = data.packages.get(name)
        numbers = [
            n for n in data.users if user in (ALL_USERS, n) and package and package.in_user(n).installed
        ]
        if package is None or not numbers:
            return f"not installed for {0 if user == ALL_USERS else user}"
        # Asked for every user before any is changed: a refusal for one leaves the app to all.
        for number in numbers:
            found = data.users[number]
            admins = {admin.partition("/")[0] for admin in found.admins} | call.model.owners_of(number)
            if name in admins:
                return "DELETE_FAILED_DEVICE_POLICY_MANAGER"
            if f"{number}:{name}" in data.uninstall_blocked:
                return "DELETE_FAILED_OWNER_BLOCKED"
            if {"no_uninstall_apps", "no_control_apps"} & set(found.effective_restrictions):
                return "DELETE_FAILED_USER_RESTRICTED"
        if package.system and call.model.maker.system_uninstall_failure:
            return call.model.maker.system_uninstall_failure
        if package.system and user == ALL_USERS and not package.updated:
            return "DELETE_FAILED_INTERNAL_ERROR"
        for number in numbers:
            call.model.uninstall(number, name)
        return None


def run_install_existing(call: Call) -> FrameworkAnswer:
    """Answer ``install-existing [--user N] PKG``: the success line appears whatever came of it.

    See docs/android/commands.md 8.3.
    """
    # From 30 on it is the one verb of its kind that begins with the user in front (docs/android/commands.md 2.4).
    user, wait = CURRENT_USER if call.release.translates_users else 0, False
    while (option := call.option()) is not None:
        if option == "--user":
            user = user_option(call)
        elif option == "--wait":
            wait = True
        elif option not in ("--instant", "--full", "--restrict-permissions"):
            call.complain(f"Error: Unknown option: {option}")
            return call.finish(1)
    name = call.needed("install-existing")
    user = translate(call, user, "runInstallExisting")
    refuse_closed(call, user, *handler_frames(call))
    package = call.model.package(name)
    if package is None:
        not_found = "android.content.pm.PackageManager$NameNotFoundException"
        call.say(f"{not_found}: Package {name} doesn't exist")
        return call.finish(1)
    # For a user that does not exist nothing is installed, and the answer is the same.
    if call.model.user(user) is not None:
        call.model.install(user, name)
    if wait:
        call.say(f"Installing package {name} for user: {user}")
        call.say("Received intent for package install")
    else:
        call.say(f"Package {name} installed for user: {user}")
    return call.finish()


def run_clear(call: Call) -> FrameworkAnswer:
    """Answer ``clear [--user N] PKG``."""
    user = 0
    while (option := call.option()) is not None:
        if option == "--user":
            user = user_option(call)
    name = call.needed("clear")
    user = translate(call, user, "runClear")
    refuse_closed(call, user, *handler_frames(call))
    if name in call.model.owners_of(user):
        raise Thrown(SECURITY, f"Cannot clear data for a protected package: {name}", *handler_frames(call))
    package, found = call.model.package(name), call.model.user(user)
    # Data of a user that is not started cannot be opened (docs/android/commands.md 3.5).
    if package is None or found is None or not found.started or not package.in_user(user).installed:
        call.complain("Failed")
        return call.finish(1)
    call.say("Success")
    return call.finish()
