"""The files of deploy/ for several servers are taken by the real programs, and agree with the server and each other."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from server.config import BODY_LIMIT_BYTES, SETTINGS
from server.running.health import HEALTH_PATHS
from server.serving import HEAD_TIMEOUT_MS
from server.storage.postgresql import PATIENCE_S
from tests.server.authority import TrustFolder
from tests.server.running import free_port
from tests.server.shipped import DEPLOY, changed, required

BALANCER = DEPLOY / "haproxy" / "curfew.cfg"
TO_DATABASE = DEPLOY / "haproxy" / "postgresql.cfg"
PGBOUNCER = DEPLOY / "pgbouncer" / "pgbouncer.ini"
PATRONI = DEPLOY / "patroni" / "patroni.yml"
_WITHIN_S = 20


def balancer(folder: Path, trust: TrustFolder, port: int, *nodes: int) -> Path:
    """Return the balancer's file, with certificates and addresses of a test."""
    tls = trust.path / "tls"
    (folder / "curfew.pem").write_text((tls / "server.pem").read_text() + (tls / "server.key").read_text())
    text = changed(
        BALANCER,
        {
            "bind :443": f"bind 127.0.0.1:{port}",
            "curfew.example.org": "localhost",
            "/etc/haproxy/curfew.pem": str(folder / "curfew.pem"),
            "/etc/curfew/tls/authority.pem": str(tls / "authority.pem"),
            "/run/haproxy/": f"{folder}/",
            "    user haproxy\n    group haproxy\n": "",
            **{f"10.0.0.1{place}:8443": f"127.0.0.1:{node}" for place, node in enumerate(nodes, start=1)},
        },
    )
    (folder / "curfew.cfg").write_text(text)
    return folder / "curfew.cfg"


def test_haproxy_takes_both_files_without_a_warning(demo_trust: TrustFolder, tmp_path: Path) -> None:
    for file in (balancer(tmp_path, demo_trust, free_port()), TO_DATABASE):
        looked = subprocess.run(
            [required("haproxy", "haproxy"), "-c", "-f", file], capture_output=True, text=True, check=False
        )
        assert (looked.returncode, re.findall(r"ALERT|WARNING.*", looked.stderr)) == (0, []), looked.stderr


def test_patroni_takes_its_file(tmp_path: Path) -> None:
    if shutil.which("patroni") is None:
        pytest.skip("NOT TRIED: patroni is not here: sudo apt-get install --no-install-recommends patroni")
    # Its own etcd cannot be reached here, nor can it have the addresses of its machine.
    text = PATRONI.read_text().replace("10.0.0.", "127.0.0.").replace("/var/run/postgresql", str(tmp_path))
    (tmp_path / "patroni.yml").write_text(text)

    looked = subprocess.run(
        ["patroni", "--validate-config", tmp_path / "patroni.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    faults = [line for line in (looked.stdout + looked.stderr).splitlines() if line.strip()]
    assert [
        line for line in faults if "is not reachable" not in line and "postgresql.bin_dir" not in line
    ] == []
    # It looks at all that is given to it: a wrong one is found.
    (tmp_path / "patroni.yml").write_text(text.replace("scope: curfew\n", ""))
    looked = subprocess.run(
        ["patroni", "--validate-config", tmp_path / "patroni.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "scope" in looked.stdout + looked.stderr


def setting(file: Path, name: str, between: str) -> str:
    """Return the one value of a setting."""
    found: set[str] = {
        value.strip().strip('"')
        for value in re.findall(rf"^\s*{re.escape(name)}{between}(.+)$", file.read_text(), re.MULTILINE)
    }
    [one] = found
    return one


def test_what_is_called_stored_is_on_two_disks() -> None:
    assert setting(PATRONI, "synchronous_mode", ": ") == "true"
    assert setting(PATRONI, "synchronous_commit", ": ") == "on"
    assert setting(PATRONI, "fsync", ": ") == "on"
    # Patroni's own condition, or a primary is replaced while it is there.
    ttl, wait, retry = (int(setting(PATRONI, name, ": ")) for name in ("ttl", "loop_wait", "retry_timeout"))
    assert ttl >= wait + 2 * retry


def test_the_pool_is_one_that_the_server_can_live_with() -> None:
    assert setting(PGBOUNCER, "pool_mode", " = ") == "transaction"
    assert int(setting(PGBOUNCER, "query_wait_timeout", " = ")) <= PATIENCE_S
    assert int(setting(PGBOUNCER, "server_connect_timeout", " = ")) < PATIENCE_S
    assert int(setting(PGBOUNCER, "default_pool_size", " = ")) * 2 < int(
        setting(PATRONI, "max_connections", ": ")
    )


def test_the_balancer_has_the_servers_own_bounds_and_asks_what_it_tells() -> None:
    text = BALANCER.read_text()

    assert setting(BALANCER, "timeout http-request", " ") == f"{HEAD_TIMEOUT_MS // 1000}s"
    assert f"content-length) gt {BODY_LIMIT_BYTES} " in text
    assert "uri /readyz " in text
    for path in (*HEALTH_PATHS, "/metrics"):
        assert re.search(rf"^ *http-request deny .*{{ path .*{path}\b", text, re.MULTILINE)
    told = set(re.findall(r"CURFEW_[A-Z_]+(?==)", text + PGBOUNCER.read_text()))
    assert told == {"CURFEW_TRUSTED_PROXIES", "CURFEW_DATABASE_URL", "CURFEW_REPLICA_URL"}
    assert told <= {one.name for one in SETTINGS}


class Node:
    """What the balancer sees of a server: over TLS, ready or not, and the headers that it was sent."""

    def __init__(self, trust: TrustFolder) -> None:
        self.ready = True
        self.asked: list[str] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(trust.path / "tls" / "server.pem", trust.path / "tls" / "server.key")
        self._listening = socket.create_server(("127.0.0.1", free_port()))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
                with self._tls.wrap_socket(plain, server_side=True) as connection:
                    head = connection.recv(65536).decode()
                    self.asked.append(head)
                    status = "200 OK" if self.ready else "503 Service Unavailable"
                    connection.sendall(
                        f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                    )
            except ssl.SSLError:
                continue
            except OSError:
                return

    def close(self) -> None:
        """Take no connection any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process after the block."""
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def front(demo_trust: TrustFolder, tmp_path: Path) -> Iterator[tuple[int, list[Node]]]:
    """The real balancer with the shipped file before two nodes."""
    nodes, port = [Node(demo_trust), Node(demo_trust)], free_port()
    file = balancer(tmp_path, demo_trust, port, *(node.port for node in nodes))
    command = [required("haproxy", "haproxy"), "-f", str(file)]
    with (tmp_path / "log").open("wb") as log, ended(subprocess.Popen(command, stdout=log, stderr=log)):
        yield port, nodes
    for node in nodes:
        node.close()


def ask(port: int, trust: TrustFolder, path: str, method: str = "GET", **headers: str) -> int:
    """Return the status of an answer, of the first that comes at all."""
    tls = ssl.create_default_context(cafile=str(trust.path / "tls" / "authority.pem"))
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            with closing(HTTPSConnection("127.0.0.1", port, timeout=10, context=tls)) as connection:
                connection.request(method, path, headers=headers)
                return connection.getresponse().status
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_balancer_tells_the_client_and_nobody_elses_word_for_it(
    front: tuple[int, list[Node]], demo_trust: TrustFolder
) -> None:
    port, nodes = front

    assert ask(port, demo_trust, "/api/v1/status", **{"X-Forwarded-For": "203.0.113.9"}) == 200

    [head] = [head for node in nodes for head in node.asked if "/api/v1/status" in head]
    assert re.findall(r"(?im)^x-forwarded-for: (.+?)\r$", head) == ["127.0.0.1"]


def test_the_balancer_refuses_what_the_servers_would_not_take(
    front: tuple[int, list[Node]], demo_trust: TrustFolder
) -> None:
    port, _ = front

    assert (
        ask(port, demo_trust, "/api/v1/reports", "POST", **{"Content-Length": str(BODY_LIMIT_BYTES + 1)})
        == 413
    )
    tries = [ask(port, demo_trust, "/sign-in", "POST", **{"Content-Length": "0"}) for _ in range(25)]
    assert (tries[0], tries[-1]) == (200, 429)


def test_the_balancers_log_tells_no_address_of_a_client(
    front: tuple[int, list[Node]], demo_trust: TrustFolder, tmp_path: Path
) -> None:
    port, nodes = front
    ask(port, demo_trust, "/api/v1/status")
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
    for node in nodes:
        node.ready = False
    deadline = time.monotonic() + _WITHIN_S

    # A handshake that failed and a request that nobody could serve are told, and not of whom.
    while not all(part in (tmp_path / "log").read_text() for part in ("SSL handshake failure", " 503 ")):
        ask(port, demo_trust, "/?secret=query")
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()

    told = (tmp_path / "log").read_text()
    assert [line for line in told.splitlines() if "127.0.0.1" in line or "secret" in line] == []


def test_the_balancer_sends_nothing_to_a_node_that_is_not_ready(
    front: tuple[int, list[Node]], demo_trust: TrustFolder
) -> None:
    port, nodes = front
    nodes[0].ready = False
    deadline = time.monotonic() + _WITHIN_S

    def of_ten() -> list[int]:
        return [ask(port, demo_trust, "/api/v1/status") for _ in range(10)]

    while of_ten() != [200] * 10:
        assert time.monotonic() < deadline
    before = len([head for head in nodes[0].asked if "/api/v1/status" in head])
    assert of_ten() == [200] * 10
    assert len([head for head in nodes[0].asked if "/api/v1/status" in head]) == before
    assert any("/readyz" in head for head in nodes[0].asked)


def test_nginx_goes_on_with_another_server_where_one_is_gone(demo_trust: TrustFolder, tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("NOT TRIED: nginx is not here: sudo apt-get install --no-install-recommends nginx-light")
    nodes, port, tls = [Node(demo_trust), Node(demo_trust)], free_port(), demo_trust.path / "tls"
    site = changed(
        DEPLOY / "nginx" / "curfew.conf",
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "    listen [::]:443 ssl;\n": "",
            "server 127.0.0.1:8443;": f"server 127.0.0.1:{nodes[0].port};",
            "# server 10.0.0.12:8443;": f"server 127.0.0.1:{nodes[1].port};",
            "curfew.example.org": "localhost",
            "/etc/curfew/tls": str(tls),
            "/var/cache/nginx": str(tmp_path),
        },
    )
    folders = "".join(f"{kind}_temp_path {tmp_path};" for kind in ("client_body", "proxy"))
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ {folders}\n{site} }}"
    )
    nodes[0].close()

    with ended(subprocess.Popen([nginx, "-p", tmp_path, "-c", tmp_path / "nginx.conf"])):
        assert [ask(port, demo_trust, "/api/v1/status") for _ in range(6)] == [200] * 6
    nodes[1].close()
