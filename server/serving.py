"""The application behind granian: HTTPS, one process per worker, and none of this process's environment."""

from __future__ import annotations

import gc
import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from certs.terminal import tell
from certs.tls import complete_renewal, refuse_foreign_key
from server.api.reports import ReportsDoor
from server.app import create_app
from server.config import Config
from server.context import context
from server.errors import ConfigurationRefused
from server.running.buffering import BufferedRequests
from server.running.descriptors import end_when_none_is_left
from server.running.due_work import do_what_is_due
from server.running.logs import configure_logs
from server.running.metrics import count_together
from server.running.stopping import StoppableServer, listen_to_parent

THREADS = 32
"""Of one worker, to run the application: more than 8 add nothing to what only computes (docs/performance.md 3), but a
request that waits for the database or for a password's hash holds one. Check-ins need none (`ReportsDoor`)."""

HEAD_TIMEOUT_MS = 15_000
"""A request's head has to come within this, and a connection that asks nothing is closed after it."""
HEAD_MAX_BYTES = 64 * 1024
CONNECTIONS_MAX = 8192
"""Of one worker. Each costs some 30 KiB; how many one source may open is nginx's to say (docs/threat-model.md)."""
_FILES = 2 * CONNECTIONS_MAX
"""Descriptors of one worker: granian does not count connections that have not shaken hands yet, and the database, logs
and threads want theirs."""


def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Serve until the process is told to stop (SIGTERM or SIGINT); say so on stderr once connections are taken.

    Raises `ConfigurationRefused` or `CertsError` before anything listens when the application or its certificate
    cannot be used.
    """
    # A renewal that was cut off is completed before anybody is served with half of it.
    complete_renewal(config.tls_folder)
    for name in ("server.pem", "server.key"):
        if not (config.tls_folder / name).is_file():
            raise ConfigurationRefused(
                f"{config.tls_folder / name} is missing: CURFEW_TLS_FOLDER must name the folder `tls` in the trust"
                " folder, which `curfew-certs init FOLDER` makes"
            )
    # granian would say of it what its library says, once a worker.
    refuse_foreign_key(config.tls_folder)
    # Made once here so that a refusal is one sentence in this process, not the death of a worker.
    with create_app(config).app_context():
        # Workers are forks, and a connection must not be shared with one.
        context().database.close()
        context().lists.close()
    # What is loaded by now stays. Were it looked through for garbage with the rest, each worker would get a copy of its
    # own of every page of it (docs.python.org/3/library/gc.html, `gc.freeze`).
    gc.collect()
    gc.freeze()
    with TemporaryDirectory(prefix="curfew-counts-") as counts:
        load = partial(_load, config, Path(counts), f"https://{_in_url(host)}:{port}")
        serve_buffered(load, host, port, workers, config.tls_folder)


def serve_buffered(load: Callable[[], Any], host: str, port: int, workers: int, tls_folder: Path) -> None:
    """Serve the `BufferedRequests` that `load` returns in each worker, with the certificate in `tls_folder`."""
    _require_free(host, port)
    connections = _connections_of(_allow_files())
    server = StoppableServer(
        "server",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        ssl_cert=tls_folder / "server.pem",
        ssl_key=tls_folder / "server.key",
        websockets=False,
        # By HTTP/2's preface, granian waits for ever; stations and browsers are content with HTTP/1.1.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_MS, max_buffer_size=HEAD_MAX_BYTES),
        # granian counts connections here, not requests; those that wait for something cost a descriptor and no thread.
        backpressure=connections,
        backlog=CONNECTIONS_MAX,
        # One that ended is replaced at once; one that ends again within seconds ends the server.
        respawn_failed_workers=True,
        # Its warnings are advice on numbers that were measured here.
        log_level=LogLevels.error,
    )
    # What it told is in the configuration by now; no library and no traceback of a worker shall find a secret there.
    os.environ.clear()
    server.serve(target_loader=partial(_listening, load), wrap_loader=False)


def _listening(load: Callable[[], Any]) -> Any:
    # First of all that a worker does: until then what its parent tells it is held back.
    listen_to_parent()
    end_when_none_is_left()
    loaded = load()
    # Stays, too (`serve`): looking through it took a fifth of a second every dozen long lists.
    gc.freeze()
    return loaded


def _require_free(host: str, port: int) -> None:
    # granian shares a port silently (SO_REUSEPORT): two servers would each get half of the connections.
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigurationRefused(
            f"cannot listen on {host} port {port}: {error.strerror}; stop what listens there, or give another --port"
        ) from error


def _allow_files() -> int:
    """Let this process open what it needs, as far as it may, and return how many files those are."""
    # Most systems give 1,024 descriptors until they are asked for more: so many idle connections would stop the server.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return allowed


def _connections_of(files: int) -> int:
    """Return how many connections a worker takes; those beyond wait outside, where they cost it no descriptor."""
    if files == _FILES:
        return CONNECTIONS_MAX
    connections = files // 2
    tell(
        f"Each worker takes {connections} connections at once and not {CONNECTIONS_MAX}: it may open {files} files; for"
        f" more, let it open {_FILES} (ulimit -Hn, LimitNOFILE= of systemd) and start it again.",
        err=True,
    )
    return connections


def _load(config: Config, counts: Path, address: str) -> BufferedRequests:
    configure_logs()
    count_together(counts)
    app = create_app(config)
    with app.app_context():
        here = context()
        do_what_is_due(here.database, here.config, here.clock.now)
        listening = partial(_say_once, counts / "listening", f"Serving on {address}; stop with Ctrl-C.")
        return BufferedRequests(
            app,
            THREADS,
            context().clock.now,
            listening=listening,
            trusted_proxies=config.trusted_proxies,
            door=ReportsDoor(app),
        )


def _say_once(said: Path, sentence: str) -> None:
    # Of all workers the first: whoever waits for the sentence may connect from then on.
    with suppress(FileExistsError):
        said.touch(exist_ok=False)
        tell(sentence, err=True)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
