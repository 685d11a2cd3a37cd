"""The site of the trial: etcd, two PostgreSQL under Patroni, two nodes with PgBouncer and HAProxy each, a balancer.

Addresses are those of deploy/ with 10.0.0 as 127.0.0, in a network of its own; what else is changed in those files
are folders, users, and the certificate's name.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPSConnection
from ipaddress import ip_network
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy import URL

from server.config import Config, written_settings
from server.storage.migrating import migrate
from tests.benchmarks.failover.programs import Program, lent_to_postgres, signal_family
from tests.server.authority import Authority, TrustFolder, make_config
from tests.server.running import ROOT
from tests.server.shipped import DEPLOY, changed

NODES = {"node1": "127.0.0.11", "node2": "127.0.0.12"}
DATABASES = {"db1": "127.0.0.21", "db2": "127.0.0.22"}
BALANCER = "127.0.0.1"
# Of deploy/patroni/patroni.yml as it is shipped.
_PASSWORD = "CHANGE-ME-2"
_ADMIN = "user=postgres password=CHANGE-ME-3"
_WITHIN_S = 120
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
        self.start_etcd()
        for name in DATABASES:
            self.start_database(name)
            # The first to come makes the cluster; so it is known which one that is.
            until(partial(self._answers, DATABASES[name], "/health"), f"{name} to run")
        until(lambda: self.standbys() == 1, "a synchronous standby")
        with psycopg.connect(
            f"host={DATABASES[self.primary()]} dbname=postgres {_ADMIN}", autocommit=True
        ) as c:
            c.execute("CREATE DATABASE curfew OWNER curfew")
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
        self._start_balancer()
        until(lambda: all(self.is_up(name) for name in NODES), "the balancer to find both nodes")

    def __exit__(self, kind: object, *_: object) -> None:
        self.authority.database.close()
        self._end(failed=kind is not None)

    def _end(self, failed: bool) -> None:
        for program in reversed(self._programs.values()):
            program.stop()
        if failed:
            for log in sorted([*self.folder.rglob("*.log"), *self.folder.rglob("*.out")]):
                last = log.read_text(errors="replace").splitlines()[-_LAST_WORDS:]
                print(f"--- {log.relative_to(self.folder)}", *last, sep="\n", file=sys.stderr)

    # Databases ------------------------------------------------------------------------------------------------

    def start_etcd(self) -> None:
        """Start etcd, for the first time or again."""
        folder = self.folder / "etcd"
        if not folder.exists():
            lent_to_postgres(folder)
        address = "http://127.0.0.21:2379"
        command = ["etcd", "--data-dir", str(folder / "data"), "--listen-client-urls", address]
        self._start(
            "etcd",
            [*command, "--advertise-client-urls", address, "--listen-peer-urls", "http://127.0.0.21:2380"],
            folder,
            user="postgres",
        )

    def kill_etcd(self) -> None:
        """Take etcd's power away."""
        self._programs.pop("etcd").kill()

    def start_database(self, name: str) -> None:
        """Start PostgreSQL under Patroni on one machine, for the first time or again."""
        folder = self.folder / name
        if not folder.exists():
            lent_to_postgres(folder)
            text = on_loopback(
                DEPLOY / "patroni" / "patroni.yml",
                {
                    "10.0.0.21:8008": f"{DATABASES[name]}:8008",
                    "10.0.0.21:5432": f"{DATABASES[name]}:5432",
                    "name: db1": f"name: {name}",
                    # One etcd instead of three: the trial is not about etcd.
                    "    - 10.0.0.22:2379\n    - 10.0.0.23:2379\n": "",
                    "/var/lib/postgresql/15/curfew": str(folder / "data"),
                    "/var/lib/postgresql/.pgpass-patroni": str(folder / "pgpass"),
                    "/var/run/postgresql": str(folder),
                },
            )
            _write(folder / "patroni.yml", text, "postgres")
        self._start(name, ["patroni", str(folder / "patroni.yml")], folder, user="postgres")

    def primary(self) -> str:
        """Return which machine's database is the primary; raises where there is none now."""
        return next(name for name, address in DATABASES.items() if self._answers(address, "/primary"))

    def standbys(self) -> int:
        """Return how many synchronous standbys follow it."""
        return sum(self._answers(address, "/synchronous") for address in DATABASES.values())

    def kill_database(self, name: str) -> None:
        """Take the power of a database machine away."""
        postgresql = self._postgresql_of(name)
        self._programs.pop(name).kill()
        # Patroni's child no more: it starts PostgreSQL so that it outlives it.
        with suppress(ProcessLookupError):
            os.kill(postgresql, signal.SIGKILL)

    def signal_database(self, name: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a database machine."""
        signal_family(self._programs[name].pid, number)
        signal_family(self._postgresql_of(name), number)

    def kill_postgresql(self, name: str) -> None:
        """Kill PostgreSQL alone; its Patroni lives on."""
        os.kill(self._postgresql_of(name), signal.SIGKILL)

    def _postgresql_of(self, name: str) -> int:
        return int((self.folder / name / "data" / "postmaster.pid").read_text().split()[0])

    def stored_reports(self) -> list[str]:
        """Return the ids of all reports, asked of the primary itself."""
        with psycopg.connect(f"host={DATABASES[self.primary()]} dbname=curfew {_ADMIN}") as connection:
            return [row[0] for row in connection.execute("SELECT report_id FROM report").fetchall()]

    # Nodes ----------------------------------------------------------------------------------------------------

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
        _write(folder / "postgresql.cfg", haproxy, "postgres")
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
        _write(folder / "userlist.txt", f'"curfew" "{_PASSWORD}"\n', "postgres")
        _write(folder / "pgbouncer.ini", pgbouncer, "postgres")
        self._start(
            f"{name} pgbouncer", ["pgbouncer", str(folder / "pgbouncer.ini")], folder, user="postgres"
        )
        until(
            lambda: _takes_connections(address, 6432) and _takes_connections(address, 5000),
            f"the pool of {name}",
        )

    def _config(self, name: str) -> Config:
        url = URL.create("postgresql+psycopg", "curfew", _PASSWORD, NODES[name], 6432, "curfew")
        return make_config(
            self.folder / "shared",
            self.trust,
            url.render_as_string(hide_password=False),
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
            _write(settings, written_settings(self._config(name)), "root")
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

    # The balancer ---------------------------------------------------------------------------------------------

    def _start_balancer(self) -> None:
        folder = self.folder / "balancer"
        folder.mkdir()
        tls = self.trust.path / "tls"
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
        self._start("balancer", ["haproxy", "-W", "-f", str(folder / "curfew.cfg")], folder)
        until(lambda: (folder / "admin.sock").exists(), "the balancer")

    def reload_balancer(self) -> None:
        """Let the balancer read its file anew, as `systemctl reload` would."""
        self._programs["balancer"].signal(signal.SIGUSR2)

    def tell_balancer(self, words: str) -> str:
        """Say something at the balancer's admin socket and return what it answers."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "balancer" / "admin.sock"))
            admin.sendall(f"{words}\n".encode())
            return admin.makefile().read()

    def is_up(self, name: str) -> bool:
        """Whether the balancer sends requests to a node."""
        return any(
            line.startswith(f"curfew,{name},") and ",UP," in line
            for line in self.tell_balancer("show stat").splitlines()
        )

    def under_way(self, name: str) -> int:
        """Return how many requests the balancer has under way at a node."""
        [line] = [
            line
            for line in self.tell_balancer("show stat").splitlines()
            if line.startswith(f"curfew,{name},")
        ]
        return int(line.split(",")[4])

    def _start(self, name: str, command: list[str], folder: Path, user: str = "") -> None:
        self._programs[name] = Program(command, folder, user=user)

    def _answers(self, address: str, path: str) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://{address}:8008{path}", timeout=2) as answer:
            return bool(answer.status == 200)
        return False


def older_version(folder: Path) -> Path:
    """Return a checkout of a version as it was before the last migration: this one without it."""
    for package in ("policy", "certs", "server"):
        shutil.copytree(ROOT / package, folder / package)
    max((folder / "server" / "storage" / "migrations" / "versions").glob("m0*.py")).unlink()
    return folder


def on_loopback(file: Path, changes: Mapping[str, str]) -> str:
    """Return a shipped file with the trial's addresses and folders."""
    return changed(file, changes).replace("10.0.0.", "127.0.0.")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {_WITHIN_S} s in vain for {what}")
        time.sleep(0.1)


def _takes_connections(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def _write(path: Path, text: str, owner: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    shutil.chown(path, owner)
