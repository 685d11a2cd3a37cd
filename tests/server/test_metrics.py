"""What Prometheus is told: counts of all workers together, and what stands in the database."""

from __future__ import annotations

import dataclasses
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certs.keys import create_key
from server.app import create_app
from server.evidence.alarms import Settlement, settle_alarm
from server.running import metrics
from server.stations.refused_bundles import RefusedBundle, keep_refusal
from server.storage.database import clock_of
from server.storage.migrating import migrate
from tests.server.authority import (
    NOT_ENFORCEABLE,
    NOW,
    UNREADABLE,
    VIOLATING,
    Authority,
    TrustFolder,
    make_config,
)
from tests.server.running import RunningServer


def scrape(authority: Authority) -> str:
    return create_app(authority.config).test_client().get("/metrics").get_data(as_text=True)


def told(text: str, metric: str) -> float:
    """Return the value of one line."""
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def test_phones_are_counted_by_their_standing(authority: Authority) -> None:
    bench = authority.bench()
    for changes in ({}, {}, VIOLATING, NOT_ENFORCEABLE, UNREADABLE):
        authority.accept(bench.sign(bench.report(authority.phone(bench), **changes)))
    authority.phone(bench)

    text = scrape(authority)

    counts = {"compliant": 2, "violating": 1, "not_enforceable": 1, "unreadable": 1, "unseen": 1, "silent": 0}
    for standing, count in counts.items():
        assert told(text, f'curfew_phones{{standing="{standing}"}}') == count


def test_the_oldest_of_the_latest_checks_is_told(authority: Authority) -> None:
    bench = authority.bench()
    often, seldom = authority.phone(bench), authority.phone(bench)
    for phone, hours in ((often, 9), (often, 1), (seldom, 5)):
        report = bench.report(phone, checked_at=NOW - timedelta(hours=hours))
        authority.accept(bench.sign(report))

    oldest = told(scrape(authority), "curfew_oldest_check_timestamp_seconds")

    assert oldest == (NOW - timedelta(hours=5)).timestamp()


def test_open_alarms_and_refusals_and_stations_in_service_are_counted(authority: Authority) -> None:
    bench = authority.bench()
    report = bench.report(authority.phone(bench))
    authority.accept(bench.sign(report))
    for skew in (1, 2):
        other = bench.report(report.phone_id, report_id=report.report_id, phone_skew_s=skew)
        authority.accept(bench.sign(other))
    with authority.database.writing() as session:
        settle_alarm(session, 1, Settlement("desk-1", NOW, "looked into"))
        keep_refusal(session, bench.station_id, RefusedBundle(2, "rule_unknown", "x", "0", 1, 1, NOW), NOW)

    text = scrape(authority)

    assert told(text, 'curfew_alarms_open{kind="conflict"}') == 1
    assert told(text, 'curfew_alarms_open{kind="cloned_station"}') == 0
    assert told(text, 'curfew_refusals_open{code="rule_unknown"}') == 1
    assert told(text, "curfew_stations") == 1
    assert told(text, "curfew_bundle_number") == 1
    assert told(text, "curfew_signatures_expire_timestamp_seconds") > NOW.timestamp()


def test_before_anything_happened_what_stands_is_told_all_the_same(
    demo_trust: TrustFolder, empty_url: str, tmp_path: Path
) -> None:
    empty = Authority(tmp_path, demo_trust, make_config(tmp_path / "server", demo_trust, empty_url))
    migrate(empty.database)

    text = scrape(empty)

    assert told(text, 'curfew_phones{standing="compliant"}') == 0
    assert "curfew_bundle_number" not in text
    empty.database.close()


@pytest.mark.about_sqlite("its file is damaged")
def test_a_database_that_does_not_answer_is_told_as_such(small_authority: Authority) -> None:
    client = create_app(small_authority.config).test_client()
    (small_authority.folder / "curfew.sqlite").write_bytes(b"no database at all" * 100)

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert told(answer.get_data(as_text=True), "curfew_database_answers") == 0


def test_no_name_and_no_id_is_told(small_authority: Authority) -> None:
    bench = small_authority.bench("bench-canary")
    phone = small_authority.phone(bench, label="label-canary", holder="holder-canary")
    report = bench.report(phone)
    small_authority.accept(bench.sign(report))

    text = scrape(small_authority)

    for secret in ("canary", phone, bench.station_id, report.report_id):
        assert secret not in text


def test_servers_with_different_secrets_tell_different_fingerprints(authority: Authority) -> None:
    def fingerprint(**changes: Any) -> str:
        config = dataclasses.replace(authority.config, **changes)
        text = create_app(config).test_client().get("/metrics").get_data(as_text=True)
        [found] = re.findall(
            r'^curfew_shared_settings\{fingerprint="([0-9a-f]{12})"\} 1.0$', text, re.MULTILINE
        )
        return str(found)

    other_key = authority.folder / "other.key"
    create_key(other_key)
    copied = authority.folder / "copied.key"
    shutil.copy(authority.config.audit_key, copied)

    assert fingerprint(audit_key=copied) == fingerprint()
    different = {"secret_key": "t" * 43, "holder_key": "o" * 43, "audit_key": other_key, "trust_keys": None}
    assert len({fingerprint(), *(fingerprint(**{name: value}) for name, value in different.items())}) == 5


def test_a_clock_that_differs_from_the_databases_is_told(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert abs(told(scrape(authority), "curfew_clock_ahead_of_database_seconds")) < 5
    monkeypatch.setattr(metrics, "clock_of", lambda session: clock_of(session) - timedelta(minutes=7))

    assert told(scrape(authority), "curfew_clock_ahead_of_database_seconds") > 400


def test_a_scrape_counts_what_all_workers_did(office: Authority) -> None:
    authority_pem = office.config.tls_folder / "authority.pem"
    with RunningServer(office.config.audit_key.parent, authority_pem, workers=2) as server:
        for _ in range(40):  # each on a connection of its own: the kernel hands them to either worker
            assert server.ask("GET", "/api/v1/status")[0] == 200
        texts = []
        for _ in range(6):
            connection = server.connect()
            connection.request("GET", "/metrics")
            texts.append(connection.getresponse().read().decode())
            connection.close()

    metric = 'curfew_requests_total{method="GET",route="/api/v1/status",status="200"}'
    assert {told(text, metric) for text in texts} == {40}


def test_what_a_client_invents_makes_no_label_of_its_own(authority: Authority) -> None:
    bench = authority.bench()
    client = create_app(authority.config).test_client()
    for number in range(300):
        client.open(f"/invented-{number}", method=f"M{number}", base_url="https://localhost")
    with authority.database.writing() as session:
        for number in range(20):
            invented = RefusedBundle(number, f"invented_{number}", "x", "0", 1, 1, NOW)
            keep_refusal(session, bench.station_id, invented, NOW)

    text = client.get("/metrics", base_url="https://localhost").get_data(as_text=True)

    assert "invented" not in text
    assert not re.search(r'method="M\d', text)
    assert told(text, 'curfew_requests_total{method="other",route="unknown",status="404"}') == 300
    assert told(text, 'curfew_refusals_open{code="other"}') >= 1
