"""Phones as they may come, drawn by a seed: release, maker, layout of users, states of apps, policy and mishap.

A case is named by its seed, so that one that failed can be lived again alone: ``drawn(api, number)``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from agent_scripts.virtual_phone.blueprints import PAUSED, Person, Personality, flags_of
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP
from agent_scripts.virtual_phone.personalities import OWNER_COMPONENT
from policy.document import Family, ManagedApp, PlaceKind, Policy
from policy.names import PackageName
from policy.observation import UserKind
from tests.fleet.phones import BANNED, KNOX, MANAGED, NOW, Case, Later, Mishap

OWNER = OWNER_COMPONENT.partition("/")[0]
ISLAND = "com.oasisfeng.island/.IslandDeviceAdminReceiver"
SHELTER = "net.typeblog.shelter/.receivers.ShelterDeviceAdminReceiver"
AMAZON = "com.amazon.parentalcontrols/.DeviceAdmin"
SECOND_EMPLOYER = "com.example.mdm/.AdminReceiver"
WELLBEING = "com.google.android.apps.wellbeing"

MAKERS = {
    "google": ("", "Google", 26, 36),
    "samsung": ("samsung", "samsung", 26, 36),
    "xiaomi": ("xiaomi", "Xiaomi", 26, 36),
    "vivo": ("vivo", "vivo", 26, 36),
    "grapheneos": ("grapheneos", "Google", 33, 36),
    "amazon": ("", "Amazon", 26, 30),
    "hannspree": ("hannspree", "Hannspree", 28, 30),
    "car": ("", "Google", 29, 36),
}
"""Maker to the build's quirks, the manufacturer it names, and the first and last release it is drawn for."""

_NAMES = (
    "Owner", "Work profile", " two  blanks ", "Arbeitsprofil", "工作资料", "Профиль", "null", "", "a:b:c13",
    "closing } brace", "{0:Owner:c13} running", "line\nbreak", "ends }\n", "Type: android.os.usertype.full.SYSTEM",
    "serialNo=10 parentId=0", "\u202eright to left", "\ttab", None,
)  # fmt: skip
_FORGED_NAMES = (
    "x}\n\tUserInfo{0:Owner:c13} running",
    "x:1030} serialNo=10\n    Type: android.os.usertype.profile.PRIVATE",
    "x\n  UserInfo{77:y:1010} serialNo=77 isPrimary=false\n    Type: android.os.usertype.profile.CLONE",
    "x\n    Effective restrictions:\n      no_debugging_features",
)
"""Names of people that imitate what the phone prints of its users."""


_CLOCKS_S = (0, 0, 0, -3 * 365 * 86_400, 2 * 365 * 86_400, 4_000)
_REFUSALS = (
    "Failed to change state of package: x\n",
    "cmd: Failure calling service package: Failed transaction (2147483646)\n",
    "\nException occurred while executing 'disable-user':\njava.lang.SecurityException: No.\n\tat a.b(C.java:1)\n",
    "",
)


def drawn(api: int, number: int) -> Case:
    """Return the case of that number for one release; the same every time."""
    return _Drawing(api, number).case()


class _Drawing:
    """The dice of one case."""

    def __init__(self, api: int, number: int) -> None:
        self._dice = Random(f"fleet {api} {number}")
        self._api = api
        self._name = f"{api}-{number}"
        self._numbers = iter(self._dice.sample(range(10, 40), 12))
        self._maker = self._dice.choice([m for m, row in MAKERS.items() if row[2] <= api <= row[3]])

    def _often(self, share: float) -> bool:
        return self._dice.random() < share

    def case(self) -> Case:
        layout, people, device_owner = self._people()
        quirks, manufacturer, _, _ = MAKERS[self._maker]
        phone = Personality(
            f"fleet-{self._name}", self._api, manufacturer, "Model", "device", people, device_owner,
            device_owner_user=10 if layout == "car" else 0, preinstalled=self._preinstalled(), maker=quirks,
            current_user=10 if layout == "car" else 0,
        )  # fmt: skip
        case = Case(self._name, self._api, self._maker, layout, phone.build(), self._policy())
        case.model.data.clock_offset_s = self._dice.choice(_CLOCKS_S)
        self._touch_apps(case)
        self._spoil(case)
        if case.mishap in (Mishap.NONE, Mishap.MISREPORTED):
            undone = [Later.ENABLED, Later.UPDATED]
            case.later = self._dice.choice([*Later, *undone, *undone])
            case.checked_between = case.later in undone and self._often(0.7)
        return case

    # Users ---------------------------------------------------------------------------------------------------

    def _people(self) -> tuple[str, tuple[Person, ...], str | None]:
        if self._maker == "car":
            return "car", self._car(), OWNER_COMPONENT if self._api >= 30 and self._often(0.5) else None
        layouts = ["work"] * 6 + ["work paused", "work locked", "work stopped", "work closed", "work closed"]
        layouts += ["cope", "managed", "managed by another", "island", "alone"]
        layouts += ["cope", "managed"] * 6 if self._maker == "hannspree" else []
        layout = self._dice.choice(layouts)
        owner = AMAZON if self._maker == "amazon" and self._often(0.7) else None
        people = [replace(self._person(0, "full.SYSTEM"), owner=owner)]
        device_owner = None
        if layout.startswith("managed"):
            device_owner = OWNER_COMPONENT if layout == "managed" else SECOND_EMPLOYER
        elif layout == "island":
            people.append(self._profile(self._dice.choice((ISLAND, SHELTER, SECOND_EMPLOYER))))
        elif layout != "alone":
            people.append(self._work(layout))
            if layout == "cope" and self._api < 30:
                device_owner = OWNER_COMPONENT
        return layout, (*people, *self._others()), device_owner

    def _car(self) -> tuple[Person, ...]:
        headless = self._person(0, "system.HEADLESS" if self._api >= 30 else "full.SYSTEM")
        driver = replace(self._person(10, "full.SECONDARY"), flags=0x412 if self._api >= 30 else 0x12)
        return (headless, driver)

    def _work(self, layout: str) -> Person:
        person = self._profile(OWNER_COMPONENT)
        closed = ("no_debugging_features",) if layout == "work closed" else ()
        states = {"work paused": "-1", "work stopped": "-1", "work locked": "RUNNING_LOCKED"}
        return replace(
            person,
            flags=person.flags | PAUSED * (layout == "work paused"),
            state=states.get(layout, "RUNNING_UNLOCKED"),
            restrictions=(*closed, *self._dice.choice([(), ("no_control_apps",), ("no_uninstall_apps",)])),
            organization_owned=layout == "cope" and self._api >= 30,
        )

    def _profile(self, owner: str) -> Person:
        return replace(self._person(next(self._numbers), "profile.MANAGED"), parent=0, owner=owner)

    def _others(self) -> list[Person]:
        found = []
        if self._api >= 31 and self._often(0.2):
            found.append(replace(self._person(next(self._numbers), "profile.CLONE"), parent=0))
        if self._api >= 35 and self._often(0.3):
            private = replace(self._person(next(self._numbers), "profile.PRIVATE"), parent=0)
            locked = self._often(0.5)
            found.append(replace(private, flags=0x1090, state="-1") if locked else private)
        if self._api >= 35 and self._often(0.1):
            found.append(replace(self._person(next(self._numbers), "profile.COMMUNAL"), parent=0))
        if self._often(0.15):
            guest = self._person(next(self._numbers), "full.GUEST")
            found.append(replace(guest, state="-1"))
        if self._often(0.2):
            found.append(self._person(next(self._numbers), "full.SECONDARY"))
        return [*found, *self._makers_users()]

    def _makers_users(self) -> list[Person]:
        """Secure Folder, Dual Messenger, app twins (docs/android/commands.md 16); flag 1000 is of 30 and newer."""
        found, new = [], self._api >= 30
        if self._maker == "samsung" and self._often(0.6):
            flags = self._dice.choice((0x10061030, 0x61010)) if new else 0x10060030
            folder = replace(self._person(self._dice.choice((150, 151)), "profile.MANAGED"), parent=0)
            restrictions = ("no_debugging_features",)
            found.append(replace(folder, flags=flags, owner=KNOX, restrictions=restrictions))
        if self._maker == "samsung" and self._often(0.3):
            twin = self._person(95, "profile.CLONE" if self._api >= 31 else "full.SECONDARY")
            found.append(replace(twin, flags=0x20001010 if new else 0x20000010, parent=0))
        if self._maker == "xiaomi" and self._often(0.2):
            second = self._person(next(self._numbers), "full.SECONDARY")
            shut = ("no_debugging_features",) if self._often(0.5) else ()
            found.append(replace(second, flags=second.flags | 1, restrictions=shut))
        if self._maker in ("xiaomi", "vivo") and self._often(0.4):
            twin = self._person(999, "profile.CLONE" if self._api >= 31 else "full.SECONDARY")
            found.append(replace(twin, parent=0 if self._api >= 31 else None))
        return found

    def _person(self, number: int, kind: str) -> Person:
        apps = {CANARY_APP: 0} if number == 0 else {}
        apps |= {package: 0 for package in BANNED if self._often(0.4 if number == 0 else 0.2)}
        managed = kind in ("profile.MANAGED", "full.SYSTEM")
        apps |= {package: 0 for package in MANAGED if self._often(0.8 if managed else 0.2)}
        return Person(number, self._dice.choice(_NAMES), kind, flags_of(self._api, kind), apps)

    # Apps ----------------------------------------------------------------------------------------------------

    def _preinstalled(self) -> frozenset[str]:
        return frozenset(package for package in (*BANNED, *MANAGED) if self._often(0.15))

    def _touch_apps(self, case: Case) -> None:
        model = case.model
        for package in (*BANNED, *MANAGED):
            known = model.package(package)
            for number in sorted(known.users) if known else ():
                self._touch(model, number, package)
            if known is not None and known.system:
                known.updated = self._often(0.5)
        managed = [(n, p) for p in MANAGED if (known := model.package(p)) for n in known.users]
        for number, package in managed:
            if self._often(0.08):
                model.data.user_control_disabled.append(f"{number}:{package}")
            if self._often(0.2):
                model.data.uninstall_blocked.append(f"{number}:{package}")

    def _touch(self, model: AndroidModel, number: int, package: str) -> None:
        """Give one app in one user a state of its own."""
        shell = model.release.last_disabled_caller
        states: list[tuple[int, str | None]] = [
            *((0, None),) * 12,
            *((1, None),) * 4,
            (2, "com.google.android.gms"),
            (3, "com.android.settings"),
            (3, shell),
            (4, "com.android.shell"),
        ]
        model.set_enabled(number, package, *self._dice.choice(states))
        if self._often(0.06):
            model.set_hidden(number, package, True)
        elif self._api >= 35 and package in BANNED and self._often(0.15):
            model.archive(number, package)
        if self._often(0.1):
            model.suspend(number, package, self._dice.choice(("android", WELLBEING, "com.android.shell")))

    # Policy and mishaps --------------------------------------------------------------------------------------

    def _policy(self) -> Policy:
        places = {PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE}
        if self._often(0.2):
            places.add(PlaceKind.USER_0)
        kinds = frozenset(UserKind) if self._often(0.75) else frozenset({UserKind.PERSONAL, UserKind.WORK})
        return Policy(
            name="fleet",
            families=(Family("tiktok", tuple(map(PackageName, BANNED))),),
            managed=tuple(ManagedApp(PackageName(p), frozenset(places)) for p in MANAGED),
            owners=frozenset({PackageName(OWNER)}),
            kinds=kinds,
            deadline=NOW - timedelta(days=10),
            time_zone="Europe/Brussels",
            review_at=NOW + timedelta(days=100),
            ends_at=NOW + timedelta(days=200),
            offline_limit=timedelta(days=3),
            overdue_limit=timedelta(days=7),
            check_interval=timedelta(hours=1),
            check_jitter=timedelta(minutes=5),
            preinstalled_disabled_counts=self._often(0.7),
        )

    def _spoil(self, case: Case) -> None:
        if self._often(0.7):
            return
        case.mishap = self._dice.choice(list(Mishap))
        case.cut_at = self._dice.randrange(0, 30_000)
        case.refusal = self._dice.choice(_REFUSALS)
        case.spoilt = self._dice.choice(MANAGED if case.mishap is Mishap.MANAGED else BANNED)
        if case.mishap is Mishap.FORGED:
            self._forge(case)
        elif case.mishap is Mishap.NAME:
            user = self._dice.choice(case.model.users())
            user.name = self._dice.choice(_FORGED_NAMES)

    def _forge(self, case: Case) -> None:
        """Let somebody suspend a banned app with a message that says it is not installed."""
        known = case.model.package(case.spoilt)
        users = [number for number, state in known.users.items() if state.installed] if known else []
        if not users or self._api < 28:
            case.mishap = Mishap.NONE
            return
        number = self._dice.choice(users)
        line = f"User {number}: ceDataInode=0 installed=false hidden=false suspended=false stopped=true"
        head = self._dice.choice(('x"}', "x", "x stopped=false notLaunched=false enabled=0 instant=false"))
        tail = self._dice.choice(
            ("", "\nHidden system packages:", "\nQueries:", "\n  Package [com.other.app] (1):")
        )
        message = f"{head}\n    {line} notLaunched=false enabled=0 instant=false virtual=false{tail}"
        case.model.suspend(number, case.spoilt, "com.evil", message)
        state = case.model.data.packages[case.spoilt].users[number]
        if self._api < 30:
            state.suspenders = {"com.evil": message}
