"""Whole lists: the same rows as in pieces, held by no memory and no thread, however slowly they are read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.api import lists
from server.app import create_app
from server.errors import ComeLater, StorageFull
from server.people.people import Role
from server.running.spooled import KEPT_AT_ONCE, WRITTEN_AT_ONCE, count_spools, new_spool
from server.serving import THREADS
from tests.server.authority import Authority, TrustFolder
from tests.server.running import RunningServer, StartedProgram

PIECE = 1024 * 1024
PIECES = 64
PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from server.errors import RequestRefused
from server.running.buffering import BufferedRequests
from server.running.spooled import SpooledAnswer, new_spool
from server.serving import THREADS, serve_buffered

def app(environ, start):
    headers = [("Content-Type", "text/plain")]
    if environ["PATH_INFO"] == "/short":
        start("200 OK", headers)
        return [b"short"]
    try:
        with new_spool() as spool:
            for number in range(PIECES):
                spool.write(bytes([number]) * PIECE)
            spool.seek(0)
    except RequestRefused as refused:
        start(f"{refused.status} Come later", headers)
        return [refused.code.encode()]
    start("200 OK", [*headers, ("Content-Length", str(PIECES * PIECE))])
    return SpooledAnswer(spool)

load = lambda: BufferedRequests(app, THREADS, lambda: datetime(2023, 3, 15, tzinfo=UTC))
serve_buffered(load, "127.0.0.1", int(sys.argv[1]), 1, Path(TLS))
"""


@pytest.fixture
def server(demo_trust: TrustFolder, tmp_path: Path) -> Iterator[StartedProgram]:
    """A server whose answers are long."""
    text = PROGRAM.replace("TLS", repr(str(demo_trust.path / "tls")))
    text = text.replace("PIECES", str(PIECES)).replace("PIECE", str(PIECE))
    with StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", text) as started:
        yield started


def asked(server: RunningServer, path: str) -> ssl.SSLSocket:
    connection = server.secured()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return connection


def begun(server: RunningServer) -> ssl.SSLSocket:
    """Ask for the long answer, and read its beginning only."""
    connection = asked(server, "/long")
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def status(server: RunningServer, path: str) -> int:
    with asked(server, path) as connection, connection.makefile("rb") as stream:
        return int(stream.readline().split()[1])


def peak_mib(server: RunningServer) -> float:
    [worker] = server.workers()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def test_a_long_answer_comes_whole_and_is_never_held_in_memory(server: StartedProgram) -> None:
    assert status(server, "/short") == 200
    before = peak_mib(server)

    with asked(server, "/long") as connection, connection.makefile("rb") as stream:
        head = b"".join(iter(stream.readline, b"\r\n")).decode().lower()
        found = [stream.read(PIECE) for _ in range(PIECES)]

    assert f"content-length: {PIECES * PIECE}" in head
    assert found == [bytes([number]) * PIECE for number in range(PIECES)]
    assert peak_mib(server) - before < PIECES / 2


def test_readers_that_stall_hold_neither_threads_nor_memory(server: StartedProgram) -> None:
    assert status(server, "/short") == 200
    before = peak_mib(server)

    with contextlib.ExitStack() as held:
        for _ in range(KEPT_AT_ONCE):
            held.enter_context(begun(server))
        assert [status(server, "/short") for _ in range(THREADS)] == [200] * THREADS
        # As many as there may be; one that goes makes room again.
        assert status(server, "/long") == 429

    while status(server, "/long") == 429:
        pass
    assert peak_mib(server) - before < PIECES


def test_a_reader_that_comes_back_after_a_pause_gets_the_rest(server: StartedProgram) -> None:
    with begun(server) as connection:
        assert status(server, "/short") == 200
        with connection.makefile("rb") as stream:
            while stream.readline() != b"\r\n":
                pass
            digest = hashlib.sha256()
            while piece := stream.read(PIECE):
                digest.update(piece)

    whole = hashlib.sha256(b"".join(bytes([number]) * PIECE for number in range(PIECES)))
    assert digest.digest() == whole.digest()


def test_so_many_are_written_at_once_and_no_more() -> None:
    with contextlib.ExitStack() as held:
        for _ in range(WRITTEN_AT_ONCE):
            held.enter_context(new_spool())
        with pytest.raises(ComeLater), new_spool():
            pass
    with new_spool() as file:
        pass
    file.close()


def test_a_list_that_cannot_be_written_leaves_no_file_open() -> None:
    before = count_spools()

    with pytest.raises(StorageFull), new_spool():
        raise OSError(28, "No space left on device")

    assert count_spools() == before


# Over the API -----------------------------------------------------------------------------------------------------


@pytest.fixture
def client(small_authority: Authority) -> FlaskClient:
    return create_app(small_authority.config).test_client()


class Reader:
    def __init__(self, client: FlaskClient, authority: Authority) -> None:
        self.client, self.token = client, authority.person_token(Role.AUDITOR)

    def get(self, path: str, form: str = "application/x-ndjson", **headers: str) -> TestResponse:
        told = {"Authorization": f"Bearer {self.token}", "Accept": form, **headers}
        return self.client.get(f"/api/v1{path}", headers=told, buffered=True)


@pytest.fixture
def reader(client: FlaskClient, small_authority: Authority) -> Reader:
    bench = small_authority.bench()
    for number in range(5):
        small_authority.phone(bench, holder=f"mailbox-{number}", label=f"=desk {number}")
    return Reader(client, small_authority)


@pytest.mark.parametrize(
    "path",
    ["/phones?", "/stations?", "/blocks?", "/audit-rows?", "/publications?", "/phones?standing=unseen&"],
)
@pytest.mark.parametrize("form", ["text/csv", "application/x-ndjson"])
def test_a_whole_list_has_the_rows_of_its_pieces(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, path: str, form: str
) -> None:
    monkeypatch.setattr(lists, "_ROWS_AT_ONCE", 2)

    whole = reader.get(f"{path}whole=true", form)

    assert whole.status_code == 200
    assert whole.text == reader.get(path.rstrip("?&"), form).text
    assert whole.content_length == len(whole.data)
    assert (
        reader.get(f"{path}whole=true", form, **{"If-None-Match": whole.headers["ETag"]}).status_code == 304
    )


def test_the_whole_list_of_blocks_tells_its_cursor(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_ROWS_AT_ONCE", 2)
    cursor = reader.get("/blocks?whole=true").headers["Curfew-Cursor"]

    changes = reader.get(f"/blocks?whole=true&since={cursor}")

    assert (changes.status_code, changes.text) == (200, "")


def test_a_whole_list_is_no_object_of_json(reader: Reader) -> None:
    answer = reader.get("/phones?whole=true", "application/json")

    assert answer.status_code == 406
    assert json.loads(answer.text)["error"]["code"] == "lines_wanted"


def test_a_whole_list_needs_a_token(client: FlaskClient) -> None:
    assert client.get("/api/v1/phones?whole=true", headers={"Accept": "text/csv"}).status_code == 401
