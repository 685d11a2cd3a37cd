"""What is true of a phone and must become of it, read from the Android model itself.

Written from docs/android/commands.md 3, 5, 6, 9, 10, 16, 17 and docs/design.md 4, without a look at what phones say and
without the judgement and the dialects of the agent: those are what is held against it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from agent_scripts.virtual_phone.android_state import AndroidUser, PackageInUser
from agent_scripts.virtual_phone.model import AndroidModel
from policy.document import PlaceKind, Policy
from policy.observation import UserKind
from tests.fleet.phones import BANNED, KNOX, MANAGED, Mishap

COMPLIANT, VIOLATING, UNREADABLE = "compliant", "violating", "unreadable"
Spot = tuple[int, str]
Snapshot = dict[str, Any]

_KIND_BY_TYPE = {
    "profile.CLONE": UserKind.CLONE,
    "profile.PRIVATE": UserKind.PRIVATE,
    "profile.COMMUNAL": UserKind.OTHER,
    "full.GUEST": UserKind.OTHER,
    "full.SECONDARY": UserKind.OTHER,
}
_TWINS = (95, 128, 998, 999)
_GLOBAL = (Mishap.USERS, Mishap.LIST, Mishap.OWNERS)


@dataclass
class Truth:
    """One phone under one policy. `disabled` remembers what was switched off, and the state before."""

    model: AndroidModel
    policy: Policy
    mishap: Mishap = Mishap.NONE
    spoilt: str = ""
    disabled: dict[Spot, int] = field(default_factory=dict)

    # What is -------------------------------------------------------------------------------------------------

    @property
    def verdict(self) -> str:
        """The verdict, if everything that was not spoilt is read rightly."""
        if self.mishap in _GLOBAL:
            return UNREADABLE
        if self.policy.managed and not self._in_use() and not self._unread_spots():
            return COMPLIANT
        spoilt = self.spoilt if self.mishap is Mishap.BANNED else ""
        if any(self._present(number, p) for p in BANNED if p != spoilt for number in self._counting()):
            return VIOLATING
        return UNREADABLE if spoilt else COMPLIANT

    @property
    def enforceable(self) -> bool:
        """Whether disabling could reach every managed app in use."""
        if self.verdict == UNREADABLE or self._unread_spots():
            return False
        return not any(
            self._closed(number)
            and (self._state(number, p).enabled in (0, 1) or (number, p) in self.disabled)
            for number, p in self._in_use()
        )

    def users(self) -> dict[int, tuple[UserKind, bool, bool, bool]]:
        """Return the kind of each user, whether it has an owner, is open to the shell, and is running."""
        return {
            user.number: (
                self._kind(user), user.owner is not None, not self._closed(user.number),
                user.state in ("RUNNING_UNLOCKED", "RUNNING_LOCKED"),
            )
            for user in self.model.users()
        }  # fmt: skip

    def states(self, package: str) -> dict[int, tuple[bool | int, ...]]:
        """Return what each user has of a package, in the words of an observation; nothing if it is unknown."""
        known = self.model.package(package)
        if known is None:
            return {}
        return {
            user.number: (
                (state := known.in_user(user.number)).installed, state.hidden, state.archived, state.suspended,
                state.enabled, (state.last_disabled_caller or "").startswith("shell:"),
            )
            for user in self.model.users()
        }  # fmt: skip

    def _present(self, number: int, package: str) -> bool:
        state = self._state(number, package)
        # Only the organisation's own owner hides for good: whoever lives elsewhere shows the app again by a tap.
        owned = self._places().get(number) in (PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE)
        if not state.installed or state.archived or (state.hidden and owned):
            return False
        system = self.model.data.packages[package].system
        switched_off = state.enabled in (2, 3, 4)
        return not (system and switched_off and self.policy.preinstalled_disabled_counts)

    def _counting(self) -> list[int]:
        return [user.number for user in self.model.users() if self._kind(user) in self.policy.kinds]

    def _kind(self, user: AndroidUser) -> UserKind:
        if user.number in (0, self._first_person()):
            return UserKind.PERSONAL
        if user.number in _TWINS:
            return UserKind.CLONE
        if user.type != "profile.MANAGED":
            return _KIND_BY_TYPE[user.type]
        if user.owner == KNOX:
            return UserKind.SECURE_FOLDER
        return UserKind.WORK if self._listed(user.owner) else UserKind.PERSONAL

    def _listed(self, component: str | None) -> bool:
        return (component or "").partition("/")[0] in self.policy.owners

    def _places(self) -> dict[int, PlaceKind]:
        data = self.model.data
        found = {
            u.number: PlaceKind.WORK_PROFILE for u in self.model.users() if self._kind(u) is UserKind.WORK
        }
        if self._listed(data.device_owner):
            found[data.device_owner_user] = PlaceKind.MANAGED_DEVICE
        if not found and data.device_owner is None:
            found[self._first_person()] = PlaceKind.USER_0
        return found

    def _first_person(self) -> int:
        """Whoever lives on the phone first: not user 0 where the system keeps that to itself (30 and newer tell)."""
        users = self.model.users()
        if users[0].type != "system.HEADLESS":
            return 0
        return next((u.number for u in users[1:] if u.type.startswith("full.")), 0)

    def _spots(self) -> list[Spot]:
        places = self._places()
        return [
            (n, app.package) for app in self.policy.managed for n in sorted(places) if places[n] in app.places
        ]

    def _unread_spots(self) -> list[Spot]:
        """Where the managed app lives that cannot be dumped."""
        return [pair for pair in self._spots() if self.mishap is Mishap.MANAGED and pair[1] == self.spoilt]

    def _in_use(self) -> list[Spot]:
        """Managed apps in their places that were read and that their person can see."""
        unread = self._unread_spots()
        states = [(pair, self._state(*pair)) for pair in self._spots() if pair not in unread]
        return [pair for pair, s in states if s.installed and not s.hidden and not s.archived]

    def _state(self, number: int, package: str) -> PackageInUser:
        return self.model.state(number, package)

    def _closed(self, number: int) -> bool:
        user = self.model.user(number)
        return user is not None and "no_debugging_features" in (*user.restrictions, *user.policy_restrictions)

    def _refused(self, number: int, package: str) -> bool:
        """Whether Android or the maker keeps this app on whatever the shell says (docs/android/commands.md 6.2)."""
        data = self.model.data
        if self.mishap is Mishap.VERB:
            return True
        withdrawn = data.api >= 30 and f"{number}:{package}" in data.user_control_disabled
        return withdrawn or (data.packages[package].system and data.maker in ("xiaomi", "vivo"))

    # What becomes of it --------------------------------------------------------------------------------------

    def after_enforcing(self) -> Snapshot:
        """Everything the phone has of packages after one check in force; remembers what that switches off."""
        after = snapshot(self.model)
        if self.verdict != VIOLATING:
            return self._restored(after) if self.verdict == COMPLIANT else after
        for number, package in self._in_use():
            state = after[package][number]
            if self._closed(number) or state["enabled"] not in (0, 1):
                continue
            if not self._refused(number, package):
                self.disabled.setdefault((number, package), state["enabled"])
                state["enabled"], state["last_disabled_caller"] = 3, self._mark
        return after

    def after_lifting(self) -> Snapshot:
        """Everything the phone has of packages after a check under a lifted policy."""
        return self._restored(snapshot(self.model))

    def _restored(self, after: Snapshot) -> Snapshot:
        for (number, package), prior in list(self.disabled.items()):
            state = after.get(package, {}).get(number)
            ours = state and state["enabled"] == 3 and state["last_disabled_caller"] == self._mark
            if state and ours and not self._closed(number):
                state["enabled"], state["last_disabled_caller"] = prior, None
            if not (ours and self._closed(number)):
                del self.disabled[number, package]
        return after

    @property
    def _mark(self) -> str:
        return "shell:2000" if self.model.data.api <= 27 else "shell:1000"


def snapshot(model: AndroidModel) -> Snapshot:
    """Return what every user has of every package, to be compared as a whole."""
    with model.lock:
        return {
            name: {number: asdict(package.in_user(number)) for number in sorted(model.data.users)}
            for name, package in sorted(model.data.packages.items())
        }


def managed_states(taken: Snapshot) -> dict[str, dict[int, int]]:
    """Return the enabled states of the managed apps, for a failure one can read."""
    return {p: {n: state["enabled"] for n, state in taken.get(p, {}).items()} for p in MANAGED}
