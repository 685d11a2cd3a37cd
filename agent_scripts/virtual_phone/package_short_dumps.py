"""The short forms of ``dumpsys package``: ``--checkin`` and ``changes`` (docs/android/commands.md 5.4, 15)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import AndroidPackage
from agent_scripts.virtual_phone.model import AndroidModel


def unknown_package(name: str) -> str:
    """Return the dump of a package that the device does not know."""
    return f"Unable to find package: {name}\n"


def dump_changes(model: AndroidModel) -> str:
    """Return ``dumpsys package changes`` (docs/android/commands.md 15)."""
    with model.lock:
        lines = ["Package Changes:\n", f"  Sequence number={model.data.change_number}\n"]
        for user in sorted(model.data.changes):
            lines.append(f"  User {user}:\n")
            lines += [f"    seq={number}, package={name}\n" for number, name in model.data.changes[user]]
        return "".join(lines)


def dump_checkin(model: AndroidModel, name: str) -> str:
    """Return ``dumpsys package --checkin NAME``.

    See docs/android/commands.md 5.4; the form of 35 and 36 is taken from 34.
    """
    with model.lock:
        package = model.data.packages.get(name)
        if package is None:
            return f"vers,1\n{unknown_package(name)}"
        release = model.release
        fields = [name, str(package.app_id), str(package.version_code)]
        if not release.install_times_per_user:
            fields.append(str(package.installed_ms))
        fields += [str(package.installed_ms), package.installer or "?"]
        if release.install_times_per_user:
            fields.append("0")
        lines = ["vers,1", "pkg," + ",".join(fields), f"pkg-splt,{'base'},0"]
        lines += [_checkin_user(model, package, number) for number in sorted(model.data.users)]
        return "\n".join(lines) + "\n"


def _checkin_user(model: AndroidModel, package: AndroidPackage, number: int) -> str:
    state = package.in_user(number)
    letters = "".join(
        yes if value else no
        for yes, no, value in (
            ("I", "i", state.installed),
            ("B", "b", state.hidden),
            ("SU", "su", state.suspended),
            ("S", "s", state.stopped),
            ("L", "l", not state.not_launched),
            ("IA", "ia", False),
        )
    )
    release = model.release
    if release.api >= 28:
        letters += "vpiha"
    line = f"pkg-usr,{number},{letters},{state.enabled},{state.last_disabled_caller or '?'}"
    if release.api >= 28:
        line += ","
    if release.install_times_per_user:
        line += f"{state.first_install_ms},"
    return line
