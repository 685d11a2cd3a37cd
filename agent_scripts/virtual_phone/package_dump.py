"""The text of ``dumpsys package``, for one package and for all (docs/android/commands.md 5)."""

from __future__ import annotations

from datetime import UTC, datetime

from agent_scripts.virtual_phone.android_state import (
    FIRST_CHANGE_MS,
    AndroidPackage,
    AndroidState,
    PackageInUser,
)
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.package_short_dumps import dump_changes, unknown_package
from agent_scripts.virtual_phone.package_surroundings import (
    CANARY_APP,
    dexopt,
    hexadecimal,
    key_sets,
    queries,
    resolver_tables,
)
from agent_scripts.virtual_phone.releases import Release, SuspensionLayout

_DANGEROUS = (
    "CAMERA READ_CONTACTS ACCESS_FINE_LOCATION RECORD_AUDIO READ_CALENDAR GET_ACCOUNTS READ_PHONE_STATE"
    " BLUETOOTH_CONNECT POST_NOTIFICATIONS READ_MEDIA_IMAGES READ_MEDIA_VIDEO NEARBY_WIFI_DEVICES"
)
_INSTALL = ("INTERNET", "ACCESS_NETWORK_STATE", "WAKE_LOCK", "VIBRATE", "FOREGROUND_SERVICE", "USE_BIOMETRIC")


def dump_package(model: AndroidModel, name: str) -> str:
    """Return ``dumpsys package NAME``: the state for every user, closed ones too, between sections about other apps."""
    with model.lock:
        package = model.data.packages.get(name)
        if package is None:
            return unknown_package(name)
        # The sections around name other apps, as on a phone: a filter that reads too much shows in the tests.
        parts = [resolver_tables(package), key_sets(package), "Packages:\n", _block(model, package, "    ")]
        # An updated system app stands there twice, the second time as it left the factory.
        if package.updated:
            parts += ["\nHidden system packages:\n", _block(model, _factory_copy(package), "    ")]
        if model.release.queries_section:
            parts.append(queries(model, package))
        parts.append(dexopt(package))
        return _indented(model, "".join(parts))


def dump_all(model: AndroidModel) -> str:
    """Return bare ``dumpsys package``: every package of the device."""
    with model.lock:
        packages = [model.data.packages[name] for name in sorted(model.data.packages)]
        parts = ["Packages:\n", *(_block(model, package, "    ") for package in packages)]
        updated = [package for package in packages if package.updated]
        if updated:
            parts.append("\nHidden system packages:\n")
            parts += [_block(model, _factory_copy(package), "    ") for package in updated]
        if model.release.queries_section:
            parts.append(queries(model, None))
        parts += ["\n", dump_changes(model)]
        return _indented(model, "".join(parts))


def _indented(model: AndroidModel, text: str) -> str:
    blanks = model.maker.dump_indent
    return "".join(blanks + line if line.strip() else line for line in text.splitlines(True))


def _block(model: AndroidModel, package: AndroidPackage, indent: str) -> str:
    lines = [f"  Package [{package.name}] ({hexadecimal(package.name, 7)}):"]
    lines += [indent + line for line in _package_lines(model, package)]
    # Every user of the phone, also those that never had the app: absent and "installed=false" are not the same text.
    for number in sorted(model.data.users):
        lines += _user_lines(model, package, number, indent)
    return "\n".join(lines) + "\n"


def _package_lines(model: AndroidModel, package: AndroidPackage) -> list[str]:
    release, name = model.release, package.name
    path = code_path(model.data, package)
    flags = "SYSTEM HAS_CODE ALLOW_CLEAR_USER_DATA" if package.system else "HAS_CODE ALLOW_CLEAR_USER_DATA"
    flags += " UPDATED_SYSTEM_APP" if package.updated else ""
    flags += " TEST_ONLY" if package.test_only else ""
    lines = [
        f"{release.app_id_word}={package.app_id}",
        f"pkg=Package{{{hexadecimal(name + 'pkg', 7)} {name}}}",
        f"codePath={path}",
        f"resourcePath={path}",
        f"legacyNativeLibraryDir={path}/lib",
        "extractNativeLibs=false",
        "primaryCpuAbi=arm64-v8a",
        "secondaryCpuAbi=null",
        f"versionCode={package.version_code} minSdk=26 targetSdk={min(release.api, 34)}",
        f"versionName={package.version_name or 'null'}",
        f"splits=[{', '.join(_splits(package))}]",
        f"apkSigningVersion={3 if release.api >= 28 else 2}",
        f"applicationInfo=ApplicationInfo{{{hexadecimal(name + 'info', 7)} {name}}}",
        f"flags=[ {flags} ]",
        "privateFlags=[ PRIVATE_FLAG_ACTIVITIES_RESIZE_MODE_RESIZEABLE_VIA_SDK_VERSION HAS_DOMAIN_URLS ]",
    ]
    if release.queries_section:
        lines += ["forceQueryable=false", f"queriesPackages=[com.android.chrome, {CANARY_APP}]"]
    lines += [
        f"dataDir=/data/user/0/{name}",
        "supportsScreens=[small, medium, large, xlarge, resizeable, anyDensity]",
        f"timeStamp={_time(package.installed_ms)}",
    ]
    if not release.install_times_per_user:
        lines.append(f"firstInstallTime={_time(package.installed_ms)}")
    lines += [f"lastUpdateTime={_time(package.installed_ms)}", *_installer_lines(release, package)]
    digest = hexadecimal(name + "signature", 7)
    signatures = (
        f"PackageSignatures{{{digest} version:3, signatures:[{hexadecimal('certificate', 8)}], past signatures:[]}}"
        if release.api >= 28
        else f"PackageSignatures{{{digest} [{hexadecimal('certificate', 8)}]}}"
    )
    lines += [f"signatures={signatures}", "installPermissionsFixed=true", f"pkgFlags=[ {flags} ]"]
    lines.append("requested permissions:")
    lines += [f"  android.permission.{permission}" for permission in (*_INSTALL, *_DANGEROUS.split())]
    lines.append("install permissions:")
    lines += [f"  android.permission.{permission}: granted=true" for permission in _INSTALL]
    return lines


def _installer_lines(release: Release, package: AndroidPackage) -> list[str]:
    if release.installer_always_shown:
        return [
            f"installerPackageName={package.installer or 'null'}",
            f"installerPackageUid={10_140 if package.installer else -1}",
            f"initiatingPackageName={package.installer or 'null'}",
            "originatingPackageName=null",
            f"packageSource={2 if package.installer else 0}",
        ]
    return [f"installerPackageName={package.installer}"] if package.installer else []


def _user_lines(model: AndroidModel, package: AndroidPackage, number: int, indent: str) -> list[str]:
    release, state = model.release, package.in_user(number)
    lines = [f"{indent}User {number}: {_user_fields(model, package, number, state)}"]
    lines += _suspension_lines(release, number, state, indent)
    deeper = indent + "  "
    if release.install_times_per_user:
        lines.append(f"{deeper}installReason=0")
        lines.append(f"{deeper}firstInstallTime={_time(state.first_install_ms)}")
        lines.append(f"{deeper}uninstallReason=0")
    if release.user_data_dir_line:
        lines.append(f"{deeper}dataDir=/data/user/{number}/{package.name}")
        if state.archived:
            lines.append(f"{deeper}archiveTime={_time(FIRST_CHANGE_MS)}")
            lines.append(f"{deeper}unarchiveInstallerTitle=Play Store")
    if state.last_disabled_caller:
        lines.append(f"{deeper}lastDisabledCaller: {state.last_disabled_caller}")
    if state.installed:
        lines += [f"{deeper}gids=[3003]", f"{deeper}runtime permissions:"]
        lines += [
            f"{deeper}  android.permission.{permission}: granted={'true' if index % 2 else 'false'},"
            " flags=[ USER_SENSITIVE_WHEN_GRANTED|USER_SENSITIVE_WHEN_DENIED]"
            for index, permission in enumerate(_DANGEROUS.split())
        ]
        lines += [f"{deeper}enabledComponents:", f"{deeper}  {package.name}.sync.AlarmReceiver"]
    return lines


def _user_fields(model: AndroidModel, package: AndroidPackage, number: int, state: PackageInUser) -> str:
    release, further = model.release, model.maker.further_keys
    inode = int(hexadecimal(f"{package.name}{number}", 5), 16) if state.installed else 0
    values = {
        "ceDataInode": str(inode),
        "deDataInode": str(inode - 7 if inode else 0),
        "installed": _word(state.installed),
        "hidden": _word(state.hidden),
        "suspended": _word(state.suspended),
        "distractionFlags": "0",
        "stopped": _word(state.stopped),
        "notLaunched": _word(state.not_launched),
        "enabled": str(state.enabled),
        "instant": "false",
        "virtual": "false",
        "quarantined": "false",
    }
    fields = []
    for key in release.user_line.split():
        # In the order of the release: readers must go by key, since makers and releases put keys in between.
        fields.append(f"{key}={values[key]}")
        if key == "suspended" and state.suspended:
            fields += _inline_suspension(release, state)
        if key in further:
            fields.append(further[key])
    return " ".join(fields)


def _inline_suspension(release: Release, state: PackageInUser) -> list[str]:
    # These layouts have room for one suspender; which of several is shown, the platform does not say.
    suspender, message = next(iter(state.suspenders.items()))
    if release.suspension is SuspensionLayout.MESSAGE_INLINE:
        return [f"suspendingPackage={suspender}", f"dialogMessage={message or 'null'}"]
    if release.suspension is SuspensionLayout.INFO_INLINE:
        return [f"suspendingPackage={suspender}", f"dialogInfo={_dialog(release, message)}"]
    return []


def _suspension_lines(release: Release, number: int, state: PackageInUser, indent: str) -> list[str]:
    with_user = release.suspension is SuspensionLayout.PARAMS_WITH_USER
    if not state.suspended or not (with_user or release.suspension is SuspensionLayout.PARAMS):
        return []
    lines = [f"{indent}Suspend params:"]
    for suspender, message in state.suspenders.items():
        by = f"<{number}>{suspender}" if with_user else suspender
        end = " quarantined=false" if with_user else ""
        lines.append(f"{indent}  suspendingPackage={by} dialogInfo={_dialog(release, message)}{end}")
    return [*lines, ""] if with_user else lines


def _dialog(release: Release, message: str | None) -> str:
    if message is None:
        return "null"
    button = " mNeutralButtonAction = 0" if release.api >= 30 else ""
    return f'SuspendDialogInfo: {{mDialogMessage = "{message}"{button}}}'


def _factory_copy(package: AndroidPackage) -> AndroidPackage:
    """The copy of the system image; its user lines do not tell today's state (docs/android/commands.md 5.1)."""
    # Installed for everybody, whatever is true today: who believes this block finds removed apps present.
    states = {n: PackageInUser(installed=True, first_install_ms=0) for n in package.users}
    return AndroidPackage(
        package.name, package.app_id, version_code=1, system=True, installer=None, users=states
    )


def code_path(state: AndroidState, package: AndroidPackage) -> str:
    """Return the folder of the package's APK; from 30 it holds ``==``, which trips naive splitting (4.1)."""
    if package.system and not package.updated:
        return f"/product/app/{package.name}"
    first, second = hexadecimal(package.name + "a", 22), hexadecimal(package.name + "b", 22)
    return (
        f"/data/app/~~{first}==/{package.name}-{second}=="
        if state.api >= 30
        else f"/data/app/{package.name}-{second}=="
    )


def _splits(package: AndroidPackage) -> tuple[str, ...]:
    return ("base",) if package.system else ("base", "config.arm64_v8a")


def _time(milliseconds: int) -> str:
    # The phone's own zone; a model lives in UTC, and dumps print no zone either.
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _word(value: bool) -> str:
    return "true" if value else "false"
