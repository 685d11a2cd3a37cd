"""Publishing and serving trust: exact bytes, right caching, fresh timestamps, nothing that was not verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import make_url

from certs.errors import FileMissing
from certs.repository import refresh
from certs.trust_client import TrustClient
from policy.document import Exemption
from policy.names import PhoneId
from server.app import create_app
from server.errors import ConfigurationRefused, PublicationRefused
from server.evidence import audit
from server.policies.bundles import bundles, newest, newest_bundle, trust_files
from server.storage.migrating import migrate
from tests.server.authority import NOW, Authority, TrustFolder, banning_policy, make_config


@pytest.fixture
def own_trust(demo_trust: TrustFolder, tmp_path: Path) -> TrustFolder:
    """A trust folder that the test may publish from."""
    return demo_trust.copy(tmp_path / "own-trust")


@pytest.fixture
def publisher(small_authority: Authority, own_trust: TrustFolder) -> Authority:
    """Storage with the first publication, that takes over the next ones of `own_trust`."""
    small_authority.trust = own_trust
    return small_authority


def test_versioned_files_are_served_byte_for_byte_and_for_ever(
    client: FlaskClient, small_authority: Authority
) -> None:
    files = [*(small_authority.trust.path / "metadata").glob("[0-9]*.json")]
    assert files
    for file in files:
        answer = client.get(f"/trust/{file.name}")
        assert answer.data == file.read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]


def test_targets_are_served_by_their_hash(client: FlaskClient, small_authority: Authority) -> None:
    for file in (small_authority.trust.path / "targets").iterdir():
        assert client.get(f"/trust/targets/{file.name}").data == file.read_bytes()


@pytest.mark.parametrize("name", ["timestamp.json", "authority.pem", "9.root.json", "../x", "nothing"])
def test_what_changes_and_what_is_missing_is_not_cached(client: FlaskClient, name: str) -> None:
    assert client.get(f"/trust/{name}").headers["Cache-Control"] == "no-store"


def test_a_station_accepts_what_is_served(client: FlaskClient, tmp_path: Path) -> None:
    def fetch(url: str, max_length: int) -> bytes:
        answer = client.get(url.removeprefix("https://server"))
        if answer.status_code == 404:
            raise FileMissing(url)
        return bytes(answer.data[:max_length])

    station = TrustClient(tmp_path / "station", fetch, "https://server/trust")
    root = client.get("/trust/1.root.json").data
    station.bootstrap(root, hashlib.sha256(root).hexdigest())

    accepted = station.refresh(datetime.now(UTC))

    assert (accepted.bundle.number, accepted.demo) == (1, True)


def test_a_new_policy_is_taken_over(publisher: Authority, own_trust: TrustFolder) -> None:
    own_trust.publish(2, banning_policy(lifted=True))

    publisher.publish()

    with publisher.database.reading() as session:
        bundle = newest_bundle(session)
        assert bundle is not None
        assert (newest(session).number, bundle.policy.lifted) == (2, True)
        assert [(row.number, row.current) for row in bundles(session)] == [(2, True), (1, False)]


def test_new_exemptions_are_taken_over_under_the_same_bundle(
    publisher: Authority, own_trust: TrustFolder
) -> None:
    exemption = Exemption(PhoneId.random(), NOW + timedelta(days=3), "travel")
    own_trust.publish_fleet(1, exemption)

    publisher.publish()

    with publisher.database.reading() as session:
        bundle = newest_bundle(session)
        assert bundle is not None
        assert bundle.fleet.exempts(exemption.phone_id, NOW)
        assert [row.number for row in bundles(session)] == [1]


def newest_row(authority: Authority) -> audit.AuditRow:
    with authority.database.reading() as session:
        return audit.newest_rows(session)[0]


@pytest.mark.parametrize("own_keys", [True, False])
def test_the_same_publication_handed_over_again_is_one_act(
    publisher: Authority, own_trust: TrustFolder, own_keys: bool
) -> None:
    own_trust.publish(2, banning_policy())
    publisher.config = replace(publisher.config, trust_keys=own_trust.path / "keys" if own_keys else None)
    assert publisher.publish().is_new
    with publisher.database.reading() as session:
        before = newest(session), audit.head(session), trust_files(session)

    again = publisher.publish()

    assert (again.is_new, again.renewed, again.publication.number) == (False, False, 2)
    with publisher.database.reading() as session:
        assert (newest(session), audit.head(session), trust_files(session)) == before


def test_a_timestamp_renewed_in_the_folder_is_served_and_is_no_new_version(
    publisher: Authority, own_trust: TrustFolder
) -> None:
    publisher.config = replace(publisher.config, trust_keys=None)
    own_trust.publish(2, banning_policy())
    publisher.publish()
    with publisher.database.reading() as session:
        before = newest(session), audit.head(session)
    refresh(own_trust.path, NOW + timedelta(minutes=1))

    again = publisher.publish()

    assert (again.is_new, again.renewed) == (False, True)
    with publisher.database.reading() as session:
        assert (newest(session), audit.head(session)) == before
        served = trust_files(session)["timestamp.json"]
    assert served == (own_trust.path / "metadata" / "timestamp.json").read_bytes()


def test_an_exemption_is_an_act_that_names_phone_label_report_and_reason(
    publisher: Authority, own_trust: TrustFolder
) -> None:
    bench = publisher.bench()
    phone_id = publisher.phone(bench, label="desk 12")
    report = bench.report(phone_id)
    publisher.accept(bench.sign(report))
    until = NOW + timedelta(days=3)
    own_trust.publish_fleet(1, Exemption(phone_id, until, "travel"))

    publisher.publish()

    row = newest_row(publisher)
    assert (row.actor, row.action, row.subject) == ("test", "phone exempted", phone_id)
    assert row.detail == {
        "label": "desk 12",
        "report": report.report_id,
        "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "reason": "travel",
        "fleet": 1,
        "signers": ["fleet"],
    }


def test_an_exemption_that_is_changed_or_ended_is_an_act_and_one_that_stays_is_none(
    publisher: Authority, own_trust: TrustFolder
) -> None:
    stays, other = (Exemption(PhoneId.random(), NOW + timedelta(days=3), "travel") for _ in range(2))
    own_trust.publish_fleet(1, stays, other)
    publisher.publish()
    actions = []
    for number, exemptions in ((2, (stays, replace(other, reason="repair"))), (3, (stays,))):
        before = newest_row(publisher).number
        own_trust.publish_fleet(number, *exemptions)
        publisher.publish()
        row = newest_row(publisher)
        assert (row.number, row.subject) == (before + 2, other.phone_id)
        actions.append((row.action, row.detail["phone"], row.detail["reason"]))

    assert actions == [
        ("exemption changed", "not registered here", "repair"),
        ("exemption ended", "not registered here", "repair"),
    ]


def test_the_page_of_bundles_names_who_signed(publisher: Authority) -> None:
    with publisher.database.reading() as session:
        [row] = bundles(session)

    assert row.signers == ("approver-1",)
    assert row.demo


def _damage_targets(folder: Path) -> None:
    file = next((folder / "metadata").glob("*.targets.json"))
    document = json.loads(file.read_bytes())
    document["signed"]["version"] = 9
    file.write_text(json.dumps(document))


def _truncate_policy(folder: Path) -> None:
    file = next((folder / "targets").glob("*.policy.json"))
    file.write_bytes(file.read_bytes()[:-10])


def _empty(folder: Path) -> None:
    for file in (folder / "metadata").iterdir():
        file.unlink()


@pytest.mark.parametrize("spoil", [_damage_targets, _truncate_policy, _empty])
def test_what_a_station_would_refuse_is_not_published(
    publisher: Authority, own_trust: TrustFolder, spoil: Callable[[Path], None]
) -> None:
    spoil(own_trust.path)

    with pytest.raises(PublicationRefused):
        publisher.publish()

    with publisher.database.reading() as session:
        assert newest(session).number == 1


def test_an_older_folder_is_not_published(publisher: Authority, own_trust: TrustFolder) -> None:
    old = own_trust.copy(own_trust.path.with_name("old"))
    own_trust.publish(2, banning_policy())
    publisher.publish()

    publisher.trust = old
    with pytest.raises(PublicationRefused):
        publisher.publish()

    with publisher.database.reading() as session:
        assert newest(session).number == 2


def test_another_trust_is_not_published_over_this_one(
    publisher: Authority, service_trust: TrustFolder
) -> None:
    publisher.trust = service_trust

    with pytest.raises(PublicationRefused):
        publisher.publish()


def test_the_timestamp_is_renewed_when_half_of_its_life_is_over(
    small_authority: Authority, tmp_path: Path
) -> None:
    story = tmp_path / "story"
    settings = {"story_clock": story, "secret_key": "s" * 43}
    config = make_config(
        tmp_path / "server", small_authority.trust, small_authority.config.database_url, **settings
    )
    client = create_app(config).test_client()
    first = client.get("/trust/timestamp.json").get_json()["signed"]
    assert client.get("/trust/timestamp.json").get_json()["signed"] == first

    story.write_text(str(timedelta(hours=13).total_seconds()))
    second = client.get("/trust/timestamp.json").get_json()["signed"]

    assert second["version"] == first["version"] + 1
    assert second["expires"] > first["expires"]


def test_the_snapshot_is_renewed_with_it_near_its_end(small_authority: Authority, tmp_path: Path) -> None:
    story = tmp_path / "story"
    config = make_config(
        tmp_path / "server", small_authority.trust, small_authority.config.database_url, story_clock=story
    )
    client = create_app(config).test_client()
    before = client.get("/trust/timestamp.json").get_json()["signed"]["meta"]["snapshot.json"]["version"]

    story.write_text(str(timedelta(days=6).total_seconds()))
    after = client.get("/trust/timestamp.json").get_json()["signed"]["meta"]["snapshot.json"]["version"]

    assert after == before + 1
    assert client.get(f"/trust/{after}.snapshot.json").status_code == 200


def test_without_online_keys_the_old_timestamp_is_served(small_authority: Authority, tmp_path: Path) -> None:
    story = tmp_path / "story"
    story.write_text(str(timedelta(hours=30).total_seconds()))
    config = make_config(
        tmp_path / "server",
        small_authority.trust,
        small_authority.config.database_url,
        story_clock=story,
        trust_keys=None,
    )

    answer = create_app(config).test_client().get("/trust/timestamp.json")

    assert answer.status_code == 200


def test_a_database_that_takes_nothing_now_keeps_no_station_from_the_timestamp_of_before(
    small_authority: Authority, tmp_path: Path
) -> None:
    story = tmp_path / "story"
    story.write_text(str(timedelta(hours=13).total_seconds()))
    url = make_url(small_authority.config.database_url)
    on_sqlite = url.get_backend_name() == "sqlite"
    patience = {"timeout": "0.1"} if on_sqlite else {"options": "-c lock_timeout=100ms"}
    impatient = url.update_query_dict(patience).render_as_string(hide_password=False)
    config = make_config(tmp_path / "server", small_authority.trust, impatient, story_clock=story)
    client = create_app(config).test_client()

    with small_authority.database.writing() as session:
        if not on_sqlite:
            session.execute(text("LOCK TABLE trust_file IN EXCLUSIVE MODE"))
        answer = client.get("/trust/timestamp.json")

    assert answer.status_code == 200
    assert client.get("/trust/timestamp.json").get_json()["signed"]["version"] == (
        answer.get_json()["signed"]["version"] + 1
    )


def test_the_story_clock_is_refused_under_a_service_root(
    service_authority: Authority, tmp_path: Path
) -> None:
    config = make_config(
        tmp_path / "server",
        service_authority.trust,
        service_authority.config.database_url,
        story_clock=tmp_path / "story",
    )

    with pytest.raises(ConfigurationRefused, match="CURFEW_STORY_CLOCK"):
        create_app(config)


def test_service_trust_is_not_published_under_a_story_clock(
    service_trust: TrustFolder, empty_url: str, tmp_path: Path
) -> None:
    config = make_config(tmp_path / "server", service_trust, empty_url, story_clock=tmp_path / "story")
    empty = Authority(tmp_path, service_trust, config)
    migrate(empty.database)

    with pytest.raises(PublicationRefused, match="CURFEW_STORY_CLOCK"):
        empty.publish()
    empty.database.close()


def test_the_story_clock_moves_the_servers_time(small_authority: Authority, tmp_path: Path) -> None:
    story = tmp_path / "story"
    story.write_text(str(timedelta(days=-400).total_seconds()))
    config = make_config(
        tmp_path / "server", small_authority.trust, small_authority.config.database_url, story_clock=story
    )

    told = create_app(config).test_client().get("/api/v1/status").get_json()["server_time"]

    assert datetime.fromisoformat(told) < datetime.now(UTC) - timedelta(days=399)
