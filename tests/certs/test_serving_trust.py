"""The server's part: check a publication, take it over, renew; it can withhold, but not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs import errors
from certs import repository as trust
from certs.keys import load_signer
from certs.online import (
    OnlineSigners,
    adopt,
    load_online_signers,
    needs_renewal,
    renew,
    verify_publication,
)
from certs.publication import reachable
from certs.roles import FLEET, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from certs.rotation import rotate
from certs.trust_client import TrustClient
from policy.document import Fleet
from policy.schemas import dump_fleet
from tests.certs.simulated_repository import (
    BASE_URL,
    DAY,
    HOUR,
    NOW,
    SimulatedRepository,
    policy_document,
    spare_key,
)


@pytest.fixture
def signers(published: Path) -> OnlineSigners:
    return load_online_signers(published / "keys")


def publish_policy(folder: Path, number: int, **changes: object) -> dict[str, bytes]:
    for approver in ("approver-1", "approver-2"):
        key = load_signer(str(folder / "keys" / f"{approver}.pem"))
        trust.sign_policy(folder, policy_document(number, **changes), key, NOW)
    trust.publish(folder, NOW)
    return trust.publication_files(folder)


def station_of(files: dict[str, bytes], folder: Path) -> TrustClient:
    def fetch(url: str, max_length: int) -> bytes:
        name = url.removeprefix(f"{BASE_URL}/")
        if name not in files:
            raise errors.FileMissing(f"no {name}")
        return files[name]

    client = TrustClient(folder, fetch, BASE_URL)
    client.bootstrap(files["1.root.json"], verify_publication(files, {}).root_sha256)
    return client


def test_a_publication_is_told_whole(published: Path) -> None:
    publication = verify_publication(trust.publication_files(published), {}, NOW)
    assert publication.number == 1
    assert publication.demo is False
    assert publication.policy_bytes == policy_document(1)
    assert publication.versions == {ROOT: 1, TARGETS: 1, FLEET: 1, SNAPSHOT: 1, TIMESTAMP: 1}
    assert publication.expires[TIMESTAMP] == NOW + DAY


def test_a_server_that_renewed_takes_over_a_folder_that_did_not(
    published: Path, signers: OnlineSigners, tmp_path: Path
) -> None:
    served = trust.publication_files(published)
    for hours in (20, 40, 200):
        served = reachable({**served, **renew(served, signers, NOW + hours * HOUR)})
    station = station_of(served, tmp_path / "station")
    station.refresh(NOW + 200 * HOUR)
    publication, taken = adopt(publish_policy(published, 2), served, signers, NOW + 201 * HOUR)
    served.update(taken)
    assert publication.number == 2
    assert station.refresh(NOW + 201 * HOUR).bundle.number == 2


@pytest.mark.parametrize("role", [ROOT, SNAPSHOT, TIMESTAMP])
def test_a_publication_with_a_rotated_key_is_taken_over(
    published: Path, signers: OnlineSigners, tmp_path: Path, role: str
) -> None:
    served = trust.publication_files(published)
    served.update(renew(served, signers, NOW + 20 * HOUR))
    station = station_of(served, tmp_path / "station")
    station.refresh(NOW + 20 * HOUR)
    rotate(published, role, [load_signer(str(published / "keys" / "root.pem"))], NOW)
    trust.publish(published, NOW)
    _, taken = adopt(
        trust.publication_files(published), served, load_online_signers(published / "keys"), NOW + 21 * HOUR
    )
    served.update(taken)
    assert station.refresh(NOW + 21 * HOUR).bundle.number == 1
    assert "2.root.json" in served


def test_a_server_that_keeps_every_old_file_serves_the_newest(
    published: Path, signers: OnlineSigners, tmp_path: Path
) -> None:
    served: dict[str, bytes] = {}
    for number in (1, 2, 3):
        files = trust.publication_files(published) if number == 1 else publish_policy(published, number)
        served.update(adopt(files, served, signers, NOW)[1])
        served.update(renew(served, signers, NOW))
    assert {"1.targets.json", "3.targets.json"} <= set(served)
    station = station_of(served, tmp_path / "station")
    assert station.refresh(NOW).bundle.number == 3


def test_a_first_publication_is_taken_over_as_it_is(published: Path, signers: OnlineSigners) -> None:
    files = trust.publication_files(published)
    assert adopt(files, {}, signers, NOW)[1] == files


def test_an_old_timestamp_of_the_folder_does_no_harm(published: Path, signers: OnlineSigners) -> None:
    publication, _ = adopt(trust.publication_files(published), {}, signers, NOW + 10 * DAY)
    assert publication.expires[TIMESTAMP] == NOW + 11 * DAY


def test_an_ended_approval_is_not_taken_over(published: Path, signers: OnlineSigners) -> None:
    with pytest.raises(errors.Expired):
        adopt(trust.publication_files(published), {}, signers, NOW + 36 * DAY)


def test_the_same_publication_again_changes_no_bundle(published: Path, signers: OnlineSigners) -> None:
    files = trust.publication_files(published)
    publication, taken = adopt(files, files, signers, NOW)
    assert publication.number == 1
    assert set(files) - set(taken) == set()


def test_an_older_folder_is_refused(published: Path) -> None:
    old = trust.publication_files(published)
    new = publish_policy(published, 2)
    with pytest.raises((errors.VersionWentBack, errors.NumberWentBack)):
        verify_publication(old, new)


def test_another_content_under_a_published_name_is_refused(published: Path) -> None:
    current = trust.publication_files(published)
    files = {**current, "1.targets.json": current["1.targets.json"] + b" "}
    with pytest.raises(errors.VersionWentBack, match="published with another content"):
        verify_publication(files, current)


def test_a_publication_of_another_organisation_is_refused(published: Path) -> None:
    foreign = SimulatedRepository(organisation="theirs", demo=False)
    with pytest.raises(errors.BundleRefused):
        verify_publication(foreign.files, trust.publication_files(published))


def test_older_exemptions_alone_are_refused(published: Path) -> None:
    old = trust.publication_files(published)
    trust.sign_fleet(published, dump_fleet(Fleet(1)), load_signer(str(published / "keys" / "fleet.pem")), NOW)
    trust.publish(published, NOW)
    with pytest.raises(errors.FleetWentBack):
        verify_publication(old, trust.publication_files(published))


def test_an_older_approval_of_the_same_policy_is_refused(published: Path) -> None:
    old = trust.publication_files(published)
    new = publish_policy(published, 1)
    with pytest.raises(errors.VersionWentBack, match="version 2 of targets is published"):
        verify_publication(old, new)


@pytest.mark.parametrize(
    "name", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "1.fleet.json"]
)
def test_a_publication_with_a_missing_file_is_refused(published: Path, name: str) -> None:
    files = trust.publication_files(published)
    del files[name]
    with pytest.raises(errors.CertsError):
        verify_publication(files, {})


def test_a_publication_with_a_missing_document_is_refused(published: Path) -> None:
    files = trust.publication_files(published)
    del files[next(name for name in files if name.endswith(".policy.json"))]
    with pytest.raises(errors.FileMissing):
        verify_publication(files, {})


def test_a_file_of_no_known_name_is_refused(published: Path) -> None:
    files = {**trust.publication_files(published), "../../etc/passwd": b""}
    with pytest.raises(errors.Damaged):
        verify_publication(files, {})


def test_a_vanished_policy_is_not_taken_over(server: SimulatedRepository) -> None:
    current = reachable(server.files)
    server.targets.targets.clear()
    server.publish()
    with pytest.raises(errors.PolicyMissing):
        verify_publication(reachable(server.files), current)


def test_a_timestamp_is_renewed_when_half_of_its_life_is_over(published: Path) -> None:
    files = trust.publication_files(published)
    assert not needs_renewal(files, NOW + 12 * HOUR)
    assert needs_renewal(files, NOW + 13 * HOUR)


def test_renewing_changes_the_timestamp_only(published: Path, signers: OnlineSigners) -> None:
    assert set(renew(trust.publication_files(published), signers, NOW + HOUR)) == {"timestamp.json"}


def test_renewing_near_the_end_of_the_snapshot_renews_it_too(published: Path, signers: OnlineSigners) -> None:
    renewed = renew(trust.publication_files(published), signers, NOW + 5 * DAY)
    assert set(renewed) == {"timestamp.json", "2.snapshot.json"}


def test_a_key_that_was_rotated_out_renews_nothing(published: Path) -> None:
    signers = OnlineSigners(spare_key("old snapshot"), spare_key("old timestamp"))
    with pytest.raises(errors.KeyUnusable, match="rotated in"):
        renew(trust.publication_files(published), signers, NOW)


def test_a_server_without_its_keys_says_so(tmp_path: Path) -> None:
    with pytest.raises(errors.KeyUnusable, match=r"snapshot\.pem"):
        load_online_signers(tmp_path)
