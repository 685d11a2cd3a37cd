"""The site of the trial: etcd, two PostgreSQL under Patroni, two nodes with PgBouncer and HAProxy each, a balancer.

Addresses are those of deploy/ with 10.0.0 as 127.0.0, in a network of its own; what else is changed in those files
are folders, users, and the certificate's name.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPSConnection
from ipaddress import ip_network
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import URL

from server.config import Config, written_settings
from server.storage.migrating import migrate
from tests.benchmarks.failover.balancer import BALANCER, Balancer
from tests.benchmarks.failover.databases import PASSWORD, Databases
from tests.benchmarks.failover.programs import (
    Program,
    lent_to_postgres,
    on_loopback,
    until,
    write_closed,
)
from tests.server.authority import Authority, TrustFolder, make_config
from tests.server.running import ROOT
from tests.server.shipped import DEPLOY

NODES = {"node1": "127.0.0.11", "node2": "127.0.0.12"}
_LAST_WORDS = 15


class Site:
    """All of it, running for the length of a ``with`` block."""

    def __init__(self, folder: Path, workers: int, before: Path | None = None) -> None:
        """Make one in `folder`; `before` is a checkout of an older version, by which its servers begin."""
        folder.chmod(0o755)
        self.folder = folder
        self._workers = workers
        self._before = before
        self._holder_key = Fernet.generate_key().decode()
        self._programs: dict[str, Program] = {}
        self.databases = Databases(folder)
        self._balancer: Balancer | None = None
        self.trust = TrustFolder(folder / "trust")
        self.tls = ssl.create_default_context(cafile=str(self.trust.path / "tls" / "authority.pem"))

    def __enter__(self) -> Site:
        try:
            self._begin()
        except BaseException:
            self._end(failed=True)
            raise
        return self

    def _begin(self) -> None:
        self.databases.begin()
        for name in NODES:
            self._start_way_to_database(name)
        self.authority = Authority(self.folder, self.trust, self._config("node1"))
        if self._before is None:
            migrate(self.authority.database)
            self.authority.publish()
        else:
            self._publish_by(self._before)
        for name in NODES:
            self.start_node(name, self._before)
        self._balancer = Balancer(self.folder / "balancer", self.trust)
        until(lambda: all(self.balancer.is_up(name) for name in NODES), "the balancer to find both nodes")

    def __exit__(self, kind: object, *_: object) -> None:
        self.authority.database.close()
        self._end(failed=kind is not None)

    def _end(self, failed: bool) -> None:
        if self._balancer is not None:
            self._balancer.end()
        for program in reversed(self._programs.values()):
            program.stop()
        self.databases.end()
        if failed:
            for log in sorted([*self.folder.rglob("*.log"), *self.folder.rglob("*.out")]):
                last = log.read_text(errors="replace").splitlines()[-_LAST_WORDS:]
                print(f"--- {log.relative_to(self.folder)}", *last, sep="\n", file=sys.stderr)

    @property
    def balancer(self) -> Balancer:
        """What stations ask."""
        assert self._balancer is not None
        return self._balancer

    def _start_way_to_database(self, name: str) -> None:
        address = NODES[name]
        folder = lent_to_postgres(self.folder / name)
        haproxy = on_loopback(
            DEPLOY / "haproxy" / "postgresql.cfg",
            {
                "127.0.0.1:": f"{address}:",
                # So that the trial can cut this node off from the databases, and nobody else.
                "default-server check": f"default-server source {address} check",
                "    user haproxy\n    group haproxy\n": "",
            },
        )
        write_closed(folder / "postgresql.cfg", haproxy, "postgres")
        self._start(
            f"{name} haproxy", ["haproxy", "-f", str(folder / "postgresql.cfg")], folder, user="postgres"
        )
        pgbouncer = on_loopback(
            DEPLOY / "pgbouncer" / "pgbouncer.ini",
            {
                "host=127.0.0.1 port=": f"host={address} port=",
                "listen_addr = 127.0.0.1": f"listen_addr = {address}",
                "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
                "/var/log/postgresql/pgbouncer.log": str(folder / "pgbouncer.log"),
                "/run/postgresql/pgbouncer.pid": str(folder / "pgbouncer.pid"),
            },
        )
        write_closed(folder / "userlist.txt", f'"curfew" "{PASSWORD}"\n', "postgres")
        write_closed(folder / "pgbouncer.ini", pgbouncer, "postgres")
        self._start(
            f"{name} pgbouncer", ["pgbouncer", str(folder / "pgbouncer.ini")], folder, user="postgres"
        )
        until(
            lambda: _takes_connections(address, 6432) and _takes_connections(address, 5000),
            f"the pool of {name}",
        )

    def _config(self, name: str) -> Config:
        url, replica_url = (
            URL.create(
                "postgresql+psycopg", "curfew", PASSWORD, NODES[name], 6432, database
            ).render_as_string(hide_password=False)
            for database in ("curfew", "curfew-replica")
        )
        return make_config(
            self.folder / "shared",
            self.trust,
            url,
            replica_url=replica_url,
            holder_key=self._holder_key,
            trusted_proxies=(ip_network(BALANCER),),
        )

    def _publish_by(self, checkout: Path) -> None:
        settings = str(self._settings("node1"))
        command = [sys.executable, "-m", "server.cli", "--config", settings]
        for words in (["migrate"], ["publish", str(self.trust.path)]):
            subprocess.run([*command, *words], cwd=checkout, check=True, stdout=subprocess.DEVNULL)

    def _settings(self, name: str) -> Path:
        settings = self.folder / name / "server.env"
        if not settings.exists():
            write_closed(settings, written_settings(self._config(name)), "root")
        return settings

    def start_node(self, name: str, checkout: Path | None = None) -> float:
        """Start a server, of an older version's checkout if one is named, and return after how many seconds it answered
        that it is ready."""
        settings = self._settings(name)
        began = time.monotonic()
        command = [sys.executable, "-m", "server.cli", "--config", str(settings), "serve"]
        # Python looks for modules first where it is started.
        self._programs[name] = Program(
            [*command, "--host", NODES[name], "--workers", str(self._workers)],
            self.folder / name,
            begins_in=checkout or ROOT,
        )
        until(lambda: self.is_ready(name), f"{name} to be ready")
        return time.monotonic() - began

    def is_ready(self, name: str) -> bool:
        """Whether a node says so itself."""
        plain = ssl.create_default_context(cafile=str(self.trust.path / "tls" / "authority.pem"))
        plain.check_hostname = False
        with (
            suppress(OSError),
            closing(HTTPSConnection(NODES[name], 8443, timeout=5, context=plain)) as asked,
        ):
            asked.request("GET", "/readyz")
            return asked.getresponse().status == 200
        return False

    def kill_node(self, name: str) -> None:
        """Take the power of a node's server away."""
        self._programs.pop(name).kill()

    def stop_node(self, name: str) -> None:
        """Stop a node's server as systemd would."""
        self._programs.pop(name).stop()

    def node_pid(self, name: str) -> int:
        """Return the process of a node's server."""
        return self._programs[name].pid

    def _start(self, name: str, command: list[str], folder: Path, user: str = "") -> None:
        self._programs[name] = Program(command, folder, user=user)


def older_version(folder: Path) -> Path:
    """Return a checkout of a version as it was before the last migration: this one without it."""
    for package in ("policy", "certs", "server"):
        shutil.copytree(ROOT / package, folder / package)
    max((folder / "server" / "storage" / "migrations" / "versions").glob("m0*.py")).unlink()
    return folder


def _takes_connections(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
