"""Counts the programs that a phone starts for each exchange, and what starting one costs in which shell.

A work phone with a banned app (``tiktok-personal``) lives through a check, disabling, the script's arrival, one check
of the script and its idle looks, with the shipped policy's apps. Every program but the shell itself is counted where
it is started; what asks Android (dumpsys, cmd, pm, getprop) is counted apart, since no wording of ours can save it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median

from agent_scripts import exchange
from agent_scripts.exchange.watch_script import SCRIPT_NAME, watch_script
from agent_scripts.virtual_phone import VirtualPhone
from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from policy.plan import plan_text
from policy.ready_made import ready_made_policy
from policy.verdict import Action, ActionKind
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.on_phone.bench import MARKER, NOW, PHONE_ID, WORK_POLICY, WatchedPhone, eventually
from tests.phone_words.recording import Recording
from tests.phones.fake_phone import make_shell

_TIME = datetime.fromtimestamp(NOW, UTC)
_POLICY = replace(WORK_POLICY, families=ready_made_policy().families)
_LONG_S = 3600
_STARTS = 200
_ROUNDS = 5


def main() -> None:
    """Print the counts, and milliseconds for the start of one program."""
    with folder_for_a_while() as folder, VirtualPhone("tiktok-personal", folder / "phone") as phone:
        phone.model.install(0, TIKTOK)
        counted = _Counted(phone, Recording(phone))
        show([counted.row(what, step) for what, step in _Steps(WatchedPhone(phone)).all()])
    with tempfile.TemporaryDirectory() as folder_name:
        show([_start(name, Path(folder_name)) for name in ("mksh-toybox", "ash-busybox")])


@dataclass
class _Counted:
    phone: VirtualPhone
    recording: Recording

    def row(self, what: str, step: Callable[[], None]) -> Figure:
        """Run a step and tell what it started."""
        before, asked = len(self.recording.calls), len(list(self.phone.calls))
        step()
        programs = len(self.recording.calls) - before
        return Figure(
            f"programs, {what}", f"{programs} and {len(list(self.phone.calls)) - asked} asking Android"
        )


class _Steps:
    def __init__(self, bench: WatchedPhone) -> None:
        self.bench = bench

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("provisioning", self.provision),
            (f"plain check of {len(_POLICY.named_packages)} apps", self.read),
            ("disabling two apps", self.disable),
            (f"check of {len(_POLICY.named_packages)} apps for a plan", self.make_plan),
            ("placing the script, and its first check", self.place),
            ("ending the script", self.stop),
            ("one check of the script where nothing changed", self.check),
            ("check that collects the record", self.collect),
        ]

    def provision(self) -> None:
        question = exchange.ProvisioningQuestion(PHONE_ID, MARKER)
        assert question.parse(self.bench.shell(question.command).encode()).problem == ""

    def read(self, collecting: exchange.Collecting | None = None) -> None:
        dated = [app.package for app in _POLICY.managed]
        question = exchange.ReadingQuestion(
            _POLICY.named_packages, _POLICY.owners, PHONE_ID, dated, collecting, if_marked=True
        )
        reading = question.parse(self.bench.shell(question.command).encode())
        assert reading.observation.unreadable == ()

    def collect(self) -> None:
        self.read(exchange.Collecting(None))

    def disable(self) -> None:
        apps, work = [PackageName(OUTLOOK), PackageName(LYNC)], UserNumber(10)
        states = [EnabledState(self.bench.state(app)) for app in apps]
        actions = [
            Action(ActionKind.DISABLE, work, app, state) for app, state in zip(apps, states, strict=True)
        ]
        entries = tuple(
            LedgerEntry(work, app, state, EntryState.INTENDED, 3, _TIME)
            for app, state in zip(apps, states, strict=True)
        )
        api = self.bench.phone.model.release.api
        question = exchange.ActingQuestion(actions, Ledger(MARKER, entries), self._ledger_sum(), api, None)
        assert question.parse(self.bench.shell(question.command).encode()).complete

    def make_plan(self) -> None:
        """Read the phone once more, as the station did before, and make the plan of it."""
        self._plan = self.bench.plan(_POLICY, poll_s=_LONG_S)

    def _ledger_sum(self) -> str:
        return sha256((self.bench.folder / "ledger").read_bytes()).hexdigest()

    def place(self) -> None:
        """Put the script there and wait for the end of its first check."""
        (self.bench.folder / f"{SCRIPT_NAME}.pushed").write_bytes(watch_script())
        question = exchange.PlacingQuestion(plan_text(self._plan), _TIME)
        assert question.parse(self.bench.shell(question.command).encode()).problem == ""
        eventually(lambda: "alive" in str(self.bench.spool), "the script's first check did not end")

    def stop(self) -> None:
        self.bench.curfew("stop")

    def check(self) -> None:
        self.bench.curfew("once")


def _start(name: str, folder: Path) -> Figure:
    """How long one shell takes to start a program that does nothing, the median of several rounds."""
    shell = make_shell(name, folder)
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.monotonic()
        shell.run(f"n=0; while [ $n -lt {_STARTS} ]; do id -u >/dev/null; n=$((n + 1)); done")
        rounds.append((time.monotonic() - begun) / _STARTS)
    return Figure(
        f"start of one program, {name}", f"{median(rounds) * 1000:.2f} ms", f"of {_STARTS} one by one"
    )


if __name__ == "__main__":
    main()
