"""Keys come and go while stations that were enrolled long before follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signer

from certs import errors
from certs import repository as trust
from certs.errors import FileMissing
from certs.keys import load_signer
from certs.roles import FLEET, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from certs.rotation import Rotation, rotate
from certs.trust_client import TrustClient
from tests.certs.simulated_repository import BASE_URL, DAY, NOW, policy_document, spare_key


def key_of(folder: Path, name: str) -> Signer:
    return load_signer(str(folder / "keys" / f"{name}.pem"))


def rotated(folder: Path, role: str, **options: Any) -> Rotation:
    return rotate(folder, role, [key_of(folder, ROOT)], NOW, **options)


def approve(folder: Path, number: int) -> None:
    for approver in ("approver-1", "approver-2"):
        trust.sign_policy(folder, policy_document(number), key_of(folder, approver), NOW)


@pytest.fixture
def old_station(published: Path, tmp_path: Path) -> TrustClient:
    """A station that was enrolled and refreshed before anything was rotated."""

    def fetch(url: str, max_length: int) -> bytes:
        name = url.removeprefix(f"{BASE_URL}/")
        files = trust.publication_files(published)
        if name not in files:
            raise FileMissing(f"no {name}")
        return files[name]

    client = TrustClient(tmp_path / "station", fetch, BASE_URL)
    publication = trust.refresh(published, NOW)
    client.bootstrap(trust.publication_files(published)["1.root.json"], publication.root_sha256)
    client.refresh(NOW)
    return client


@pytest.mark.parametrize("role", [ROOT, SNAPSHOT, TIMESTAMP])
def test_a_station_follows_a_new_key(published: Path, old_station: TrustClient, role: str) -> None:
    old = key_of(published, role).public_key.keyid
    rotated(published, role)
    publication = trust.publish(published, NOW)
    assert key_of(published, role).public_key.keyid != old
    assert publication.versions[ROOT] == 2
    assert old_station.refresh(NOW).bundle.number == 1


def test_several_rotations_join_in_one_root(published: Path, old_station: TrustClient) -> None:
    rotated(published, TIMESTAMP)
    rotated(published, SNAPSHOT)
    assert trust.publish(published, NOW).versions[ROOT] == 2
    assert old_station.refresh(NOW).bundle.number == 1


def test_nothing_changes_for_stations_before_publishing(published: Path, old_station: TrustClient) -> None:
    rotated(published, TIMESTAMP)
    trust.refresh(published, NOW)
    assert old_station.refresh(NOW).bundle.number == 1


def test_after_an_approver_left_the_policy_is_signed_anew(published: Path, old_station: TrustClient) -> None:
    rotated(published, TARGETS, retire="approver-2")
    with pytest.raises(errors.ThresholdNotReached, match="1 of 2"):
        trust.publish(published, NOW)
    approve(published, 1)
    trust.publish(published, NOW)
    assert old_station.refresh(NOW).bundle.number == 1


def test_an_approver_who_left_cannot_approve(published: Path) -> None:
    gone = key_of(published, "approver-2")
    rotated(published, TARGETS, retire="approver-2")
    with pytest.raises(errors.NotAnApprover):
        trust.sign_policy(published, policy_document(2), gone, NOW)


def test_an_approver_brings_a_key_of_their_own(published: Path) -> None:
    done = rotated(published, TARGETS, retire="approver-2", new_key=("grace", spare_key("grace").public_key))
    assert (done.added, done.retired) == ("grace", "approver-2")
    trust.sign_policy(published, policy_document(2), key_of(published, "approver-1"), NOW)
    draft = trust.sign_policy(published, policy_document(2), spare_key("grace"), NOW)
    assert draft.signed_by == ("approver-1", "grace")


def test_who_leaves_must_be_said_where_there_are_several(published: Path) -> None:
    with pytest.raises(errors.RepositoryProblem, match="approver-1, approver-2"):
        rotated(published, TARGETS)


def test_a_new_fleet_key_needs_the_approvers(published: Path, old_station: TrustClient) -> None:
    old = key_of(published, FLEET)
    rotated(published, FLEET)
    with pytest.raises(errors.NotAnApprover):
        trust.sign_fleet(published, b'{"exemptions":[],"kind":"curfew-fleet","number":1}', old, NOW)
    approve(published, 1)
    trust.publish(published, NOW)
    assert old_station.refresh(NOW).bundle.number == 1


def test_a_new_fleet_key_is_encrypted_when_that_was_asked_for(published: Path) -> None:
    rotated(published, FLEET, passphrase=b"open sesame")
    assert b"ENCRYPTED" in (published / "keys" / "fleet.pem").read_bytes()


@pytest.mark.parametrize("role", [SNAPSHOT, TIMESTAMP])
def test_a_key_that_signs_unattended_is_not_encrypted(published: Path, role: str) -> None:
    before = (published / "keys" / f"{role}.pem").read_bytes()
    with pytest.raises(errors.RepositoryProblem, match="leave out --encrypt"):
        rotated(published, role, passphrase=b"open sesame")
    assert (published / "keys" / f"{role}.pem").read_bytes() == before


def test_a_new_fleet_key_alone_is_not_published(published: Path) -> None:
    rotated(published, FLEET)
    rotated(published, TIMESTAMP)
    with pytest.raises(errors.ThresholdNotReached, match="sign the newest policy again"):
        trust.publish(published, NOW)


def test_root_gets_another_year_with_its_keys(published: Path, old_station: TrustClient) -> None:
    rotate(published, ROOT, [key_of(published, ROOT)], NOW + 10 * DAY, keep_keys=True)
    publication = trust.publish(published, NOW + 10 * DAY)
    assert publication.expires[ROOT] == NOW + 375 * DAY
    assert old_station.refresh(NOW + 10 * DAY).bundle.number == 1


def test_a_root_that_the_old_key_did_not_sign_is_not_drafted(published: Path) -> None:
    with pytest.raises(errors.ThresholdNotReached, match="--root-key"):
        rotate(published, TIMESTAMP, [spare_key("a thief")], NOW)
    assert not list((published / "draft").glob("*.json"))


def test_a_threshold_that_cannot_be_reached_is_refused(published: Path) -> None:
    with pytest.raises(errors.RepositoryProblem, match="3 of 2"):
        rotated(published, TARGETS, keep_keys=True, threshold=3)


def test_retired_keys_are_kept_apart(published: Path) -> None:
    old = (published / "keys" / "timestamp.pem").read_bytes()
    rotated(published, TIMESTAMP)
    assert (published / "keys" / "retired" / "timestamp-1.pem").read_bytes() == old
