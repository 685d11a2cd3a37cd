"""Counts what the phone's own script costs, and how soon it disables: by hand, since an hour takes an hour.

CURFEW_MINUTES=60 CURFEW_INSTALLATIONS=20 python -m tests.benchmarks script_costs

The final script runs in mksh in front of a virtual phone, with the shipped policy's apps and interval and a look every
5 s, in a PID namespace of its own (unshare(1)): there ``/proc/sys/kernel/ns_last_pid`` counts every process that was
started, forks without a program too, and fields 14 to 17 of ``/proc/PID/stat`` the CPU time of the script and of all
it waited for. Two phones are watched side by side: one where nothing happens, and one where a banned app is installed
after a third of the time and removed after two thirds.

What asks Android (dumpsys, cmd, getprop) is a small binder client on a phone and a shell script here, which itself
starts programs. Its share is measured on its own and shown beside; each call still counts as the one process it is
on a phone. ``stat`` and ``id`` are toybox itself here, as on a phone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.personalities import TIKTOK
from policy.plan import POLL_S
from policy.ready_made import ready_made_policy
from server.loadtest.process_cpu import cpu_of_tree
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.on_phone.bench import NOW, WORK_POLICY, WatchedPhone, eventually
from tests.server.running import ROOT

MINUTES = float(os.environ.get("CURFEW_MINUTES", "60"))
INSTALLATIONS = int(os.environ.get("CURFEW_INSTALLATIONS", "20"))
_CALLS = 40
_SHIPPED = ready_made_policy()
_POLICY = replace(
    WORK_POLICY,
    families=_SHIPPED.families,
    check_interval=_SHIPPED.check_interval,
    check_jitter=_SHIPPED.check_jitter,
)


@dataclass(frozen=True)
class Cost:
    """Processes started, seconds of CPU, and how many of the processes asked Android."""

    processes: float
    cpu_s: float
    asked: int = 0


def main() -> None:
    """Print the costs of an hour and the seconds from installing to disabled."""
    with folder_for_a_while() as folder:
        stand_in = _stand_in(folder / "stand-in")
        quiet, busy = _watched_side_by_side(folder, MINUTES * 60)
        seconds = _until_disabled(folder / "disabling")
    show([*_rows("nothing happens", quiet, stand_in),
          *_rows("one app installed and removed", busy, stand_in)])  # fmt: skip
    figure = f"{min(seconds):.1f} / {median(seconds):.1f} / {max(seconds):.1f} s"
    show(
        [
            Figure(
                f"banned app installed to work apps off, {INSTALLATIONS} times",
                figure,
                "least / median / most",
            )
        ]
    )


def _rows(what: str, cost: Cost, stand_in: Cost) -> list[Figure]:
    per_hour = 60 / MINUTES
    own = cost.processes - cost.asked * (stand_in.processes - 1)
    own_cpu = cost.cpu_s - cost.asked * stand_in.cpu_s
    return [
        Figure(
            f"processes an hour, {what} ({MINUTES:g} min counted)",
            f"{own * per_hour:.0f}, {cost.asked * per_hour:.0f} of them to ask Android",
            f"{cost.processes * per_hour:.0f} with the insides of the stand-ins",
        ),
        Figure(
            f"CPU seconds an hour, {what}",
            f"{own_cpu * per_hour:.1f} without asking Android",
            f"{cost.cpu_s * per_hour:.1f} with the stand-ins",
        ),
    ]


# A phone in a namespace of its own ----------------------------------------------------------------------------


@contextmanager
def _phone(folder: Path) -> Iterator[WatchedPhone]:
    phone = VirtualPhone("clean", folder)
    phone.start()
    try:
        for name in ("stat", "id"):
            program = phone.userland.programs / name
            program.unlink()
            program.symlink_to(shutil.which("toybox") or "toybox")
        watched = WatchedPhone(phone)
        watched.place()
        watched.plan(_POLICY, poll_s=POLL_S, jitter_s=int(_POLICY.check_jitter.total_seconds()))
        yield watched
    finally:
        phone.stop()


class _Counted:
    """A command of the phone in a PID namespace, where this module, started again, counts for us."""

    def __init__(self, phone: WatchedPhone, command: str) -> None:
        land = phone.phone.userland
        words = ["unshare", *(() if os.getuid() == 0 else ("--user", "--map-root-user"))]
        words += [
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            sys.executable,
            "-m",
            __spec__.name,
            "--inside",
        ]
        words += [str(land.root), land.shell, land.rewrite(command.encode()).decode()]
        words += [f"{name}={value}" for name, value in land.environment().items()]
        self._phone = phone
        self._process = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def count(self) -> Cost:
        """Return what was used since the namespace began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        processes, cpu_s = json.loads(self._process.stdout.readline())
        return Cost(processes, cpu_s, len(list(self._phone.phone.calls)))

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()


def _inside(root: str, shell: str, command: str, *environment: str) -> None:
    """Run a command as the first process of a namespace, and tell the counters whenever a line comes."""
    env = dict(value.split("=", 1) for value in environment)
    subprocess.run(
        [shell, "-c", command],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    for _ in sys.stdin:
        started = int(Path("/proc/sys/kernel/ns_last_pid").read_text())
        # Ended children of this one are those of the command that was waited for; the script goes on in its own tree.
        cpu = cpu_of_tree(os.getpid()) - sum(os.times()[:2])
        print(json.dumps([started, cpu]), flush=True)


def _between(before: Cost, after: Cost) -> Cost:
    return Cost(after.processes - before.processes, after.cpu_s - before.cpu_s, after.asked - before.asked)


def _watched_side_by_side(folder: Path, seconds: float) -> tuple[Cost, Cost]:
    with _phone(folder / "quiet") as quiet, _phone(folder / "busy") as busy:
        runs = [_Counted(phone, phone.command(f"start {NOW}")) for phone in (quiet, busy)]
        try:
            for phone in (quiet, busy):
                eventually(partial(_is_alive, phone), "the script did not begin to watch", 60)
            before = [run.count() for run in runs]
            time.sleep(seconds / 3)
            busy.phone.model.install(0, TIKTOK)
            time.sleep(seconds / 3)
            assert _is_off(busy), "the work apps stayed on"
            busy.phone.model.uninstall(0, TIKTOK)
            time.sleep(seconds / 3)
            assert not _is_off(busy), "the work apps stayed off"
            first, second = (_between(was, run.count()) for was, run in zip(before, runs, strict=True))
            return first, second
        finally:
            for run in runs:
                run.end()


def _stand_in(folder: Path) -> Cost:
    """What one call of a stand-in costs, the shell's own fork included."""
    with _phone(folder) as phone:
        run = _Counted(phone, "true")
        try:
            nothing = run.count()
        finally:
            run.end()
        run = _Counted(
            phone,
            f"n=0; while [ $n -lt {_CALLS} ]; do dumpsys package changes >/dev/null; n=$((n + 1)); done",
        )
        try:
            called = _between(nothing, run.count())
        finally:
            run.end()
    return Cost(called.processes / _CALLS, called.cpu_s / _CALLS)


def _is_alive(phone: WatchedPhone) -> bool:
    return any(line.startswith("alive ") for line in phone.spool)


def _is_off(phone: WatchedPhone) -> bool:
    return phone.state() == 3


def _until_disabled(folder: Path) -> list[float]:
    with _phone(folder) as phone:
        phone.curfew(f"start {NOW}")
        eventually(lambda: _is_alive(phone), "the script did not begin to watch", 60)
        seconds = []
        for _ in range(INSTALLATIONS):
            time.sleep(random.uniform(0, POLL_S))
            begun = time.monotonic()
            phone.phone.model.install(0, TIKTOK)
            eventually(lambda: _is_off(phone), "the work apps stayed on", 60)
            seconds.append(time.monotonic() - begun)
            phone.phone.model.uninstall(0, TIKTOK)
            eventually(lambda: not phone.ledger.open_entries, "the work apps stayed off", 60)
        phone.curfew("stop")
        return seconds


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        _inside(*sys.argv[2:])
    else:
        main()
