"""The application behind granian: HTTPS, one process per worker, and none of this process's environment."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from server.app import create_app
from server.config import Config
from server.context import context
from server.errors import ConfigurationRefused
from server.running.logs import configure_logs
from server.running.metrics import count_together

THREADS = 32
"""Blocking threads per worker: more than 8 add nothing for other routes (docs/performance.md 3), but as many reports as
are threads share one commit (`server.storage.group_commit`)."""

WsgiApp = Callable[..., Any]


def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Serve until the process is told to stop (SIGTERM or SIGINT).

    Raises `ConfigurationRefused` before anything listens when the application or its certificate cannot be used.
    """
    for name in ("server.pem", "server.key"):
        if not (config.tls_folder / name).is_file():
            raise ConfigurationRefused(f"{config.tls_folder / name} is missing; curfew-certs init makes it")
    # Made once here so that a refusal is one sentence in this process, not the death of a worker.
    with create_app(config).app_context():
        context().database.close()  # workers are forks, and a connection must not be shared with one
    with TemporaryDirectory(prefix="curfew-counts-") as counts:
        serve_wsgi(partial(_load, config, Path(counts)), host, port, workers, config.tls_folder)


def serve_wsgi(load: Callable[[], WsgiApp], host: str, port: int, workers: int, tls_folder: Path) -> None:
    """Serve what `load` returns in each worker, with the certificate in `tls_folder`."""
    _require_free(host, port)
    server = Granian(
        "server",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        ssl_cert=tls_folder / "server.pem",
        ssl_key=tls_folder / "server.key",
        websockets=False,
        # Its warnings are advice on numbers that were measured here.
        log_level=LogLevels.error,
    )
    # granian copies the environment into every request's environ (docs/performance.md 2): secrets have no place there.
    os.environ.clear()
    server.serve(target_loader=load, wrap_loader=False)


def _require_free(host: str, port: int) -> None:
    # granian shares a port silently (SO_REUSEPORT): two servers would each get half of the connections.
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigurationRefused(
            f"cannot listen on {host} port {port}: {error.strerror}; stop what listens there, or give another --port"
        ) from error


def _load(config: Config, counts: Path) -> WsgiApp:
    # Ctrl-C reaches the whole group of a terminal: a worker that hears it beside its parent's SIGTERM may hang.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    configure_logs()
    count_together(counts)
    return create_app(config)
