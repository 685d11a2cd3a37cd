"""Bytes to and from the server over HTTPS, believing one authority only; knows nothing of what they mean.

The library's time limits begin anew with each byte that arrives, so a server that drips would hold a check for ever:
one watch is kept over the whole of an answer, headers and body. The hand-shake has the time for connecting.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from agent_scripts.errors import ServerNotTrusted, ServerProtocolError, ServerUnreachable
from certs.logs import Log

_log = Log(__name__)

ANSWER_MAX_BYTES = 2 * 1024 * 1024
# The library's limits: connecting with the hand-shake, and between two bytes; WHOLE_ANSWER_S is over all.
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 20.0
WHOLE_ANSWER_S = 60.0
_PAUSES_S = (0.5, 1.0, 2.0)
# Whatever Retry-After asks for: a server must not be able to make a technician wait for a day.
_LONGEST_PAUSE_S = 10.0
# Up to so much longer each time: stations that met a busy server together must not come back together.
_JITTER = 0.5
_BUSY = (429, 502, 503, 504)
"""Answers that stand for "not now": nothing was done, the same request may be sent again."""


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer, whole."""

    status: int
    body: bytes


class _Watch:
    """Ends one request's connection when its time is over, whatever the server is doing."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        # A command that is done must not wait for it.
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        _watch_of_thread.watch = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _watch_of_thread.watch = None

    def follow(self, connected: socket.socket) -> None:
        """Watch this socket from now on."""
        # Kept before `over` is looked at; `_end` sets `over` before it looks for a socket. So one sees the other.
        self._socket = connected
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        if self._socket is not None:
            # Shut down and not closed: the thread that reads owns the descriptor, and now reads the end of the stream.
            with contextlib.suppress(OSError):
                # Past the TLS socket's own method, which drops the TLS state: the reader would go on in plain text.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _WatchOfThread(threading.local):
    """The library makes connections itself; whose request one is for is known by the thread alone."""

    watch: _Watch | None = None


_watch_of_thread = _WatchOfThread()


class _WatchedConnection(HTTPSConnection):
    def request(self, *arguments: Any, **named: Any) -> None:
        if self.sock is not None:  # kept from an earlier request
            self._tell_watch()
        super().request(*arguments, **named)

    def connect(self) -> None:
        # Followed once it stands: the hand-shake has a limit of its own, the connect time as a whole.
        super().connect()
        self._tell_watch()

    def _tell_watch(self) -> None:
        if _watch_of_thread.watch is not None and self.sock is not None:
            _watch_of_thread.watch.follow(self.sock)


class _WatchedPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedConnection


class ServerLink:
    """The way to one server. `authority_pem` is the only authority believed; None believes nobody in particular.

    None is for one purpose: fetching the authority's certificate itself, which is then compared with its
    fingerprint. `pause` waits between tries. `whole_answer_s` is how long one request may take in all.
    """

    def __init__(
        self,
        url: str,
        authority_pem: bytes | None,
        pause: Callable[[float], None] = time.sleep,
        whole_answer_s: float = WHOLE_ANSWER_S,
    ) -> None:
        """Name the server; nothing is sent yet."""
        self.url = url.rstrip("/")
        self._pause = pause
        self._whole_answer_s = whole_answer_s
        # Without its own retries: they would use the nonce of a signature twice, and hide the errors that tell whether
        # a request arrived. Nothing compressed is asked for, nor unpacked below: `max_bytes` bounds what is kept.
        self._pool = urllib3.PoolManager(
            ssl_context=_context(authority_pem),
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S),
            retries=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "curfew-agent"},
        )
        # None for plain http: nothing leaves unencrypted, whatever the address says.
        self._pool.pool_classes_by_scheme = {"https": _WatchedPool}

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
        max_bytes: int = ANSWER_MAX_BYTES,
        repeatable: bool = True,
    ) -> HttpAnswer:
        """Return the server's answer to one request, trying again while it is away or busy.

        `headers` is called for every try, since a signature holds for one. `repeatable` says that sending twice
        does no harm; otherwise only a request that surely never arrived is sent again. Raises
        `ServerUnreachable`, `ServerNotTrusted` or `ServerProtocolError`.
        """
        for pause_s in (*_PAUSES_S, None):
            try:
                with _Watch(self._whole_answer_s) as watch:
                    answer, asked_pause_s = self._ask_once(method, path, body, headers(), max_bytes)
                _log.debug("server answered", method=method, path=path, status=answer.status)
            except (SSLError, HTTPError, OSError) as error:
                if _is_wrong_certificate(error):
                    raise ServerNotTrusted(
                        f"{self.url} shows a certificate that is not from this station's authority; do not go on"
                        " before an admin has explained it"
                    ) from error
                if watch.over:
                    # Not asked again: whoever drips would hold this station once more for as long.
                    raise ServerProtocolError(
                        f"{self.url}{path} had not answered whole after {self._whole_answer_s:g} s; tell its admin"
                    ) from error
                _log.info("no answer from server", method=method, path=path, because=type(error).__name__)
                # Without a connection nothing can have been done; once there was one, nobody knows.
                never_arrived = isinstance(error, (NewConnectionError, ConnectTimeoutError))
                if pause_s is None or not (repeatable or never_arrived):
                    raise ServerUnreachable(
                        f"{self.url} does not answer; check the network and try again later"
                    ) from error
            else:
                if pause_s is None or answer.status not in _BUSY:
                    return answer
                pause_s = max(pause_s, asked_pause_s)
            # Never shorter than the server asked for; nothing secret hangs on it.
            self._pause(pause_s * random.uniform(1, 1 + _JITTER))  # noqa: S311
        raise AssertionError("the last try returns or raises")

    def _ask_once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int
    ) -> tuple[HttpAnswer, float]:
        # No redirections: the signature is for this path, and only this server is believed.
        response = self._pool.request(
            method,
            self.url + path,
            body=body,
            headers={**self._pool.headers, **headers},
            preload_content=False,
            redirect=False,
        )
        try:
            content = bytearray()
            for chunk in response.stream(16 * 1024, decode_content=False):
                content += chunk
                if len(content) > max_bytes:
                    # Closed before it goes back to the pool: what is left of the answer would come before the next one.
                    response.close()
                    raise ServerProtocolError(
                        f"{self.url}{path} answered more than {max_bytes} bytes; tell its admin"
                    )
            return HttpAnswer(response.status, bytes(content)), _asked_pause(
                response.headers.get("Retry-After")
            )
        finally:
            response.release_conn()


def _context(authority_pem: bytes | None) -> ssl.SSLContext:
    # Made this way it knows none of the system's authorities: the pinned one is all that is believed.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority_pem is None:
        # In this order: while names are checked, certificates have to be.
        context.check_hostname = False
        # Enrolment compares what it fetches with the hashes in the code; urllib3's warning would only alarm people.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=authority_pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ServerNotTrusted("the pinned authority is no certificate; enrol this station anew") from error
    return context


def _is_wrong_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _asked_pause(retry_after: str | None) -> float:
    if retry_after is None or not retry_after.isdecimal():
        return 0.0
    return min(float(retry_after), _LONGEST_PAUSE_S)
