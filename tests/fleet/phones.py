"""A phone with all that can happen to it: what it is judged by, what spoils its reading, what happens later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from agent_scripts.virtual_phone.faults import Faults
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK, TIKTOK_LITE
from policy.document import Policy

BANNED, MANAGED = (TIKTOK, TIKTOK_LITE), (OUTLOOK, LYNC)
KNOX = "com.samsung.knox.securefolder/.containeragent.detector.KnoxDeviceAdminReceiver"
NOW = datetime(2023, 4, 1, 12, 0, tzinfo=UTC)


class Mishap(Enum):
    """What spoils the reading of a phone."""

    NONE = "none"
    CUT = "every dump ends early"
    TIMEOUT = "every dump runs out of time"
    USERS = "the users cannot be dumped"
    LIST = "the users cannot be listed"
    OWNERS = "the owners cannot be dumped"
    BANNED = "one banned app cannot be dumped"
    MANAGED = "one managed app cannot be dumped"
    VERB = "disabling is refused"
    MISREPORTED = "disabling works and is reported as failed"
    NAME = "a user's name imitates other lines"
    FORGED = "a message beside a banned app imitates its state"


class Later(Enum):
    """What happens to a managed app between being disabled and the end of the measure."""

    NOTHING = "nothing"
    REBOOT = "the phone restarts"
    ENABLED = "its person presses Enable"
    UPDATED = "the store updates it"
    DISABLED_BY_OWNER = "the owner of the profile disables it"
    REMOVED = "its person removes it"
    OFF_BY_PERSON = "its person enables it and switches it off again"
    CLOSED = "the owner closes the profile to the shell"
    PAUSED = "its person pauses the profile"


@dataclass
class Case:
    """One phone, the policy it is judged by, and what goes wrong."""

    name: str
    api: int
    maker: str
    layout: str
    model: AndroidModel
    policy: Policy
    mishap: Mishap = Mishap.NONE
    cut_at: int = 0
    refusal: str = ""
    spoilt: str = ""
    """The package a mishap is about."""
    later: Later = Later.NOTHING
    checked_between: bool = False
    """Whether a check comes between what happens later and the end of the measure."""

    def order(self, faults: Faults) -> None:
        """Let the phone misbehave as this case says."""
        missing = "Can't find service: {}\n"
        if self.mishap in (Mishap.CUT, Mishap.TIMEOUT):
            faults.cut_dump_after(self.cut_at, timeout_line=self.mishap is Mishap.TIMEOUT)
        elif self.mishap is Mishap.USERS:
            faults.refuse("dumpsys", "user", text=missing.format("user"), exit_code=0)
        elif self.mishap is Mishap.LIST:
            faults.refuse("pm", "list", "users", text="cmd: Can't find service: user\n", exit_code=20)
        elif self.mishap is Mishap.OWNERS:
            faults.refuse("dumpsys", "device_policy", text=missing.format("device_policy"), exit_code=0)
        elif self.mishap in (Mishap.BANNED, Mishap.MANAGED):
            faults.refuse("dumpsys", "package", self.spoilt, text=missing.format("package"), exit_code=0)
        elif self.mishap is Mishap.VERB:
            faults.refuse("disable-user", text=self.refusal, exit_code=255)
        elif self.mishap is Mishap.MISREPORTED:
            faults.misreport("disable-user", text=self.refusal, exit_code=255)
