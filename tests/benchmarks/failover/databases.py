"""The database machines of the trial: etcd, and two PostgreSQL under Patroni, from deploy/patroni."""

from __future__ import annotations

import os
import signal
import urllib.request
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg

from tests.benchmarks.failover.programs import (
    Program,
    lent_to_postgres,
    on_loopback,
    signal_family,
    until,
    write_closed,
)
from tests.server.shipped import DEPLOY

DATABASES = {"db1": "127.0.0.21", "db2": "127.0.0.22"}
# Of deploy/patroni/patroni.yml as it is shipped.
PASSWORD = "CHANGE-ME-2"
_ADMIN = "user=postgres password=CHANGE-ME-3"


class Databases:
    """A primary and its standby, each on an address of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs: dict[str, Program] = {}

    def begin(self) -> None:
        """Start all and make an empty database."""
        self.start_etcd()
        for name in DATABASES:
            self.start(name)
            # The first to come makes the cluster; so it is known which one that is.
            until(partial(_answers, DATABASES[name], "/health"), f"{name} to run")
        until(lambda: self.standbys() == 1, "a synchronous standby")
        address = f"host={DATABASES[self.primary()]} dbname=postgres {_ADMIN}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE curfew OWNER curfew")

    def end(self) -> None:
        """Stop all."""
        for program in reversed(self._programs.values()):
            program.stop()

    def start_etcd(self) -> None:
        """Start etcd, for the first time or again."""
        folder = self.folder / "etcd"
        if not folder.exists():
            lent_to_postgres(folder)
        address = "http://127.0.0.21:2379"
        command = ["etcd", "--data-dir", str(folder / "data"), "--listen-client-urls", address]
        command += ["--advertise-client-urls", address, "--listen-peer-urls", "http://127.0.0.21:2380"]
        self._programs["etcd"] = Program(command, folder, user="postgres")

    def kill_etcd(self) -> None:
        """Take etcd's power away."""
        self._programs.pop("etcd").kill()

    def start(self, name: str) -> None:
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
            write_closed(folder / "patroni.yml", text, "postgres")
        self._programs[name] = Program(["patroni", str(folder / "patroni.yml")], folder, user="postgres")

    def primary(self) -> str:
        """Return which machine's database is the primary; raises where there is none now."""
        return next(name for name, address in DATABASES.items() if _answers(address, "/primary"))

    def standbys(self) -> int:
        """Return how many synchronous standbys follow it."""
        return sum(_answers(address, "/synchronous") for address in DATABASES.values())

    def kill(self, name: str) -> None:
        """Take the power of a database machine away."""
        postgresql = self._postgresql_of(name)
        self._programs.pop(name).kill()
        # Patroni's child no more: it starts PostgreSQL so that it outlives it.
        with suppress(ProcessLookupError):
            os.kill(postgresql, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
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


def _answers(address: str, path: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{address}:8008{path}", timeout=2) as answer:
        return bool(answer.status == 200)
    return False
