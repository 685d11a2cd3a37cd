"""Our own rules on top of TUF: every one is broken once, through a server whose signatures are all in order."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest

from certs import acceptance, errors
from certs.acceptance import ACCEPTANCE, Candidate, accept
from certs.roles import FLEET_TARGET, POLICY_TARGET
from certs.trust_client import TrustClient
from policy.document import Exemption, Fleet
from policy.names import PhoneId
from policy.ready_made import ready_made_policy
from policy.schemas import dump_fleet, dump_policy_document
from tests.certs.simulated_repository import (
    BASE_URL,
    DAY,
    HOUR,
    NOW,
    SimulatedRepository,
    policy_document,
)


def offered(server: SimulatedRepository, station: TrustClient, refusal: type[errors.BundleRefused]) -> str:
    """Publish what the test prepared, see it refused, and return the sentence."""
    server.publish()
    before = station.stored()
    with pytest.raises(refusal) as caught:
        station.refresh(NOW)
    assert station.stored() == before
    return str(caught.value)


def with_rule(number: int, **rules: object) -> bytes:
    document = json.loads(policy_document(number))
    document["rules"].update(rules)
    return json.dumps(document).encode()


def test_a_lower_bundle_number_is_refused_though_all_metadata_is_newer(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_policy(7)
    server.publish()
    station.refresh(NOW)
    server.put_policy(6)
    assert "bundle 7 is in force, the server offers 6" in offered(server, station, errors.NumberWentBack)


def test_another_content_under_the_number_in_force_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_policy(1, lifted=True)
    offered(server, station, errors.NumberReused)


def test_a_vanished_policy_is_missing_and_never_a_lift(
    server: SimulatedRepository, station: TrustClient
) -> None:
    del server.targets.targets[POLICY_TARGET]
    offered(server, station, errors.PolicyMissing)
    accepted = station.stored()
    assert accepted is not None
    assert not accepted.bundle.policy.lifted


def test_a_vanished_fleet_document_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    del server.fleet.targets[FLEET_TARGET]
    offered(server, station, errors.FleetMissing)


def test_an_older_fleet_document_is_refused(server: SimulatedRepository, station: TrustClient) -> None:
    server.put_fleet(Fleet(3))
    server.publish()
    station.refresh(NOW)
    server.put_fleet(Fleet(2, (Exemption(PhoneId.random(), NOW + DAY, "repair"),)))
    offered(server, station, errors.FleetWentBack)


def test_a_newer_fleet_document_needs_no_new_policy(
    server: SimulatedRepository, station: TrustClient
) -> None:
    phone = PhoneId.random()
    server.put_fleet(Fleet(1, (Exemption(phone, NOW + DAY, "repair"),)))
    server.publish()
    accepted = station.refresh(NOW + HOUR)
    assert accepted.bundle.fleet.exempts(phone, NOW)
    assert accepted.accepted_at == NOW


def test_an_unknown_rule_refuses_the_bundle_and_is_named(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_document(server.targets, POLICY_TARGET, with_rule(2, curfew_at_night=True))
    assert "curfew_at_night" in offered(server, station, errors.RuleUnknown)


def test_a_policy_for_a_newer_judgement_asks_for_an_update(
    server: SimulatedRepository, station: TrustClient
) -> None:
    newer = with_rule(2, minimum_judgement=99, a_rule_of_version_99=1)
    server.put_document(server.targets, POLICY_TARGET, newer)
    assert "update Curfew" in offered(server, station, errors.NewerJudgementNeeded)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b"\xff", b'{"kind":"curfew-fleet"}', b"[" * 100_000])
def test_a_signed_policy_without_the_agreed_form_is_refused(
    server: SimulatedRepository, station: TrustClient, document: bytes
) -> None:
    server.put_document(server.targets, POLICY_TARGET, document)
    offered(server, station, errors.BundleRefused)


def test_a_signed_fleet_document_without_the_agreed_form_is_refused(
    server: SimulatedRepository, station: TrustClient
) -> None:
    server.put_document(server.fleet, FLEET_TARGET, b"{}")
    offered(server, station, errors.BundleRefused)


def test_an_unknown_descriptive_field_is_kept(server: SimulatedRepository, station: TrustClient) -> None:
    document = {**json.loads(policy_document(2)), "contact": "helpdesk"}
    server.put_document(server.targets, POLICY_TARGET, json.dumps(document).encode())
    server.publish()
    assert station.refresh(NOW).bundle.policy.described["contact"] == "helpdesk"


def test_real_trust_never_turns_into_demo_trust(tmp_path: Path) -> None:
    server = SimulatedRepository(demo=False)
    station = TrustClient(tmp_path / "station", server.fetch, BASE_URL)
    station.bootstrap(server.files["1.root.json"], server.root_sha256)
    assert station.refresh(NOW).demo is False
    server.root.unrecognized_fields["x-curfew-demo"] = True
    server.publish_root()
    offered(server, station, errors.DemoMarkChanged)


def test_demo_trust_is_told_apart(station: TrustClient) -> None:
    accepted = station.stored()
    assert accepted is not None
    assert accepted.demo is True


def candidate() -> Candidate:
    return Candidate(
        policy_bytes=dump_policy_document(1, ready_made_policy()),
        fleet_bytes=dump_fleet(Fleet()),
        demo=True,
        timestamp_expires=NOW + DAY,
        now=NOW,
    )


def test_a_timestamp_that_ends_now_has_ended_by_trusted_time() -> None:
    with pytest.raises(errors.Expired):
        accept(replace(candidate(), timestamp_expires=NOW))


def test_the_first_rule_that_does_not_hold_names_the_refusal() -> None:
    with pytest.raises(errors.Expired):
        accept(replace(candidate(), timestamp_expires=NOW, policy_bytes=None))


def test_the_list_of_rules_is_complete() -> None:
    """A rule that somebody writes and forgets to list would never be asked."""
    rules = {
        function
        for _, function in inspect.getmembers(acceptance, inspect.isfunction)
        if function.__module__ == acceptance.__name__
        and list(inspect.signature(function).parameters) == ["candidate"]
    }
    assert rules - {accept} == set(ACCEPTANCE)


def test_every_refusal_has_a_code_of_its_own() -> None:
    kinds = errors.BundleRefused.__subclasses__()
    assert sorted(kind.code.value for kind in kinds) == sorted(code.value for code in errors.BundleFault)


def test_what_is_stored_is_read_for_ever_without_a_server(
    server: SimulatedRepository, station: TrustClient, tmp_path: Path
) -> None:
    """Restoring needs nothing: no network, no fresh signature."""
    server.files.clear()
    again = TrustClient(tmp_path / "station", server.fetch, BASE_URL)
    accepted = again.stored()
    assert accepted is not None
    assert accepted.bundle.number == 1
