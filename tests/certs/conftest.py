from __future__ import annotations

from pathlib import Path

import pytest

from certs import repository as trust
from certs.keys import load_signer
from certs.trust_client import TrustClient
from tests.certs.simulated_repository import BASE_URL, NOW, SimulatedRepository, policy_document


@pytest.fixture
def server() -> SimulatedRepository:
    """A trust server that has published bundle 1."""
    return SimulatedRepository()


@pytest.fixture
def station(server: SimulatedRepository, tmp_path: Path) -> TrustClient:
    """A station that is enrolled and has accepted bundle 1."""
    client = TrustClient(tmp_path / "station", server.fetch, BASE_URL)
    client.bootstrap(server.files["1.root.json"], server.root_sha256)
    client.refresh(NOW)
    return client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An organisation's trust folder with two approvers, nothing published."""
    trust.create_repository(tmp_path / "trust", NOW)
    return tmp_path / "trust"


@pytest.fixture
def published(folder: Path) -> Path:
    """The same with bundle 1 published."""
    for approver in ("approver-1", "approver-2"):
        trust.sign_policy(
            folder, policy_document(1), load_signer(str(folder / "keys" / f"{approver}.pem")), NOW
        )
    trust.publish(folder, NOW)
    return folder
