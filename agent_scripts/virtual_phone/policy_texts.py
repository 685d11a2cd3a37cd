"""The texts about owners: ``dumpsys device_policy`` and ``dpm list-owners`` (docs/android/commands.md 10)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import AndroidUser
from agent_scripts.virtual_phone.model import AndroidModel


def dump_device_policy(model: AndroidModel) -> str:
    """Return ``dumpsys device_policy``: owners first, then every user's active admins, personal ones too."""
    with model.lock:
        release, lines = model.release, ["Current Device Policy Manager state:"]
        if model.data.device_owner:
            lines += _device_owner(model, model.data.device_owner)
        for user in model.users():
            if user.owner is None:
                continue
            lines += [f"  Profile Owner (User {user.number}): ", *_admin(model, user.owner)]
            if release.api >= 30:
                lines.append(
                    f"    isOrganizationOwnedDevice={'true' if user.organization_owned else 'false'}"
                )
            lines.append("")
        for user in model.users():
            # For every user, with or without an admin: where these lists are missing, the dump was cut
            # (docs/android/commands.md 10.5).
            lines += _enabled_admins(model, user)
        if release.keep_profiles_running_line:
            lines += ["  Keep profiles running: false", ""]
        return "\n".join([*lines, "  Encryption Status: per-user", ""]) + "\n"


def list_owners(model: AndroidModel) -> str:
    """Return ``dpm list-owners`` (31+): a profile's admins appear a second time from 32 on."""
    with model.lock:
        lines = []
        if model.data.device_owner:
            lines.append(
                f"User {model.data.device_owner_user:2d}: admin={short(model.data.device_owner)},DeviceOwner"
            )
        lines += [
            f"User {user.number:2d}: admin={short(user.owner)},ProfileOwner"
            for user in model.users()
            if user.owner
        ]
        if model.release.lists_profile_admins_twice:
            for user in model.users():
                # Counted as owners once more: one work profile gives `2 owners:` (docs/android/commands.md 10.2).
                if user.parent is None:
                    continue
                role = f"ManagedProfileOwner(parentUserId={user.parent})"
                lines += [
                    f"User {user.number:2d}: admin={short(admin)},{role}"
                    for admin in active_admins(model, user)
                ]
        if not lines:
            return "no owners\n"
        head = "1 owner:" if len(lines) == 1 else f"{len(lines)} owners:"
        return "\n".join([head, *lines]) + "\n"


def active_admins(model: AndroidModel, user: AndroidUser) -> list[str]:
    """Return the components with admin rights in a user: owners and whatever the person allowed."""
    owners = [user.owner] if user.owner else []
    if user.number == model.data.device_owner_user and model.data.device_owner:
        owners.append(model.data.device_owner)
    return [*owners, *user.admins]


def _enabled_admins(model: AndroidModel, user: AndroidUser) -> list[str]:
    admins = active_admins(model, user)
    state = (
        3 if user.owner or (user.number == model.data.device_owner_user and model.data.device_owner) else 0
    )
    lines = [f"  Enabled Device Admins (User {user.number}, provisioningState: {state}):"]
    for admin in admins:
        lines += [f"    {short(admin)}:", "      uid=10216", "      testOnlyAdmin=false", "      policies:"]
        lines += [
            "        wipe-data",
            "        limit-password",
            "        force-lock",
            "      passwordQuality=0x0",
        ]
    return [*lines, ""]


def _device_owner(model: AndroidModel, component: str) -> list[str]:
    maker, blanks = model.maker, model.maker.device_owner_indent
    user = f"    User ID: {model.data.device_owner_user}"
    heading = maker.device_owner_heading.format(user=model.data.device_owner_user)
    lines = [f"  {heading}", *_admin(model, component), user]
    return [*(blanks + line.removeprefix("  ") for line in lines), ""]


def _admin(model: AndroidModel, component: str) -> list[str]:
    package = component.partition("/")[0]
    lines = [f"    admin=ComponentInfo{{{full(component)}}}"]
    if model.release.owner_name_line:
        lines.append("    name=")
    lines.append(f"    package={package}")
    return [*lines, "    canAccessDeviceIds=true"] if model.release.api == 29 else lines


def full(component: str) -> str:
    """Return ``P/P.Class`` for ``P/.Class``."""
    package, _, name = component.partition("/")
    return f"{package}/{package}{name}" if name.startswith(".") else component


def short(component: str) -> str:
    """Return ``P/.Class`` for ``P/P.Class``."""
    package, _, name = component.partition("/")
    return f"{package}/{name[len(package) :]}" if name.startswith(f"{package}.") else component
