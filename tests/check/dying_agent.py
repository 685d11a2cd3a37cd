"""curfew-agent as a process of its own that kills itself at a chosen step.

Steps are durable changes of files and exchanges with phones, counted in the order they happen. The processes are forked
from one that has loaded the agent (`tests.forked`): starting Python took longer than the check that dies.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from agent_scripts.adb import adb_shell_phone
from agent_scripts.cli import main
from agent_scripts.station_files.durable_file import Step, witnesses
from tests.forked import FORKS


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

    def watch(self) -> None:
        """Count from now on."""
        witnesses.append(self._on_durable_change)
        exchange_with = adb_shell_phone.AdbShellPhone.run

        async def counted_exchange(phone: Any, *arguments: Any) -> bytes:
            self._begin("exchange")
            number = self._count
            answer = await exchange_with(phone, *arguments)
            self._die_if(When.AFTER, number)
            return answer

        adb_shell_phone.AdbShellPhone.run = counted_exchange  # type: ignore[method-assign, assignment]

    def _on_durable_change(self, side: Step, path: Path) -> None:
        if side is Step.BEFORE:
            self._begin(f"change {path.name}")
        else:
            self._die_if(When.AFTER, self._count)

    def _begin(self, what: str) -> None:
        self._count += 1
        print(f"\nstep {self._count}: {what}", file=sys.stderr, flush=True)
        self._die_if(When.BEFORE, self._count)

    def _die_if(self, when: When, number: int) -> None:
        if (when, number) == (self._when, self._chosen):
            os.kill(os.getpid(), signal.SIGKILL)
