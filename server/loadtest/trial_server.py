"""A server for a trial: with trust, settings and a database of its own in a folder that goes with it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from certs.durable import create_private_file
from certs.keys import create_key, load_signer
from certs.repository import create_repository, publish, sign_policy
from policy.ready_made import ready_made_policy
from policy.schemas import dump_policy_document
from server.config import Config, written_settings
from server.errors import ServiceError
from server.exemptions.recording import record_exemptions
from server.loadtest.process_cpu import cpu_of_tree
from server.policies.publishing import publish as take_over
from server.storage.database import Database
from server.storage.migrating import migrate

_HOST = "127.0.0.1"
_LOG = "server.log"
_STARTS_WITHIN_S = 60
_STOPS_WITHIN_S = 30


class TrialFailed(ServiceError):
    """The trial could not be made, or the server did not hold; the text says which."""


@dataclass(frozen=True)
class TrialServer:
    """A running server, and what stations need to speak with it."""

    database: Database
    port: int
    tls: ssl.SSLContext
    process_id: int
    folder: Path
    holder_key: str

    def connection(self) -> HTTPSConnection:
        """Return a connection that is not open yet."""
        return HTTPSConnection(_HOST, self.port, timeout=60, context=self.tls)

    def last_words(self) -> str:
        """Return the last line of its log, for whoever has to find out why it failed."""
        lines = (self.folder / _LOG).read_text(errors="replace").splitlines()
        return lines[-1][:300] if lines else "nothing"

    def cpu_s(self) -> float:
        """Return the seconds of CPU that the server and its workers have used, in steps of a hundredth."""
        return cpu_of_tree(self.process_id)


@contextmanager
def trial_server(beside: Path, database_url: str | None, workers: int) -> Iterator[TrialServer]:
    """Serve a demo authority of its own from a new folder in `beside`, which is removed at the end.

    The database is SQLite in that folder, or the empty one at `database_url`; raises `TrialFailed`.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="curfew-loadtest-", dir=beside))
    except OSError as error:
        raise TrialFailed(
            f"no folder could be made in {beside.resolve()} ({error.strerror}); name one by --folder"
        ) from error
    try:
        config = _settings(folder, database_url)
        database = _published(config, folder / "trust", is_ours=database_url is None)
        try:
            with _serving(folder, config, database, workers) as server:
                yield server
        finally:
            database.close()
    finally:
        shutil.rmtree(folder)


def _settings(folder: Path, database_url: str | None) -> Config:
    trust, now = folder / "trust", datetime.now(UTC).replace(microsecond=0)
    # A demo root: reports of virtual phones are taken under no other.
    create_repository(trust, now, demo=True)
    times: dict[str, Any] = {
        "deadline": now + timedelta(days=10),
        "review_at": now + timedelta(days=20),
        "ends_at": now + timedelta(days=60),
    }
    policy = replace(ready_made_policy(), **times)
    for approver in sorted((trust / "keys").glob("approver-*.pem")):
        sign_policy(trust, dump_policy_document(1, policy), load_signer(str(approver)), now)
    publish(trust, now)
    create_key(folder / "audit.key")
    return Config(
        database_url=database_url or f"sqlite:///{folder / 'curfew.sqlite'}",
        secret_key=secrets.token_urlsafe(32),
        holder_key=Fernet.generate_key().decode(),
        audit_key=folder / "audit.key",
        public_url=f"https://{_HOST}",
        tls_folder=trust / "tls",
        trust_keys=trust / "keys",
    )


def _published(config: Config, trust: Path, *, is_ours: bool) -> Database:
    try:
        database = Database(config.database_url)
    except SQLAlchemyError as error:
        raise TrialFailed(
            "--database-url is no URL of a database; expected one like postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if not is_ours:
        _require_empty(database)
    migrate(database)
    take_over(database, config, trust, "loadtest", record_exemptions)
    return database


def _require_empty(database: Database) -> None:
    try:
        tables = inspect(database.engine).get_table_names()
    except SQLAlchemyError as error:
        database.close()
        raise TrialFailed(
            "the database for the trial cannot be reached; make one with createdb, and name it by --database-url"
        ) from error
    # A trial writes thousands of reports: never among somebody's phones.
    if tables:
        database.close()
        raise TrialFailed(
            "expected an empty database for the trial, found one with tables; make one with createdb, and drop it"
            " afterwards"
        )


@contextmanager
def _serving(folder: Path, config: Config, database: Database, workers: int) -> Iterator[TrialServer]:
    port, settings = _free_port(), folder / "server.env"
    create_private_file(settings, written_settings(config).encode())
    program = "import sys; from server.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--config", str(settings), "serve"]
    # Without the settings of whoever types this: a CURFEW_ variable of theirs would overrule the trial's file.
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("CURFEW_")}
    with (folder / _LOG).open("wb") as written:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--workers", str(workers)],
            stdout=written,
            stderr=written,
            env=surroundings,
            start_new_session=True,
        )
    tls = ssl.create_default_context(cafile=str(config.tls_folder / "authority.pem"))
    server = TrialServer(database, port, tls, process.pid, folder, config.holder_key)
    try:
        _wait_until_it_answers(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(server: TrialServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            connection = server.connection()
            connection.connect()
            connection.close()
            return
        time.sleep(0.05)
    raise TrialFailed(f"the trial's server did not start; its log ends with: {server.last_words()}")


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port
