"""The real program over HTTPS: what only shows with granian, TLS, sockets, processes and a real disk."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from policy.report import Report
from tests.server.authority import Authority, Bench, TrustFolder
from tests.server.running import ROOT, RunningServer, StartedProgram, free_port, serving


def test_the_server_speaks_https_under_the_organisations_authority_and_no_other(office: Authority) -> None:
    with serving(office) as server:
        status, told = server.ask("GET", "/api/v1/status")
        assert (status, told["bundle_number"]) == (200, 1)

        stranger = HTTPSConnection("127.0.0.1", server.port, context=ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/api/v1/status")
        assert server.stop() == 0


def test_check_ins_are_answered_past_flask_and_what_is_not_plain_by_it(office: Authority) -> None:
    with serving(office) as server:
        headers = {}
        for path in ("/api/v1/reports", "/api/v1/reports?more=1"):
            connection = server.connect()
            connection.request("POST", path, b'{"reports":[]}', {"Content-Type": "application/json"})
            answer = connection.getresponse()
            headers[answer.status] = answer.headers
            connection.close()
    # Flask has looked at the session's cookie, and says so.
    assert headers.keys() == {200, 400}
    assert (headers[200]["Vary"], headers[400]["Vary"]) == (None, "Cookie")


def test_ctrl_c_in_a_terminal_ends_the_server_and_its_workers(office: Authority) -> None:
    authority_pem = office.config.tls_folder / "authority.pem"
    with RunningServer(office.config.audit_key.parent, authority_pem, workers=2, from_scratch=True) as server:
        assert server.ask("GET", "/api/v1/status")[0] == 200
        workers = server.workers()
        assert server.interrupt() == 0
    assert len(workers) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.parametrize(
    "signals",
    [
        [(signal.SIGINT, True), (signal.SIGTERM, False)],
        [(signal.SIGTERM, True)],
        [(signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGINT, True)],
        [(signal.SIGINT, False), (signal.SIGTERM, False)] * 200,
    ],
    ids=["Ctrl-C and SIGTERM", "SIGTERM to all, as systemd sends it", "all of them", "hundreds"],
)
def test_signals_to_stop_that_come_together_end_the_server_and_its_workers(
    signals: list[tuple[signal.Signals, bool]], office: Authority
) -> None:
    authority_pem = office.config.tls_folder / "authority.pem"
    with RunningServer(office.config.audit_key.parent, authority_pem, workers=2) as server:
        workers = server.workers()
        assert server.stop_by(*signals) == 0
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_a_worker_listens_to_its_parent_alone_and_leaves_ctrl_c_to_it(office: Authority) -> None:
    with serving(office) as server:
        assert server.ask("GET", "/api/v1/status")[0] == 200
        [worker] = server.workers()
        blocked = re.search(
            r"^SigBlk:\s*([0-9a-f]+)", Path(f"/proc/{worker}/status").read_text(), re.MULTILINE
        )
        assert blocked is not None
        assert int(blocked[1], 16) & 1 << (signal.SIGINT - 1)
        os.kill(worker, signal.SIGINT)
        assert server.ask("GET", "/api/v1/status")[0] == 200
        assert server.stop() == 0


def test_oversized_encoded_and_endless_bodies_are_refused_by_their_heads(office: Authority) -> None:
    head = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\n"
    with serving(office) as server:
        too_large = server.raw(head + b"Content-Length: 1073741824\r\n\r\n")
        encoded = server.raw(head + b"Content-Length: 100\r\nContent-Encoding: gzip\r\n\r\n")
        endless = server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n")
        _, told = server.ask("GET", "/api/v1/status")

    assert (too_large.split()[1], encoded.split()[1], endless.split()[1]) == (b"413", b"415", b"411")
    assert told["bundle_number"] == 1


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        (f"Content-Length: {3 << 20}", b"413"),
        (f"Content-Length: {1 << 19}\r\nContent-Encoding: gzip", b"415"),
        ("Transfer-Encoding: chunked", b"411"),
    ],
)
def test_whoever_is_still_writing_what_the_head_refused_is_told_before_the_connection_closes(
    header: str, refused: bytes, office: Authority
) -> None:
    head = f"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with serving(office) as server, server.secured() as connection:
        connection.sendall(head)
        answered = connection.makefile("rb")
        assert answered.readline().split()[1] == refused
        # By now a server that closes at once has done so, and a broken connection is all that a writer would see.
        for _ in range(6):
            connection.sendall(chunk)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            answered.read()


def test_the_same_report_on_many_connections_at_once_is_stored_once(office: Authority) -> None:
    bench = office.bench()
    envelope = bench.sign(bench.report(office.phone(bench)))

    with serving(office) as server, ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: server.post_reports(envelope), range(16)))

    assert {status for status, _ in answers} == {200}
    statuses = [told["results"][0]["status"] for _, told in answers]
    assert sorted(statuses) == ["duplicate"] * 15 + ["stored"]


def test_what_was_acknowledged_survives_a_kill(office: Authority) -> None:
    bench = office.bench()
    envelope = bench.sign(bench.report(office.phone(bench)))
    with serving(office) as server:
        _, told = server.post_reports(envelope)
        assert told["results"][0]["status"] == "stored"
        server.kill()

    with serving(office) as server:
        _, told = server.post_reports(envelope)

    assert told["results"][0]["status"] == "duplicate"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_kill_in_mid_load_loses_nothing_that_was_acknowledged(
    kind: str, office: Authority, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "postgresql":
        office = _on_postgresql(office, request, monkeypatch)
    benches = [office.bench(f"bench {number}") for number in range(8)]
    phone_ids = [office.phone(bench) for bench in benches]
    acknowledged: list[bytes] = []
    enough = Event()

    def send_for_ever(bench: Bench, phone_id: str) -> None:
        with suppress(OSError, HTTPException):  # the server is gone
            while True:
                envelope = bench.sign(bench.report(phone_id))
                _, told = server.post_reports(envelope)
                assert told["results"][0]["status"] == "stored"
                acknowledged.append(envelope)
                if len(acknowledged) > 60:
                    enough.set()

    with serving(office) as server, ThreadPoolExecutor(8) as senders:
        sending = [senders.submit(send_for_ever, *pair) for pair in zip(benches, phone_ids, strict=True)]
        assert enough.wait(60)
        server.kill()
        for sent in sending:
            sent.result()

    with serving(office) as server:
        _, told = server.post_reports(*acknowledged[-100:])
    assert {result["status"] for result in told["results"]} == {"duplicate"}


def test_two_servers_on_one_postgresql_store_each_report_once(
    office: Authority, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = _on_postgresql(office, request, monkeypatch)
    benches = [office.bench(f"bench {number}") for number in range(4)]
    phone_id = office.phone(benches[0])
    envelopes = [bench.sign(bench.report(phone_id)) for bench in benches for _ in range(5)]

    with serving(office) as here, serving(office) as there, ThreadPoolExecutor(16) as senders:
        sending = [senders.submit(server.post_reports, one) for one in envelopes for server in (here, there)]
        answers = [sent.result()[1]["results"][0] for sent in sending]

    statuses: dict[str, set[str]] = {}
    for answer in answers:
        statuses.setdefault(answer["report_id"], set()).add(answer["status"].replace("late", "stored"))
    assert list(statuses.values()) == [{"stored", "duplicate"}] * len(envelopes)


@pytest.mark.about_sqlite("the disk of the server's own process is full")
def test_a_full_disk_loses_nothing_that_was_acknowledged(office: Authority) -> None:
    bench = office.bench()
    phone_id = office.phone(bench)
    acknowledged, refused = [], 0
    with serving(office, {resource.RLIMIT_FSIZE: _size(office) + 200_000}) as server:
        for _ in range(40):
            envelope = bench.sign(_bulky_report(bench, phone_id))
            status, told = server.post_reports(envelope)
            if status == 200:
                acknowledged.append(envelope)
            else:
                refused += 1
                assert (status, told["error"]["code"]) == (503, "storage_full")
    assert acknowledged
    assert refused

    with serving(office) as server:
        _, told = server.post_reports(*acknowledged)
    assert {result["status"] for result in told["results"]} == {"duplicate"}


def test_an_unforeseen_error_shows_in_the_log_and_not_to_the_client(office: Authority) -> None:
    bench = office.bench()
    phone_id = office.phone(bench)
    path = f"/api/v1/phones/{phone_id}/ledger"
    with office.database.writing() as session:
        session.connection().exec_driver_sql("DROP TABLE nonce")

    with serving(office) as server:
        headers = {"Authorization": bench.authorization("GET", path)}
        status, told = server.ask("GET", path, headers=headers)

    assert status in (500, 503)
    assert "nonce" not in str(told)
    assert "Traceback" not in str(told)


def test_no_request_sees_the_environment_of_the_process(demo_trust: TrustFolder, tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from server.serving import serve_buffered\n"
        "from server.running.buffering import BufferedRequests\n"
        "def app(environ, start):\n"
        "    start('200 OK', []); return [repr(sorted([*environ, *os.environ])).encode()]\n"
        "serve_buffered(lambda: BufferedRequests(app, 1, None), '127.0.0.1', int(sys.argv[1]), 1,\n"
        f"               Path({str(demo_trust.path / 'tls')!r}))\n"
    )
    server = StartedProgram(tmp_path, demo_trust.path / "tls" / "authority.pem", program)
    with server:
        connection = server.connect()
        connection.request("GET", "/")
        seen = connection.getresponse().read().decode()

    assert "REQUEST_METHOD" in seen
    assert "CURFEW_CANARY" not in seen
    assert "'PATH'" not in seen


def test_a_renewal_that_was_cut_off_is_completed_before_serving(office: Authority) -> None:
    tls = office.config.tls_folder
    whole = (tls / "server.key").read_bytes() + (tls / "server.pem").read_bytes()
    (tls / "server.renewed.pem").write_bytes(whole)
    (tls / "server.key").write_bytes((tls / "authority.key").read_bytes())

    with serving(office) as server:
        assert server.ask("GET", "/api/v1/status")[0] == 200
        assert server.stop() == 0

    assert not (tls / "server.renewed.pem").exists()


def test_a_missing_certificate_is_one_sentence(office: Authority, tmp_path: Path) -> None:
    environment = {**os.environ, "CURFEW_TLS_FOLDER": str(tmp_path)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "server.cli",
            "--config",
            str(office.config.audit_key.parent / "server.env"),
            "serve",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "server.pem is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_sentence(office: Authority) -> None:
    with serving(office) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "server.cli", "--config"),
                *(str(office.config.audit_key.parent / "server.env"), "serve", "--port", str(server.port)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    # One line, and not "Serving on" before it.
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(
        f"curfew-server: cannot listen on 127.0.0.1 port {server.port}: Address already in"
    )
    assert sentence.endswith("stop what listens there, or give another --port")


def test_the_server_says_that_it_serves_once_it_takes_connections_and_only_once(office: Authority) -> None:
    port = free_port()
    with subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "server.cli",
                "--config",
                str(office.config.audit_key.parent / "server.env"),
            ),
            *("serve", "--port", str(port), "--workers", "2"),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stderr
        said = started.stderr.readline()
        # No second try: whoever has read the line may connect.
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        started.terminate()
        rest = started.communicate(timeout=30)[1]

    assert said == f"Serving on https://127.0.0.1:{port}; stop with Ctrl-C.\n"
    assert "Serving" not in rest


def _on_postgresql(
    office: Authority, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Authority:
    """Return the same office on PostgreSQL; its servers are told by the environment."""
    url = request.getfixturevalue("postgresql").create_database(
        f"office_{uuid4().hex}", request.getfixturevalue("published_postgresql")
    )
    monkeypatch.setenv("CURFEW_DATABASE_URL", url)
    moved = Authority(office.folder, office.trust, replace(office.config, database_url=url))
    request.addfinalizer(moved.database.close)
    return moved


def _bulky_report(bench: Bench, phone_id: str) -> Report:
    return bench.report(phone_id, contradictions=("x" * 1900,) * 10)


def _size(office: Authority) -> int:
    return (office.config.audit_key.parent / "curfew.sqlite").stat().st_size
