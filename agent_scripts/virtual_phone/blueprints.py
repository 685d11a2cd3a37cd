"""How a ready-made phone is put together: people, apps and properties become a fresh Android.

Every phone carries the canary app and the canary person: neither name may ever leave it (docs/design.md rule 10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent_scripts.virtual_phone.android_state import (
    FIRST_CHANGE_MS,
    SHELL_PACKAGE,
    AndroidPackage,
    AndroidState,
    AndroidUser,
    PackageInUser,
)
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.releases import RELEASES

_PATCHES = {
    26: "2018-02-05",
    27: "2018-12-05",
    28: "2019-08-05",
    29: "2020-08-05",
    30: "2022-02-05",
    31: "2023-01-05",
    32: "2023-02-05",
    33: "2023-06-05",
    34: "2024-06-05",
    35: "2025-04-05",
}
_SYSTEM_APPS = (
    "android",
    SHELL_PACKAGE,
    "com.android.settings",
    "com.android.systemui",
    "com.android.vending",
)
_LAUNCHER, _DIALER = "com.google.android.apps.nexuslauncher", "com.google.android.dialer"
_WORK_RESTRICTIONS = ("no_bluetooth_sharing",)


# Up to 29 there is no bit for full users and profiles (400, 1000); from 34 on the main user has one (4000).
_FLAGS = {
    "full.SYSTEM": (0x13, 0xC13, 0x4C13),
    "system.HEADLESS": (0x13, 0x813, 0x4813),
    "full.GUEST": (0x14, 0x414, 0x414),
    "full.SECONDARY": (0x10, 0x410, 0x410),
    "profile.MANAGED": (0x30, 0x1030, 0x1030),
    "profile.CLONE": (0x10, 0x1010, 0x1010),
    "profile.PRIVATE": (0x10, 0x1010, 0x1010),
    "profile.COMMUNAL": (0x10, 0x1010, 0x1010),
}
PAUSED = 0x80
"""The flag of a profile in quiet mode."""


def flags_of(api: int, kind: str) -> int:
    """Return the flags a user of that type has in that release: up to 29, up to 33, later.

    See docs/android/commands.md 3.2.
    """
    old, middle, new = _FLAGS[kind]
    return old if api < 30 else middle if api < 34 else new


@dataclass(frozen=True)
class Person:
    """One user of a ready-made phone. `apps` maps a package to its enabled state in that user."""

    number: int
    name: str | None
    type: str
    flags: int
    apps: Mapping[str, int] = field(default_factory=dict)
    parent: int | None = None
    owner: str | None = None
    restrictions: tuple[str, ...] = ()
    organization_owned: bool = False
    state: str = "RUNNING_UNLOCKED"
    archived: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Apps that the profile's owner has hidden, as Island and Shelter do on a tap."""


@dataclass(frozen=True)
class Personality:
    """A ready-made phone: `build` gives it a fresh Android. Without a serial number it gets one made from its name."""

    name: str
    api: int
    manufacturer: str
    model: str
    device: str
    people: tuple[Person, ...]
    device_owner: str | None = None
    device_owner_user: int = 0
    preinstalled: frozenset[str] = frozenset()
    maker: str = ""
    """A key of `MAKERS`: what the maker's build does differently."""
    current_user: int = 0

    def build(self, serial: str | None = None) -> AndroidModel:
        """Return a new Android of this kind."""
        state = AndroidState(
            api=self.api,
            maker=self.maker,
            device_owner=self.device_owner,
            device_owner_user=self.device_owner_user,
            current_user=self.current_user,
        )
        for person in self.people:
            _add_person(state, person)
        # First, because whoever adds a package first says whether it came with the phone.
        for package in (*_SYSTEM_APPS, _LAUNCHER, _DIALER):
            for person in self.people:
                _add_app(state, package, person.number, 0, system=True)
        for person in self.people:
            for package, enabled in person.apps.items():
                _add_app(state, package, person.number, enabled, system=package in self.preinstalled)
            for package in person.archived:
                _add_app(state, package, person.number, 0, system=False)
                left = state.packages[package].users[person.number]
                left.installed, left.archived = False, True
            for package in person.hidden:
                state.packages[package].users[person.number].hidden = True
            if person.owner:
                _add_app(state, person.owner.partition("/")[0], person.number, 0, system=False)
        if self.device_owner:
            owner = self.device_owner.partition("/")[0]
            _add_app(state, owner, self.device_owner_user, 0, system=False)
        state.special_apps = {"launcher": _LAUNCHER, "dialer": _DIALER, "installer": "com.android.vending"}
        # Numbers from 95 on are fixed by makers (docs/android/commands.md 16); they do not move the next free one.
        state.next_user = max(10, *(person.number + 1 for person in self.people if person.number < 95))
        state.properties = _properties(self, serial or _serial(self.name))
        # On, or no computer would meet the phone; wireless debugging came with 11 (docs/android/commands.md 14.3).
        state.settings["global"] = {"adb_enabled": "1"} | (
            {"adb_wifi_enabled": "0"} if self.api >= 30 else {}
        )
        return AndroidModel(state)

    def under(self, device_owner: str) -> Personality:
        """Return this phone with a device owner."""
        return replace(self, device_owner=device_owner)


def _add_person(state: AndroidState, person: Person) -> None:
    state.users[person.number] = AndroidUser(
        number=person.number,
        name=person.name,
        flags=person.flags,
        type=person.type,
        parent=person.parent,
        restrictions=list(_WORK_RESTRICTIONS) if person.type == "profile.MANAGED" else [],
        policy_restrictions=list(person.restrictions),
        owner=person.owner,
        organization_owned=person.organization_owned,
        state=person.state,
    )


def _add_app(state: AndroidState, name: str, user: int, enabled: int, *, system: bool) -> None:
    package = state.packages.get(name)
    if package is None:
        app_id = (
            2000
            if name == SHELL_PACKAGE
            else 1000
            if system and name == "android"
            else 10_100 + len(state.packages)
        )
        package = AndroidPackage(name, app_id, version_code=2_024_050_100 % 90_000, version_name="4.2415.1")
        package.system, package.installer = system, None if system else "com.android.vending"
        state.packages[name] = package
    package.users[user] = PackageInUser(installed=True, enabled=enabled, first_install_ms=FIRST_CHANGE_MS)


def _properties(phone: Personality, serial: str) -> dict[str, str]:
    release = RELEASES[phone.api]
    build = f"VP{phone.api}.240501.001"
    maker = phone.manufacturer.lower()
    fingerprint = f"{maker}/{phone.device}/{phone.device}:{release.version}/{build}/1:user/release-keys"
    return {
        "ro.boot.verifiedbootstate": "green",
        "ro.build.fingerprint": fingerprint,
        "ro.build.id": build,
        "ro.build.type": "user",
        "ro.build.version.release": release.version,
        "ro.build.version.sdk": str(phone.api),
        "ro.build.version.security_patch": _PATCHES.get(phone.api, "2025-09-05"),
        "ro.crypto.state": "encrypted",
        # By this an agent knows a virtual phone: its reports say so, and only a demo's root takes them.
        "ro.curfew.virtual": "1",
        "ro.debuggable": "0",
        "ro.product.brand": maker,
        "ro.product.device": phone.device,
        "ro.product.manufacturer": phone.manufacturer,
        "ro.product.model": phone.model,
        "ro.product.name": phone.device,
        "ro.serialno": serial,
        "sys.boot_completed": "1",
    }


def _serial(name: str) -> str:
    return "VP" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()
