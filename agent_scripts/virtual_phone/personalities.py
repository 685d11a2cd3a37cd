"""Ready-made phones, as data: which release, whose, which users, which apps in which state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent_scripts.virtual_phone.blueprints import PAUSED, Person, Personality, flags_of
from agent_scripts.virtual_phone.errors import NoSuchPersonality
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP

__all__ = [
    "CANARY_PERSON", "COMPANY_PORTAL", "LYNC", "OUTLOOK", "OWNER_COMPONENT", "PERSONALITIES", "TIKTOK",
    "TIKTOK_LITE", "Person", "Personality", "personality",
]  # fmt: skip

CANARY_PERSON = "Canary Person"
TIKTOK = "com.zhiliaoapp.musically"
TIKTOK_LITE = "com.zhiliaoapp.musically.go"
OUTLOOK = "com.microsoft.office.outlook"
LYNC = "com.microsoft.office.lync15"
COMPANY_PORTAL = "com.microsoft.windowsintune.companyportal"
OWNER_COMPONENT = f"{COMPANY_PORTAL}/.admin.DeviceAdminReceiver"

_SHELL_SHUT = ("no_debugging_features",)
_ISLAND = "com.oasisfeng.island/.IslandDeviceAdminReceiver"
_SHELTER = "net.typeblog.shelter/.receivers.ShelterDeviceAdminReceiver"
_KNOX = "com.samsung.knox.securefolder/.containeragent.detector.KnoxDeviceAdminReceiver"
_AMAZON = "com.amazon.parentalcontrols/.DeviceAdmin"


def _owner(api: int, *apps: str) -> Person:
    """The phone's own person, user 0."""
    installed = dict.fromkeys((CANARY_APP, "com.android.chrome", *apps), 0)
    return Person(0, CANARY_PERSON, "full.SYSTEM", flags_of(api, "full.SYSTEM"), installed)


def _work(
    api: int,
    *apps: str,
    number: int = 10,
    name: str | None = "Work profile",
    lync: int = 0,
    owner: str = OWNER_COMPONENT,
    closed: bool = False,
    paused: bool = False,
    organization_owned: bool = False,
) -> Person:
    """A work profile with the two managed apps, the company's unless another owner is named."""
    kind = "profile.MANAGED"
    return Person(
        number,
        name,
        kind,
        flags_of(api, kind) | PAUSED * paused,
        {OUTLOOK: 0, LYNC: lync, "com.android.chrome": 0, **dict.fromkeys(apps, 0)},
        0,
        owner,
        _SHELL_SHUT if closed else (),
        organization_owned,
        "-1" if paused else "RUNNING_UNLOCKED",
    )


def _other(api: int, number: int, kind: str, *apps: str, name: str | None = None) -> Person:
    """A clone, a private space, a guest or a second person."""
    parent = 0 if kind.startswith("profile.") else None
    return Person(number, name, kind, flags_of(api, kind), dict.fromkeys(apps, 0), parent)


def _pixel(name: str, api: int, model: str, device: str, *people: Person) -> Personality:
    return Personality(name, api, "Google", model, device, people)


def _secure_folder(number: int, *apps: str) -> Person:
    installed = dict.fromkeys((CANARY_APP, *apps), 0)
    # As T:a-005 shows it: whoever goes by the bit of managed profiles takes it for a work profile.
    flags = 0x10061030
    return Person(number, "Secure Folder", "profile.MANAGED", flags, installed, 0, _KNOX, _SHELL_SHUT)


def _dual_messenger(*apps: str) -> Person:
    # As T:a-004 shows it.
    return Person(95, "DUAL_APP", "profile.CLONE", 0x20001010, dict.fromkeys(apps, 0), 0)


_RELEASES = tuple(
    _pixel(name, api, model, device, _owner(api), _work(api))
    for name, api, model, device in (
        ("pixel-8", 26, "Pixel", "sailfish"),
        ("pixel-8.1", 27, "Pixel 2", "walleye"),
        ("pixel-9", 28, "Pixel 3", "blueline"),
        ("pixel-10", 29, "Pixel 4", "flame"),
        ("pixel-11", 30, "Pixel 4a", "sunfish"),
        ("pixel-12", 31, "Pixel 6", "oriole"),
        ("pixel-12L", 32, "Pixel 6 Pro", "raven"),
        ("pixel-13", 33, "Pixel 7", "panther"),
        ("pixel-14", 34, "Pixel 8", "shiba"),
        ("pixel-15", 35, "Pixel 9", "tokay"),
        ("pixel-16", 36, "Pixel 10", "frankel"),
    )
)
_STORY = (
    _pixel("clean", 34, "Pixel 8", "shiba", _owner(34), _work(34)),
    # lync=1: enabled, and not by default, before anybody came: restoring has to give back 1 and not 0.
    _pixel("tiktok-personal", 33, "Pixel 7", "panther", _owner(33, TIKTOK), _work(33, lync=1)),
    _pixel("tiktok-work", 36, "Pixel 10", "frankel", _owner(36), _work(36, TIKTOK)),
    _pixel(
        "tiktok-clone", 35, "Pixel 9", "tokay",
        _owner(35), _work(35), _other(35, 11, "profile.CLONE", TIKTOK_LITE),
    ),
    Personality(
        "samsung-secure-folder", 34, "samsung", "SM-S921B", "e1s",
        (_owner(34), _work(34), _secure_folder(150, TIKTOK)), maker="samsung",
    ),
    _pixel("closed-work-profile", 31, "Pixel 6", "oriole", _owner(31, TIKTOK), _work(31, closed=True)),
    _pixel("fully-managed", 32, "Pixel 6 Pro", "raven", _owner(32, TIKTOK, OUTLOOK, LYNC)).under(
        OWNER_COMPONENT
    ),
)  # fmt: skip
_MAKERS = (
    Personality(
        "xiaomi", 31, "Xiaomi", "M2007J20CG", "surya", (_owner(31, TIKTOK), _work(31)), maker="xiaomi"
    ),
    Personality(
        "xiaomi-preinstalled", 34, "Xiaomi", "23021RAA2Y", "topaz", (_owner(34, TIKTOK), _work(34)),
        preinstalled=frozenset({TIKTOK, OUTLOOK}), maker="xiaomi",
    ),
    Personality(
        "vivo", 34, "vivo", "V2309A", "PD2309", (_owner(34, TIKTOK), _work(34)),
        preinstalled=frozenset({OUTLOOK}), maker="vivo",
    ),
    Personality(
        "samsung-one-ui", 35, "samsung", "SM-S921B", "e1s",
        (_owner(35), _work(35, number=11), _dual_messenger(TIKTOK), _secure_folder(151)), maker="samsung",
    ),
    Personality(
        "grapheneos", 36, "Google", "Pixel 6", "oriole", (_owner(36, TIKTOK), _work(36)), maker="grapheneos"
    ),
    Personality(
        # An owner on user 0 that is no organisation's: not every profile owner makes a work profile (T:a-013).
        "fire-tablet", 28, "Amazon", "KFTRWI", "trona", (replace(_owner(28, TIKTOK), owner=_AMAZON),)
    ),
    Personality(
        "automotive", 33, "Google", "AOSP on car", "emulator_car64",
        (
            Person(0, CANARY_PERSON, "system.HEADLESS", 0x813, {CANARY_APP: 0}),
            Person(10, "Driver", "full.SECONDARY", 0x412, {TIKTOK: 0}),
        ),
        current_user=10,
    ),
    Personality(
        "huawei-twin", 29, "HUAWEI", "ELE-L29", "HWELE",
        (
            _owner(29), _work(29),
            Person(128, "clone_user", "full.SECONDARY", 0x4000410, {TIKTOK: 0}),
        ),
    ),
)  # fmt: skip
_LAYOUTS = (
    # Up to 29 a company's phone with a work profile has both owners (docs/android/commands.md 10.5).
    _pixel("cope-9", 28, "Pixel 3", "blueline", _owner(28, TIKTOK), _work(28)).under(OWNER_COMPONENT),
    _pixel(
        "cope", 33, "Pixel 7", "panther", _owner(33, TIKTOK), _work(33, lync=1, organization_owned=True)
    ),
    _pixel(
        "several-people", 30, "Pixel 4a", "sunfish",
        _owner(30), _work(30), replace(_other(30, 11, "full.GUEST", name="Guest"), state="-1"),
        _other(30, 12, "full.SECONDARY", TIKTOK, name="Second person"),
    ),
    _pixel("paused-work-profile", 34, "Pixel 8", "shiba", _owner(34, TIKTOK), _work(34, paused=True)),
    _pixel(
        "locked-work-profile", 33, "Pixel 7", "panther",
        _owner(33, TIKTOK), replace(_work(33), state="RUNNING_LOCKED"),
    ),
    _pixel(
        "private-space", 36, "Pixel 10", "frankel", _owner(36), _work(36),
        # Locked: quiet mode and not started, yet the dump shows what is in it (docs/android/commands.md 3.2, 16).
        replace(_other(36, 11, "profile.PRIVATE", TIKTOK, name="Private space"), flags=0x1090, state="-1"),
    ),
    _pixel("island", 32, "Pixel 6 Pro", "raven", _owner(32, TIKTOK), _work(32, owner=_ISLAND, name="Island")),
    _pixel("shelter", 29, "Pixel 4", "flame", _owner(29, TIKTOK), _work(29, owner=_SHELTER, name="Shelter")),
    _pixel(
        "island-hides-tiktok", 33, "Pixel 7", "panther",
        _owner(33), _work(33),
        replace(_other(33, 11, "profile.MANAGED", TIKTOK, name="Island"), owner=_ISLAND, hidden=(TIKTOK,)),
    ),
    Personality(
        "headless-tablet", 34, "Google", "Pixel Tablet", "tangorpro",
        (
            Person(0, CANARY_PERSON, "system.HEADLESS", 0x813, {CANARY_APP: 0}),
            # MAIN is on the first person's user here, and user 0 is nobody's.
            Person(10, "First person", "full.SECONDARY", 0x4412, {TIKTOK: 0, OUTLOOK: 0, LYNC: 1}),
        ),
        OWNER_COMPONENT, device_owner_user=10, current_user=10,
    ),
    _pixel("archived", 35, "Pixel 9", "tokay", replace(_owner(35), archived=(TIKTOK,)), _work(35)),
    _pixel(
        # One name, and to a reader that takes the first brace it looks like the end of its line and a user 77.
        "odd-names", 34, "Pixel 8", "shiba", _owner(34, TIKTOK),
        _work(34, name="} running\n\tUserInfo{77:工作 :4c13} serialNo=77"),
    ),
)  # fmt: skip

PERSONALITIES: Mapping[str, Personality] = {
    phone.name: phone for phone in (*_RELEASES, *_STORY, *_MAKERS, *_LAYOUTS)
}
"""Every ready-made phone by name: one per release, the seven of the story, makers' builds, layouts of users."""


def personality(name: str) -> Personality:
    """Return a ready-made phone by name, or raise `NoSuchPersonality` listing the names."""
    if name not in PERSONALITIES:
        raise NoSuchPersonality(
            f"no ready-made phone is called {name!r}; there are {', '.join(PERSONALITIES)}"
        )
    return PERSONALITIES[name]
