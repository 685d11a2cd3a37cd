"""Whether this process answers, and whether it can serve: for supervisors and load balancers, who sign in nowhere.

``/healthz``: the process answers; nothing is looked at. ``/readyz``: the database answers in time, can be written to,
has the schema that this version works with, and what is published can be read; else 503, with the parts that fail:
``{"ready": false, "failing": ["database"]}``. What rests on a part that fails is not looked at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from enum import StrEnum
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.publication import TIMESTAMP_FILE, file_name, snapshot_of, timestamp_of
from certs.roles import SNAPSHOT
from server.config import Config
from server.context import Context
from server.errors import SchemaMismatch, ServiceError, StorageUnavailable
from server.policies import bundles
from server.stations.enrolment import authority_certificate
from server.storage.database import takes_writes

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
_WITHIN_S = 2.0
"""The database may take so long to answer; whoever asks is told by then, whatever it still waits for."""
_FRESH_S = 1.0
"""For so long what was found is told again: asking often looks no oftener."""

_log = structlog.get_logger()


class Part(StrEnum):
    """What has to work before requests are sent here."""

    DATABASE = "database"
    MIGRATIONS = "migrations"
    TRUST = "trust"


Look = Callable[[], Sequence[Part]]


class Readiness:
    """What `look` found to fail, at most a second old; never two looks at once, and none is waited for too long."""

    def __init__(self, look: Look, within_s: float = _WITHIN_S, fresh_s: float = _FRESH_S) -> None:
        self._look = look
        self._within_s = within_s
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._looking: Future[Sequence[Part]] | None = None
        self._told: tuple[float, Sequence[Part]] | None = None

    def failing(self) -> Sequence[Part]:
        """Return the parts that fail, none where this server can serve."""
        # Whoever asks meanwhile waits for this answer instead of looking once more.
        with self._lock:
            if self._told is None or time.monotonic() - self._told[0] > self._fresh_s:
                found = self._found()
                if found:
                    _log.warning("not_ready", failing=[part.value for part in found])
                self._told = (time.monotonic(), found)
            return self._told[1]

    def _found(self) -> Sequence[Part]:
        # The look before still waits for the database: one more would only wait beside it.
        if self._looking is not None and not self._looking.done():
            return (Part.DATABASE,)
        self._looking = _begun(self._look)
        try:
            return self._looking.result(self._within_s)
        except TimeoutError:
            return (Part.DATABASE,)


def tell_health(app: Flask, here: Context) -> None:
    """Let `app` tell at ``/healthz`` and ``/readyz`` how it is."""
    readiness = Readiness(partial(_look, here))

    def ready() -> Response:
        failing = readiness.failing()
        answer = _told({"ready": not failing, "failing": [part.value for part in failing]})
        answer.status_code = 503 if failing else 200
        return answer

    app.add_url_rule("/healthz", "healthz", lambda: _told({"alive": True}))
    app.add_url_rule("/readyz", "readyz", ready)


def _told(facts: dict[str, Any]) -> Response:
    answer = jsonify(facts)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _begun(look: Look) -> Future[Sequence[Part]]:
    found: Future[Sequence[Part]] = Future()

    def run() -> None:
        try:
            found.set_result(look())
        # The outermost loop of its thread: whoever asked gets it, and answers 500.
        except BaseException as error:
            found.set_exception(error)

    # A daemon: a database that never answers must not keep the process from ending.
    threading.Thread(target=run, name="readiness", daemon=True).start()
    return found


def _look(here: Context) -> Sequence[Part]:
    try:
        with here.database.reading() as session:
            if not takes_writes(session):
                # A standby, or what was the primary once; new connections may find the primary.
                here.database.close()
                return (Part.DATABASE,)
            return () if _trust_is_readable(session, here.config) else (Part.TRUST,)
    except SchemaMismatch:
        return (Part.MIGRATIONS,)
    except (StorageUnavailable, SQLAlchemyError):
        return (Part.DATABASE,)


def _trust_is_readable(session: Session, config: Config) -> bool:
    """Whether what stations ask for first is there; a server that has published nothing yet may serve its pages."""
    try:
        authority_certificate(config)
        if not bundles.newest(session).serial:
            return True
        files = {TIMESTAMP_FILE: bundles.trust_file(session, TIMESTAMP_FILE) or b""}
        timestamp = timestamp_of(files)
        assert timestamp is not None  # its file is there, if empty
        name = file_name(SNAPSHOT, timestamp.signed.snapshot_meta.version)
        return snapshot_of({**files, name: bundles.trust_file(session, name) or b""}) is not None
    except (CertsError, ServiceError) as error:
        _log.error("trust_not_readable", reason=str(error))
        return False
