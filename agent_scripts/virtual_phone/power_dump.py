"""The text of ``dumpsys power``: its head as the service prints it, and what stands below it about other apps.

See docs/android/shell.md 12.5.
"""

from __future__ import annotations

from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.package_surroundings import CANARY_APP


def dump_power(model: AndroidModel) -> str:
    """Return the dump; its numbers are those of a phone on a cable, and only the wakefulness is modelled."""
    data = model.data
    reason = [f"  mLastSleepReason={data.sleep_reason}"] if model.release.tells_sleep_reason else []
    lines = [
        "POWER MANAGER (dumpsys power)",
        "",
        "Power Manager State:",
        "  Settings power_manager_constants:",
        "    no_cached_wake_locks=true",
        "  mDirty=0x0",
        f"  mWakefulness={data.wakefulness}",
        "  mWakefulnessChanging=false",
        "  mIsPowered=true",
        "  mPlugType=2",
        "  mBatteryLevel=81",
        "  mBootCompleted=true",
        "  mSystemReady=true",
        "  mDeviceIdleWhitelist=[1001, 2000, 10072]",
        "  mLastWakeTime=20021037 (7416988 ms ago)",
        "  mLastSleepTime=16134956 (11303069 ms ago)",
        *reason,
        "  mLastInteractivePowerHintTime=20053105 (7384920 ms ago)",
        "  mHoldingDisplaySuspendBlocker=true",
        "",
        "Settings and Configuration:",
        "  mScreenOffTimeoutSetting=30000",
        "",
        "UID states (changing=false changed=false):",
        "  UID u0a72:   ACTIVE  count=1 state=2",
        "",
        "Wake Locks: size=1",
        f"  PARTIAL_WAKE_LOCK              '{CANARY_APP}:playing' ACQ=-7s974ms (uid=10072 pid=4110)",
        "",
        "Suspend Blockers: size=1",
        "  PowerManagerService.Display: ref count=1",
    ]
    return "".join(f"{line}\n" for line in lines)
