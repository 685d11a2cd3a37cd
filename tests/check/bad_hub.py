"""A hub of many phones as processes of their own behind bad cables, and the real agent let loose on it."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import agent_scripts.cli
import agent_scripts.visits.run
from agent_scripts.exit_codes import ExitCode
from agent_scripts.station_files.spool import Spool
from agent_scripts.visits.limits import Limits
from tests.check.office import BANNED, LYNC, OUTLOOK, TIKTOK, Bench
from tests.forked import Forked, Program
from tests.phones.bad_cable import SHARE_FROZEN, SHARE_LOST, Cable, Cables
from tests.phones.phone_process import Manners, PhoneProcess, PhoneRecord

WORK = 10
"""The number of the work profile on the phones here."""
MANAGED = (OUTLOOK, LYNC)
MOST_THREADS = 40
"""Of the agent's process, however many phones there are: its pool of threads, the event loop, and what it reads."""
MOST_MIB = 192
"""Of the same: 115 to 121 were measured for twelve phones and for a hundred alike."""
MOST_RUNS = 4
PROGRAM_COST_S = 0.05
"""So much longer a program takes to start on a slow phone."""
FLOOD_MB = 64
_DELAY_S = 0.02
_LOOK_EVERY_S = 0.05
_HANGS_AFTER_S = 900.0
"""More than four tries of a phone take that is silent each time for as long as it may be (`Limits`): it hangs."""
_SILENCE_S = 6.0
_serials = itertools.count(1)


class Kind(Enum):
    """What is wrong with a phone or its cable."""

    LOOSE = "loose"
    SLOW = "slow"
    UNAUTHORISED = "unauthorised"
    REFUSING = "refusing"
    DEAD = "dead adbd"
    FLOODING = "flooding"
    FREEZING = "freezing"


SOUND = (Kind.LOOSE, Kind.SLOW, Kind.FREEZING)
"""Those whose phones can be served all the way."""
ENDS_AS = {
    Kind.LOOSE: "done",
    Kind.SLOW: "done",
    Kind.UNAUTHORISED: "unauthorised",
    Kind.REFUSING: "not_ready",
    Kind.DEAD: "not_ready",
    Kind.FLOODING: "failed",
    Kind.FREEZING: "done",
}
"""The stage in which the bench leaves each."""
SMALL = {
    Kind.LOOSE: 6,
    Kind.SLOW: 2,
    Kind.UNAUTHORISED: 1,
    Kind.REFUSING: 1,
    Kind.DEAD: 1,
    Kind.FLOODING: 1,
    Kind.FREEZING: 1,
}
HUNDRED = {
    Kind.LOOSE: 64,
    Kind.SLOW: 10,
    Kind.UNAUTHORISED: 10,
    Kind.REFUSING: 5,
    Kind.DEAD: 5,
    Kind.FLOODING: 1,
    Kind.FREEZING: 5,
}


@dataclass(frozen=True)
class Plugged:
    """One cable of the hub and the phone behind it, if there is one."""

    kind: Kind
    cable: Cable
    phone: PhoneProcess | None

    @property
    def address(self) -> str:
        return self.cable.address

    def record(self) -> PhoneRecord:
        assert self.phone is not None
        return self.phone.record()


@dataclass(frozen=True)
class Ran:
    """How a command of the agent ended: its last line of each phone, and the most that its process used."""

    exit_code: int
    rows: dict[str, dict[str, Any]]
    said: str
    seconds: float
    threads: int
    resident_mib: float


def impatient_agent(words: Sequence[str]) -> int:
    """Run the agent with less patience for a phone that says nothing: a frozen cable then costs seconds, not a minute.

    For a process of its own alone.
    """
    brief = partial(Limits, reading_s=_SILENCE_S, acting_s=_SILENCE_S, placing_s=_SILENCE_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent_scripts.visits.run, "Limits", brief)
        return agent_scripts.cli.main(words)


@contextmanager
def bad_hub(
    folder: Path, mix: dict[Kind, int], seed: int, *, share_frozen: float = SHARE_FROZEN
) -> Iterator[list[Plugged]]:
    """Start phones and cables, of each kind as many as `mix` says; every second phone has the banned app."""
    kinds = [kind for kind, count in mix.items() for _ in range(count)]
    with ExitStack() as stack:
        cables = stack.enter_context(Cables())
        phones = [
            stack.enter_context(_phone(kind, folder, number)) if _has_phone(kind) else None
            for number, kind in enumerate(kinds)
        ]
        yield [
            Plugged(kind, _cable(cables, kind, phone, seed + number, share_frozen), phone)
            for number, (kind, phone) in enumerate(zip(kinds, phones, strict=True))
        ]


def _has_phone(kind: Kind) -> bool:
    return kind not in (Kind.REFUSING, Kind.DEAD)


def _phone(kind: Kind, folder: Path, number: int) -> PhoneProcess:
    manners = Manners(
        allows=kind is not Kind.UNAUTHORISED,
        program_cost_s=PROGRAM_COST_S if kind is Kind.SLOW else 0.0,
        floods_mb=FLOOD_MB if kind is Kind.FLOODING else 0,
    )
    personality = ("tiktok-personal", "clean")[number % 2]
    return PhoneProcess(personality, folder / f"phone-{number}", f"HUB{next(_serials):08d}", manners)


def _cable(cables: Cables, kind: Kind, phone: PhoneProcess | None, seed: int, share_frozen: float) -> Cable:
    if phone is None:
        return cables.refusing() if kind is Kind.REFUSING else cables.silent()
    return cables.to(
        phone.port,
        seed=seed,
        share_lost=SHARE_LOST if kind is Kind.LOOSE else 0.0,
        share_frozen=share_frozen if kind is Kind.FREEZING else 0.0,
        delay_s=_DELAY_S if kind is Kind.SLOW else 0.0,
    )


def batch_list(folder: Path, hub: list[Plugged]) -> Path:
    """Write the list that says whose each phone is."""
    path = folder / "hub.csv"
    lines = [f"{one.address},{one.cable.port},h-{one.cable.port},agreed" for one in hub]
    path.write_text("\n".join(("address,label,holder,consent", *lines)) + "\n")
    return path


def run_agent(bench: Bench, log: Path, agent: Program, *arguments: str) -> Ran:
    """Run a command in a process of its own to its end, and look all the while how much that process uses."""
    begun = time.monotonic()
    environment = {"PATH": "/usr/bin:/bin"}
    process = Forked(agent, bench.command_line(*arguments), environment, log)
    threads, resident = 0, 0
    while process.poll() is None:
        used = _used(process.pid)
        threads, resident = max(threads, used["Threads"]), max(resident, used["VmHWM"])
        if time.monotonic() > begun + _HANGS_AFTER_S:
            process.terminate()
            raise AssertionError(f"it hangs: {log.read_text()[-2000:]}")
        time.sleep(_LOOK_EVERY_S)
    said = log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    code = process.wait(timeout=10)
    rows = {line["address"]: line for line in lines if line.get("address")}
    return Ran(code, rows, said, time.monotonic() - begun, threads, resident / 1024)


def hold_to_it(
    bench: Bench, hub: list[Plugged], folder: Path, agent: Program = agent_scripts.cli.main
) -> tuple[Ran, Ran]:
    """Serve the hub at the bench, let owners remove the banned app, check all known phones; demand what must hold.

    Returns how the first bench and the first check went.
    """
    with_phones = [one for one in hub if one.phone is not None]
    sound = [one for one in hub if one.kind in SOUND]
    was = {one.address: one.record() for one in with_phones}
    listed = str(batch_list(folder, hub))
    everyone = [one.address for one in hub]

    def serve(_: list[str]) -> list[str]:
        return ["bench", "--once", "--json", "--no-cables", "--batch", listed, *everyone]

    served = _until_all_are_seen(bench, sound, folder / "bench", agent, serve)
    for one in hub:
        row = served[-1].rows[one.address]
        assert row["stage"] == ENDS_AS[one.kind], (one.kind, row)
        assert row["next_step"] or row["verdict"] == "compliant", (one.kind, row)
    for one in with_phones:
        deeds = _deeds(was[one.address], restored=False) if one.kind in SOUND else Counter()
        assert one.record().done == deeds, (one.kind, one.record().done, served[-1].rows[one.address])
        assert one.record().commands == 0 or one.kind is not Kind.UNAUTHORISED

    _owners_remove(sound)
    checked = _until_all_are_seen(
        bench, sound, folder / "check", agent, lambda lost: ["check", "--json", *lost]
    )
    for one in sound:
        record = one.record()
        wanted = _deeds(was[one.address], restored=True)
        assert record.done == wanted, (one.kind, record.done, [ran.rows[one.address] for ran in checked])
        assert record.states_of(MANAGED) == was[one.address].states_of(MANAGED), one.address
    for ran in (*served, *checked):
        assert "on this station" not in ran.said, "no report waits where the server is there"
        assert ran.threads <= MOST_THREADS
        assert ran.resident_mib <= MOST_MIB
    _hold_to_all_reports(bench, [*served, *checked])
    return served[0], checked[0]


def _until_all_are_seen(
    bench: Bench,
    sound: list[Plugged],
    log: Path,
    agent: Program,
    command: Callable[[list[str]], list[str]],
) -> list[Ran]:
    """Run a command, and again for those whose cable was lost, as a technician would; rows are kept from run to run."""
    runs: list[Ran] = []
    rows: dict[str, dict[str, Any]] = {}
    lost = [one.address for one in sound]
    while lost:
        assert len(runs) < MOST_RUNS, [rows[address] for address in lost]
        ran = run_agent(bench, log.with_suffix(f".{len(runs)}"), agent, *command(lost))
        rows |= ran.rows
        runs.append(replace(ran, rows=dict(rows)))
        for one in sound:
            # Not reached or unreadable it may be, in any run; a pulled cable proves nothing about a phone.
            wrong = "compliant" if _is_banned(one.record()) else "violating"
            assert rows[one.address]["verdict"] != wrong, (one.kind, rows[one.address])
        lost = [one.address for one in sound if not _is_seen(rows[one.address])]
    return runs


def _is_seen(row: dict[str, Any]) -> bool:
    """Whether nobody would visit the phone again: one whose cable failed while it was acted on has a verdict, too."""
    looked = row["exit_code"] not in (ExitCode.NOT_REACHED, ExitCode.UNREADABLE)
    return looked and row["verdict"] in ("violating", "compliant")


def _deeds(was: PhoneRecord, *, restored: bool) -> Counter[tuple[str, int, str]]:
    """Return what must have been done to a phone: each action once, and nothing where there was no cause."""
    if not _is_banned(was):
        return Counter()
    deeds = Counter({("disable-user", WORK, app): 1 for app in MANAGED})
    if restored:
        # As it was before: DEFAULT and ENABLED of `COMPONENT_ENABLED_STATE_*`.
        deeds.update((("default-state", "enable")[was.states[WORK, app]], WORK, app) for app in MANAGED)
    return deeds


def _hold_to_all_reports(bench: Bench, runs: list[Ran]) -> None:
    """Demand that the server has each report that was told, once, and that none waits."""
    told = {row["report_id"] for ran in runs for row in ran.rows.values() if row.get("report_id")}
    station = bench.station()
    stored = bench.office.rows(
        "SELECT report_id, counter FROM report WHERE station_id = :station", station=station.station_id
    )
    assert told <= {report_id for report_id, _ in stored}
    assert len({counter for _, counter in stored}) == len(stored)
    assert Spool(station.spool_folder).waiting() == []


def _is_banned(record: PhoneRecord) -> bool:
    return any(package in BANNED for _, package in record.installed)


def _owners_remove(sound: list[Plugged]) -> None:
    for one in sound:
        if (0, TIKTOK) in one.record().installed:
            assert one.phone is not None
            one.phone.uninstall(0, TIKTOK)


def _used(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        lines = []
    told = {
        key: value.split()[0] for key, _, value in (line.partition(":") for line in lines) if value.split()
    }
    # One that has just ended has no memory any more.
    return {name: int(told.get(name, 0)) for name in ("Threads", "VmHWM")}
