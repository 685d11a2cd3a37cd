"""Approving is signing: who may, on what base, how many, until when, and what gets published."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import Signer

from certs import errors
from certs import repository as trust
from certs.keys import create_key, load_signer
from certs.online import verify_publication
from certs.overview import overview
from certs.publication import newest_root
from certs.roles import FLEET, LIFETIMES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from certs.trust_folder import TrustFolder
from policy.document import Exemption, Fleet
from policy.errors import InvalidDocument
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from policy.schemas import dump_fleet
from tests.certs.simulated_repository import DAY, HOUR, NOW, policy_document, spare_key


def key_of(folder: Path, name: str) -> Signer:
    return load_signer(str(folder / "keys" / f"{name}.pem"))


def approve(folder: Path, policy: bytes, *approvers: str, now: datetime = NOW) -> trust.Draft:
    for approver in approvers or ("approver-1", "approver-2"):
        draft = trust.sign_policy(folder, policy, key_of(folder, approver), now)
    return draft


def snapshot_of_folder(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- making trust -------------------------------------------------------------------------------------------------


def test_trust_in_service_needs_two_approvers(folder: Path) -> None:
    roles = {row.role: row for row in overview(folder).roles}
    assert roles[TARGETS].threshold == 2
    assert roles[TARGETS].holders == ("approver-1", "approver-2")
    assert overview(folder).demo is False


def test_trust_for_a_demo_is_marked_and_needs_one(tmp_path: Path) -> None:
    trust.create_repository(tmp_path / "t", NOW, demo=True)
    found = overview(tmp_path / "t")
    assert found.demo is True
    assert {row.role: row.threshold for row in found.roles}[TARGETS] == 1
    assert json.loads((tmp_path / "t/metadata/1.root.json").read_bytes())["signed"]["x-curfew-demo"] is True


def test_each_role_has_a_key_of_its_own(folder: Path) -> None:
    keys = {
        key_of(folder, name).public_key.keyid for name in (ROOT, FLEET, SNAPSHOT, TIMESTAMP, "approver-1")
    }
    assert len(keys) == 5


def test_no_file_of_the_keys_is_open_to_others(folder: Path) -> None:
    for file in [*(folder / "keys").iterdir(), *(folder / "tls").glob("*.key")]:
        assert file.stat().st_mode & 0o077 == 0


def test_the_organisations_key_has_256_bits(folder: Path) -> None:
    assert len(bytes.fromhex((folder / "keys" / "organisation.key").read_text())) == 32


def test_trust_is_never_made_over_other_trust(folder: Path) -> None:
    before = snapshot_of_folder(folder)
    with pytest.raises(errors.KeyExists):
        trust.create_repository(folder, NOW)
    assert snapshot_of_folder(folder) == before


@pytest.mark.parametrize(("approvers", "threshold"), [(1, 2), (0, 0), (2, 0), (3, 4)])
def test_numbers_that_cannot_work_are_refused(tmp_path: Path, approvers: int, threshold: int) -> None:
    with pytest.raises(errors.RepositoryProblem):
        trust.create_repository(tmp_path / "t", NOW, approvers=approvers, threshold=threshold)
    assert not (tmp_path / "t").exists()


def test_approvers_may_bring_their_own_keys(tmp_path: Path) -> None:
    keys = {name: spare_key(name).public_key for name in ("first", "second")}
    trust.create_repository(tmp_path / "t", NOW, approver_keys=keys)
    trust.sign_policy(tmp_path / "t", policy_document(1), spare_key("first"), NOW)
    assert approve_with(tmp_path / "t", "second").signed_by == ("first", "second")
    assert not list((tmp_path / "t/keys").glob("approver-*"))


def approve_with(folder: Path, name: str) -> trust.Draft:
    return trust.sign_policy(folder, policy_document(1), spare_key(name), NOW)


def test_one_key_under_two_names_is_one_approver(tmp_path: Path) -> None:
    key = spare_key("first").public_key
    with pytest.raises(errors.RepositoryProblem, match="two keys"):
        trust.create_repository(tmp_path / "t", NOW, approver_keys={"first": key, "second": key})
    assert not (tmp_path / "t").exists()


def test_root_and_approver_keys_can_be_encrypted(tmp_path: Path) -> None:
    trust.create_repository(tmp_path / "t", NOW, demo=True, passphrase=b"correct horse")
    for name in (ROOT, "approver-1"):
        with pytest.raises(errors.PassphraseNeeded):
            key_of(tmp_path / "t", name)
    signer = load_signer(str(tmp_path / "t/keys/approver-1.pem"), b"correct horse")
    assert trust.sign_policy(tmp_path / "t", policy_document(1), signer, NOW).ready


# --- signing ------------------------------------------------------------------------------------------------------


def test_two_approvers_make_a_policy_ready(folder: Path) -> None:
    assert not approve(folder, policy_document(1), "approver-1").ready
    draft = approve(folder, policy_document(1), "approver-2")
    assert draft.ready
    assert draft.signed_by == ("approver-1", "approver-2")


def test_one_approver_signing_twice_counts_once(folder: Path) -> None:
    draft = approve(folder, policy_document(1), "approver-1", "approver-1")
    assert draft.signed_by == ("approver-1",)
    with pytest.raises(errors.ThresholdNotReached, match="1 of 2"):
        trust.publish(folder, NOW)


@pytest.mark.parametrize("name", [ROOT, FLEET, SNAPSHOT, TIMESTAMP])
def test_a_key_that_is_no_approvers_cannot_approve(folder: Path, name: str) -> None:
    before = snapshot_of_folder(folder)
    with pytest.raises(errors.NotAnApprover):
        approve(folder, policy_document(1), name)
    assert snapshot_of_folder(folder) == before


def test_a_policy_that_does_not_follow_the_newest_is_refused(published: Path) -> None:
    with pytest.raises(errors.NotNewestBase, match="next policy has number 2"):
        approve(published, policy_document(3))


def test_a_changed_policy_under_a_published_number_is_refused(published: Path) -> None:
    with pytest.raises(errors.NotNewestBase):
        approve(published, policy_document(1, lifted=True))


def test_the_newest_policy_may_be_signed_again_to_prolong_it(published: Path) -> None:
    draft = approve(published, policy_document(1), now=NOW + 20 * DAY)
    assert draft.expires == NOW + 55 * DAY
    assert trust.publish(published, NOW + 20 * DAY).number == 1


def test_another_policy_cannot_join_an_open_draft(folder: Path) -> None:
    approve(folder, policy_document(1), "approver-1")
    with pytest.raises(errors.NotNewestBase, match="another draft is open"):
        approve(folder, policy_document(1, lifted=True), "approver-2")


def test_a_draft_whose_rights_were_widened_gets_no_second_signature(folder: Path) -> None:
    approve(folder, policy_document(1), "approver-1")
    file = folder / "draft" / "1.targets.json"
    draft = json.loads(file.read_bytes())
    draft["signed"]["delegations"]["roles"][0]["paths"] = ["*"]
    file.write_text(json.dumps(draft))
    with pytest.raises(errors.NotNewestBase):
        approve(folder, policy_document(1), "approver-2")


def test_a_draft_that_was_prolonged_by_hand_gets_no_second_signature(folder: Path) -> None:
    approve(folder, policy_document(1), "approver-1")
    file = folder / "draft" / "1.targets.json"
    file.write_bytes(file.read_bytes().replace(b"2023-04-05", b"2033-04-05"))
    with pytest.raises(errors.NotNewestBase):
        approve(folder, policy_document(1), "approver-2")


def test_an_old_draft_is_joined_only_while_it_holds(folder: Path) -> None:
    approve(folder, policy_document(1), "approver-1")
    with pytest.raises(errors.NotNewestBase):
        approve(folder, policy_document(1), "approver-2", now=NOW + 36 * DAY)


def test_a_signature_holds_35_days(folder: Path) -> None:
    assert approve(folder, policy_document(1)).expires == NOW + LIFETIMES[TARGETS]


def test_a_signature_never_holds_beyond_the_end_of_the_policy(folder: Path) -> None:
    ends_at = ready_made_policy().ends_at
    assert approve(folder, policy_document(1), now=ends_at - 3 * DAY).expires == ends_at


def test_a_policy_that_has_ended_is_not_signed(folder: Path) -> None:
    with pytest.raises(errors.RepositoryProblem, match="ended"):
        approve(folder, policy_document(1), now=ready_made_policy().ends_at)


def test_what_is_no_policy_is_not_signed(folder: Path) -> None:
    with pytest.raises(InvalidDocument):
        approve(folder, b'{"kind":"curfew-policy"}')


def test_the_published_bytes_are_the_signed_bytes(published: Path) -> None:
    files = trust.publication_files(published)
    assert policy_document(1) in files.values()


# --- publishing ---------------------------------------------------------------------------------------------------


def test_a_publication_holds_what_a_station_needs_and_no_more(published: Path) -> None:
    names = sorted(name.split("/")[0] for name in trust.publication_files(published))
    assert names == [
        "1.fleet.json", "1.root.json", "1.snapshot.json", "1.targets.json", "targets", "targets", "timestamp.json",
    ]  # fmt: skip


def test_nothing_is_published_without_a_draft(published: Path) -> None:
    with pytest.raises(errors.RepositoryProblem, match="nothing waits"):
        trust.publish(published, NOW)


def test_nothing_is_published_without_a_policy(folder: Path) -> None:
    with pytest.raises(errors.ThresholdNotReached, match="no policy was signed yet"):
        trust.publish(folder, NOW)


def test_an_approval_that_ended_meanwhile_is_not_published(folder: Path) -> None:
    approve(folder, policy_document(1))
    with pytest.raises(errors.Expired):
        trust.publish(folder, NOW + 36 * DAY)
    assert "timestamp.json" not in trust.publication_files(folder)


def test_publishing_again_after_a_crash_before_the_timestamp_finishes_it(published: Path) -> None:
    approve(published, policy_document(2))
    place = TrustFolder(published)
    before = place.published()
    half = {name: data for name, data in place.drafted().items() if "targets" in name}
    place.write_published(half)
    assert place.published() == before
    assert trust.publish(published, NOW + HOUR).number == 2


def test_refreshing_renews_the_timestamp_and_leaves_a_young_snapshot(published: Path) -> None:
    publication = trust.refresh(published, NOW + HOUR)
    assert (publication.versions[TIMESTAMP], publication.versions[SNAPSHOT]) == (2, 1)
    assert publication.expires[TIMESTAMP] == NOW + HOUR + DAY


def test_refreshing_renews_a_snapshot_near_its_end(published: Path) -> None:
    publication = trust.refresh(published, NOW + 4 * DAY)
    assert publication.versions[SNAPSHOT] == 2


def test_refreshing_does_not_publish_a_draft(published: Path) -> None:
    approve(published, policy_document(2))
    assert trust.refresh(published, NOW).number == 1
    assert trust.draft_of(published) is not None


def test_an_exemption_needs_no_approver(published: Path) -> None:
    fleet = Fleet(1, (Exemption(PhoneId.random(), NOW + DAY, "repair"),))
    trust.sign_fleet(published, dump_fleet(fleet), key_of(published, FLEET), NOW)
    publication = trust.publish(published, NOW)
    assert publication.fleet == fleet
    assert publication.versions[TARGETS] == 1


def test_an_approver_cannot_sign_exemptions(published: Path) -> None:
    with pytest.raises(errors.NotAnApprover):
        trust.sign_fleet(published, dump_fleet(Fleet(1)), key_of(published, "approver-1"), NOW)


def test_a_fleet_document_that_does_not_follow_the_newest_is_refused(published: Path) -> None:
    with pytest.raises(errors.NotNewestBase):
        trust.sign_fleet(published, dump_fleet(Fleet(5)), key_of(published, FLEET), NOW)


def test_a_waiting_fleet_document_is_not_overwritten(published: Path) -> None:
    trust.sign_fleet(published, dump_fleet(Fleet(1)), key_of(published, FLEET), NOW)
    other = Fleet(1, (Exemption(PhoneId.random(), NOW + DAY, "repair"),))
    with pytest.raises(errors.NotNewestBase, match="waits to be published"):
        trust.sign_fleet(published, dump_fleet(other), key_of(published, FLEET), NOW)


def test_the_fleet_document_is_prolonged_with_the_policy(published: Path) -> None:
    approve(published, policy_document(1), now=NOW + 30 * DAY)
    publication = trust.publish(published, NOW + 30 * DAY)
    assert publication.expires[FLEET] == NOW + 65 * DAY


def test_a_folder_without_trust_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.NotARepository, match="curfew-certs init"):
        trust.publish(tmp_path, NOW)


def test_a_missing_online_key_is_named(published: Path) -> None:
    (published / "keys" / "timestamp.pem").unlink()
    with pytest.raises(errors.KeyUnusable, match="--timestamp-key"):
        trust.refresh(published, NOW)


def test_the_signers_are_named_in_the_publication(published: Path) -> None:
    publication = verify_publication(trust.publication_files(published), {})
    assert publication.signers[TARGETS] == ("approver-1", "approver-2")
    assert publication.signers[ROOT] == ("root",)


def test_root_holds_a_year(published: Path) -> None:
    assert newest_root(trust.publication_files(published)).signed.expires == NOW + timedelta(days=365)


def test_a_key_made_elsewhere_is_no_approvers(published: Path, tmp_path: Path) -> None:
    create_key(tmp_path / "mine.pem")
    with pytest.raises(errors.NotAnApprover):
        trust.sign_policy(published, policy_document(2), load_signer(str(tmp_path / "mine.pem")), NOW)
