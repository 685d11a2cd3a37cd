"""What a stolen server, a stolen online key or a bad line can try on a station (ideas: TUF conformance tests)."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import pytest

from certs.errors import (
    BundleRefused,
    ContentMismatch,
    Damaged,
    Expired,
    FetchFailed,
    FileMissing,
    NotBootstrapped,
    PolicyMissing,
    TooLong,
    VersionWentBack,
    WrongRoot,
    WrongSignature,
)
from certs.roles import FLEET, POLICY_TARGET, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from certs.trust_client import TrustClient
from tests.certs.simulated_repository import (
    BASE_URL,
    DAY,
    HOUR,
    NOW,
    SimulatedRepository,
    policy_document,
    spare_key,
)


def refused(
    station: TrustClient, by: type[Exception] | tuple[type[Exception], ...], now: datetime = NOW
) -> None:
    """The attack fails for the expected reason, and what was accepted before stays in force."""
    before = station.stored()
    with pytest.raises(by):
        station.refresh(now)
    assert station.stored() == before


def policy_file(server: SimulatedRepository) -> str:
    return f"targets/{server.targets.targets[POLICY_TARGET].hashes['sha256']}.policy.json"


# --- the legitimate way -------------------------------------------------------------------------------------------


def test_a_new_bundle_is_accepted(server: SimulatedRepository, station: TrustClient) -> None:
    server.put_policy(2, lifted=True)
    server.publish(later=HOUR)
    accepted = station.refresh(NOW + HOUR)
    assert (accepted.bundle.number, accepted.bundle.policy.lifted) == (2, True)
    assert (accepted.accepted_at, accepted.confirmed_at) == (NOW + HOUR, NOW + HOUR)
    assert accepted.policy_bytes == policy_document(2, lifted=True)
    assert station.stored() == accepted


def test_an_unchanged_bundle_is_confirmed_and_keeps_its_time_of_acceptance(station: TrustClient) -> None:
    accepted = station.refresh(NOW + 2 * HOUR)
    assert (accepted.accepted_at, accepted.confirmed_at) == (NOW, NOW + 2 * HOUR)


def test_an_unchanged_bundle_costs_three_questions(server: SimulatedRepository, station: TrustClient) -> None:
    server.asked.clear()
    station.refresh(NOW + HOUR)
    assert [name for name in server.asked if "targets/" not in name] == ["2.root.json", "timestamp.json"]


def test_a_signed_field_that_nobody_knows_yet_does_no_harm(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.targets.unrecognized_fields["x-later"] = {"idea": 1}
    server.publish()
    assert station.refresh(NOW).bundle.number == 1


# --- wrong root ---------------------------------------------------------------------------------------------------


def test_a_root_other_than_the_code_names_is_not_stored(server: SimulatedRepository, tmp_path: Path) -> None:
    client = TrustClient(tmp_path / "new", server.fetch, BASE_URL)
    foreign = SimulatedRepository(organisation="theirs").files["1.root.json"]
    with pytest.raises(WrongRoot, match="ask for a new code"):
        client.bootstrap(foreign, server.root_sha256)
    assert not (tmp_path / "new").exists()


def test_a_root_that_is_not_signed_by_itself_is_not_stored(
    server: SimulatedRepository, tmp_path: Path
) -> None:
    client = TrustClient(tmp_path / "new", server.fetch, BASE_URL)
    server.signers[ROOT] = [spare_key("a thief")]
    server.serve_root()
    with pytest.raises(WrongSignature):
        client.bootstrap(server.files["1.root.json"], server.root_sha256)
    assert not (tmp_path / "new").exists()


def test_bytes_that_are_no_root_are_not_stored(server: SimulatedRepository, tmp_path: Path) -> None:
    client = TrustClient(tmp_path / "new", server.fetch, BASE_URL)
    with pytest.raises(Damaged):
        client.bootstrap(b"<html>", hashlib.sha256(b"<html>").hexdigest())


def test_an_enrolled_station_takes_no_other_root(station: TrustClient) -> None:
    foreign = SimulatedRepository(organisation="theirs")
    with pytest.raises(WrongRoot, match="empty folder"):
        station.bootstrap(foreign.files["1.root.json"], foreign.root_sha256)
    assert station.stored() is not None


def test_enrolling_twice_with_the_same_root_loses_nothing(
    server: SimulatedRepository, station: TrustClient
) -> None:
    station.bootstrap(server.files["1.root.json"], server.root_sha256)
    assert station.stored() is not None


def test_a_station_that_is_not_enrolled_says_so(server: SimulatedRepository, tmp_path: Path) -> None:
    with pytest.raises(NotBootstrapped, match="enrol"):
        TrustClient(tmp_path / "new", server.fetch, BASE_URL).refresh(NOW)


# --- the chain of roots -------------------------------------------------------------------------------------------


def test_a_station_walks_over_every_root_it_missed(server: SimulatedRepository, station: TrustClient) -> None:
    for name in ("root b", "root c", "root d"):
        old = server.signers[ROOT]
        server.replace_key(ROOT, name)
        server.publish_root(extra_signers=old)
    server.replace_key(TIMESTAMP, "timestamp b")
    server.publish_root()
    server.put_policy(2)
    server.publish()
    assert station.refresh(NOW).bundle.number == 2


def test_a_missing_link_in_the_chain_of_roots_stops_the_walk(
    server: SimulatedRepository, station: TrustClient
) -> None:
    for name in ("timestamp b", "timestamp c"):
        server.replace_key(TIMESTAMP, name)
        server.publish_root()
    server.publish()
    del server.files["2.root.json"]
    refused(station, WrongSignature)


def test_a_root_that_the_old_root_did_not_sign_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.replace_key(ROOT, "a thief")
    server.publish_root()
    refused(station, WrongSignature)


def test_a_root_that_does_not_sign_itself_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    old = server.signers[ROOT]
    server.replace_key(ROOT, "root b")
    server.signers[ROOT] = old
    server.publish_root()
    refused(station, WrongSignature)


def test_a_root_under_a_higher_name_than_its_version_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.files["2.root.json"] = server.files["1.root.json"]
    refused(station, VersionWentBack)


def test_an_expired_root_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.publish(later=400 * DAY)
    refused(station, Expired, NOW + 400 * DAY)


def test_a_seen_root_is_remembered_though_the_rest_failed(
    server: SimulatedRepository, station: TrustClient
) -> None:
    before = dict(server.files)
    server.replace_key(TIMESTAMP, "timestamp b")
    server.publish_root()
    refused(station, WrongSignature)
    server.files = before
    refused(station, WrongSignature)


# --- wrong keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [TARGETS, FLEET, SNAPSHOT, TIMESTAMP])
def test_a_role_signed_with_a_foreign_key_is_refused(
    server: SimulatedRepository, station: TrustClient, role: str
) -> None:
    server.signers[role] = [spare_key("a thief"), *server.signers[role][1:]]
    server.publish()
    refused(station, WrongSignature)


def test_the_online_keys_cannot_approve_a_policy(server: SimulatedRepository, station: TrustClient) -> None:
    server.signers[TARGETS] = [*server.signers[SNAPSHOT], *server.signers[TIMESTAMP]]
    server.put_policy(2, lifted=True)
    server.publish()
    refused(station, WrongSignature)


def test_one_approver_is_not_enough_where_two_are_needed(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.signers[TARGETS] = server.signers[TARGETS][:1]
    server.publish()
    refused(station, WrongSignature)


def test_one_approver_signing_twice_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.signers[TARGETS] = server.signers[TARGETS][:1]
    server.publish()
    name = f"{server.targets.version}.targets.json"
    data = json.loads(server.files[name])
    data["signatures"] *= 2
    server.files[name] = json.dumps(data).encode()
    server.update_snapshot_meta()
    server.snapshot.version += 1
    server.serve_snapshot()
    server.update_timestamp_meta()
    server.timestamp.version += 1
    server.serve_timestamp()
    refused(station, Damaged)


def test_the_fleet_role_cannot_name_a_policy(server: SimulatedRepository, station: TrustClient) -> None:
    del server.targets.targets[POLICY_TARGET]
    server.put_document(server.fleet, POLICY_TARGET, policy_document(2, lifted=True))
    server.publish()
    refused(station, PolicyMissing)


def test_a_bundle_of_another_organisation_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    foreign = SimulatedRepository(organisation="theirs")
    foreign.publish()
    server.files = foreign.files
    refused(station, WrongSignature)


# --- going back ---------------------------------------------------------------------------------------------------


def test_an_older_timestamp_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    old = server.files["timestamp.json"]
    server.publish()
    station.refresh(NOW)
    server.files["timestamp.json"] = old
    refused(station, VersionWentBack)


def test_a_whole_older_publication_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    old = dict(server.files)
    server.put_policy(2)
    server.publish()
    station.refresh(NOW)
    server.files = old
    refused(station, VersionWentBack)


def test_a_new_timestamp_for_an_older_snapshot_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    old = deepcopy(server.timestamp.snapshot_meta)
    server.publish()
    station.refresh(NOW)
    server.timestamp.version, server.timestamp.snapshot_meta = server.timestamp.version + 1, old
    server.serve_timestamp()
    refused(station, VersionWentBack)


@pytest.mark.parametrize("role", [TARGETS, FLEET])
def test_a_new_snapshot_for_older_metadata_is_refused(
    server: SimulatedRepository, station: TrustClient, role: str
) -> None:
    old = deepcopy(server.snapshot.meta[f"{role}.json"])
    server.publish()
    station.refresh(NOW)
    server.snapshot.meta[f"{role}.json"] = old
    _serve_online_roles(server)
    refused(station, VersionWentBack)


@pytest.mark.parametrize("role", [TARGETS, FLEET])
def test_a_snapshot_that_forgets_a_role_is_refused(
    server: SimulatedRepository, station: TrustClient, role: str
) -> None:
    del server.snapshot.meta[f"{role}.json"]
    _serve_online_roles(server)
    refused(station, Damaged)


def test_recovery_from_version_numbers_blown_up_with_a_stolen_key(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.timestamp.version = 2**31 - 1
    server.snapshot.version = 2**31 - 1
    server.serve_snapshot()
    server.update_timestamp_meta()
    server.serve_timestamp()
    station.refresh(NOW)
    server.timestamp.version = server.snapshot.version = 10
    server.publish()
    refused(station, VersionWentBack)
    server.replace_key(TIMESTAMP, "timestamp b")
    server.replace_key(SNAPSHOT, "snapshot b")
    server.publish_root()
    server.put_policy(2)
    server.publish()
    assert station.refresh(NOW).bundle.number == 2


# --- standing still -----------------------------------------------------------------------------------------------


def test_a_frozen_server_is_noticed_when_its_timestamp_ends(
    server: SimulatedRepository, station: TrustClient
) -> None:
    refused(station, Expired, NOW + DAY + HOUR)


def test_a_frozen_snapshot_is_noticed(server: SimulatedRepository, station: TrustClient) -> None:
    server.timestamp.version, server.timestamp.expires = 2, NOW + 30 * DAY
    server.serve_timestamp()
    refused(station, Expired, NOW + 8 * DAY)


@pytest.mark.parametrize("role", [TARGETS, FLEET])
def test_an_approval_that_was_not_renewed_is_refused(
    server: SimulatedRepository, station: TrustClient, role: str
) -> None:
    old = (server.targets if role == TARGETS else server.fleet).expires
    server.publish(later=36 * DAY)
    (server.targets if role == TARGETS else server.fleet).expires = old
    server.serve_targets()
    server.serve_fleet()
    server.update_snapshot_meta()
    _serve_online_roles(server)
    refused(station, Expired, NOW + 36 * DAY)


def test_trusted_time_decides_though_the_wall_clock_is_years_ahead(station: TrustClient) -> None:
    assert station.refresh(NOW + HOUR).confirmed_at == NOW + HOUR


def test_trusted_time_decides_though_the_wall_clock_calls_everything_valid(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.publish(later=20_000 * DAY)
    refused(station, Expired, NOW + 20_002 * DAY)


# --- mixed and matched --------------------------------------------------------------------------------------------


def test_a_snapshot_of_another_publication_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.publish()
    server.files["2.snapshot.json"] = server.files["1.snapshot.json"]
    refused(station, (ContentMismatch, TooLong))  # signatures differ in length


def test_targets_of_another_publication_are_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_policy(2)
    server.publish()
    server.files["2.targets.json"] = server.files["1.targets.json"]
    refused(station, (ContentMismatch, TooLong))  # signatures differ in length


def test_a_policy_other_than_the_signed_one_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_policy(2)
    server.publish()
    server.files[policy_file(server)] = policy_document(2, lifted=True)
    refused(station, BundleRefused)


def test_a_snapshot_in_place_of_the_timestamp_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.files["timestamp.json"] = server.files["1.snapshot.json"]
    refused(station, Damaged)


# --- bad lines and endless data -----------------------------------------------------------------------------------


def test_a_truncated_policy_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.put_policy(2)
    server.publish()
    server.files[policy_file(server)] = server.files[policy_file(server)][:-1]
    refused(station, ContentMismatch)


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json", "2.fleet.json"])
def test_truncated_metadata_is_refused(server: SimulatedRepository, station: TrustClient, name: str) -> None:
    server.publish()
    server.files[name] = server.files[name][: len(server.files[name]) // 2]
    refused(station, Damaged if name == "timestamp.json" else ContentMismatch)


@pytest.mark.parametrize(
    "name", ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "2.fleet.json"]
)
def test_endless_metadata_is_refused(server: SimulatedRepository, station: TrustClient, name: str) -> None:
    server.publish()
    server.files[name] = b" " * 3_000_000
    refused(station, TooLong)


def test_an_endless_policy_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.put_policy(2)
    server.publish()
    server.files[policy_file(server)] += b" " * 100
    refused(station, TooLong)


def test_a_signed_policy_of_gigantic_length_is_not_even_fetched(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.targets.targets[POLICY_TARGET].length = 10**9
    server.publish()
    server.asked.clear()
    refused(station, TooLong)
    assert policy_file(server) not in server.asked


def test_deeply_nested_metadata_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.files["timestamp.json"] = b"[" * 16_000
    refused(station, Damaged)


def test_every_flipped_bit_of_a_timestamp_is_refused_or_harmless(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.publish()
    good = server.files["timestamp.json"]
    before = station.stored()
    for position in range(0, len(good), 7):
        server.files["timestamp.json"] = good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :]
        try:
            station.refresh(NOW)
        except BundleRefused:
            assert station.stored() == before
    server.files["timestamp.json"] = good
    assert station.refresh(NOW).bundle.number == 1


def test_a_dead_line_is_no_refusal_and_keeps_the_bundle(server: SimulatedRepository, tmp_path: Path) -> None:
    working = True

    def fetch(url: str, max_length: int) -> bytes:
        if not working:
            raise FetchFailed("the line is dead; try again later")
        return server.fetch(url, max_length)

    client = TrustClient(tmp_path / "s", fetch, BASE_URL)
    client.bootstrap(server.files["1.root.json"], server.root_sha256)
    client.refresh(NOW)
    working = False
    refused(client, FetchFailed)


def test_a_server_without_publication_says_so(server: SimulatedRepository, tmp_path: Path) -> None:
    client = TrustClient(tmp_path / "s", server.fetch, BASE_URL)
    client.bootstrap(server.files["1.root.json"], server.root_sha256)
    del server.files["timestamp.json"]
    with pytest.raises(FileMissing, match="no complete publication"):
        client.refresh(NOW)
    assert client.stored() is None


def _serve_online_roles(server: SimulatedRepository) -> None:
    """What a thief with both online keys can do: sign snapshot and timestamp as they stand, as the next version."""
    server.snapshot.version += 1
    server.serve_snapshot()
    server.timestamp.version += 1
    server.update_timestamp_meta()
    server.serve_timestamp()
