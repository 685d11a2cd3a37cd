"""The files of deploy/ agree with the program: its commands, bounds, addresses and metrics are the ones they name.

They are read as texts: neither systemd nor nginx, Prometheus or Grafana has to be here. Where those are, the files are
tried in them (`tests/server/test_deploy_tried.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policy.report_results import ReportStatus
from server.app import create_app
from server.config import BODY_LIMIT_BYTES, SETTINGS
from server.evidence.alarms import AlarmKind
from server.fleet.standing import Standing
from server.running.buffering import BufferLimits
from server.running.health import HEALTH_PATHS
from server.serving import CONNECTIONS_MAX, HEAD_TIMEOUT_MS
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from tests.server.authority import Authority, post_reports
from tests.server.running import ROOT
from tests.test_readme import assert_exists

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
RULES = DEPLOY / "prometheus" / "curfew-alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "curfew.json"
NGINX = (DEPLOY / "nginx" / "curfew.conf").read_text(encoding="utf-8")
METRIC = re.compile(r"\bcurfew_[a-z_]+\b")
SETTINGS_OF_SYSTEMD = (
    *(
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
    ),
    *("PrivateDevices=yes", "RestrictNamespaces=yes", "MemoryDenyWriteExecute=yes", "UMask=0077"),
    "SystemCallFilter=@system-service",
)


@pytest.fixture
def scraped(small_authority: Authority) -> str:
    """What a server tells that has a bundle, a report and a refusal."""
    bench, now = small_authority.bench(), datetime.now(UTC)
    client = create_app(small_authority.config).test_client()
    post_reports(client, bench.sign(bench.report(small_authority.phone(bench))))
    with small_authority.database.writing() as session:
        keep_refusal(session, bench.station_id, RefusedBundle(2, "rule_unknown", "x", "0", 1, 1, now), now)
    told: str = client.get("/metrics").text
    return told


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every question to Prometheus and where it is asked."""
    for rule in RULES.read_text(encoding="utf-8").split("- alert: ")[1:]:
        found = re.search(r"expr: (?:\|\n)?(.*?)\n        (?:for|labels):", rule, re.DOTALL)
        assert found, rule
        yield rule.split("\n", 1)[0], found[1]
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_every_metric_that_an_alert_or_a_panel_asks_for_is_told(scraped: str) -> None:
    known_metrics = set(re.findall(r"^(curfew_\w+?)(?:\{| )", scraped, re.MULTILINE))
    asked = {(place, name) for place, text in expressions() for name in METRIC.findall(text)}

    assert len(asked) > 20
    assert {(place, name) for place, name in asked if name not in known_metrics} == set()


def test_what_every_server_tells_alike_is_never_summed_up() -> None:
    # With two servers there would be two of each phone.
    alike = re.compile(r"\bsum(?: by \([^)]*\))? ?\(curfew_(?!requests_|request_|reports_)\w+")

    assert [(place, text) for place, text in expressions() if alike.search(text)] == []


def test_every_value_of_a_label_that_is_asked_for_can_occur() -> None:
    known = {
        "standing": {standing.value for standing in Standing},
        "kind": {kind.value for kind in AlarmKind},
        "route": {"/api/v1/reports"},
    }
    asked = [
        (place, metric, label, value)
        for place, text in expressions()
        for metric, labels in re.findall(r"(curfew_\w+)\{([^}]*)\}", text)
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', labels)
        for value in values.split("|")
    ]
    of_reports = {status.value for status in ReportStatus}
    wrong = [
        one
        for one in asked
        if one[3] not in known.get(one[2], of_reports if one[1] == "curfew_reports_total" else {"5.."})
    ]
    assert {label for _, _, label, _ in asked} == {"standing", "kind", "route", "status"}
    assert wrong == []


def test_the_route_that_is_asked_for_is_the_one_that_is_counted(scraped: str) -> None:
    assert re.search(r'^curfew_request_seconds_bucket\{.*route="/api/v1/reports"', scraped, re.MULTILINE)


def test_the_dashboard_has_a_question_in_every_panel_and_no_panel_upon_another() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    places = [place for panel in panels for place in cells(panel["gridPos"])]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(places) == len(set(places))
    assert all(target["expr"] for panel in panels for target in panel["targets"])


def cells(place: dict[str, Any]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        assert x < 24
        yield from ((x, y) for y in range(place["y"], place["y"] + place["h"]))


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_a_unit_runs_commands_that_exist_and_is_closed(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    ours = re.findall(r"^ExecStart(?:Post)?=/opt/curfew/venv/bin/(curfew-server .*)$", text, re.MULTILINE)

    assert ours
    for command in ours:
        assert command.startswith("curfew-server --config /etc/curfew/server.env ")
        assert_exists(command)
    lines = text.splitlines()
    assert [line for line in SETTINGS_OF_SYSTEMD if line not in lines] == []
    assert "User=curfew" in lines


def test_the_server_may_have_as_many_descriptors_as_it_asks_for() -> None:
    text = (DEPLOY / "systemd" / "curfew-server.service").read_text(encoding="utf-8")
    allowed = re.search(r"^LimitNOFILE=(\d+)$", text, re.MULTILINE)

    assert allowed
    assert int(allowed[1]) > CONNECTIONS_MAX


def test_the_timer_starts_a_unit_that_is_there() -> None:
    timers = [unit for unit in UNITS if unit.suffix == ".timer"]

    assert timers
    assert [timer.name for timer in timers if not timer.with_suffix(".service").is_file()] == []


def test_old_backups_go_by_the_name_that_backups_get_and_only_after_a_check() -> None:
    text = (DEPLOY / "systemd" / "curfew-backup.service").read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStart(?:Post)?=(.*)$", text, re.MULTILINE)

    assert [command.split()[-2] for command in commands[:1]] == ["backup"]
    assert commands[1].endswith(" check")
    assert "-name curfew-*.backup " in commands[2]


def directive(name: str) -> str:
    found = re.findall(rf"^ +{name} (.+);$", NGINX, re.MULTILINE)
    assert len(found) == 1, (name, found)
    return str(found[0])


def test_nginx_has_the_servers_own_bounds() -> None:
    limits = BufferLimits()

    assert directive("client_max_body_size") == f"{BODY_LIMIT_BYTES // 1024 // 1024}m"
    assert directive("client_header_timeout") == f"{HEAD_TIMEOUT_MS // 1000}s"
    assert timedelta(seconds=limits.silence_s) == timedelta(
        seconds=int(directive("client_body_timeout")[:-1])
    )
    assert directive("limit_conn") == f"curfew_requests {limits.unfinished_per_source}"


def test_nginx_tells_the_client_in_the_one_header_that_the_server_believes() -> None:
    assert directive("proxy_set_header X-Forwarded-For") == "$remote_addr"
    said = re.findall(r"CURFEW_[A-Z_]+(?==)", NGINX)
    assert said == ["CURFEW_TRUSTED_PROXIES"]
    assert set(said) <= {setting.name for setting in SETTINGS}
    # A header set within a location would take the place of all of these there.
    assert not re.search(r"^ {8}proxy_set_header", NGINX, re.MULTILINE)


def test_nginx_keeps_what_asks_for_no_sign_in_to_this_machine() -> None:
    block = re.search(r"location ~ (\S+) \{([^}]*)\}", NGINX)

    assert block
    assert all(re.fullmatch(block[1], path) for path in (*HEALTH_PATHS, "/metrics"))
    assert "deny all;" in block[2]


def test_nginx_believes_the_server_by_the_organisations_authority_alone() -> None:
    assert directive("proxy_ssl_verify") == "on"
    assert directive("proxy_ssl_trusted_certificate").endswith("/authority.pem")
    assert directive("proxy_ssl_protocols") == "TLSv1.3"


def test_the_image_is_made_of_what_is_there_and_starts_a_command_that_exists() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    begun = json.loads(re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[0])
    command = json.loads(re.findall(r"^CMD (.+)$", text, re.MULTILINE)[0])

    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"} <= set(copied)
    assert "--require-hashes -r /tmp/requirements.txt" in text
    assert_exists(" ".join([*begun, *command]))
