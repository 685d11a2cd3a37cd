"""``pm list …`` and ``pm path`` (docs/android/commands.md 4)."""

from __future__ import annotations

from collections.abc import Callable

from agent_scripts.virtual_phone.android_state import AndroidPackage
from agent_scripts.virtual_phone.framework_answers import Call, FrameworkAnswer
from agent_scripts.virtual_phone.package_dump import code_path
from agent_scripts.virtual_phone.releases import ClosedUserListing
from agent_scripts.virtual_phone.user_texts import list_users, list_users_verbosely
from agent_scripts.virtual_phone.users_and_shell import (
    ALL_USERS,
    closed,
    parse_user,
    refused_by_incoming_user,
    resolved,
    translate,
    user_option,
)

# The first release that knows the option; an older one refuses it and lists nothing.
_SINCE = {
    "-a": 29,
    "--apex-only": 29,
    "--factory-only": 34,
    "--match-libraries": 34,
    "--show-stopped": 34,
    "-q": 35,
}
_ALWAYS = ("-d", "-e", "-f", "-i", "-l", "-s", "-3", "-u", "-U", "--show-versioncode")


def run_list(call: Call) -> FrameworkAnswer:
    """Answer ``list users|packages|features|libraries``."""
    kind = call.argument()
    if kind == "users":
        return run_list_users(call, verbose_allowed=False)
    if kind in ("packages", "package"):
        return _list_packages(call)
    if kind in ("features", "libraries"):
        call.say(
            "feature:android.hardware.touchscreen" if kind == "features" else "library:android.ext.shared"
        )
        return call.finish()
    call.complain(
        "Error: didn't specify type of data to list" if kind is None else f"Error: unknown list type '{kind}'"
    )
    return call.finish(255)


def run_list_users(call: Call, *, verbose_allowed: bool) -> FrameworkAnswer:
    """Answer ``pm list users`` and ``cmd user list [-v] [--all]``."""
    verbose = False
    while verbose_allowed and call.release.user_types and (option := call.option()) is not None:
        if option not in ("-v", "--verbose", "--all"):
            call.say(f"Invalid option: {option}")
            return call.finish(255)
        verbose = verbose or option != "--all"
    call.out.append(list_users_verbosely(call.model) if verbose else list_users(call.model))
    return call.finish()


def _list_packages(call: Call) -> FrameworkAnswer:
    options: set[str] = set()
    user = ALL_USERS if call.release.lists_all_users_by_default else 0
    only_uid: int | None = None
    while (option := call.option()) is not None:
        if option == "--user":
            user = user_option(call)
        elif option == "--uid":
            options.add("-U")
            only_uid = int(call.needed("--uid"))
        elif option in _ALWAYS or _SINCE.get(option, 99) <= call.release.api:
            options.add(option)
        else:
            call.say(f"Error: Unknown option: {option}")
            return call.finish(255)
    search = call.argument() or ""
    numbers, any_user = _users_to_list(call, user)
    with call.model.lock:
        for package in call.model.data.packages.values():
            shown = [number for number in numbers if _listed(package, number, options, any_user)]
            uids = [number * 100_000 + package.app_id for number in shown]
            if shown and search in package.name and (only_uid is None or only_uid in uids):
                call.say(_line(call, package, shown, uids, options))
    return call.finish()


def _users_to_list(call: Call, user: int) -> tuple[list[int], bool]:
    """Return the users to list and whether packages of any user count (5.2: ``all`` on 30-32)."""
    release, model = call.release, call.model
    if release.closed_listing is ClosedUserListing.WORKS:
        return ([user] if model.user(user) else []), False
    # Here `all` is user 0, with what anybody has: a package in this list may be in no user that was asked about.
    if user == ALL_USERS and not release.lists_all_users_by_default:
        return [0], True
    user = resolved(call, user)
    asked = [found.number for found in model.users()] if user == ALL_USERS else [user]
    if release.closed_listing is ClosedUserListing.SKIPS:
        return [number for number in asked if not _skipped(call, number)], False
    # One closed user ends the whole list, before a line of it is said.
    for number in asked:
        translate(call, number, "runListPackages", allow_all=True)
    return [number for number in asked if model.user(number)], False


def _skipped(call: Call, number: int) -> bool:
    if not closed(call.model, number):
        return call.model.user(number) is None
    call.complain(f"Error: {refused_by_incoming_user(call, number, 'runListPackages').text}")
    return True


def _listed(package: AndroidPackage, number: int, options: set[str], any_user: bool) -> bool:
    state = package.in_user(number)
    # -u and -a add uninstalled packages and then those of any user: the list cannot be attributed (5.2).
    loose = any_user or "-u" in options or "-a" in options
    present = (
        any(other.installed for other in package.users.values())
        if loose
        else state.installed and not state.hidden
    )
    tests: dict[str, Callable[[], bool]] = {
        "-d": lambda: state.enabled in (2, 3, 4),
        "-e": lambda: state.enabled in (0, 1),
        "-s": lambda: package.system,
        "-3": lambda: not package.system,
        "-q": lambda: False,
        "--apex-only": lambda: False,
    }
    return present and all(test() for option, test in tests.items() if option in options)


def _line(call: Call, package: AndroidPackage, users: list[int], uids: list[int], options: set[str]) -> str:
    text = "package:"
    if "-f" in options:
        text += f"{code_path(call.model.data, package)}/base.apk="
    text += package.name
    if "--show-versioncode" in options:
        text += f" versionCode:{package.version_code}"
    if "--show-stopped" in options:
        text += f" stopped={'true' if package.in_user(users[0]).stopped else 'false'}"
    if "-i" in options:
        text += f"  installer={package.installer or 'null'}"
    if "-U" in options:
        text += f" uid:{','.join(map(str, uids))}"
    return text


def run_path(call: Call) -> FrameworkAnswer:
    """Answer ``path [--user N] PKG``."""
    user = 0
    if call.option() == "--user":
        user = parse_user(call.needed("--user"))
    name = call.argument()
    if name is None:
        call.complain("Error: no package specified")
        return call.finish(1)
    user = translate(call, user, "runPath")
    package = call.model.package(name)
    if package is None or not package.in_user(user).installed:
        return call.finish(1)
    path = code_path(call.model.data, package)
    call.say(f"package:{path}/base.apk")
    if not package.system:
        call.say(f"package:{path}/split_config.arm64_v8a.apk")
    return call.finish()
