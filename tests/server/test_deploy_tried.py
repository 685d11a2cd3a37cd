"""The files of deploy/ in the programs they are for: Prometheus, nginx and systemd, around a running server."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from policy.verdict import Verdict
from server.cli import main as curfew_server
from server.config import read_config
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from tests.server.authority import Authority, TrustFolder
from tests.server.running import RunningServer, free_port
from tests.server.test_deploy import DEPLOY, NGINX, UNITS, expressions

WITHIN_S = 60
NAME = "localhost"
"""In place of curfew.example.org: it stands in the tests' certificates."""


def program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        pytest.skip(f"NOT TRIED: {name} is missing; apt-get install {package}")
    return found


def until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if value := found():
                return value
        time.sleep(0.1)
    raise AssertionError(f"not within {WITHIN_S} s: {what}")


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[Path]:
    log = folder / "program.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, cwd=folder) as process,
    ):
        try:
            yield log
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def server(demo_trust: TrustFolder, published_sqlite: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server that has a report, an open alarm and a refusal, and believes a proxy on this machine."""
    folder = tmp_path / "office"
    assert curfew_server(["init", str(folder), "--trust", str(demo_trust.path)]) == 0
    shutil.copy(published_sqlite, folder / "curfew.sqlite")
    with (folder / "server.env").open("a") as settings:
        settings.write("CURFEW_TRUSTED_PROXIES=127.0.0.1\n")
    office = Authority(tmp_path, demo_trust, read_config(folder / "server.env", environ={}))
    bench, now = office.bench(), datetime.now(UTC)
    report = bench.report(office.phone(bench))
    office.accept(bench.sign(report), bench.sign(replace(report, verdict=Verdict.UNREADABLE)))
    with office.database.writing() as session:
        keep_refusal(session, bench.station_id, RefusedBundle(2, "rule_unknown", "x", "0", 1, 1, now), now)
    with RunningServer(folder, demo_trust.path / "tls" / "authority.pem") as running:
        running.post_reports(bench.sign(report))
        yield running
    office.database.close()


# Prometheus -------------------------------------------------------------------------------------------------------


def prometheus_folder(tmp_path: Path, authority_pem: Path, port: int) -> Path:
    """Copy the shipped files, with names, paths and times of this test in place of those to be changed."""
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    text = (folder / "prometheus.yml").read_text(encoding="utf-8")
    for old, new in (
        ("/etc/curfew/tls/authority.pem", str(authority_pem)),
        ("curfew.example.org", NAME),
        ("127.0.0.1:8443", f"127.0.0.1:{port}"),
        ("30s", "1s"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "prometheus.yml").write_text(text, encoding="utf-8")
    return folder


def test_prometheus_can_read_its_files(demo_trust: TrustFolder, tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    folder = prometheus_folder(tmp_path, demo_trust.path / "tls" / "authority.pem", 8443)

    found = subprocess.run(
        [promtool, "check", "config", str(folder / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout + found.stderr
    alerts = (DEPLOY / "prometheus" / "curfew-alerts.yml").read_text().count("- alert:")
    assert f"{alerts} rules found" in found.stdout


def test_prometheus_scrapes_the_server_and_each_panel_and_alert_can_be_asked(
    server: RunningServer, tmp_path: Path
) -> None:
    prometheus, port = program("prometheus", "prometheus"), free_port()
    folder = prometheus_folder(tmp_path, server.authority_pem, server.port)
    command = [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ask(path: str, **query: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
        answer = connection.getresponse()
        # It listens before it is ready, and says so in plain words.
        if answer.status == 503:
            return {"result": []}
        told = json.loads(answer.read())
        assert told["status"] == "success", (query, told)
        return told["data"]

    with started(command, folder):
        until(lambda: ask("query", query='up{job="curfew"} == 1')["result"], "the server is scraped")
        # A rate takes two scrapes.
        until(lambda: ask("query", query="rate(curfew_requests_total[5m]) > 0")["result"], "a rate is known")
        asked = {(place, text): ask("query", query=text)["result"] for place, text in expressions()}
        rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]

    titles = {
        panel["title"] for panel in json.loads((DEPLOY / "grafana" / "curfew.json").read_text())["panels"]
    }
    assert [one for one, result in asked.items() if one[0] in titles and not result] == []
    assert {rule["name"] for rule in rules} == {place for place, _ in asked} - titles
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    # What was made to stand out does; what is well does not.
    raised = {place for (place, _), result in asked.items() if place not in titles and result}
    assert {"CurfewAlarmOpen", "CurfewBundleRefused"} <= raised
    assert not raised & {
        "CurfewAway",
        "CurfewDatabaseAway",
        "CurfewErrors",
        "CurfewAuditChain",
        "CurfewPhonesSilent",
    }


# nginx ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(server: RunningServer, demo_trust: TrustFolder, tmp_path: Path) -> Iterator[int]:
    """The port of an nginx with the shipped file in front of the server."""
    nginx, port, folder = program("nginx", "nginx-light"), free_port(), tmp_path / "nginx"
    folder.mkdir()
    text = NGINX
    for old, new in (
        ("/etc/curfew/tls", str(demo_trust.path / "tls")),
        ("curfew.example.org", NAME),
        ("127.0.0.1:8443", f"127.0.0.1:{server.port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen [::]:443 ssl;", ""),
        ("/var/cache/nginx/curfew-trust", str(folder / "cache")),
    ):
        assert old in text, old
        text = text.replace(old, new)
    whole = f"""
        daemon off;
        user root;
        pid {folder}/pid;
        error_log {folder}/error.log;
        events {{}}
        http {{ {text} }}
    """
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    with started(command, folder):
        until(lambda: through(port, server, "GET", "/api/v1/status")[0] == 200, "nginx answers")
        yield port


def through(
    port: int, server: RunningServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    trust = ssl.create_default_context(cafile=str(server.authority_pem))
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trust)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def test_through_nginx_trust_is_byte_for_byte_what_the_server_gives_and_comes_from_its_cache(
    proxy: int, server: RunningServer, tmp_path: Path
) -> None:
    direct = server.connect()
    direct.request("GET", "/trust/1.root.json")
    whole = direct.getresponse().read()

    twice = [through(proxy, server, "GET", "/trust/1.root.json") for _ in range(2)]
    missing = through(proxy, server, "GET", "/trust/9.root.json")

    assert [(status, body) for status, _, body in twice] == [(200, whole)] * 2
    assert missing[0] == 404
    # Of both askings and of the direct one, the server has seen the first and the last.
    kept = [path for path in (tmp_path / "nginx" / "cache").rglob("*") if path.is_file()]
    assert len(kept) == 1


def test_nginx_names_the_request_and_a_client_cannot(proxy: int, server: RunningServer) -> None:
    given = "0" * 32

    _, headers, _ = through(proxy, server, "GET", "/api/v1/status", X_Request_Id=given)

    named = headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", named)
    assert named != given
    assert f'"request_id": "{named}"' in server.log.read_text()


def test_nginx_bounds_sign_ins_and_bodies(proxy: int, server: RunningServer) -> None:
    tried = [through(proxy, server, "GET", "/sign-in")[0] for _ in range(30)]
    large = through(proxy, server, "POST", "/api/v1/reports", b"x" * (1024 * 1024 + 1))

    assert set(tried) == {200, 429}
    assert large[0] == 413


def test_nginx_lets_this_machine_look_at_how_the_server_is(proxy: int, server: RunningServer) -> None:
    assert [through(proxy, server, "GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [
        200
    ] * 3


# systemd ----------------------------------------------------------------------------------------------------------


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    for unit in UNITS:
        # Where nothing is installed, the program is another that is there.
        text = unit.read_text(encoding="utf-8").replace("/opt/curfew/venv/bin/curfew-server", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    found = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in found.stderr.splitlines() if "curfew" in line] == []
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_systemd_calls_the_units_little_exposed(unit: Path) -> None:
    analyze = program("systemd-analyze", "systemd")

    found = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout + found.stderr
