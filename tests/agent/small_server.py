"""A very small HTTPS server whose answers each test writes, and a station enrolled with it."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from certs.envelope import open_envelope
from certs.tls import create_authority, fingerprint, issue_server_certificate

DRIP_S = 0.1
"""Between the bytes of an answer that drips: it is never silent for long, and lasts some fifteen seconds."""
SERVER_TIME = "2023-03-15T12:00:00Z"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def statement(self, public_key_pem: bytes) -> dict[str, str]:
        """Return what the station signed about this request, verified."""
        envelope = base64.b64decode(self.headers["Authorization"].removeprefix("Curfew "))
        payload = open_envelope(envelope, "application/vnd.curfew.request+json", public_key_pem)
        statement: dict[str, str] = json.loads(payload)
        assert statement["body_sha256"] == hashlib.sha256(self.body).hexdigest()
        assert (statement["method"], statement["path"]) == (self.method, self.path)
        return statement


@dataclass(frozen=True)
class Told:
    """One answer; `cut` hangs up after that many bytes of the body, `drip` sends head or body byte by byte."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: Literal["", "head", "body"] = ""


def told(status: int = 200, **fields: Any) -> Told:
    return Told(status, json.dumps({"server_time": SERVER_TIME, **fields}).encode())


def refusal(status: int, code: str, message: str = "no", advice: str = "ask", **fields: Any) -> Told:
    return told(status, error={"code": code, "message": message, "next": advice}, **fields)


Answer = Callable[[Asked], Told]


@dataclass
class SmallServer:
    """`answer` decides; `asked` keeps what came."""

    url: str
    tls: Path
    answer: Answer
    asked: list[Asked] = field(default_factory=list)

    @property
    def authority_pem(self) -> bytes:
        return (self.tls / "authority.pem").read_bytes()

    def code(self, root: bytes, **changed: str) -> str:
        """Return an enrolment code for this server, with some fields changed."""
        fields = {
            "url": self.url,
            "root_sha256": hashlib.sha256(root).hexdigest(),
            "authority_sha256": fingerprint(self.authority_pem),
            "token": "t" * 22,
            **changed,
        }
        return "curfew1:" + base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def make_tls(folder: Path, names: Sequence[str] = ("127.0.0.1", "localhost")) -> Path:
    create_authority(folder)
    issue_server_certificate(folder, names)
    return folder


@contextmanager
def running_server(tls: Path, answer: Answer) -> Iterator[SmallServer]:
    """Serve on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            server.asked.append(asked)
            told = server.answer(asked)
            if told.drip:
                self._drip(told)
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body[: told.cut])
            self.close_connection = told.cut is not None

        def _drip(self, told: Told) -> None:
            head = b"HTTP/1.1 %d Slow\r\nContent-Length: %d\r\n\r\n" % (told.status, len(told.body))
            if told.drip == "body":
                self.wfile.write(head)
                head = b""
            for byte in head + told.body:
                time.sleep(DRIP_S)
                self.wfile.write(bytes([byte]))

        do_GET = do_POST = _any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that refuses our certificate is what some tests are about

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "server.pem", tls / "server.key")
    http = Quiet(("127.0.0.1", 0), Handler)
    # The hand-shake is left to each request's thread: a client that breaks it off must not stop the listener.
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server = SmallServer(f"https://127.0.0.1:{http.server_address[1]}", tls, answer)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def server_now() -> datetime:
    return datetime.fromisoformat(SERVER_TIME).astimezone(UTC)
