"""Requests that are never finished: they hold no thread, no other sender, and go in time (attack 42)."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.serving import THREADS
from tests.server.authority import TrustFolder
from tests.server.running import RunningServer, StartedProgram

HEAD = b"POST /counted HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from server.running.buffering import BufferedRequests, BufferLimits
from server.serving import THREADS, serve_buffered

def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain"), ("X-Source", environ["REMOTE_ADDR"])])
    if environ["PATH_INFO"] == "/environ":
        return [repr(environ).encode()]
    return [str(len(environ["wsgi.input"].read())).encode()]

limits = BufferLimits(**LIMITS)
load = lambda: BufferedRequests(app, THREADS, lambda: datetime(2023, 3, 15, tzinfo=UTC), limits)
serve_buffered(load, "127.0.0.1", int(sys.argv[1]), 1, Path(TLS))
"""


def program(trust: TrustFolder, **limits: float) -> str:
    return PROGRAM.replace("LIMITS", repr(limits)).replace("TLS", repr(str(trust.path / "tls")))


@pytest.fixture
def patient(demo_trust: TrustFolder, tmp_path: Path) -> Iterator[StartedProgram]:
    """A server that waits for bodies as long as in service."""
    with StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", program(demo_trust)) as server:
        yield server


@pytest.fixture
def hasty(demo_trust: TrustFolder, tmp_path: Path) -> Iterator[StartedProgram]:
    """A server that gives a silent body up after a quarter of a second, and has room for 1,000 bytes of them."""
    text = program(demo_trust, silence_s=0.25, least_bytes_per_s=1000, unfinished_bytes=1000)
    with StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", text) as server:
        yield server


def begun(server: RunningServer, sent: bytes, length: int, source: str = "127.0.0.1") -> ssl.SSLSocket:
    connection = server.secured(source)
    connection.sendall(HEAD % length + sent)
    return connection


def answer(connection: ssl.SSLSocket) -> tuple[int, dict[str, str], str]:
    with connection, connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        lines = iter(lambda: stream.readline().decode().strip(), "")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return status, headers, stream.read(int(headers["content-length"])).decode()


def test_twice_as_many_unfinished_bodies_as_threads_keep_nobody_waiting(patient: StartedProgram) -> None:
    with contextlib.ExitStack() as held:
        for number in range(2 * THREADS):
            held.enter_context(begun(patient, b"abc", 1000, f"127.0.0.{2 + number % 4}"))
        assert answer(begun(patient, b"abcde", 5))[::2] == (200, "5")


def test_what_one_address_leaves_unfinished_is_bounded_and_others_are_let_in(patient: StartedProgram) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(64):
            held.enter_context(begun(patient, b"abc", 1000, "127.0.0.9"))
        status, headers, said = answer(begun(patient, b"abc", 1000, "127.0.0.9"))
        assert (status, headers["retry-after"]) == (429, "5")
        assert json.loads(said)["error"]["message"] == "64 requests of this address are not finished yet"
        assert answer(begun(patient, b"abcde", 5, "127.0.0.8"))[0] == 200


def test_a_body_that_stops_is_given_up_and_told_what_was_found_and_expected(hasty: StartedProgram) -> None:
    status, headers, said = answer(begun(hasty, b"abc", 500))
    assert (status, headers["connection"]) == (408, "close")
    assert json.loads(said) == {
        "request_id": headers["x-request-id"],
        "error": {
            "code": "body_too_slow",
            "message": "3 of 500 bytes came; something has to come every 0.25 s, and 1000 bytes a second on the whole",
            "next": "Send it again over a better line, or fewer reports at once.",
        },
        "server_time": "2023-03-15T00:00:00.000Z",
    }


def test_a_body_that_drips_is_given_up_by_its_rate_though_it_is_never_silent(hasty: StartedProgram) -> None:
    connection = begun(hasty, b"", 500)
    ended = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not ended.wait(0.05):
                connection.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    status, _, said = answer(connection)
    ended.set()
    dripping.join()
    assert (status, json.loads(said)["error"]["code"]) == (408, "body_too_slow")


def test_all_unfinished_bodies_together_have_a_bound_and_its_room_comes_back(hasty: StartedProgram) -> None:
    status, headers, said = answer(begun(hasty, b"x" * 1001, 2000))
    assert (status, headers["retry-after"], json.loads(said)["error"]["code"]) == (503, "5", "too_busy")
    assert answer(begun(hasty, b"x" * 900, 900))[::2] == (200, "900")
    assert answer(begun(hasty, b"x" * 900, 900))[::2] == (200, "900")


@pytest.mark.parametrize("limits", [{"lingering_s": 0.25}, {"lingering": 0, "lingering_s": 3600}])
def test_a_refused_body_goes_on_coming_for_a_time_and_of_a_number_only(
    limits: dict[str, float], demo_trust: TrustFolder, tmp_path: Path
) -> None:
    text = program(demo_trust, unfinished_bytes=1000, **limits)
    with (
        StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", text) as server,
        begun(server, b"x" * 1001, 2000) as connection,
        connection.makefile("rb") as stream,
    ):
        assert stream.readline().split()[1] == b"503"
        # To the end of the connection, though nothing more is sent from here.
        assert b"too_busy" in stream.read()


def test_a_sender_that_goes_half_way_leaves_nothing_behind(patient: StartedProgram) -> None:
    for _ in range(70):
        begun(patient, b"abc", 1000, "127.0.0.7").close()
    while answer(begun(patient, b"abcde", 5, "127.0.0.7"))[0] == 429:
        pass
    assert "body_cut" in patient.log.read_text()


def test_a_connection_that_asks_nothing_or_half_a_head_is_closed(patient: StartedProgram) -> None:
    with patient.secured() as silent, patient.secured() as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost")
        assert silent.recv(1) == b""
        assert half.recv(1) == b""


def test_the_application_sees_the_request_as_it_was_sent(patient: StartedProgram) -> None:
    with patient.secured() as connection:
        connection.sendall(
            b"GET /environ?a=%20b HTTP/1.1\r\nHost: example.org\r\nX_Forwarded_For: 1\r\nA-B: 1\r\na-b: 2\r\n\r\n"
        )
        seen = answer(connection)[2]
    assert "'QUERY_STRING': 'a=%20b'" in seen
    assert "'HTTP_HOST': 'example.org'" in seen
    assert "'HTTP_A_B': '1,2'" in seen
    assert "'wsgi.url_scheme': 'https'" in seen
    assert "'SERVER_NAME': '127.0.0.1'" in seen
    assert "FORWARDED" not in seen


def test_two_lengths_that_differ_are_refused_before_anything_is_read(patient: StartedProgram) -> None:
    with patient.secured() as connection:
        connection.sendall(
            b"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
        )
        assert connection.makefile("rb").readline().split()[1] == b"400"
