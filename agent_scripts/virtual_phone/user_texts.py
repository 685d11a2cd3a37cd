"""The texts about Android users: ``pm list users`` and ``dumpsys user`` (docs/android/commands.md 3)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import AndroidUser
from agent_scripts.virtual_phone.model import AndroidModel

_FLAG_WORDS = {
    0x1: "PRIMARY",
    0x2: "ADMIN",
    0x4: "GUEST",
    0x8: "RESTRICTED",
    0x10: "INITIALIZED",
    0x20: "MANAGED_PROFILE",
    0x40: "DISABLED",
    0x80: "QUIET_MODE",
    0x100: "EPHEMERAL",
    0x200: "DEMO",
    0x400: "FULL",
    0x800: "SYSTEM",
    0x1000: "PROFILE",
    0x2000: "EPHEMERAL_ON_CREATE",
    0x4000: "MAIN",
    0x8000: "FOR_TESTING",
}


def list_users(model: AndroidModel) -> str:
    """Return ``pm list users``."""
    with model.lock:
        lines = ["Users:", *(f"\t{_user_info(user)}{' running' * user.started}" for user in model.users())]
        return "\n".join(lines) + "\n"


def list_users_verbosely(model: AndroidModel) -> str:
    """Return ``cmd user list -v`` (docs/android/commands.md 3.1)."""
    with model.lock:
        users = model.users()
        lines = [f"{len(users)} users:", ""]
        lines += [f"{index}: {_verbose(model, user)}" for index, user in enumerate(users)]
        return "\n".join(lines) + "\n"


def _verbose(model: AndroidModel, user: AndroidUser) -> str:
    release = model.release
    kind = f", type={user.type}" if release.verbose_user_list else ""
    text = f"id={user.number}, name={_name(user)}{kind}, flags={flag_words(user.flags)}"
    if release.verbose_user_list and user.parent is not None:
        text += f" (parentId={user.parent})"
    text += " (running)" if user.started else ""
    if release.verbose_user_list:
        text += (
            " (device-owner)"
            if model.data.device_owner and user.number == model.data.device_owner_user
            else ""
        )
        text += " (profile-owner)" if user.owner else ""
    text += " (current)" if user.number == model.data.current_user else ""
    if release.visible_users and user.started:
        text += " (visible)"
    return text


def dump_users(model: AndroidModel, only: int | None = None) -> str:
    """Return ``dumpsys user``: every user with its kind and restrictions; the shell restriction does not apply."""
    with model.lock:
        if only is not None:
            user = model.user(only)
            return "\n".join(_user_lines(model, user)) + "\n" if user else f"User {only} not found\n"
        head = [f"Current user: {model.data.current_user}", ""] if model.release.user_types else []
        lines = [*head, "Users:"]
        for user in model.users():
            lines += _user_lines(model, user)
        return "\n".join([*lines, *_tail(model)]) + "\n"


def _user_lines(model: AndroidModel, user: AndroidUser) -> list[str]:
    release = model.release
    # The mask is for this dump alone: `pm list users` of the same phone prints the name.
    first = f"  {_user_info(user, model.maker.masked_name)} serialNo={user.number}"
    if release.user_types:
        first += f" isPrimary={'true' if user.flags & 1 else 'false'}"
    if release.parent_in_user_dump and user.parent is not None:
        first += f" parentId={user.parent}"
    lines = [first]
    if release.user_types:
        lines.append(f"    Type: android.os.usertype.{user.type}")
        lines.append(f"    Flags: {user.flags} ({flag_words(user.flags)})")
    lines += [
        f"    State: {user.state}",
        "    Created: <unknown>" if user.number == 0 else "    Created: +594d12h30m30s980ms ago",
        "    Last logged in: +3h44m37s901ms ago",
        f"    Last logged in fingerprint: {model.data.properties.get('ro.build.fingerprint', '')}",
        f"    Has profile owner: {'true' if user.owner else 'false'}",
        "    Restrictions:",
        *_restrictions(user.restrictions),
    ]
    if release.one_policy_restriction_block:
        lines += ["    Device policy restrictions:", *_restrictions(user.policy_restrictions or None)]
    else:
        # None at all is `null` and an empty list is `none`: two words for what looks like one.
        lines += ["    Device policy global restrictions:", *_restrictions(None)]
        lines += ["    Device policy local restrictions:", *_restrictions(user.policy_restrictions or None)]
    return [*lines, "    Effective restrictions:", *_restrictions(user.effective_restrictions)]


def _tail(model: AndroidModel) -> list[str]:
    data = model.data
    owner = data.device_owner_user if data.device_owner else -10000
    lines = ["", f"  Device owner id:{owner}", "", "  Guest restrictions:"]
    lines += [
        "    no_config_wifi",
        "    no_install_unknown_sources",
        "    no_outgoing_calls",
        "    no_sms",
        "",
    ]
    lines.append(f"  Device managed: {'true' if data.device_owner else 'false'}")
    if model.release.started_users_line:
        states = ", ".join(f"{user.number}={user.state}" for user in model.users() if user.state != "-1")
        lines.append(f"  Started users state: [{states}]")
    lines += ["", "  Max users: 4 (limit reached: false)", "  Supports switchable users: true"]
    return [*lines, "  All guests ephemeral: false", "  Is split-system user: false"]


def _restrictions(found: list[str] | None) -> list[str]:
    if found is None:
        return ["      null"]
    return [f"      {key}" for key in found] or ["      none"]


def flag_words(flags: int) -> str:
    """Return flags by name, in alphabetical order, as Android prints them."""
    return "|".join(sorted(word for bit, word in _FLAG_WORDS.items() if flags & bit))


def _user_info(user: AndroidUser, masked: str = "") -> str:
    return f"UserInfo{{{user.number}:{masked or _name(user)}:{user.flags:x}}}"


def _name(user: AndroidUser) -> str:
    return "null" if user.name is None else user.name
