"""The folder in which an organisation keeps its trust, and the keys that are at hand there.

::

    metadata/   what is published: 1.root.json ... timestamp.json
    targets/    what is published: HASH.policy.json, HASH.fleet.json
    draft/      the same names, signed or being signed, not yet published
    keys/       key files (0600) and public halves (.pub); keys/retired/ for those rotated out
    tls/        the TLS authority and the server's certificate
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Root

from certs.durable import write_durably
from certs.errors import KeyUnusable, NotARepository, NotWritten
from certs.keys import load_public_key, load_signer
from certs.online import OnlineSigners
from certs.publication import TIMESTAMP_FILE, is_served_name, reachable
from certs.roles import FLEET, SNAPSHOT, TIMESTAMP, named


@dataclass(frozen=True)
class TrustFolder:
    """One organisation's trust on disk; made by `certs.repository.create_repository`."""

    path: Path

    @property
    def keys(self) -> Path:
        """Where key files are."""
        return self.path / "keys"

    @property
    def tls(self) -> Path:
        """Where the TLS authority is."""
        return self.path / "tls"

    def published(self) -> dict[str, bytes]:
        """Return the files that are published, by served name; raises `NotARepository` without a root."""
        files = reachable({**_read(self.path / "metadata", ""), **_read(self.path / "targets", "targets/")})
        if not files:
            raise NotARepository(
                f"{self.path} holds no trust; make it with: curfew-certs init {quote(str(self.path))}"
            )
        return files

    def drafted(self) -> dict[str, bytes]:
        """Return the files that wait for signatures or for publishing, by the name they will be served under."""
        draft = self.path / "draft"
        return {**_read(draft, ""), **_read(draft / "targets", "targets/")}

    def write_draft(self, files: Mapping[str, bytes]) -> None:
        """Add `files` to the draft, targets first, so that metadata never names a document that is not there."""
        for name in sorted(files, key=_documents_first):
            _write(self.path / "draft" / name, files[name])

    def write_published(self, files: Mapping[str, bytes]) -> None:
        """Publish `files`, the timestamp last: until it is there, the old publication holds."""
        for name in sorted(files, key=_documents_first):
            place = self.path if name.startswith("targets/") else self.path / "metadata"
            _write(place / name, files[name])

    def discard_draft(self) -> None:
        """Throw the draft away, metadata first."""
        for name in sorted(self.drafted(), key=_documents_first, reverse=True):
            (self.path / "draft" / name).unlink(missing_ok=True)

    def discard_policy_draft(self) -> None:
        """Throw the policy that waits for signatures away; a drafted root or fleet document stays."""
        for name in sorted(self.drafted(), key=_documents_first, reverse=True):
            if name.endswith((".targets.json", ".policy.json")):
                (self.path / "draft" / name).unlink(missing_ok=True)

    def local_signers(self, keyids: Collection[str]) -> Iterator[Signer]:
        """Yield the signers of unencrypted key files at hand whose keys are among `keyids`, current ones first."""
        # Retired ones too: until the next publishing the root in force still counts their keys.
        for file in (*sorted(self.keys.glob("*.pem")), *sorted((self.keys / "retired").glob("*.pem"))):
            if b"ENCRYPTED" not in file.read_bytes():
                signer = load_signer(str(file))
                if signer.public_key.keyid in keyids:
                    yield signer

    def online_signers(self, root: Root) -> OnlineSigners:
        """Return the snapshot and timestamp signers at hand that count under `root`; raises `KeyUnusable`."""
        snapshot = next(self.local_signers(root.roles[SNAPSHOT].keyids), None)
        timestamp = next(self.local_signers(root.roles[TIMESTAMP].keyids), None)
        if snapshot is None or timestamp is None:
            missing = SNAPSHOT if snapshot is None else TIMESTAMP
            raise KeyUnusable(f"no {missing} key in {self.keys}; name it with --{missing}-key")
        return OnlineSigners(snapshot, timestamp)

    def fleet_key(self) -> Key:
        """Return the public key that exemptions are to be signed with."""
        try:
            pem = (self.keys / "fleet.pub").read_bytes()
        except OSError as error:
            raise NotARepository(f"{self.keys / 'fleet.pub'} is missing; restore it from a copy") from error
        return named(load_public_key(pem), FLEET)


def _documents_first(name: str) -> tuple[int, str]:
    rank = 0 if name.startswith("targets/") else 2 if name == TIMESTAMP_FILE else 1
    return rank, name


def _read(folder: Path, prefix: str) -> dict[str, bytes]:
    names = {f"{prefix}{path.name}": path for path in folder.glob("*.json")}
    # A file of another name that somebody put there is neither signed with the rest nor handed to a server.
    return {name: path.read_bytes() for name, path in names.items() if is_served_name(name)}


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(f"{path.parent} could not be made ({error.strerror}); check the folder") from error
    write_durably(path, data)
