"""Requests are read whole before a thread is taken for them, each within a time and a number per source.

The application has a few threads; a body that stops half-way must hold none of them. nginx calls the same thing request
buffering; here it is done in front of the application, on granian's asynchronous interface (RSGI), so that a server
without nginx has it, too (docs/threat-model.md, attack 42).
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from server.config import BODY_LIMIT_BYTES, Network
from server.errors import ComeLater, Malformed, NotAccepted, RequestRefused
from server.running.client_address import client_address
from server.running.error_handlers import RETRY_AFTER_S, error_form
from server.running.health import HEALTH_PATHS
from server.running.request_id import ENVIRON_KEY, HEADER, request_id
from server.running.rsgi import Exchange, ProtocolClosed, Scope
from server.running.spooled import SpooledAnswer, lend_path


@dataclass(frozen=True)
class BufferLimits:
    """What unfinished and waiting requests may cost one process."""

    silence_s: float = 10.0
    """A body that brings nothing for so long is given up: a station on the worst line retransmits within 3 s."""
    least_bytes_per_s: int = 16 * 1024
    """A whole body may take `silence_s` and this rate: 74 s for 1 MiB."""
    unfinished_per_source: int = 64
    """So many bodies of one address may be under way; stations behind one address come again after a 429."""
    unfinished_bytes: int = 128 * 1024 * 1024
    """So much of unfinished bodies is kept, whoever they come from."""
    waiting: int = 512
    """So many whole requests may have or wait for a thread: at a few milliseconds each, seconds of work."""
    waiting_bytes_at_door: int = 2 * 1024 * 1024
    """So much of check-ins may wait: about a thousand reports, a second or two of work. A station waits 20 s for its
    answer and then sends the same again; were more taken in, all work would go into answers nobody waits for."""
    lingering: int = 512
    """So many refused bodies may go on coming, unread, while their senders are told; others are cut off."""
    lingering_s: float = 10.0
    """For so long they may: 160 KiB at `least_bytes_per_s`."""


WsgiApp = Callable[..., Any]
Answer = tuple[int, list[tuple[str, str]], bytes | SpooledAnswer]
_HEALTH_WAITING = 32
"""How this process is, is asked in lanes of one thread each: a supervisor that waits behind a slow database would end a
process that is well, and whoever asks without end takes no thread from a station."""

_log = structlog.get_logger()


class Door(Protocol):
    """A way past the application for one address, for POST without a query."""

    path: str

    async def answer(self, body: bytes, request_id: str) -> Answer | None:
        """Return the answer to this body, None where the application has to answer."""


class BufferedRequests:
    """A WSGI application behind granian's asynchronous interface: whole requests only, each in a thread of its own.

    ``now`` is the server's clock, for the time that refusals tell; ``listening`` is called once connections are taken;
    ``trusted_proxies`` are believed whom a request comes from (`client_address`). What comes to the ``door`` does not
    wait for a thread of the application.
    """

    def __init__(
        self,
        app: WsgiApp,
        threads: int,
        now: Callable[[], datetime],
        limits: BufferLimits = BufferLimits(),
        listening: Callable[[], None] | None = None,
        trusted_proxies: Sequence[Network] = (),
        door: Door | None = None,
    ) -> None:
        self._app = app
        self._door = door
        self._room_at_door = _Room(limits.waiting, limits.waiting_bytes_at_door)
        self._listening = listening
        self._lane = _Lane("request", threads, limits.waiting)
        self._health_lanes = {path: _Lane("health", 1, _HEALTH_WAITING) for path in HEALTH_PATHS}
        self._now = now
        self._trusted_proxies = trusted_proxies
        self._limits = limits
        self._lingering = _Room(limits.lingering)
        self._unfinished: Counter[str] = Counter()
        self._unfinished_bytes = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare for the first request, as granian asks for before it listens."""
        if self._listening is not None:
            # granian listens, then lets the loop run: what waits in it comes after the port is this server's.
            loop.call_soon(self._listening)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        peer = _peer(scope)
        identity = request_id(peer, scope.headers.get(HEADER.lower()), self._trusted_proxies)
        body = None
        try:
            source = _source(scope, peer, self._trusted_proxies)
            body = await self._body(scope, exchange, source)
            status, headers, content = await self._at_the_door(
                scope, body, identity
            ) or await self._by_application(scope, body or b"", source, identity)
        except RequestRefused as refused:
            _log.warning(refused.code, method=scope.method, request_id=identity)
            status, headers, content = self._refusal(refused, identity)
        if isinstance(content, SpooledAnswer):
            exchange.response_file(status, headers, lend_path(content))
        elif body is None and _has_body(scope) and status != HTTPStatus.REQUEST_TIMEOUT:
            await self._answer_while_it_comes(exchange, status, headers, content)
        else:
            exchange.response_bytes(status, headers, content)

    async def _answer_while_it_comes(
        self, exchange: Exchange, status: int, headers: list[tuple[str, str]], content: bytes
    ) -> None:
        """Answer, and let what was not read of the body come, for nothing.

        Were the connection closed at once, whoever still writes would be told of a broken one and might never see the
        answer (RFC 9112, 9.6; nginx calls it a lingering close).
        """
        named = [
            (name, value) for name, value in headers if name.lower() not in ("connection", "content-length")
        ]
        named += [("content-length", str(len(content))), ("connection", "close")]
        try:
            with self._lingering.taken():
                await exchange.response_stream(status, named).send_bytes(content)
                async with asyncio.timeout(self._limits.lingering_s):
                    async for _piece in exchange:
                        pass
        except NotAccepted:
            exchange.response_bytes(status, named, content)
        except (TimeoutError, ProtocolClosed):
            return

    async def _at_the_door(self, scope: Scope, body: bytes | None, identity: str) -> Answer | None:
        """Return the answer of the way past the application; None for what is the application's to answer."""
        door = self._door
        # A body was read only where nothing in the head is to be refused.
        if (
            door is None
            or not body
            or (scope.method, scope.path, scope.query_string) != ("POST", door.path, "")
        ):
            return None
        with self._room_at_door.taken(len(body)):
            return await door.answer(body, identity)

    async def _by_application(self, scope: Scope, body: bytes, source: str, identity: str) -> Answer:
        lane = self._health_lanes.get(scope.path, self._lane)
        return await lane.run(self._app, _environ(scope, body, source) | {ENVIRON_KEY: identity})

    async def _body(self, scope: Scope, exchange: Exchange, source: str) -> bytes | None:
        length = _declared_length(scope)
        # Nothing to read, or what the application refuses by its head anyway (`server.running.limits`).
        if not 0 < length <= BODY_LIMIT_BYTES or scope.headers.get("content-encoding") is not None:
            return None
        body = bytearray()
        with self._counted(source) as keep:
            await self._read(exchange, length, body, keep)
        # granian ends the pieces quietly where the sender has gone.
        if len(body) != length:
            raise Malformed(
                "body_cut", f"the body has {len(body)} of the {length} bytes it was to have", "Send it again."
            )
        return bytes(body)

    @contextmanager
    def _counted(self, source: str) -> Iterator[Callable[[int], None]]:
        """Count one unfinished body; lends what counts its bytes. Raises `ComeLater` where there are too many."""
        if self._unfinished[source] >= self._limits.unfinished_per_source:
            raise ComeLater(
                "too_many_unfinished",
                f"{self._unfinished[source]} requests of this address are not finished yet",
                f"Finish them, or come again after {RETRY_AFTER_S} s.",
            )
        kept = 0

        def keep(count: int) -> None:
            nonlocal kept
            if self._unfinished_bytes + count > self._limits.unfinished_bytes:
                raise _busy()
            kept += count
            self._unfinished_bytes += count

        self._unfinished[source] += 1
        try:
            yield keep
        finally:
            self._unfinished_bytes -= kept
            self._unfinished[source] -= 1
            # An address that sends nothing more must not stay here: there are 2^128 of them.
            if not self._unfinished[source]:
                del self._unfinished[source]

    async def _read(
        self, exchange: Exchange, length: int, body: bytearray, keep: Callable[[int], None]
    ) -> None:
        """Let `body` grow by what comes in time."""
        now, limits = asyncio.get_running_loop().time, self._limits
        end = now() + limits.silence_s + length / limits.least_bytes_per_s
        try:
            async with asyncio.timeout(limits.silence_s) as limit:
                async for piece in exchange:
                    keep(len(piece))
                    body += piece
                    # Each piece buys the next one time, but none beyond the end: a body that drips steadily is too late
                    # all the same.
                    if len(body) < length:
                        limit.reschedule(min(now() + limits.silence_s, end))
        except TimeoutError:
            raise _too_slow(len(body), length, limits) from None

    def _refusal(self, refused: RequestRefused, identity: str) -> Answer:
        headers = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("connection", "close"),
            (HEADER, identity),
        ]
        if isinstance(refused, ComeLater) or refused.status == 503:
            headers.append(("retry-after", str(RETRY_AFTER_S)))
        form = error_form(refused.code, refused.message, refused.next_step, self._now(), identity)
        return refused.status, headers, json.dumps(form).encode()


class _Room:
    """A bound on the requests that are under way in one place, and on the bytes of all but the first."""

    def __init__(self, most: int, most_bytes: int = 0) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._count = 0
        self._bytes = 0

    @contextmanager
    def taken(self, size: int = 0) -> Iterator[None]:
        """Count one request for the length of the block; raises `NotAccepted` where there are too many."""
        is_too_much = self._bytes > 0 and self._bytes + size > self._most_bytes
        if self._count >= self._most or is_too_much:
            raise _busy()
        # Without a lock, as all that is counted here: only the event loop counts, other threads do the work.
        self._count += 1
        self._bytes += size
        try:
            yield
        finally:
            self._count -= 1
            self._bytes -= size


class _Lane:
    """A few threads that run the application, and a bound on the requests that have or wait for one."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._room = _Room(waiting)

    async def run(self, app: WsgiApp, environ: dict[str, Any]) -> Answer:
        """Return the answer of `app`; raises `NotAccepted` where too many wait."""
        with self._room.taken():
            return await asyncio.get_running_loop().run_in_executor(self._threads, _run, app, environ)


def _run(app: WsgiApp, environ: dict[str, Any]) -> Answer:
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
        told[:] = status, headers

    content = app(environ, start)
    # Joined before the status is looked at: an application may say it with its first piece (PEP 3333).
    joined = content if isinstance(content, SpooledAnswer) else _joined(content)
    status, headers = told
    return int(status.split(" ", 1)[0]), list(headers), joined


def _joined(content: Any) -> bytes:
    try:
        return b"".join(content)
    finally:
        getattr(content, "close", lambda: None)()


def _declared_length(scope: Scope) -> int:
    # granian refuses what is no number, and more than one of them; a body without a length is not read at all.
    return int(scope.headers.get("content-length") or 0)


def _has_body(scope: Scope) -> bool:
    return _declared_length(scope) > 0 or scope.headers.get("transfer-encoding") is not None


def _peer(scope: Scope) -> str:
    # Without the port, which each connection has anew; IPv6 stands in brackets.
    return scope.client.rpartition(":")[0].strip("[]")


def _source(scope: Scope, peer: str, trusted_proxies: Sequence[Network]) -> str:
    if not trusted_proxies:
        return peer
    # Several headers of one name are one list (RFC 9110 5.3).
    forwarded_for = (value for header, value in scope.headers.items() if header.lower() == "x-forwarded-for")
    return client_address(peer, ",".join(forwarded_for), trusted_proxies)


def _environ(scope: Scope, body: bytes, source: str) -> dict[str, Any]:
    """Return the request as WSGI wants it (PEP 3333, "environ Variables")."""
    name, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # Bytes as characters: PEP 3333, "Unicode Issues".
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": name.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": source,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": SpooledAnswer,
    }
    for header, value in scope.headers.items():
        # A header with an underscore would pass for the one with a hyphen; nginx drops them, too.
        if "_" in header:
            continue
        key = header.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _too_slow(found: int, length: int, limits: BufferLimits) -> NotAccepted:
    return NotAccepted(
        408,
        "body_too_slow",
        f"{found} of {length} bytes came; something has to come every {limits.silence_s:g} s, and"
        f" {limits.least_bytes_per_s} bytes a second on the whole",
        "Send it again over a better line, or fewer reports at once.",
    )


def _busy() -> NotAccepted:
    return NotAccepted(
        503,
        "too_busy",
        "more requests wait than this server can hold",
        f"Come again after {RETRY_AFTER_S} s.",
    )
