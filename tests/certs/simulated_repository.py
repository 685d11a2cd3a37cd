"""A whole trust server in memory, so that an attack reads as three lines: change, publish, be refused."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from certs.errors import FileMissing
from certs.publication import file_name
from certs.roles import (
    FLEET,
    FLEET_TARGET,
    POLICY_TARGET,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    new_fleet,
    new_root,
    new_targets,
)
from policy.document import Fleet
from policy.ready_made import ready_made_policy
from policy.schemas import dump_fleet, dump_policy_document

NOW = datetime(2023, 3, 1, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BASE_URL = "https://server.test/trust"


@cache
def spare_key(name: str) -> CryptoSigner:
    """One key per name for the whole run: making keys is the slowest part of a test."""
    return CryptoSigner.generate_ecdsa()


def policy_document(number: int, **changes: Any) -> bytes:
    return dump_policy_document(number, replace(ready_made_policy(), **changes))


class SimulatedRepository:
    """Signs whatever it is told. The attributes are plain tuf objects; `publish` signs and serves them."""

    def __init__(self, threshold: int = 2, demo: bool = True, organisation: str = "ours") -> None:
        approvers = [spare_key(f"{organisation} approver {n}") for n in range(threshold)]
        self.signers = {
            role: [spare_key(f"{organisation} {role}")] for role in (ROOT, FLEET, SNAPSHOT, TIMESTAMP)
        }
        self.signers[TARGETS] = approvers
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        keys = {r: tuple(s.public_key for s in signers) for r, signers in self.signers.items() if r != FLEET}
        self.root: Root = new_root(keys, threshold, demo, NOW)
        self.targets: Targets = new_targets(
            1, policy_document(1), self.signers[FLEET][0].public_key, NOW + 35 * DAY
        )
        self.fleet: Targets = new_fleet(1, dump_fleet(Fleet()), NOW)
        self.snapshot = Snapshot(version=1, expires=NOW + 7 * DAY, meta={})
        self.timestamp = Timestamp(version=1, expires=NOW + DAY)
        self._documents = {POLICY_TARGET: policy_document(1), FLEET_TARGET: dump_fleet(Fleet())}
        self.serve_root()
        self._serve_all()

    def put_policy(self, number: int, **changes: Any) -> None:
        """Make a policy the one that targets name."""
        self.put_document(self.targets, POLICY_TARGET, policy_document(number, **changes))

    def put_fleet(self, fleet: Fleet) -> None:
        """Make a fleet document the one that the fleet role names."""
        self.put_document(self.fleet, FLEET_TARGET, dump_fleet(fleet))

    def put_document(self, role: Targets, path: str, data: bytes) -> None:
        role.targets[path] = TargetFile.from_data(path, data, ["sha256"])
        self._documents[path] = data

    def publish(self, later: timedelta = timedelta(0)) -> None:
        """Sign and serve everything as the next version, as of `NOW` plus `later`."""
        for signed, life in (
            (self.targets, 35 * DAY),
            (self.fleet, 35 * DAY),
            (self.snapshot, 7 * DAY),
            (self.timestamp, DAY),
        ):
            signed.version += 1
            signed.expires = NOW + later + life
        self._serve_all()

    def publish_root(self, extra_signers: list[CryptoSigner] | None = None) -> None:
        """Sign and serve root as the next version, with the root keys and `extra_signers`."""
        self.root.version += 1
        self.serve_root(extra_signers)

    def replace_key(self, role: str, name: str) -> None:
        """Exchange the first key of a top-level role."""
        old, new = self.signers[role][0], spare_key(name)
        self.root.revoke_key(old.public_key.keyid, role)
        self.root.add_key(new.public_key, role)
        self.signers[role] = [new, *self.signers[role][1:]]

    def serve_root(self, extra_signers: list[CryptoSigner] | None = None) -> None:
        name = file_name(ROOT, self.root.version)
        self.files[name] = self._signed(self.root, [*(extra_signers or []), *self.signers[ROOT]])

    def serve_targets(self) -> None:
        self.files[file_name(TARGETS, self.targets.version)] = self._signed(
            self.targets, self.signers[TARGETS]
        )
        for path, target in self.targets.targets.items():
            self._serve_document(path, target)

    def serve_fleet(self) -> None:
        self.files[file_name(FLEET, self.fleet.version)] = self._signed(self.fleet, self.signers[FLEET])
        for path, target in self.fleet.targets.items():
            self._serve_document(path, target)

    def serve_snapshot(self) -> None:
        """Serve the snapshot as it stands in `snapshot`."""
        self.files[file_name(SNAPSHOT, self.snapshot.version)] = self._signed(
            self.snapshot, self.signers[SNAPSHOT]
        )

    def serve_timestamp(self) -> None:
        """Serve the timestamp as it stands in `timestamp`."""
        self.files["timestamp.json"] = self._signed(self.timestamp, self.signers[TIMESTAMP])

    def update_snapshot_meta(self) -> None:
        for role, signed in ((TARGETS, self.targets), (FLEET, self.fleet)):
            data = self.files[file_name(role, signed.version)]
            self.snapshot.meta[f"{role}.json"] = MetaFile.from_data(signed.version, data, ["sha256"])

    def update_timestamp_meta(self) -> None:
        data = self.files[file_name(SNAPSHOT, self.snapshot.version)]
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, data, ["sha256"])

    def fetch(self, url: str, max_length: int) -> bytes:
        """What a station's server client does."""
        name = url.removeprefix(f"{BASE_URL}/")
        self.asked.append(name)
        if name not in self.files:
            raise FileMissing(f"the server has no {name}")
        return self.files[name]

    @property
    def root_sha256(self) -> str:
        return hashlib.sha256(self.files["1.root.json"]).hexdigest()

    def _serve_all(self) -> None:
        self.serve_targets()
        self.serve_fleet()
        self.update_snapshot_meta()
        self.serve_snapshot()
        self.update_timestamp_meta()
        self.serve_timestamp()

    def _serve_document(self, path: str, target: TargetFile) -> None:
        self.files[f"targets/{target.hashes['sha256']}.{path}"] = self._documents[path]

    def _signed(self, signed: Root | Targets | Snapshot | Timestamp, signers: list[CryptoSigner]) -> bytes:
        metadata: Metadata[Any] = Metadata(deepcopy(signed))
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()
