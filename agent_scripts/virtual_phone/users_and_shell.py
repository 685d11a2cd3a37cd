"""Which user a command means and whether the shell may go there (docs/android/commands.md 2.4, 9)."""

from __future__ import annotations

from agent_scripts.virtual_phone.framework_answers import ILLEGAL_ARGUMENT, SECURITY, Call, Thrown
from agent_scripts.virtual_phone.model import AndroidModel

ALL_USERS = -1
CURRENT_USER = -2

_FIRST = "com.android.server.am.UserController.handleIncomingUser(UserController.java:{})"
# Line numbers of T:b-001 (13), T:d-001 (12) and T:b-002 (14); other releases show some number as well.
_LINES = {
    31: (14170, 4540, 3219, 2511),
    32: (14170, 4540, 3219, 2511),
    33: (14983, 4805, 3517, 2680),
    34: (15970, 5152, 3733, 2892),
}
_NEWEST_LINES = (16014, 5174, 3771, 2895)


def parse_user(word: str) -> int:
    """Return the number a ``--user`` word stands for: a number, ``all``, ``cur`` or ``current``."""
    if word == "all":
        return ALL_USERS
    if word in ("cur", "current"):
        return CURRENT_USER
    try:
        return int(word)
    except ValueError:
        raise Thrown(ILLEGAL_ARGUMENT, f"Bad user number: {word}") from None


def user_option(call: Call) -> int:
    """Take the word after ``--user``."""
    return parse_user(call.needed("--user"))


def resolved(call: Call, user: int) -> int:
    """Return `user`, and for ``current`` the number of the user in front."""
    return call.model.data.current_user if user == CURRENT_USER else user


def translate(call: Call, user: int, verb_method: str, *, allow_all: bool = False) -> int:
    """Return the user a verb works on, refusing what the release refuses.

    From 30 the number goes through ``handleIncomingUser``, which applies the shell restriction and resolves
    ``cur``; before, it is taken literally.
    """
    # Also -1 and -2, which are then the numbers of users that do not exist.
    if not call.release.translates_users:
        return user
    if user == ALL_USERS:
        if allow_all:
            return user
        raise Thrown(ILLEGAL_ARGUMENT, f"Call does not support special user #{user}")
    user = resolved(call, user)
    if closed(call.model, user):
        raise refused_by_incoming_user(call, user, verb_method)
    return user


def closed(model: AndroidModel, user: int) -> bool:
    """Whether the user refuses the shell; a user that does not exist does not."""
    found = model.user(user)
    return found is not None and found.closed_to_shell and user not in model.maker.never_closed


def refuse_closed(call: Call, user: int, *frames: str) -> None:
    """Throw the one-line refusal of the package manager if the user is closed to the shell."""
    if closed(call.model, user):
        raise Thrown(SECURITY, f"Shell does not have permission to access user {user}", *frames)


def refused_by_incoming_user(call: Call, user: int, verb_method: str) -> Thrown:
    """Return the two-line refusal of ``handleIncomingUser``; its second line ends in a blank (T:b-001)."""
    manager, activity, translating, controller = _LINES.get(call.release.api, _NEWEST_LINES)
    command = "com.android.server.pm.PackageManagerShellCommand"
    methods = (
        f" com.android.server.am.ActivityManagerService.handleIncomingUser:{manager}"
        f" android.app.ActivityManager.handleIncomingUser:{activity} {command}.translateUserId:{translating} "
    )
    return Thrown(
        SECURITY,
        f"Shell does not have permission to access user {user}\n{methods}",
        _FIRST.format(controller),
        f"com.android.server.am.ActivityManagerService.handleIncomingUser(ActivityManagerService.java:{manager})",
        f"android.app.ActivityManager.handleIncomingUser(ActivityManager.java:{activity})",
        f"{command}.translateUserId(PackageManagerShellCommand.java:{translating})",
        f"{command}.{verb_method}(PackageManagerShellCommand.java:{translating - 2400})",
        f"{command}.onCommand(PackageManagerShellCommand.java:226)",
        *handler_frames(call),
    )


def handler_frames(call: Call) -> tuple[str, ...]:
    """Return the frames below every verb: how a shell command enters the framework."""
    handler = "com.android.modules.utils.BasicShellCommandHandler.exec(BasicShellCommandHandler.java:97)"
    middle = (handler,) if call.release.api >= 31 else ()
    return (
        *middle,
        "android.os.ShellCommand.exec(ShellCommand.java:38)",
        "com.android.server.pm.PackageManagerService.onShellCommand(PackageManagerService.java:24627)",
        "android.os.Binder.shellCommand(Binder.java:950)",
        "android.os.Binder.onTransact(Binder.java:834)",
        "android.os.Binder.execTransactInternal(Binder.java:1184)",
        "android.os.Binder.execTransact(Binder.java:1143)",
    )
