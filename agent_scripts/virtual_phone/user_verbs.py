"""The verbs that make and remove users (docs/android/commands.md 8.5)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import SHELL_PACKAGE, AndroidUser, PackageInUser
from agent_scripts.virtual_phone.framework_answers import Call, FrameworkAnswer
from agent_scripts.virtual_phone.users_and_shell import resolved, user_option

_MANAGED = "profile.MANAGED"
MAX_USERS = 4


def run_create_user(call: Call) -> FrameworkAnswer:
    """Answer ``create-user [--profileOf N --managed] [--user-type T] NAME``; 26 ends with 1 although it worked."""
    parent, kind = None, "full.SECONDARY"
    while (option := call.option()) is not None:
        if option == "--profileOf":
            parent = resolved(call, user_option(call))
        elif option == "--managed":
            kind = _MANAGED
        elif option == "--user-type" and call.release.user_types:
            kind = call.needed(option).removeprefix("android.os.usertype.")
        elif option not in ("--guest", "--restricted", "--ephemeral"):
            call.complain(f"Error: unknown option {option}")
            return call.finish(1)
    name = call.argument()
    if name is None:
        call.complain("Error: no user name specified.")
        return call.finish(1)
    refusal = _refusal(call, parent, kind)
    if refusal is not None:
        if call.release.create_user_explains:
            call.complain(f"Error: android.os.ServiceSpecificException: {refusal}")
        call.complain("Error: couldn't create User.")
        return call.finish(1)
    call.say(f"Success: created user id {_create(call, name, parent, kind)}")
    return call.finish(call.release.create_user_exit)


def _refusal(call: Call, parent: int | None, kind: str) -> str | None:
    users = call.model.users()
    if kind == _MANAGED:
        above = call.model.user(parent or 0)
        if above is not None and "no_add_managed_profile" in above.effective_restrictions:
            return "Cannot add user: no_add_managed_profile is enabled. (code 1)"
        if any(user.type == _MANAGED for user in users):
            whole = f"android.os.usertype.{_MANAGED}"
            return f"Cannot add more profiles of type {whole} for user {parent or 0} (code 6)"
    elif len([user for user in users if user.parent is None]) >= MAX_USERS:
        return f"Cannot add more users of type android.os.usertype.{kind} (code 6)"
    return None


def _create(call: Call, name: str, parent: int | None, kind: str) -> int:
    with call.model.changing() as data:
        number = data.next_user
        data.next_user += 1
        profile = kind.startswith("profile.")
        flags = (0x20 if kind == _MANAGED else 0) | (0x1000 if profile else 0x400)
        # Up to 29 the bits of full users and profiles are not there yet.
        if not call.release.user_types:
            flags &= 0x3F
        data.users[number] = AndroidUser(
            number, name, flags, kind, parent if profile else None, state="-1",
            restrictions=["no_bluetooth_sharing"] if kind == _MANAGED else [],
        )  # fmt: skip
        # Every new user has the shell's app: suspending depends on it (docs/android/commands.md 7.3).
        shell = data.packages.get(SHELL_PACKAGE)
        if shell is not None:
            shell.users[number] = PackageInUser(installed=True)
        return number


def run_remove_user(call: Call) -> FrameworkAnswer:
    """Answer ``remove-user N``."""
    while call.option() is not None:
        continue
    word = call.argument()
    if word is None:
        call.complain("Error: no user id specified.")
        return call.finish(1)
    number = int(word) if word.isdigit() else -1
    if number == 0 or call.model.user(number) is None:
        call.complain(f"Error: couldn't remove user id {word}")
        return call.finish(1)
    call.model.remove_user(number)
    call.say("Success: removed user")
    return call.finish()


def run_get_max_users(call: Call) -> FrameworkAnswer:
    """Answer ``get-max-users``."""
    call.say(f"Maximum supported users: {MAX_USERS}")
    return call.finish()
