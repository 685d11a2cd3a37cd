"""One running Android: its state, who may change it how, and what a person does with it (docs/android/commands.md 18).

`AndroidModel` is shared by the phone's own thread and whoever drives it, so every method takes the lock. After each
change it is written to ``model.json`` in the phone's folder: a phone whose process was killed can be inspected.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from agent_scripts.virtual_phone.android_state import (
    AndroidPackage,
    AndroidState,
    AndroidUser,
    PackageInUser,
    state_from,
)
from agent_scripts.virtual_phone.errors import NoSuchState
from agent_scripts.virtual_phone.makers import MAKERS, Maker
from agent_scripts.virtual_phone.releases import RELEASES, Release


class AndroidModel:
    """A running Android, made by a personality; driven by shell commands and by a person: the methods here."""

    def __init__(self, state: AndroidState, saved: Callable[[str], None] | None = None) -> None:
        self.data = state
        self.lock = threading.RLock()
        self._saved = saved
        self._depth = 0

    @property
    def release(self) -> Release:
        """The row of `RELEASES` this phone follows."""
        return RELEASES[self.data.api]

    @property
    def maker(self) -> Maker:
        """The row of `MAKERS` this phone follows."""
        return MAKERS[self.data.maker]

    def save_to(self, saved: Callable[[str], None]) -> None:
        """Hand the JSON to `saved` now and after each change."""
        with self.lock:
            self._saved = saved
            saved(self.to_json())

    @contextmanager
    def changing(self) -> Iterator[AndroidState]:
        """Give the state to be changed under the lock and save it once at the end, also of nested changes."""
        with self.lock:
            # Counted, since methods call each other: saved in the middle, a killed phone would show half a change.
            self._depth += 1
            try:
                yield self.data
            finally:
                self._depth -= 1
                # Also after an exception: what was changed before it is the state now, as it would be on a phone.
                if not self._depth and self._saved is not None:
                    self._saved(self.to_json())

    def to_json(self) -> str:
        """Return the whole state as JSON text with sorted keys; `from_json` takes it back."""
        with self.lock:
            # Sorted and indented, so that two states of one phone can be compared line by line; `vars` and not
            # `asdict`, which copies the whole state first.
            return json.dumps(vars(self.data), indent=1, sort_keys=True, default=vars)

    @classmethod
    def from_json(cls, text: str) -> AndroidModel:
        """Return the model that `to_json` wrote, also one of a phone that was killed."""
        return cls(state_from(json.loads(text)))

    # Looking -------------------------------------------------------------------------------------------------

    def user(self, number: int) -> AndroidUser | None:
        """Return a user, if the phone has it."""
        with self.lock:
            return self.data.users.get(number)

    def users(self) -> list[AndroidUser]:
        """Return the users in the order of their numbers."""
        with self.lock:
            return [self.data.users[number] for number in sorted(self.data.users)]

    def package(self, name: str) -> AndroidPackage | None:
        """Return a package, if the device knows it."""
        with self.lock:
            return self.data.packages.get(name)

    def state(self, user: int, package: str) -> PackageInUser:
        """Return what a user has of a package, as a copy; a package the device does not know is not installed."""
        with self.lock:
            known = self.data.packages.get(package)
            found = known.in_user(user) if known else PackageInUser()
            # A copy: whoever looks must not hold something that the phone changes later.
            return PackageInUser(**asdict(found))

    def owners_of(self, number: int) -> set[str]:
        """Return the packages of the profile owner of a user and, if it is there, of the device owner."""
        user = self.data.users.get(number)
        found = {user.owner} if user and user.owner else set()
        # A device owner protects in its own user only; that need not be user 0 on headless devices.
        if number == self.data.device_owner_user and self.data.device_owner:
            found.add(self.data.device_owner)
        return {owner.partition("/")[0] for owner in found}

    def protected_in(self, number: int) -> set[str]:
        """Return what nobody but its owner may disable in a user (docs/android/commands.md 6.2)."""
        # The policy came with 30; an older phone keeps the setting and obeys it no more than one without.
        withdrawn = {entry for entry in self.data.user_control_disabled if self.data.api >= 30}
        marked = {entry.partition(":")[2] for entry in withdrawn if entry.startswith(f"{number}:")}
        return self.owners_of(number) | marked

    # What a person does --------------------------------------------------------------------------------------

    def install(self, user: int, package: str, **details: Any) -> None:
        """Install or update an app for a user from the store: its enabled state is default again.

        See docs/android/commands.md 6.3.
        """
        with self.changing() as data:
            self._need_user(user)
            known = data.packages.get(package)
            if known is None:
                known = AndroidPackage(package, app_id=self._free_app_id())
                data.packages[package] = known
            # The phone's own clock: one that is wrong shows wrong times in its dumps, and an update is told by them.
            known.installed_ms = self._clock_ms()
            for name, value in details.items():
                setattr(known, name, value)
            known.users[user] = PackageInUser(
                installed=True,
                enabled=0,
                # Suspending outlives an update; the enabled state does not.
                suspenders=known.in_user(user).suspenders,
                first_install_ms=known.in_user(user).first_install_ms or self._clock_ms(),
            )
            self.note_change(user, package)

    def update(self, user: int, package: str) -> None:
        """Let the store update an app for a user: a higher version, enabled state back to default."""
        with self.changing() as data:
            if package not in data.packages:
                raise NoSuchState(f"{package} is not on this phone; install it first")
            self.install(user, package, version_code=data.packages[package].version_code + 1)

    def uninstall(self, user: int, package: str) -> None:
        """Remove an app for one user, as its person does; the last removal makes the device forget it."""
        with self.changing() as data:
            known = data.packages.get(package)
            if known is None or not known.in_user(user).installed:
                raise NoSuchState(f"{package} is not installed for user {user}")
            # The user's entry stays, as on a phone: the dump goes on naming the user, with installed=false.
            known.users[user] = PackageInUser(stopped=True, not_launched=True)
            self.note_change(user, package)
            # A system app is never forgotten: it is in the image, whoever has uninstalled it.
            if not known.system and not any(state.installed for state in known.users.values()):
                del data.packages[package]

    def archive(self, user: int, package: str) -> None:
        """Archive an app for one user (35+): the icon and the data stay, the app is gone."""
        with self.changing() as data:
            state = self._installed(user, package)
            # Not installed, and yet not gone: from 35 on the dump tells an archived app by one more line.
            state.installed, state.archived = False, True
            data.packages[package].users[user] = state
            self.note_change(user, package)

    def press_enable(self, user: int, package: str) -> None:
        """Press *Enable* in Settings, Apps: the state becomes enabled, no longer disabled by anybody."""
        with self.changing():
            state = self._installed(user, package)
            # 1 and not 0: the person's button sets "enabled", which is how an undoing shows.
            state.enabled, state.last_disabled_caller = 1, None
            self.note_change(user, package)

    def press_power_key(self) -> None:
        """Press the power key: the screen goes off, or comes on (docs/android/shell.md 12.5)."""
        with self.changing() as data:
            if data.wakefulness in ("Awake", "Dreaming"):
                data.wakefulness, data.sleep_reason = "Asleep", "power_button"
            else:
                data.wakefulness = "Awake"

    def leave_alone(self) -> None:
        """Touch the phone for so long not at all that its screen goes off by itself."""
        with self.changing() as data:
            data.wakefulness, data.sleep_reason = "Asleep", "timeout"

    def choose_language(self, tag: str) -> None:
        """Choose the phone's language in Settings, such as ``fr-BE`` (docs/android/commands.md 12.4)."""
        with self.changing() as data:
            data.properties["persist.sys.locale"] = tag

    @property
    def may_be_debugged(self) -> bool:
        """Whether adbd runs: USB debugging or, from 11 on, wireless debugging is on (docs/android/commands.md 14)."""
        with self.lock:
            known = self.data.settings.get("global", {})
            wireless = self.data.api >= 30 and known.get("adb_wifi_enabled") == "1"
            return known.get("adb_enabled") != "0" or wireless

    def switch_debugging(self, *, usb: bool, wireless: bool) -> None:
        """Switch USB and wireless debugging in the developer options, as the owner does."""
        with self.changing() as data:
            known = data.settings.setdefault("global", {})
            known["adb_enabled"] = str(int(usb))
            if self.data.api >= 30:
                known["adb_wifi_enabled"] = str(int(wireless))

    def press_disable(self, user: int, package: str) -> None:
        """Press *Disable* in Settings, Apps: state 3, by the settings app."""
        with self.changing():
            state = self._installed(user, package)
            state.enabled, state.last_disabled_caller = 3, "com.android.settings"
            self.note_change(user, package)

    def set_enabled(self, user: int, package: str, state: int, caller: str | None = None) -> None:
        """Put an app into an enabled state as an app, an owner or a maker would (2, 4: closed to the shell)."""
        with self.changing():
            found = self._installed(user, package)
            found.enabled, found.last_disabled_caller = state, caller
            self.note_change(user, package)

    def keep_enabling(self, user: int, package: str, state: int = 1, *, at_once: bool = False) -> None:
        """Let the owner's client switch a disabled app on again: before each next command, or at once."""
        with self.changing() as data:
            # Asked for its refusal only: an order about an app that is not there would wait for ever.
            self._installed(user, package)
            data.enabled_by_owner[f"{user}:{package}"] = state
            data.owner_is_quick = at_once

    def owners_client_looks(self) -> None:
        """Let the owner's client do what `keep_enabling` ordered."""
        with self.lock:
            for pair, state in self.data.enabled_by_owner.items():
                number, _, package = pair.partition(":")
                known = self.data.packages.get(package)
                # Only what is off: an owner's client leaves alone what runs, and would else undo each of our restores.
                if known is not None and known.in_user(int(number)).enabled in (2, 3, 4):
                    self.set_enabled(int(number), package, state)

    def set_hidden(self, user: int, package: str, hidden: bool) -> None:
        """Hide or show an app as the owner of the user would."""
        with self.changing():
            self._installed(user, package).hidden = hidden
            self.note_change(user, package)

    def suspend(self, user: int, package: str, by: str, message: str | None = None) -> None:
        """Suspend an app as `by` (an owner's policy is ``android``); the message may be any text."""
        with self.changing():
            self._installed(user, package).suspenders[by] = message

    def pause(self, user: int) -> None:
        """Switch a work profile off (quiet mode): not running, flag 80 (docs/android/commands.md 3.5)."""
        with self.changing():
            found = self._need_user(user)
            # -1 is how `dumpsys user` shows a user that is not running.
            found.flags, found.state = found.flags | 0x80, "-1"

    def resume(self, user: int) -> None:
        """Switch a paused profile on again."""
        with self.changing():
            found = self._need_user(user)
            found.flags, found.state = found.flags & ~0x80, "RUNNING_UNLOCKED"

    def restrict(self, user: int, *restrictions: str) -> None:
        """Let the owner of a user set restrictions such as ``no_debugging_features``."""
        with self.changing():
            found = self._need_user(user)
            found.policy_restrictions = sorted({*found.policy_restrictions, *restrictions})

    def unrestrict(self, user: int, *restrictions: str) -> None:
        """Let the owner of a user lift restrictions."""
        with self.changing():
            found = self._need_user(user)
            found.policy_restrictions = [r for r in found.policy_restrictions if r not in restrictions]

    def remove_user(self, number: int) -> None:
        """Remove a user or profile with everything in it; its number is never used again."""
        with self.changing() as data:
            self._need_user(number)
            del data.users[number]
            # Its changes go with it: the number is never given to anybody else.
            data.changes.pop(number, None)
            for name, package in list(data.packages.items()):
                package.users.pop(number, None)
                if not package.system and not any(state.installed for state in package.users.values()):
                    del data.packages[name]

    def set_clock(self, offset_s: int) -> None:
        """Put the phone's clock that many seconds before (negative: behind) the true time."""
        with self.changing() as data:
            data.clock_offset_s = offset_s

    def reboot(self) -> None:
        """Restart Android: a new boot id, the change counter at 0, and from 33 (and in 29) no suspensions but the
        owner's in users with an owner (docs/android/commands.md 7.5). Enabled states stay. `VirtualPhone.reboot` also
        ends connections and scripts.
        """
        with self.changing() as data:
            data.boot_id, data.boots = str(uuid.uuid4()), data.boots + 1
            # From 0 again: who remembers a number from before the boot sees it fall, which is how a reboot shows.
            data.change_number = 0
            data.changes.clear()
            data.notifications.clear()
            data.wakefulness, data.sleep_reason = "Awake", "application"
            for user in data.users.values():
                # A paused profile stays paused over a reboot.
                if not user.flags & 0x80:
                    user.state = "RUNNING_UNLOCKED"
            if self.release.owner_removes_suspensions:
                self._drop_suspensions_of_owned_users()

    def note_change(self, user: int, package: str) -> None:
        """Count a change for ``dumpsys package changes``: the package's newest number replaces its older one."""
        data = self.data
        # One entry a package, with its newest number: the list does not grow with the number of changes.
        kept = [change for change in data.changes.get(user, []) if change[1] != package]
        data.changes[user] = [*kept, (data.change_number, package)]
        data.change_number += 1

    def _drop_suspensions_of_owned_users(self) -> None:
        owned = {user.number for user in self.data.users.values() if user.owner}
        for package in self.data.packages.values():
            for number in owned & set(package.users):
                state = package.users[number]
                # What the owner's policy suspended stands as by "android"; what apps asked for ends with the boot.
                state.suspenders = {by: text for by, text in state.suspenders.items() if by == "android"}

    def _need_user(self, number: int) -> AndroidUser:
        if number not in self.data.users:
            raise NoSuchState(f"this phone has no user {number}; it has {sorted(self.data.users)}")
        return self.data.users[number]

    def _installed(self, user: int, package: str) -> PackageInUser:
        known = self.data.packages.get(package)
        if known is None or user not in known.users:
            raise NoSuchState(f"user {user} has no {package}; install it first")
        return known.users[user]

    def _clock_ms(self) -> int:
        """Return what the phone's own clock shows, in milliseconds since 1970."""
        return int((time.time() + self.data.clock_offset_s) * 1000)

    def _free_app_id(self) -> int:
        return max((package.app_id for package in self.data.packages.values()), default=10_100) + 1
