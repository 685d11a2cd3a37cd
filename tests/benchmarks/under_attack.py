"""Measures how long others wait for an answer while a server is flooded with sign-ins, or held by a thousand bodies.

The real program, one worker, over TLS; attackers are a process of their own. A bystander asks for the status on a
connection of its own, at most a hundred times a second; counted is the 99th percentile of its waits, and the memory of
the worker, quiet and under each attack, in turns.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import re
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPSConnection
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.server.authority import TrustFolder
from tests.server.running import ROOT, RunningServer

ROUNDS = 3
STALLED = 1000
NAMES = 96
_ASKED = 300
_EVERY_S = 0.01
_SOURCES = 20
_PROCESSES = multiprocessing.get_context("spawn")
_HEAD = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"

Attack = Callable[[int, Path, Event, Event], None]


def main() -> None:
    """Print the others' p99 and the worker's memory under attack, as ratios to quiet."""
    with folder_for_a_while() as folder, _served(folder) as server:
        waits: dict[str, list[float]] = {name: [] for name in ("quiet", "stalled", "flooded")}
        memory: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, attack in (("quiet", None), ("stalled", stall), ("flooded", flood)):
                with attacked(server, attack):
                    waits[name].append(_p99_s(server))
                    memory[name] = max(memory.get(name, 0), _resident_mib(server))
    quiet = median(waits["quiet"])
    show(
        [
            Figure("others' p99, nobody attacks", f"{quiet * 1000:.1f} ms, {memory['quiet']:.0f} MiB", "1"),
            *(
                Figure(
                    f"others' p99 {what}",
                    f"{median(waits[name]) * 1000:.1f} ms, {memory[name]:.0f} MiB",
                    f"{median(waits[name]) / quiet:.1f} x quiet, {memory[name] / memory['quiet']:.1f} x its memory",
                )
                for name, what in (
                    ("stalled", f"beside {STALLED} unfinished bodies from {_SOURCES} addresses"),
                    ("flooded", f"while {NAMES} invented names sign in at once, each second"),
                )
            ),
        ]
    )


@contextmanager
def _served(folder: Path) -> Iterator[RunningServer]:
    trust, office = TrustFolder(folder / "trust"), folder / "office"
    command = [sys.executable, "-m", "server.cli"]
    init = [*command, "init", str(office), "--trust", str(trust.path)]
    subprocess.run(init, cwd=ROOT, check=True, capture_output=True)
    config = ["--config", str(office / "server.env")]
    for words in (["migrate"], ["publish", str(trust.path)]):
        subprocess.run([*command, *config, *words], cwd=ROOT, check=True, capture_output=True)
    with RunningServer(office, trust.path / "tls" / "authority.pem", from_scratch=True) as server:
        yield server


def _p99_s(server: RunningServer) -> float:
    connection, waits = server.connect(), []
    for _ in range(_ASKED):
        begun = time.perf_counter()
        connection.request("GET", "/api/v1/status")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        waits.append(time.perf_counter() - begun)
        time.sleep(_EVERY_S)
    connection.close()
    return quantiles(waits, n=100)[98]


@contextmanager
def attacked(server: RunningServer, attack: Attack | None) -> Iterator[None]:
    """Let `attack` go on in a process of its own for the length of the block."""
    if attack is None:
        yield
        return
    begun, over = _PROCESSES.Event(), _PROCESSES.Event()
    attackers = _PROCESSES.Process(target=attack, args=(server.port, server.authority_pem, begun, over))
    attackers.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        attackers.join()


def stall(port: int, authority_pem: Path, begun: Event, over: Event) -> None:
    """Begin a thousand bodies, and send nothing more."""
    _allow_many_sockets()
    trust = ssl.create_default_context(cafile=str(authority_pem))
    with ExitStack() as held:
        for number in range(STALLED):
            source = (f"127.0.0.{2 + number % _SOURCES}", 0)
            plain = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=source)
            held.enter_context(trust.wrap_socket(plain, server_hostname="127.0.0.1")).sendall(_HEAD)
        begun.set()
        over.wait()


def flood(port: int, authority_pem: Path, begun: Event, over: Event) -> None:
    """Sign in by invented names, all at once, in volleys a second apart."""
    trust = ssl.create_default_context(cafile=str(authority_pem))
    cookie, token = sign_in_form(_connect(port, trust))

    def sign_in(name: str) -> None:
        form = urlencode({"name": name, "password": "wrong", "csrf_token": token})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": cookie,
            "Referer": f"https://127.0.0.1:{port}/sign-in",
        }
        with contextlib.suppress(OSError), contextlib.closing(_connect(port, trust)) as connection:
            connection.request("POST", "/sign-in", form, headers)
            connection.getresponse().read()

    with ThreadPoolExecutor(NAMES) as attackers:
        for volley in itertools.count():
            begun.set()
            list(attackers.map(sign_in, [f"n{volley}x{number}" for number in range(NAMES)]))
            if over.wait(1):
                return


def sign_in_form(connection: HTTPSConnection) -> tuple[str, str]:
    """Return the cookie and the token without which no sign-in is looked at."""
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    page = answer.read().decode()
    cookies = "; ".join(line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", []))
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return cookies, found[1]


def _connect(port: int, trust: ssl.SSLContext) -> HTTPSConnection:
    return HTTPSConnection("127.0.0.1", port, timeout=60, context=trust)


def _resident_mib(server: RunningServer) -> float:
    [worker] = server.workers()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(STALLED + 500, most), most))


if __name__ == "__main__":
    main()
