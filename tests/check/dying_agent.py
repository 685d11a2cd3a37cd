"""curfew-agent as a process that kills itself at a chosen step: ``dying_agent.py WHEN NUMBER ARGUMENTS…``.

WHEN is ``before``, ``after`` or ``never``; steps are durable writes and exchanges with phones, counted in the
order they happen. Each step is also written to stderr, so that a run with ``never`` tells how many there are.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import agent_scripts.durable_file
import certs.durable
from agent_scripts import adb_shell_phone

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


def counted(write: Callable[..., Any]) -> Callable[..., Any]:
    def counting(path: Any, *arguments: Any, **options: Any) -> Any:
        number = step_begins(f"write {getattr(path, 'name', path)}")
        result = write(path, *arguments, **options)
        die_if("after", number)
        return result

    return counting


for module in (agent_scripts.durable_file, certs.durable):
    # Before anything else imports the name; every durable write of the agent goes through these two doors.
    module.write_durably = counted(module.write_durably)  # type: ignore[attr-defined]

exchange_with = adb_shell_phone.AdbShellPhone.run


async def counted_exchange(self: Any, *arguments: Any) -> bytes:
    number = step_begins("exchange")
    answer = await exchange_with(self, *arguments)
    die_if("after", number)
    return answer


adb_shell_phone.AdbShellPhone.run = counted_exchange  # type: ignore[method-assign]

if __name__ == "__main__":
    from agent_scripts.cli import main

    sys.exit(main(sys.argv[3:]))
