"""curfew-agent as a process of its own that kills itself at a chosen step.

Steps are durable changes of files and exchanges with phones, counted in the order they happen. The processes are forked
from one that has loaded the agent (`tests.forked`): starting Python took longer than the check that dies.

Killed after a step, an agent leaves behind what it leaves when killed before the next one, unless it did something in
between: sent a request to the server, wrote a file that is no step. Each process tells where it did (`Dead.between`),
and only there are both cuts made (`cuts`).
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from agent_scripts.adb import adb_shell_phone
from agent_scripts.cli import main
from agent_scripts.station_files.durable_file import Step, witnesses
from tests.forked import FORKS

_DEEDS = frozenset(
    {
        *("http.client.send", "socket.connect", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"),
        *("os.chmod", "os.link", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"),
    }
)
"""Audit events of what outlives a process (docs.python.org/3/library/audit_events.html), beside files and folders."""
_WRITES = os.O_WRONLY | os.O_RDWR


class When(Enum):
    """On which side of its step a process dies."""

    BEFORE = "before"
    AFTER = "after"
    NEVER = "never"


@dataclass(frozen=True)
class Dead:
    """How a process ended and what it had said."""

    exit_code: int | None
    steps: int
    said: str

    @property
    def between(self) -> frozenset[int]:
        """The steps that were over when something was done that is no step."""
        return frozenset(int(number) for number in re.findall(r"\nafter step (\d+): ", self.said))


def cuts(whole: Dead, when: When) -> Sequence[int]:
    """Return the steps of a whole run at which to kill another on this side, so that each leaves something else.

    Before every step; after those behind which something was done before the next, and after the last.
    """
    if when is When.BEFORE:
        return range(1, whole.steps + 1)
    return sorted({*whole.between, whole.steps} - {0})


def run_agent(arguments: list[str], said: Path, when: When = When.NEVER, number: int = 0) -> Dead:
    """Run a check in a process that is killed before or after its step `number`; `said` is a file for its words."""
    process = FORKS.Process(target=_agent, args=(arguments, said, when, number))
    process.start()
    process.join(timeout=120)
    words = said.read_text()
    return Dead(process.exitcode, words.count("\nstep "), words)


def _agent(arguments: list[str], said: Path, when: When, chosen: int) -> None:
    words = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(words, 1)
    os.dup2(words, 2)
    _Steps(when, chosen).watch()
    sys.exit(main(arguments))


class _Steps:
    """Counts the steps of this process, writes each to stderr, and kills the process at the chosen one."""

    def __init__(self, when: When, chosen: int) -> None:
        self._when = when
        self._chosen = chosen
        self._count = 0
        self._over = 0
        self._changing = threading.local()
        self._told: set[int] = set()

    def watch(self) -> None:
        """Count from now on."""
        witnesses.append(self._on_durable_change)
        sys.addaudithook(self._on_deed)
        exchange_with = adb_shell_phone.AdbShellPhone.run

        async def counted_exchange(phone: Any, *arguments: Any) -> bytes:
            self._begin("exchange")
            number = self._count
            answer = await exchange_with(phone, *arguments)
            self._end(number)
            return answer

        adb_shell_phone.AdbShellPhone.run = counted_exchange  # type: ignore[method-assign, assignment]
        push_to = adb_shell_phone.AdbShellPhone.push

        async def told_push(phone: Any, data: bytes, path: str, *arguments: Any) -> None:
            self._tell(f"push {path}")
            await push_to(phone, data, path, *arguments)

        adb_shell_phone.AdbShellPhone.push = told_push  # type: ignore[method-assign, assignment]

    def _on_durable_change(self, side: Step, path: Path) -> None:
        self._changing.now = side is Step.BEFORE
        if side is Step.BEFORE:
            self._begin(f"change {path.name}")
        else:
            self._end(self._count)

    def _begin(self, what: str) -> None:
        self._count += 1
        print(f"\nstep {self._count}: {what}", file=sys.stderr, flush=True)
        self._die_if(When.BEFORE, self._count)

    def _end(self, number: int) -> None:
        self._over = number
        self._die_if(When.AFTER, number)

    def _on_deed(self, event: str, arguments: tuple[Any, ...]) -> None:
        # What a durable change consists of is within its step.
        if _is_deed(event, arguments) and not getattr(self._changing, "now", False):
            self._tell(f"{event} {arguments!r}")

    def _tell(self, deed: str) -> None:
        if self._over not in self._told:
            self._told.add(self._over)
            os.write(2, f"\nafter step {self._over}: {deed}\n".encode())

    def _die_if(self, when: When, number: int) -> None:
        if (when, number) == (self._when, self._chosen):
            os.kill(os.getpid(), signal.SIGKILL)


def _is_deed(event: str, arguments: tuple[Any, ...]) -> bool:
    match event:
        case "open":
            path, _, flags = arguments
            # A file that processes queue at stays as empty as it was.
            return bool(flags & _WRITES) and not (os.path.exists(path) and str(path).endswith(".lock"))
        case "os.mkdir":
            # It may be there already, which is looked at by trying.
            return not os.path.isdir(arguments[0])
    return event in _DEEDS
