"""Measures what one check costs this computer, against the platform's `adb` doing the same command by command.

Both speak to the same loopback daemon in a process of its own, which answers from tape (recorded from a virtual
phone in this very run): a phone's own shell is not measured. The agent's way is the product's: connect with RSA,
read, judge, act, the ledger safely on disk; 64 phones at once. Beside it, the same with the signed report on disk.
The yardstick is adb 36 of the adbutils wheel with a server of its own: `adb connect`, `adb shell` once for each
command, `adb disconnect`; the CPU of its client processes and of its server counts, reading the answers does not.
The cases take turns; medians of the rounds.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.visits.check import check_phone
from agent_scripts.visits.report_keeping import keep_report
from agent_scripts.visits.run import Run
from agent_scripts.visits.visiting import connected, visit_all
from server.loadtest.process_cpu import cpu_of_tree
from tests.benchmarks.figures import Figure, in_turns, show
from tests.benchmarks.measured_station import folder_for_a_while, make_run, make_station
from tests.benchmarks.recording import Recording, record
from tests.server.running import ROOT, free_port

ROUNDS = 5
_PHONES = 128
_PHONES_OF_ADB = 3
_CASES = {"compliant, read only": "pixel-14", "violating, two apps disabled": "tiktok-personal"}


def main() -> None:
    """Print CPU a phone, phones a second and core, and the ratio to the platform's adb."""
    with folder_for_a_while() as folder:
        run = make_run(make_station(folder / "station"))
        tapes = {}
        for number, (name, personality) in enumerate(_CASES.items()):
            tapes[name], _ = asyncio.run(record(run, personality, folder / f"phone-{number}"))
        with (
            canned(folder, run.station.adb_keys, list(tapes.values())) as ports,
            platform_adb(folder / "adb-home", run.station.adb_keys) as adb,
        ):
            for (name, tape), port in zip(tapes.items(), ports, strict=True):
                show(_compare(name, tape, port, run, adb))


def _compare(name: str, tape: Recording, port: int, run: Run, adb: Adb) -> list[Figure]:
    walls: list[float] = []
    cpu = in_turns(
        ROUNDS,
        {
            "agent": lambda: check_by_agent(run, port, walls, report=False),
            "reporting": lambda: check_by_agent(run, port, [], report=True),
            "adb": lambda: adb.check(port, list(tape.commands)),
        },
    )
    wall = sorted(walls)[len(walls) // 2]
    against = f"{len(tape.commands)} commands by adb: {cpu['adb'] * 1e3:.1f} ms a phone"
    return [
        Figure(
            f"check, {name} ({len(tape.exchanges)} exchange(s))",
            f"{cpu['agent'] * 1e3:.2f} ms CPU a phone, {1 / cpu['agent']:.0f} phones/s and core"
            f" ({1 / wall:.0f}/s by the clock)",
            f"{cpu['adb'] / cpu['agent']:.0f} x ({against})",
        ),
        Figure(
            f"check, {name}, with its signed report on disk",
            f"{cpu['reporting'] * 1e3:.2f} ms CPU a phone, {1 / cpu['reporting']:.0f} phones/s and core",
            f"{cpu['adb'] / cpu['reporting']:.0f} x",
        ),
    ]


def check_by_agent(run: Run, port: int, walls: list[float], *, report: bool) -> float:
    """Check phones in parallel and return the seconds of CPU for one."""
    address = f"tcp:127.0.0.1:{port}"

    async def one(_: str) -> None:
        async with connected(run.station, address, plain_tcp=False) as connection:
            done = await check_phone(run, connection, address)
        if done.reading.observation.unreadable or done.lost:
            raise SystemExit(f"a check of the canned phone failed: {done.judgement} {done.lost}")
        if report:
            keep_report(run, done, run.counters.take())

    begun, before = time.monotonic(), time.process_time()
    asyncio.run(_all(one))
    walls.append((time.monotonic() - begun) / _PHONES)
    return (time.process_time() - before) / _PHONES


async def _all(one: Callable[[str], object]) -> None:
    await visit_all([""] * _PHONES, one)  # type: ignore[arg-type]


class Adb:
    """The platform's adb with a home and a server of its own."""

    def __init__(self, program: Path, home: Path, port: int) -> None:
        self._program = str(program)
        self.environment = {
            "HOME": str(home),
            "ANDROID_ADB_SERVER_PORT": str(port),
            "ADB_MDNS": "0",
            "PATH": os.defpath,
        }
        self.server: subprocess.Popen[bytes] | None = None

    def __call__(self, *words: str) -> bytes:
        ran = subprocess.run(
            [self._program, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        if ran.returncode:
            raise SystemExit(f"adb {words[:3]} failed: {ran.stderr.decode()}{ran.stdout.decode()}")
        return ran.stdout

    def check(self, port: int, commands: list[str]) -> float:
        """Connect, give the commands one by one, disconnect; returns the seconds of CPU for one phone."""
        assert self.server is not None
        serial = f"127.0.0.1:{port}"
        before = _ended_children() + cpu_of_tree(self.server.pid)
        for _ in range(_PHONES_OF_ADB):
            self("connect", serial)
            for command in commands:
                if not self("-s", serial, "shell", command) and command.startswith(("dumpsys", "getprop")):
                    raise SystemExit(f"adb shell {command}: no answer")
            self("disconnect", serial)
        return (_ended_children() + cpu_of_tree(self.server.pid) - before) / _PHONES_OF_ADB


def _ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def platform_adb(home: Path, keys: AdbKeys) -> Iterator[Adb]:
    """Start the adb server of the adbutils wheel; it knows the station's key and no other."""
    spec = find_spec("adbutils")
    program = Path(spec.origin).parent / "binaries" / "adb" if spec and spec.origin else None
    if program is None or not program.exists():
        raise SystemExit("the adbutils wheel of this platform ships no adb to compare with")
    (home / ".android").mkdir(parents=True)
    shutil.copy(keys.private_path, home / ".android" / "adbkey")
    shutil.copy(keys.public_path, home / ".android" / "adbkey.pub")
    port = free_port()
    adb = Adb(program, home, port)
    command = [str(program), "server", "nodaemon"]
    with (home / "log").open("wb") as log:
        adb.server = subprocess.Popen(command, env=adb.environment, stdout=log, stderr=log)
    try:
        _wait_for(port, adb.server)
        yield adb
    finally:
        adb.server.terminate()
        adb.server.wait(timeout=20)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    # Not by a client: one that finds no server starts another, whose CPU nobody would count.
    for _ in range(400):
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit("the adb server did not start")


@contextmanager
def canned(folder: Path, keys: AdbKeys, tapes: list[Recording]) -> Iterator[list[int]]:
    """Serve tapes from a process of its own and yield their ports."""
    key = load_pem_private_key(keys.private_path.read_bytes(), None).public_key()
    public = folder / "daemon-knows.pem"
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    paths = [folder / f"tape-{number}.json" for number in range(len(tapes))]
    for path, tape in zip(paths, tapes, strict=True):
        tape.save(path)
    command = [sys.executable, "-m", "tests.benchmarks.canned_daemon", str(public), *map(str, paths)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        yield json.loads(daemon.stdout.readline())
        daemon.communicate(timeout=20)


if __name__ == "__main__":
    main()
