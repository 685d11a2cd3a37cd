"""curfew-agent as a process that kills itself at a chosen step: ``dying_agent.py WHEN NUMBER ARGUMENTS…``.

WHEN is ``before``, ``after`` or ``never``; steps are durable changes of files and exchanges with phones, counted in the
order they happen. Each step is also written to stderr, so that a run with ``never`` tells how many there are.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from agent_scripts.adb import adb_shell_phone
from agent_scripts.station_files.durable_file import Step, witnesses

when, chosen = sys.argv[1], int(sys.argv[2])
steps = 0


def step_begins(what: str) -> int:
    global steps
    steps += 1
    print(f"step {steps}: {what}", file=sys.stderr, flush=True)
    die_if("before", steps)
    return steps


def die_if(moment: str, number: int) -> None:
    if (when, chosen) == (moment, number):
        os.kill(os.getpid(), signal.SIGKILL)


def on_durable_change(side: Step, path: Path) -> None:
    if side is Step.BEFORE:
        step_begins(f"change {path.name}")
    else:
        die_if("after", steps)


witnesses.append(on_durable_change)
exchange_with = adb_shell_phone.AdbShellPhone.run


async def counted_exchange(self: Any, *arguments: Any) -> bytes:
    number = step_begins("exchange")
    answer = await exchange_with(self, *arguments)
    die_if("after", number)
    return answer


adb_shell_phone.AdbShellPhone.run = counted_exchange  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    from agent_scripts.cli import main

    sys.exit(main(sys.argv[3:]))
