"""Ready-made phones, as data: which release, whose, which users, which apps in which state.

Every phone carries the canary app and the canary person: neither name may ever leave it (DESIGN.md 4, rule 10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_scripts.virtual_phone.android_state import (
    FIRST_CHANGE_MS,
    SHELL_PACKAGE,
    AndroidPackage,
    AndroidState,
    AndroidUser,
    PackageInUser,
)
from agent_scripts.virtual_phone.errors import NoSuchPersonality
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP
from agent_scripts.virtual_phone.releases import RELEASES

CANARY_PERSON = "Canary Person"
TIKTOK = "com.zhiliaoapp.musically"
TIKTOK_LITE = "com.zhiliaoapp.musically.go"
OUTLOOK = "com.microsoft.office.outlook"
LYNC = "com.microsoft.office.lync15"
COMPANY_PORTAL = "com.microsoft.windowsintune.companyportal"
OWNER_COMPONENT = f"{COMPANY_PORTAL}/.admin.DeviceAdminReceiver"

_PATCHES = {
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
    preinstalled: frozenset[str] = frozenset()

    def build(self, serial: str | None = None) -> AndroidModel:
        """Return a new Android of this kind."""
        state = AndroidState(api=self.api, device_owner=self.device_owner)
        for person in self.people:
            _add_person(state, person)
        for package in (*_SYSTEM_APPS, _LAUNCHER, _DIALER):
            for person in self.people:
                _add_app(state, package, person.number, 0, system=True)
        for person in self.people:
            for package, enabled in person.apps.items():
                _add_app(state, package, person.number, enabled, system=package in self.preinstalled)
            if person.owner:
                _add_app(state, person.owner.partition("/")[0], person.number, 0, system=False)
        if self.device_owner:
            _add_app(state, self.device_owner.partition("/")[0], 0, 0, system=False)
        state.special_apps = {"launcher": _LAUNCHER, "dialer": _DIALER, "installer": "com.android.vending"}
        state.next_user = max(10, *(person.number + 1 for person in self.people if person.number < 95))
        state.properties = _properties(self, serial or _serial(self.name))
        return AndroidModel(state)


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


def _owner(api: int, *apps: str) -> Person:
    """The phone's own person, user 0."""
    installed = dict.fromkeys((CANARY_APP, "com.android.chrome", *apps), 0)
    return Person(0, CANARY_PERSON, "full.SYSTEM", RELEASES[api].system_user_flags, installed)


def _work(*apps: str, number: int = 10, lync: int = 0, closed: bool = False) -> Person:
    """The company's work profile with the two managed apps."""
    installed = {OUTLOOK: 0, LYNC: lync, "com.android.chrome": 0, **dict.fromkeys(apps, 0)}
    restrictions = ("no_debugging_features",) if closed else ()
    return Person(
        number, "Work profile", "profile.MANAGED", 0x1030, installed, 0, OWNER_COMPONENT, restrictions
    )


def _pixel(name: str, api: int, model: str, device: str, *people: Person) -> Personality:
    return Personality(name, api, "Google", model, device, people)


_CLONE = Person(11, None, "profile.CLONE", 0x1010, {TIKTOK_LITE: 0}, 0)
_SECURE_FOLDER = Person(
    150,
    "Secure Folder",
    "profile.MANAGED",
    0x10061030,
    {TIKTOK: 0, CANARY_APP: 0},
    0,
    "com.samsung.knox.securefolder/.containeragent.detector.KnoxDeviceAdminReceiver",
    ("no_debugging_features",),
)

_ALL = (
    _pixel("pixel-11", 30, "Pixel 4a", "sunfish", _owner(30), _work()),
    _pixel("pixel-12", 31, "Pixel 6", "oriole", _owner(31), _work()),
    _pixel("pixel-12L", 32, "Pixel 6 Pro", "raven", _owner(32), _work()),
    _pixel("pixel-13", 33, "Pixel 7", "panther", _owner(33), _work()),
    _pixel("pixel-14", 34, "Pixel 8", "shiba", _owner(34), _work()),
    _pixel("pixel-15", 35, "Pixel 9", "tokay", _owner(35), _work()),
    _pixel("pixel-16", 36, "Pixel 10", "frankel", _owner(36), _work()),
    _pixel("clean", 34, "Pixel 8", "shiba", _owner(34), _work()),
    _pixel("tiktok-personal", 33, "Pixel 7", "panther", _owner(33, TIKTOK), _work(lync=1)),
    _pixel("tiktok-work", 36, "Pixel 10", "frankel", _owner(36), _work(TIKTOK)),
    _pixel("tiktok-clone", 35, "Pixel 9", "tokay", _owner(35), _work(), _CLONE),
    Personality(
        "samsung-secure-folder", 34, "samsung", "SM-S921B", "e1s", (_owner(34), _work(), _SECURE_FOLDER)
    ),
    _pixel("closed-work-profile", 31, "Pixel 6", "oriole", _owner(31, TIKTOK), _work(closed=True)),
    Personality(
        "fully-managed",
        32,
        "Google",
        "Pixel 6 Pro",
        "raven",
        (_owner(32, TIKTOK, OUTLOOK, LYNC),),
        OWNER_COMPONENT,
    ),
)

PERSONALITIES: Mapping[str, Personality] = {phone.name: phone for phone in _ALL}
"""Every ready-made phone by name: the releases as ``pixel-NN``, then the seven of the story."""


def personality(name: str) -> Personality:
    """Return a ready-made phone by name, or raise `NoSuchPersonality` listing the names."""
    if name not in PERSONALITIES:
        raise NoSuchPersonality(
            f"no ready-made phone is called {name!r}; there are {', '.join(PERSONALITIES)}"
        )
    return PERSONALITIES[name]
