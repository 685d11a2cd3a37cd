"""The verbs of ``am``: ending apps and starting users (docs/android/commands.md 3.6, 11)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import AndroidUser
from agent_scripts.virtual_phone.framework_answers import (
    ILLEGAL_ARGUMENT,
    SECURITY,
    Call,
    FrameworkAnswer,
    Thrown,
)
from agent_scripts.virtual_phone.users_and_shell import (
    ALL_USERS,
    closed,
    handler_frames,
    refused_by_incoming_user,
    resolved,
    user_option,
)


def run_force_stop(call: Call) -> FrameworkAnswer:
    """Answer ``force-stop [--user N] PKG``: without a user it reaches every user, closed ones too."""
    user = ALL_USERS
    while (option := call.option()) is not None:
        if option != "--user":
            call.complain(f"Error: Unknown option: {option}")
            return call.finish(255)
        user = resolved(call, user_option(call))
    name = call.needed("force-stop")
    # Only a single number is looked up: without one, closed users are reached as well (docs/android/commands.md 9).
    if user != ALL_USERS and closed(call.model, user):
        if call.release.translates_users:
            raise refused_by_incoming_user(call, user, "runForceStop")
        raise _no_access(call, user)
    _force_stop(call, user, name)
    return call.finish()


def _force_stop(call: Call, user: int, name: str) -> None:
    with call.model.changing() as data:
        package = data.packages.get(name)
        for number in sorted(data.users):
            if package is None or user not in (ALL_USERS, number) or not package.in_user(number).installed:
                continue
            if call.release.api >= 30 and name in call.model.protected_in(number):
                return  # ends without a word at the first user where the package is protected
            package.writable(number).stopped = True
            data.force_stops.append(f"{number}:{name}")


def run_get_current_user(call: Call) -> FrameworkAnswer:
    """Answer ``get-current-user``."""
    call.say(str(call.model.data.current_user))
    return call.finish()


def run_start_user(call: Call) -> FrameworkAnswer:
    """Answer ``start-user [-w] N``: exit 0 in both cases."""
    while call.option() is not None:
        continue
    number = _number(call, "start-user")
    with call.model.changing():
        user = call.model.user(number)
        if user is None:
            call.complain("Error: could not start user")
            return call.finish()
        # Not verified for a paused profile (docs/android/commands.md 19); here quiet mode stays set.
        user.state = "RUNNING_UNLOCKED"
    call.say("Success: user started")
    return call.finish()


def run_stop_user(call: Call) -> FrameworkAnswer:
    """Answer ``stop-user [-w] [-f] N``."""
    while call.option() is not None:
        continue
    number = _number(call, "stop-user")
    if closed(call.model, number):
        raise _no_access(call, number)
    user = call.model.user(number)
    if number == 0 or user is None:
        code, text = (-3, "Can't stop system user") if number == 0 else (-1, "Unknown user")
        call.complain(f"Switch failed: {code} ({text} {number})")
        return call.finish(255)
    with call.model.changing():
        user.state = "-1"
    return call.finish()


def run_get_started_user_state(call: Call) -> FrameworkAnswer:
    """Answer ``get-started-user-state N``."""
    number = _number(call, "get-started-user-state")
    user = call.model.user(number)
    started = user is not None and user.started
    call.say(user.state if user and started else f"User is not started: {number}")
    return call.finish()


def run_is_user_stopped(call: Call) -> FrameworkAnswer:
    """Answer ``is-user-stopped N``."""
    user: AndroidUser | None = call.model.user(_number(call, "is-user-stopped"))
    call.say("false" if user and user.started else "true")
    return call.finish()


def _number(call: Call, verb: str) -> int:
    word = call.needed(verb)
    try:
        return int(word)
    except ValueError:
        raise Thrown(ILLEGAL_ARGUMENT, f'For input string: "{word}"', *handler_frames(call)) from None


def _no_access(call: Call, user: int) -> Thrown:
    return Thrown(SECURITY, f"Shell does not have permission to access user {user}", *handler_frames(call))
