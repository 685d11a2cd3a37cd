"""A virtual phone with the script in its folder, and short ways to give it a plan and to ask it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent_scripts import exchange
from agent_scripts.exchange.phone_ledger import parse_ledger
from agent_scripts.exchange.watch_script import SCRIPT_NAME, watch_script
from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK
from policy.document import Bundle, Family, ManagedApp, Message, PlaceKind, Policy
from policy.ledger import Ledger
from policy.names import PackageName, PhoneId
from policy.plan import Plan, plan_of, plan_text
from tests.policy.bench import POLICY

PHONE_ID = PhoneId("1f0c9a52-8a1e-4c57-9d0e-6f8f3f5c2b11")
MARKER = "5f0c2a"
FOLDER = "/data/local/tmp/curfew"
SCRIPT = f"{FOLDER}/{SCRIPT_NAME}"
DEADLINE = POLICY.deadline
NOW = int((DEADLINE + timedelta(days=7)).timestamp())
PLACES = "CURFEW_UPTIME=/proc/uptime CURFEW_BOOT_ID=/proc/sys/kernel/random/boot_id"
WORK_POLICY = replace(
    POLICY,
    on_phone=True,
    families=(Family("tiktok", (PackageName(TIKTOK),)),),
    managed=tuple(
        ManagedApp(PackageName(name), frozenset({PlaceKind.WORK_PROFILE, PlaceKind.MANAGED_DEVICE}))
        for name in (OUTLOOK, LYNC)
    ),
    messages={"en": Message("Remove it; it's $HOME `time`", "Work apps are off", "Work apps are back")},
)


@dataclass
class WatchedPhone:
    """One virtual phone; `extra` stands before the call of the script."""

    phone: VirtualPhone
    extra: str = ""

    @property
    def folder(self) -> Path:
        return self.phone.userland.host_path(FOLDER)

    def shell(self, command: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command in the phone's shell and return what it prints; the prefix of its paths is taken out."""
        done = self.started(command, env)
        answer, _ = done.communicate(timeout=60 * slowness())
        prefix = os.fsencode(self.phone.userland.root)
        return answer.replace(prefix, b"").decode()

    def started(self, command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        land = self.phone.userland
        return subprocess.Popen(
            [*land.shell_words, "-c", land.rewrite(command.encode())],
            env={**land.environment(), **(env or {})},
            cwd=land.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def curfew(self, words: str, env: Mapping[str, str] | None = None) -> list[str]:
        """Run the script with these words and return its answer without the first and last line."""
        lines = self.shell(self.command(words), env).splitlines()
        assert lines, f"no answer to {words}"
        assert lines[0].startswith("curfew-"), lines
        assert lines[-1] == f"end {len(lines) - 1}", lines
        return lines[1:-1]

    def command(self, words: str) -> str:
        return f"{PLACES} {self.extra} sh {SCRIPT} {words}"

    def place(self) -> None:
        """Provision and put the script there."""
        question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
        assert question.parse(self.shell(question.command).encode()).problem == ""
        (self.folder / SCRIPT_NAME).write_bytes(watch_script())

    def plan(
        self, policy: Policy = WORK_POLICY, change: Callable[[Plan], Plan] | None = None, **parts: object
    ) -> Plan:
        """Give the phone a plan made of what a station reads of it now."""
        question = exchange.ReadingQuestion(policy.named_packages, policy.owners, PHONE_ID)
        reading = question.parse(self.shell(question.command).encode())
        made = plan_of(
            Bundle(3, policy),
            PHONE_ID,
            reading.observation,
            Ledger(MARKER),
            datetime.fromtimestamp(NOW, UTC) - timedelta(hours=1),
            datetime.fromtimestamp(NOW, UTC) + timedelta(hours=72),
            "en",
        )
        made = replace(made, **{"poll_s": 1, "jitter_s": 0, **parts})  # type: ignore[arg-type]
        made = change(made) if change else made
        self.give(plan_text(made))
        return made

    def give(self, text: bytes) -> None:
        """Leave a plan as a station does: a whole file under its last name."""
        (self.folder / "plan.pushed").write_bytes(text)
        (self.folder / "plan.pushed").rename(self.folder / "plan.next")

    @property
    def ledger(self) -> Ledger:
        return parse_ledger((self.folder / "ledger").read_text())

    def state(self, package: str = OUTLOOK, user: int = 10) -> int:
        return self.phone.model.state(user, package).enabled

    @property
    def spool(self) -> list[str]:
        """The words of the spool's lines, without sequence and hash."""
        path = self.folder / "spool"
        return [line.split(" ", 2)[2] for line in path.read_text().splitlines()[1:]] if path.exists() else []

    @property
    def told(self) -> list[str]:
        return [notification["text"] for notification in self.phone.model.data.notifications.values()]

    @property
    def watches(self) -> list[int]:
        """The numbers of the processes of this phone that watch, without the subshells of one.

        A dead process that nobody waited for has no command line any more.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[-2:] == [b"watch", b""] and os.fsencode(self.folder) in words[1]:
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    found[int(entry.name)] = int(parent)
            except OSError:
                continue  # gone meanwhile, or no process
        return [pid for pid, parent in found.items() if parent not in found]

    @property
    def runs(self) -> bool:
        return self.curfew("status")[0].startswith("running ")


def slowness() -> int:
    """Return by how much limits grow: a genuine shell is mostly emulated, and a program then takes 0.1 to 0.3 s."""
    return 8 if VirtualPhone.default_system_root else 1


def eventually(holds: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something holds; a busy machine may take its time."""
    until = time.monotonic() + seconds * slowness()
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.05)
