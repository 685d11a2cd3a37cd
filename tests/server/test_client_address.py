"""Whom a request comes from: a proxy that is named in the settings is believed, a stranger's header never."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from server.running.buffering import BufferLimits
from server.running.client_address import client_address
from tests.server.authority import Authority, TrustFolder
from tests.server.running import RunningServer, StartedProgram
from tests.server.test_stalled_requests import PROGRAM, answer, begun

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.1.0.0/16", "fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        # nobody in between
        ("192.0.2.7", "", "192.0.2.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        # a stranger says whatever he likes
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1, 127.0.0.1", "192.0.2.7"),
        # a proxy of ours tells who asked it
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.1.2.3", "192.0.2.7", "192.0.2.7"),
        # what that client had written itself stands before it
        ("127.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "10.1.0.1, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        # what is no address was written by no proxy
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, , 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "' OR 1=1 --", "127.0.0.1"),
        # one address in two ways of writing is one client
        ("127.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        ("127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_client_is_the_last_that_is_no_proxy_of_ours(peer: str, header: str, client: str) -> None:
    assert client_address(peer, header, TRUSTED) == client


def test_without_proxies_no_header_is_looked_at() -> None:
    assert client_address("127.0.0.1", "192.0.2.7", ()) == "127.0.0.1"


@pytest.fixture
def behind_a_proxy(demo_trust: TrustFolder, tmp_path: Path) -> Iterator[StartedProgram]:
    """A server that believes 127.0.0.5, and takes two unfinished bodies of each client."""
    limits = "limits, trusted_proxies=(__import__('ipaddress').ip_network('127.0.0.5'),)"
    text = PROGRAM.replace("LIMITS", repr({"unfinished_per_source": 2})).replace(
        "limits)\n", f"{limits})\n", 1
    )
    text = text.replace("TLS", repr(str(demo_trust.path / "tls")))
    with StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", text) as server:
        yield server


def seen_from(server: StartedProgram, source: str, *headers: str) -> str:
    """Return whom the application takes for the client."""
    with server.secured(source) as connection:
        lines = "".join(f"{header}\r\n" for header in headers)
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        return answer(connection)[1]["x-source"]


def test_the_running_server_believes_its_proxy_and_no_stranger(behind_a_proxy: StartedProgram) -> None:
    forged = ("X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7")

    assert seen_from(behind_a_proxy, "127.0.0.6", *forged) == "127.0.0.6"
    assert seen_from(behind_a_proxy, "127.0.0.5", *forged) == "192.0.2.7"
    assert seen_from(behind_a_proxy, "127.0.0.5", "X-Forwarded-For: 192.0.2.1", *forged) == "192.0.2.7"
    assert seen_from(behind_a_proxy, "127.0.0.5") == "127.0.0.5"


def test_the_proxies_of_the_settings_are_those_that_the_program_believes(office: Authority) -> None:
    folder = office.config.audit_key.parent
    with (folder / "server.env").open("a") as settings:
        settings.write("CURFEW_TRUSTED_PROXIES=127.0.0.5\n")
    half = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\nabc"
    with (
        RunningServer(folder, office.config.tls_folder / "authority.pem") as server,
        contextlib.ExitStack() as held,
    ):
        for client in range(BufferLimits().unfinished_per_source):
            held.enter_context(server.secured("127.0.0.5")).sendall(half % client)

        of_another = answer(whole(server, "127.0.0.5", "192.0.2.200"))[0]
        for _ in range(BufferLimits().unfinished_per_source):
            held.enter_context(server.secured("127.0.0.5")).sendall(half % 7)
        of_the_seventh = answer(whole(server, "127.0.0.5", "192.0.2.7"))[0]

    assert (of_another, of_the_seventh) == (400, 429)


def whole(server: RunningServer, source: str, client: str) -> ssl.SSLSocket:
    """Send a whole request, by a proxy in the name of `client`."""
    connection = server.secured(source)
    head = f"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Forwarded-For: {client}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\n\r\n[]".encode())
    return connection


def test_unfinished_bodies_are_counted_by_client_and_not_by_proxy(behind_a_proxy: StartedProgram) -> None:
    def held(client: str) -> int:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nX-Forwarded-For: {client}\r\n\r\nabc"
        connection = behind_a_proxy.secured("127.0.0.5")
        connection.sendall(head.encode())
        connections.append(connection)
        return len(connections)

    connections: list = []  # type: ignore[type-arg]
    held("192.0.2.7")
    held("192.0.2.7")
    held("192.0.2.7")
    status = answer(connections.pop())[0]
    other = answer(begun(behind_a_proxy, b"abcde", 5, "127.0.0.5"))[0]
    for connection in connections:
        connection.close()

    assert (status, other) == (429, 200)
