"""What makers change in their Android as far as a shell shows it: one row each, no logic.

See docs/android/commands.md 16, 17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Maker:
    """One maker's build. The fields name the capture they come from; an empty one changes nothing."""

    name: str
    system_disable_refusal: str = ""
    """The message of the SecurityException for a system package; ``{package}`` stands for its name."""
    system_disable_frame: str = ""
    core_packages: frozenset[str] = frozenset()
    core_disable_refusal: str = ""
    """The message for these, whether or not they came with the phone."""
    kept_packages: frozenset[str] = frozenset()
    """Packages whose state stays, said in one line on stderr with exit 1 (Samsung One UI 7, 6.2)."""
    system_uninstall_failure: str = ""
    withholds_settings: bool = False
    """Refuses ``settings put`` and ``dpm`` until "USB debugging (Security settings)" is on (T:e-010, f-003)."""
    masked_name: str = ""
    """What ``dumpsys user`` prints instead of people's names (3.1)."""
    obfuscated_frames: bool = False
    """Whether stack frames of the server hide file and line (T:d-002)."""
    dump_indent: str = ""
    """Blanks in front of every line of ``dumpsys package`` (T:c-005)."""
    device_owner_heading: str = "Device Owner: "
    """How ``dumpsys device_policy`` heads the device owner (T:e-012)."""
    device_owner_indent: str = "  "
    further_keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the user line that stand behind a known key (T:c-002)."""
    never_closed: range = range(0)
    """Users that the shell may enter whatever their restrictions say (Samsung's Dual Messenger, 16)."""


_ROWS = (
    Maker(""),
    Maker(
        "xiaomi",
        system_disable_refusal="Cannot disable system packages.",  # T:d-008
        system_disable_frame=(
            "com.android.server.pm.PackageManagerServiceImpl.shouldRestrictEnabledSettingsChange"
            "(PackageManagerServiceImpl.java:869)"
        ),
        core_packages=frozenset({"com.miui.core"}),
        core_disable_refusal="Cannot disable miui core packages.",
        system_uninstall_failure="-1000",  # T:d-017
        withholds_settings=True,
    ),
    Maker(
        "vivo",
        system_disable_refusal="Cannot disable {package} no root permission",  # T:d-013
        system_disable_frame=(
            "com.android.server.pm.PackageManagerService.setEnabledSettingInternalLocked"
            "(PackageManagerService.java:4566)"
        ),
        system_uninstall_failure="DELETE_FAILED_USER_RESTRICTED",  # T:d-012
    ),
    Maker(
        "samsung",
        kept_packages=frozenset({"com.samsung.android.knox.containercore", "com.samsung.knox.securefolder"}),
        masked_name="xxx",
        obfuscated_frames=True,
        never_closed=range(95, 100),
    ),
    Maker("hannspree", device_owner_heading="Device Owner (User {user}):", device_owner_indent=""),
    Maker(
        "grapheneos",
        dump_indent="  ",
        further_keys={
            "deDataInode": "pccCeDataInode=0 pccDeDataInode=0",
            "suspended": "appLockEnabled=false",
        },
    ),
)

MAKERS: Mapping[str, Maker] = {row.name: row for row in _ROWS}
"""Every maker whose build differs, by name; the empty name is Android as Google builds it."""
