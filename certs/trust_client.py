"""A station's trust: the root it was enrolled with, and the bundle it accepted last, kept through every crash.

Everything is in one file, ``trust.json``, which is replaced whole: a kill at any moment leaves either the old
accepted bundle with the old metadata, or the new one with the new.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs.acceptance import AcceptedBundle, Candidate, accept, read_documents
from certs.durable import write_durably
from certs.errors import CertsError, FileMissing, NotBootstrapped, NotWritten, StoredDamaged, WrongRoot
from certs.verified_download import Fetch, VerifiedDownload, check_root, root_name
from policy.document import Bundle

__all__ = ["AcceptedBundle", "Fetch", "TrustClient"]

_STATE_FILE = "trust.json"
_KIND = "curfew-trust-state-1"


class TrustClient:
    """The trust of one station, in `folder`; `fetch` reaches the server's trust files under `base_url`.

    ``write`` is the durable write to use; a caller that counts its writes hands in its own.
    """

    def __init__(
        self,
        folder: Path,
        fetch: Fetch,
        base_url: str,
        write: Callable[[Path, bytes], None] = write_durably,
    ) -> None:
        self._folder = folder
        self._fetch = fetch
        self._base_url = base_url
        self._write = write

    def bootstrap(self, root_json: bytes, sha256: str) -> None:
        """Trust `root_json` from now on, if its SHA-256 is the one that the enrolment code names.

        The same root again changes nothing. Raises `WrongRoot` (also when another root is trusted already),
        `Damaged` or `WrongSignature`; nothing is stored then.
        """
        found = hashlib.sha256(root_json).hexdigest()
        # First of all: until then the bytes are whatever the network gave.
        if not hmac.compare_digest(found, sha256.lower()):
            raise WrongRoot(
                f"the enrolment code names a root with SHA-256 {sha256[:16]}…, the server has {found[:16]}…;"
                " ask for a new code and compare it with the admin by another way"
            )
        # The hash says that it is the one meant, not that it is a root; an admin may have hashed the wrong file.
        version = check_root(root_json)
        self._make_folder()
        with self._locked():
            state = self._load()
            if state and state.root_sha256 != found:
                raise WrongRoot(
                    f"this station trusts the root {state.root_sha256[:16]}…, not {found[:16]}…;"
                    " to change sides, enrol in an empty folder"
                )
            if not state:
                self._store(_State(found, {root_name(version): root_json}))

    def refresh(self, now: datetime) -> AcceptedBundle:
        """Fetch, verify and accept the newest bundle as of `now` (trusted time) and return it.

        Raises `FetchFailed` or the `BundleRefused` of the first rule that does not hold; the bundle accepted
        before then stays in force, while newer signed metadata that was seen is remembered.
        """
        # Before the lock, whose file cannot be made in a folder that is not there.
        if not (self._folder / _STATE_FILE).exists():
            raise NotBootstrapped("this station trusts no root yet; enrol it with a code from the server")
        with self._locked():
            state = self._require_state()
            with VerifiedDownload(state.metadata) as download:
                try:
                    accepted = self._accept_download(download, state, now)
                except CertsError:
                    # Kept although the bundle is refused: forgetting newer metadata would let a server go back.
                    self._store_if_changed(state, replace(state, metadata=download.verified))
                    raise
                self._store_if_changed(state, replace(state, metadata=download.verified, accepted=accepted))
            return accepted

    def stored(self) -> AcceptedBundle | None:
        """Return the bundle in force, None if none was accepted yet; offline, and without looking at expiry.

        Raises `StoredDamaged` if the file cannot be read any more, `RuleUnknown` if an older software cannot.
        """
        state = self._load()
        return state.accepted if state else None

    @property
    def root_sha256(self) -> str | None:
        """The SHA-256 of the root that this station was enrolled with, None before enrolment."""
        state = self._load()
        return state.root_sha256 if state else None

    def verified_metadata(self) -> Mapping[str, bytes]:
        """Return all metadata that was verified, by the names of `VerifiedDownload`; raises `NotBootstrapped`."""
        return self._require_state().metadata

    def _accept_download(self, download: VerifiedDownload, state: _State, now: datetime) -> AcceptedBundle:
        try:
            found = download.run(self._fetch, self._base_url, now)
        except FileMissing as error:
            raise FileMissing(f"{error}; the server serves no complete publication yet") from error
        return accept(
            Candidate(
                policy_bytes=found.policy,
                fleet_bytes=found.fleet,
                demo=found.demo,
                timestamp_expires=found.timestamp_expires,
                now=now,
                previous=state.accepted,
            )
        )

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise NotWritten(
                f"{self._folder} could not be made ({error.strerror}); check the folder"
            ) from error

    def _require_state(self) -> _State:
        state = self._load()
        if state is None:
            raise NotBootstrapped("this station trusts no root yet; enrol it with a code from the server")
        return state

    def _load(self) -> _State | None:
        path = self._folder / _STATE_FILE
        try:
            return _read_state(path.read_bytes())
        except FileNotFoundError:
            return None
        # Not `CertsError`: a bundle that this software is too old to read lies in a file that is whole.
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise StoredDamaged(
                f"{path} cannot be read any more; restore it from a copy, or move it away and enrol again"
            ) from error

    def _store(self, state: _State) -> None:
        self._write(self._folder / _STATE_FILE, _write_state(state))

    def _store_if_changed(self, old: _State, new: _State) -> None:
        if old != new:
            self._store(new)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep two runs on one station from overwriting a newer state with an older one."""
        # Closing ends the lock, as the death of the process does. The file stays: with it removed and made
        # anew, two runs could hold locks on two files of one name.
        descriptor = os.open(self._folder / "trust.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class _State:
    """What ``trust.json`` holds: the enrolled root's hash, all verified metadata, and the bundle in force."""

    root_sha256: str
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    accepted: AcceptedBundle | None = None


def _write_state(state: _State) -> bytes:
    accepted = state.accepted
    data = {
        "kind": _KIND,
        "root_sha256": state.root_sha256,
        "metadata": {name: _text(data) for name, data in state.metadata.items()},
        "accepted": accepted
        and {
            "policy": _text(accepted.policy_bytes),
            "fleet": _text(accepted.fleet_bytes),
            "accepted_at": accepted.accepted_at.isoformat(),
            "confirmed_at": accepted.confirmed_at.isoformat(),
            "timestamp_expires": accepted.timestamp_expires.isoformat(),
            "demo": accepted.demo,
        },
    }
    return json.dumps(data, sort_keys=True, indent=1).encode()


def _read_state(text: bytes) -> _State:
    data = json.loads(text)
    if data["kind"] != _KIND:
        raise ValueError(f"expected {_KIND}, found {data['kind']!r}")
    metadata = {name: _bytes(value) for name, value in data["metadata"].items()}
    return _State(data["root_sha256"], metadata, data["accepted"] and _read_accepted(data["accepted"]))


def _read_accepted(data: dict[str, Any]) -> AcceptedBundle:
    policy_bytes, fleet_bytes = _bytes(data["policy"]), _bytes(data["fleet"])
    # Neither signatures nor ends are asked for again: the file is the station's own, and restoring works for
    # ever (rule 9).
    number, policy, fleet = read_documents(policy_bytes, fleet_bytes)
    return AcceptedBundle(
        bundle=Bundle(number, policy, fleet),
        policy_bytes=policy_bytes,
        fleet_bytes=fleet_bytes,
        accepted_at=_time(data["accepted_at"]),
        confirmed_at=_time(data["confirmed_at"]),
        demo=data["demo"] is True,
        timestamp_expires=_time(data["timestamp_expires"]),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
