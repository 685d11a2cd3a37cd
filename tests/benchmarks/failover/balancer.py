"""The balancer of the trial: HAProxy with deploy/haproxy/curfew.cfg."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from tests.benchmarks.failover.programs import Program, on_loopback, until
from tests.server.authority import TrustFolder
from tests.server.shipped import DEPLOY

BALANCER = "127.0.0.1"


class Balancer:
    """A running HAProxy, and what its admin socket says."""

    def __init__(self, folder: Path, trust: TrustFolder) -> None:
        self._folder = folder
        folder.mkdir()
        tls = trust.path / "tls"
        (folder / "curfew.pem").write_text(
            (tls / "server.pem").read_text() + (tls / "server.key").read_text()
        )
        text = on_loopback(
            DEPLOY / "haproxy" / "curfew.cfg",
            {
                "bind :443": f"bind {BALANCER}:443",
                "curfew.example.org": "localhost",
                "/etc/haproxy/curfew.pem": str(folder / "curfew.pem"),
                "/etc/curfew/tls/authority.pem": str(tls / "authority.pem"),
                "/run/haproxy/": f"{folder}/",
                "    user haproxy\n    group haproxy\n": "",
            },
        )
        (folder / "curfew.cfg").write_text(text)
        self._program = Program(["haproxy", "-W", "-f", str(folder / "curfew.cfg")], folder)
        until(lambda: (folder / "admin.sock").exists(), "the balancer")

    def reload(self) -> None:
        """Let the balancer read its file anew, as `systemctl reload` would."""
        self._program.signal(signal.SIGUSR2)

    def tell(self, words: str) -> str:
        """Say something at the balancer's admin socket and return what it answers."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self._folder / "admin.sock"))
            admin.sendall(f"{words}\n".encode())
            return admin.makefile().read()

    def is_up(self, name: str) -> bool:
        """Whether the balancer sends requests to a node."""
        return any(
            line.startswith(f"curfew,{name},") and ",UP," in line
            for line in self.tell("show stat").splitlines()
        )

    def under_way(self, name: str) -> int:
        """Return how many requests the balancer has under way at a node."""
        [line] = [line for line in self.tell("show stat").splitlines() if line.startswith(f"curfew,{name},")]
        return int(line.split(",")[4])

    def end(self) -> None:
        """Stop it."""
        self._program.stop()
