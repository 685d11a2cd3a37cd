"""A running server: the real program in a process of its own, over HTTPS, stopped by its own handle.

It is forked from one that has loaded it (`tests.forked`), or started `from_scratch` as its users start it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from server.cli import main as curfew_server
from tests.forked import Forked, Limits
from tests.server.authority import Authority

ROOT = Path(__file__).resolve().parents[2]
_STARTS_WITHIN_S = 60
_NEVER_CHOSEN = range(20_000, 32_000)
"""Below Linux' range for connections (/proc/sys/net/ipv4/ip_local_port_range)."""


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to nobody until it is asked for by number.

    One that the system chooses itself can be some other test's next connection before the server has taken it.
    """
    for port in random.sample(_NEVER_CHOSEN, 50):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("none of 50 ports is free")


class RunningServer:
    """``curfew-server serve`` for the length of a ``with`` block."""

    def __init__(
        self,
        folder: Path,
        authority_pem: Path,
        limits: Limits = MappingProxyType({}),
        workers: int = 1,
        *,
        from_scratch: bool = False,
    ) -> None:
        self.port = free_port()
        self.log = folder / "log"
        self._folder = folder
        self.authority_pem = authority_pem
        self._limits = limits
        self._workers = workers
        self._from_scratch = from_scratch
        self._process: subprocess.Popen[bytes] | Forked | None = None

    def __enter__(self) -> RunningServer:
        words = ["--config", str(self._folder / "server.env"), "serve", "--port", str(self.port)]
        words += ["--workers", str(self._workers)]
        environment = {**os.environ, "CURFEW_CANARY": "canary-of-the-environment"}
        if self._from_scratch:
            self._process = self._popen(words, environment)
        else:
            self._process = Forked(curfew_server, words, environment, self.log, self._limits)
        self._wait()
        return self

    def _popen(self, words: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        assert not self._limits, "only a forked server gets a limit"
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "server.cli", *words],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def stop(self) -> int:
        """Ask the server to stop, as systemd would, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=30)

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        assert self._process is not None
        parent = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def interrupt(self) -> int:
        """Press Ctrl-C in the server's terminal, which its workers hear too, and return the exit code."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(timeout=30)

    def stop_by(self, *signals: tuple[signal.Signals, bool]) -> int:
        """Send signals at once, each to the server alone or to its whole group (True), and return the exit code."""
        assert self._process is not None
        for number, whole_group in signals:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if whole_group else os.kill)(self._process.pid, number)
        return self._process.wait(timeout=30)

    def kill(self) -> None:
        """Take the power away: the program and its workers get no moment to tidy up."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)

    def connect(self) -> http.client.HTTPSConnection:
        """Return a connection that trusts the organisation's own authority only."""
        trust = ssl.create_default_context(cafile=str(self.authority_pem))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=trust)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of one request."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def post_reports(self, *envelopes: bytes) -> tuple[int, Any]:
        """Send one batch."""
        return self.ask("POST", "/api/v1/reports", b'{"reports":[' + b",".join(envelopes) + b"]}")

    def secured(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """Return a connection from the address `source`, to write and read bytes."""
        trust = ssl.create_default_context(cafile=str(self.authority_pem))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(source, 0))
        return trust.wrap_socket(plain, server_hostname="127.0.0.1")

    def raw(self, head: bytes) -> bytes:
        """Send the head of a request, nothing more, and return the first line of the answer."""
        with self.secured() as connection:
            connection.sendall(head)
            return connection.makefile("rb").readline()

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                connection = self.connect()
                connection.connect()
                connection.close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()[-2000:]}")


def serving(office: Authority, limits: Limits = MappingProxyType({})) -> RunningServer:
    """Return the server of a folder that `curfew-server init` made, to be started by ``with``."""
    authority_pem = office.config.tls_folder / "authority.pem"
    return RunningServer(office.config.audit_key.parent, authority_pem, limits)


class StartedProgram(RunningServer):
    """A Python program given as text that serves on the port it is told."""

    def __init__(self, folder: Path, authority_pem: Path, program: str) -> None:
        super().__init__(folder, authority_pem)
        self._program = program

    def __enter__(self) -> StartedProgram:
        environment = {**os.environ, "CURFEW_CANARY": "canary-of-the-environment"}
        self._process = Forked(_run_text, [self._program, str(self.port)], environment, self.log)
        self._wait()
        return self


def _run_text(words: Sequence[str]) -> int:
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "-c", "exec"), {"__name__": "__main__"})
    return 0
