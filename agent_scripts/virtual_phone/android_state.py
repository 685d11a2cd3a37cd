"""What an Android remembers, as plain data: users, packages, and what each user has of them.

See docs/android/commands.md 18.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

SHELL_PACKAGE = "com.android.shell"
FIRST_CHANGE_MS = 1_714_557_600_000  # 2024-05-01 10:00:00 UTC, when the phone was set up


@dataclass
class AndroidUser:
    """One Android user. `state` is the word of ``dumpsys user``; ``-1`` stands for not started."""

    number: int
    name: str | None
    flags: int
    type: str
    parent: int | None = None
    state: str = "RUNNING_UNLOCKED"
    restrictions: list[str] = field(default_factory=list)
    policy_restrictions: list[str] = field(default_factory=list)
    owner: str | None = None
    """The component that owns this profile, ``PACKAGE/.Class``."""
    organization_owned: bool = False
    admins: list[str] = field(default_factory=list)

    @property
    def started(self) -> bool:
        """Whether ``pm list users`` says ``running``."""
        return self.state not in ("-1", "STOPPING", "SHUTDOWN")

    @property
    def closed_to_shell(self) -> bool:
        """Whether ``no_debugging_features`` is in force (docs/android/commands.md 9)."""
        return "no_debugging_features" in self.effective_restrictions

    @property
    def effective_restrictions(self) -> list[str]:
        """What the user's own and the owner's restrictions come to, as Android prints them: sorted."""
        return sorted({*self.restrictions, *self.policy_restrictions})


@dataclass
class PackageInUser:
    """What one user has of one package; the fields of the ``User N:`` line (docs/android/commands.md 5.3)."""

    installed: bool = False
    hidden: bool = False
    enabled: int = 0
    last_disabled_caller: str | None = None
    suspenders: dict[str, str | None] = field(default_factory=dict)
    """Suspending package to its dialog message."""
    stopped: bool = False
    not_launched: bool = False
    archived: bool = False
    first_install_ms: int = 0

    @property
    def suspended(self) -> bool:
        """Whether anybody suspends it."""
        return bool(self.suspenders)


@dataclass
class AndroidPackage:
    """One package of the device and its state in every user that has or had it."""

    name: str
    app_id: int
    version_code: int = 1
    version_name: str | None = "1.0"
    system: bool = False
    updated: bool = False
    """A system package with an update over it: the dump also prints its factory copy."""
    installer: str | None = "com.android.vending"
    test_only: bool = False
    installed_ms: int = FIRST_CHANGE_MS
    users: dict[int, PackageInUser] = field(default_factory=dict)

    def in_user(self, number: int) -> PackageInUser:
        """Return the state for a user; a user that never had the package has it as not installed."""
        # Not entered in the table: what is written to this one is lost (`writable` enters it).
        return self.users.get(number) or PackageInUser(stopped=True, not_launched=True)

    def writable(self, number: int) -> PackageInUser:
        """Return the state for a user to be changed."""
        return self.users.setdefault(number, PackageInUser(stopped=True, not_launched=True))


@dataclass
class AndroidState:
    """Everything an Android remembers; plain data, saved as JSON."""

    api: int
    maker: str = ""
    """Whose build it is, a key of `MAKERS`."""
    users: dict[int, AndroidUser] = field(default_factory=dict)
    packages: dict[str, AndroidPackage] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    """Settings by ``NAMESPACE`` or ``NAMESPACE/USER`` for users other than 0."""
    device_owner: str | None = None
    device_owner_user: int = 0
    """Under a headless system user the owner of the device is in another one."""
    uninstall_blocked: list[str] = field(default_factory=list)
    """``USER:PACKAGE`` of force-installed apps."""
    user_control_disabled: list[str] = field(default_factory=list)
    """``USER:PACKAGE`` that the owner withdrew from the person's control (30+)."""
    enabled_by_owner: dict[str, int] = field(default_factory=dict)
    """``USER:PACKAGE`` of apps that their owner's client keeps switching on, to the state it gives them."""
    owner_is_quick: bool = False
    """Whether that client acts at once, and not only when it looks again."""
    security_settings_on: bool = False
    """Whether "USB debugging (Security settings)" is on; only some makers ask for it."""
    special_apps: dict[str, str] = field(default_factory=dict)
    """Role (launcher, dialer, installer, …) to the package that holds it; these cannot be suspended."""
    current_user: int = 0
    next_user: int = 10
    change_number: int = 0
    changes: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    """Per user the (sequence number, package) pairs since boot, oldest first."""
    clock_offset_s: int = 0
    boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    boots: int = 1
    notifications: dict[str, dict[str, str]] = field(default_factory=dict)
    wakefulness: str = "Awake"
    """``Awake``, ``Dreaming``, ``Dozing`` or ``Asleep`` (docs/android/shell.md 12.5)."""
    sleep_reason: str = "application"
    """Why the screen went off last."""
    force_stops: list[str] = field(default_factory=list)
    """``USER:PACKAGE`` in the order the apps were ended."""


def state_from(raw: dict[str, Any]) -> AndroidState:
    """Return the state that `dataclasses.asdict` and JSON made a tree of."""
    state = AndroidState(**raw)
    # JSON has neither numbers for keys nor tuples; without this, users would be looked up in vain after a restart.
    state.users = {int(n): AndroidUser(**user) for n, user in raw["users"].items()}
    state.changes = {int(n): [(s, p) for s, p in pairs] for n, pairs in raw["changes"].items()}
    state.packages = {}
    for name, package in raw["packages"].items():
        users = {int(n): PackageInUser(**one) for n, one in package["users"].items()}
        state.packages[name] = AndroidPackage(**{**package, "users": users})
    return state
