"""What the commands of a phone print, per release: `SamplePhone` makes each text from docs/android/commands.md.

Made independently of `agent_scripts.virtual_phone`, so that one mistake cannot hide in both. Nothing here is
copied from a real phone; layouts and keys are those of docs/android/commands.md 3.4 (users), 5.1, 5.3 (packages), 10.5
(owners) and 12.4 (properties). Every text also holds what must never leave a phone: `PERSON` as a user's name,
`FOREIGN_APP` beside the packages, `FOREIGN_ADMIN` beside the owners.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

PERSON = "Canary O'Persön"
FOREIGN_APP = "com.foreign.not.asked"
FOREIGN_ADMIN = "org.foreign.personal.admin"

RELEASES = {
    26: "8.0.0",
    27: "8.1.0",
    28: "9",
    29: "10",
    30: "11",
    31: "12",
    32: "12",
    33: "13",
    34: "14",
    35: "15",
    36: "16",
}


@dataclass(frozen=True)
class SampleUser:
    """One user; `type` is the part behind ``android.os.usertype.``."""

    number: int
    flags: int
    type: str
    name: str = PERSON
    parent: int | None = None
    running: bool = True
    owner: str = ""
    closed: bool = False
    tags: str = ""


@dataclass(frozen=True)
class SampleState:
    """One app in one user. `message` is the raw text of whoever suspended it."""

    installed: bool = True
    hidden: bool = False
    enabled: int = 0
    caller: str = ""
    suspended_by: str = ""
    message: str | None = None
    archived: bool = False


@dataclass(frozen=True)
class SampleApp:
    """One app; a user without a state does not have it. `version` is the raw text of who made the app."""

    name: str
    states: dict[int, SampleState] = field(default_factory=dict)
    system: bool = False
    updated: bool = False
    version: str = "null"


@dataclass(frozen=True)
class SamplePhone:
    """A phone of one release; `indent` is what some builds and relays add to every dump line."""

    api: int = 34
    users: tuple[SampleUser, ...] = ()
    apps: tuple[SampleApp, ...] = ()
    manufacturer: str = "Google"
    device_owner: str = ""
    indent: str = ""
    extra_keys: bool = False
    virtual: bool = False

    def with_user(self, user: SampleUser) -> SamplePhone:
        """Return the phone with one more user, or with another one of that number."""
        others = tuple(u for u in self.users if u.number != user.number)
        return replace(self, users=(*others, user))

    def with_app(self, app: SampleApp) -> SamplePhone:
        """Return the phone with one more app, or with another one of that name."""
        return replace(self, apps=(*(a for a in self.apps if a.name != app.name), app))

    # Properties ----------------------------------------------------------------------------------------------

    def getprop(self) -> str:
        """Return the list of all properties."""
        values = {
            "dalvik.vm.heapsize": "512m",
            "ro.boot.verifiedbootstate": "green",
            "ro.build.user": PERSON,
            "ro.build.version.release": RELEASES[self.api],
            "ro.build.version.sdk": str(self.api),
            "ro.build.version.security_patch": "2023-01-05",
            "ro.product.device": "sample",
            "ro.product.manufacturer": self.manufacturer,
            "ro.product.model": "Sample [One] 5G",
            "ro.serialno": "SAMPLE0001",
        }
        if self.virtual:
            values["ro.curfew.virtual"] = "1"
        return "".join(f"[{key}]: [{value}]\n" for key, value in sorted(values.items()))

    # Users ---------------------------------------------------------------------------------------------------

    def pm_list_users(self) -> str:
        """Return ``pm list users``: partial and pre-created users are left out."""
        whole = [user for user in self._users if not user.tags]
        lines = [f"\t{_user_info(user)}{' running' if user.running else ''}" for user in whole]
        return "\n".join(("Users:", *lines)) + "\n"

    def dumpsys_user(self) -> str:
        """Return ``dumpsys user``."""
        lines = ["Current user: 0", ""] if self.api >= 30 else []
        lines.append("Users:")
        for user in self._users:
            lines += self._user_lines(user)
        lines += ["", "  Guest restrictions:", "    no_sms", "    no_debugging_features", ""]
        if self.api >= 31:
            lines.append("  Started users state: [0=RUNNING_UNLOCKED]")
        return "".join(f"{self.indent}{line}\n" for line in lines)

    def _user_lines(self, user: SampleUser) -> list[str]:
        first = f"  {_user_info(user)} serialNo={user.number}"
        if self.api >= 30:
            first += f" isPrimary={_word(user.number == 0)}"
        if self.api >= 31 and user.parent is not None:
            first += f" parentId={user.parent}"
        lines = [first + user.tags]
        if self.api >= 30:
            lines += [f"    Type: android.os.usertype.{user.type}", f"    Flags: {user.flags} (FLAGS)"]
        lines += [
            f"    State: {'RUNNING_UNLOCKED' if user.running else '-1'}",
            "    Created: <unknown>",
            "    Last logged in fingerprint: Sample/sample:1/user/release-keys",
            f"    Has profile owner: {_word(bool(user.owner))}",
            "    Restrictions:",
            "      none",
        ]
        own = ["      no_debugging_features"] if user.closed else ["      null"]
        if self.api >= 34:
            lines += ["    Device policy restrictions:", *own]
        else:
            lines += ["    Device policy global restrictions:", "      null"]
            lines += ["    Device policy local restrictions:", *own]
        effective = ["      no_debugging_features"] if user.closed else ["      none"]
        return [*lines, "    Effective restrictions:", "      no_bluetooth_sharing", *effective]

    @property
    def _users(self) -> list[SampleUser]:
        return sorted(self.users, key=lambda user: user.number)

    # Owners --------------------------------------------------------------------------------------------------

    def dumpsys_device_policy(self) -> str:
        """Return ``dumpsys device_policy``: owners, then all administrators, personal ones too."""
        lines = ["Current Device Policy Manager state:"]
        if self.device_owner:
            lines += ["  Device Owner: ", *self._owner(self.device_owner), "    User ID: 0", ""]
        for user in self._users:
            if user.owner:
                lines += [f"  Profile Owner (User {user.number}): ", *self._owner(user.owner), ""]
        for user in self._users:
            lines += [f"  Enabled Device Admins (User {user.number}, provisioningState: 0):"]
            lines += [f"    {FOREIGN_ADMIN}/.Admin:", "      uid=10100", f"      package={FOREIGN_ADMIN}", ""]
        return "\n".join(lines) + "\n"

    def _owner(self, package: str) -> list[str]:
        lines = [f"    admin=ComponentInfo{{{package}/{package}.Admin}}"]
        if self.api <= 32:
            lines.append(f"    name={PERSON}")
        lines.append(f"    package={package}")
        return [*lines, "    isOrganizationOwnedDevice=false"] if self.api >= 30 else lines

    # Packages ------------------------------------------------------------------------------------------------

    def dumpsys_package(self, name: str) -> str:
        """Return ``dumpsys package NAME``; the shell's own app is always there."""
        app = next((a for a in self.apps if a.name == name), None)
        if name == "com.android.shell" and app is None:
            app = SampleApp(name, {user.number: SampleState() for user in self.users}, system=True)
        if app is None:
            return f"Unable to find package: {name}\n"
        lines = ["Activity Resolver Table:", f"      1a2b3c {name}/.Main filter 4d5e6f", "", "Packages:"]
        lines += self._block(app)
        if app.updated:
            lines += ["", "Hidden system packages:", *self._block(_factory_copy(app, self.users))]
        lines += ["", "Queries:", f"  {name}:", f"    {FOREIGN_APP}", "  queryable via interaction:"]
        lines += [f"    User {user.number}:" for user in self._users]
        return "".join(f"{self.indent}{line}\n" if line else "\n" for line in lines)

    def _block(self, app: SampleApp) -> list[str]:
        flags = "SYSTEM HAS_CODE" if app.system else "HAS_CODE"
        lines = [
            f"  Package [{app.name}] (1a2b3c):",
            f"    {'appId' if self.api >= 34 else 'userId'}=10151",
            f"    versionName={app.version}",
            "    splits=[base]",
            f"    flags=[ {flags} ALLOW_CLEAR_USER_DATA ]",
            *([] if self.api >= 35 else [f"    dataDir=/data/user/0/{app.name}"]),
            f"    queriesPackages=[{FOREIGN_APP}]",
            f"    installerPackageName={FOREIGN_APP}",
            f"    pkgFlags=[ {flags} ALLOW_CLEAR_USER_DATA ]",
        ]
        for user in self._users:
            if not user.tags:
                lines += self._state_lines(app, user.number)
        return lines

    def _state_lines(self, app: SampleApp, number: int) -> list[str]:
        state = app.states.get(number, SampleState(False))
        lines = [f"    User {number}: {' '.join(self._fields(state))}"]
        if state.suspended_by and self.api >= 30:
            by = f"<{number}>{state.suspended_by}" if self.api >= 35 else state.suspended_by
            end = " quarantined=false" if self.api >= 35 else ""
            lines += [
                "    Suspend params:",
                f"      suspendingPackage={by} dialogInfo={self._dialog(state)}{end}",
            ]
            lines += [""] if self.api >= 35 else []
        if self.api >= 33:
            lines.append("      installReason=0")
        if self.api >= 35:
            lines.append(f"      dataDir=/data/user/{number}/{app.name}")
        if self.api >= 35 and state.archived:
            lines.append("      archiveTime=2024-05-01 10:00:00")
        if state.caller:
            lines.append(f"      lastDisabledCaller: {state.caller}")
        return [*lines, "      gids=[3003]", "      runtime permissions:"]

    def _fields(self, state: SampleState) -> Iterable[str]:
        yield "ceDataInode=1"
        if self.api >= 35:
            yield "deDataInode=2"
        if self.extra_keys:
            yield "pccCeDataInode=0"
        yield f"installed={_word(state.installed)}"
        yield f"hidden={_word(state.hidden)}"
        yield f"suspended={_word(bool(state.suspended_by))}"
        if self.extra_keys:
            yield "appLockEnabled=false"
        if state.suspended_by and self.api in (28, 29):
            key = "dialogMessage" if self.api == 28 else "dialogInfo"
            yield f"suspendingPackage={state.suspended_by} {key}={self._dialog(state)}"
        if self.api >= 30:
            yield "distractionFlags=0"
        yield from ("stopped=false", "notLaunched=false", f"enabled={state.enabled}", "instant=false")
        if self.api >= 28:
            yield "virtual=false"
        if self.api >= 35:
            yield "quarantined=false"

    def _dialog(self, state: SampleState) -> str:
        if state.message is None:
            return "null"
        if self.api == 28:
            return state.message
        button = " mNeutralButtonAction = 0" if self.api >= 30 else ""
        return f'SuspendDialogInfo: {{mTitleResId = 0x1 mDialogMessage = "{state.message}"{button}}}'


OWNER = "com.microsoft.windowsintune.companyportal"
TIKTOK = "com.zhiliaoapp.musically"
TIKTOK_LITE = "com.zhiliaoapp.musically.go"
OUTLOOK = "com.microsoft.office.outlook"
SKYPE = "com.microsoft.office.lync15"


def personal_phone(api: int = 34, **changes: object) -> SamplePhone:
    """Return a phone with a personal user, a work profile under `OWNER`, and both managed apps in it."""
    if api < 30:
        flags0, flags10 = 0x13, 0x30
    else:
        flags0, flags10 = (0x4C13 if api >= 34 else 0xC13), 0x1030
    users = (
        SampleUser(0, flags0, "full.SYSTEM"),
        SampleUser(10, flags10, "profile.MANAGED", name="Work profile", parent=0, owner=OWNER),
    )
    apps = (
        SampleApp(OUTLOOK, {10: SampleState()}),
        SampleApp(SKYPE, {10: SampleState(enabled=1)}),
    )
    return replace(SamplePhone(api, users, apps), **changes)  # type: ignore[arg-type]


def _factory_copy(app: SampleApp, users: Iterable[SampleUser]) -> SampleApp:
    """The copy under ``Hidden system packages:``, whose states are those of the factory."""
    return replace(app, states={user.number: SampleState() for user in users})


def _user_info(user: SampleUser) -> str:
    return f"UserInfo{{{user.number}:{user.name}:{user.flags:x}}}"


def _word(value: bool) -> str:
    return "true" if value else "false"
