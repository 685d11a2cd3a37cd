"""A real PgBouncer with the settings of deploy/, in front of a database of the tests' PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.server.running import free_port
from tests.server.shipped import DEPLOY, changed, required

_STARTS_WITHIN_S = 30
_PASSWORD = "of-a-test"


class PgBouncer:
    """One pooler, used as a context manager; ``url`` leads through it to the database at `database_url`."""

    def __init__(self, database_url: str, pool_mode: str = "transaction") -> None:
        self._port = free_port()
        behind = make_url(database_url)
        self.url = f"postgresql+psycopg://{behind.username}:{_PASSWORD}@127.0.0.1:{self._port}/curfew"
        self._folder = Path(tempfile.mkdtemp(prefix="pgbouncer"))
        text = changed(
            DEPLOY / "pgbouncer" / "pgbouncer.ini",
            {
                "host=127.0.0.1 port=5000 dbname=curfew": f"host={behind.query['host']} dbname={behind.database}",
                "listen_port = 6432": f"listen_port = {self._port}",
                "pool_mode = transaction": f"pool_mode = {pool_mode}",
                "/etc/pgbouncer/": f"{self._folder}/",
                "/var/log/postgresql/": f"{self._folder}/",
                "/run/postgresql/pgbouncer.pid": f"{self._folder}/pid",
            },
        )
        (self._folder / "pgbouncer.ini").write_text(text)
        (self._folder / "userlist.txt").write_text(f'"{behind.username}" "{_PASSWORD}"\n')
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PgBouncer:
        # PgBouncer refuses to run as root.
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if nobody:
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self._process = subprocess.Popen(
            [required("pgbouncer", "pgbouncer"), str(self._folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=nobody.pw_uid if nobody else None,
            group=nobody.pw_gid if nobody else None,
            extra_groups=[] if nobody else None,
        )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self._folder / "pgbouncer.log").read_text()[-2000:])
