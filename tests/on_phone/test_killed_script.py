"""Killed at any command it runs and started again, the script finishes, and ledger and phone agree."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_scripts.virtual_phone.personalities import LYNC, OUTLOOK, TIKTOK
from policy.ledger import EntryState
from tests.on_phone.bench import NOW, WatchedPhone
from tests.on_phone.conftest import MakeWatched

STEP = int(os.environ.get("CURFEW_KILL_STEP", "6"))
"""Every how many commands the script is killed; 1 kills it at each."""

# Counts what the script starts; at the number it was told, the whole group of processes dies by SIGKILL.
_COUNTED = """#!{shell}
echo -n x >>"$CURFEW_COUNT"
read -r count <"$CURFEW_COUNT"
[ "$CURFEW_KILL_AT" = 0 ] || [ "${{#count}}" -lt "$CURFEW_KILL_AT" ] || kill -KILL 0
exec "{program}" "$@"
"""
_PROGRAMS = (
    "cmd",
    "dumpsys",
    "fsync",
    "sync",
    "mv",
    "sed",
    "sha256sum",
    "grep",
    "flock",
    "stat",
    "date",
    "head",
)


class Killer:
    """A phone whose script is killed at its n-th command."""

    def __init__(self, phone: WatchedPhone, folder: Path) -> None:
        self.phone = phone
        self._count = folder / "count"
        self._path = folder / "counted"
        self._path.mkdir()
        land = phone.phone.userland
        for name in _PROGRAMS:
            program = land.programs / name
            if program.exists():
                counted = self._path / name
                counted.write_text(_COUNTED.format(shell=land.shell, program=program))
                counted.chmod(counted.stat().st_mode | stat.S_IXUSR)

    def once(self, now: int, kill_at: int = 0) -> int:
        """Run one check, killed at that command; return how many commands it began."""
        self._count.write_text("")
        env = {
            "PATH": f"{self._path}:{self.phone.phone.userland.programs}",
            "CURFEW_COUNT": str(self._count),
            "CURFEW_KILL_AT": str(kill_at),
        }
        done = self.phone.started(self.phone.command(f"once {now}"), env)
        done.communicate(timeout=60)
        if kill_at:
            assert done.returncode == -signal.SIGKILL
        return len(self._count.read_text())


def _points(killer: Killer, now: int) -> Iterator[int]:
    """Each STEP-th command of a whole run, from a beginning that differs between the two tests.

    The commands of a pipeline start in no fixed order, so that the last few may not be reached.
    """
    commands = killer.once(now)
    assert commands > 40
    yield from range(1 + now % STEP, commands - 2, STEP)


def _as_it_was(phone: WatchedPhone) -> None:
    """Put phone and script back to before anything was done."""
    model = phone.phone.model
    model.set_enabled(10, OUTLOOK, 0)
    model.set_enabled(10, LYNC, 1)
    phone.place()
    for name in ("clock", "verdict", "spool", "spool.head", "spool.damaged", "ledger.new", "spool.new"):
        (phone.folder / name).unlink(missing_ok=True)
    (phone.folder / "ledger").write_text(f"curfew-ledger 1 {(phone.folder / 'marker').read_text()}end 0\n")


def _agree(phone: WatchedPhone, states: tuple[int, int], entries: set[tuple[str, int, EntryState]]) -> None:
    assert (phone.state(), phone.state(LYNC)) == states
    assert {(e.package, e.prior.value, e.state) for e in phone.ledger.entries} == entries
    assert {e.rounds for e in phone.ledger.entries} <= {1}


@pytest.fixture
def killer(watched: MakeWatched, tmp_path: Path) -> Killer:
    phone = watched("tiktok-personal")
    phone.plan()
    return Killer(phone, tmp_path)


def test_disabling_is_finished_after_a_kill_at_any_command(killer: Killer) -> None:
    phone = killer.phone
    done = {(OUTLOOK, 0, EntryState.DONE), (LYNC, 1, EntryState.DONE)}
    phone.curfew(f"once {NOW}")
    _as_it_was(phone)
    for kill_at in list(_points(killer, NOW)):
        _as_it_was(phone)

        killer.once(NOW, kill_at)
        for package, prior in ((OUTLOOK, 0), (LYNC, 1)):
            held = [e.prior.value for e in phone.ledger.entries if e.package == package]
            assert phone.state(package) == prior or held == [prior], f"disabled without a record at {kill_at}"
        phone.curfew(f"once {NOW + 1}")

        _agree(phone, (3, 3), done)


def test_restoring_is_finished_after_a_kill_at_any_command(killer: Killer) -> None:
    phone = killer.phone
    end = NOW + 60
    back = {(OUTLOOK, 0, EntryState.RESTORED), (LYNC, 1, EntryState.RESTORED)}
    phone.curfew(f"once {NOW}")
    ledger = (phone.folder / "ledger").read_text()
    phone.phone.model.uninstall(0, TIKTOK)
    for kill_at in list(_points(killer, end)):
        for package in (OUTLOOK, LYNC):
            phone.phone.model.set_enabled(10, package, 3, "shell:1000")
        (phone.folder / "ledger").write_text(ledger)
        (phone.folder / "verdict").unlink(missing_ok=True)

        killer.once(end, kill_at)
        phone.curfew(f"once {end + 1}")

        _agree(phone, (0, 1), back)
