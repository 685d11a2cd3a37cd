"""A new root: keys exchanged, thresholds changed, or just another year.

The new root is signed under the old root's rules and under its own, so stations can walk from one to the next. It
waits in the draft until `certs.repository.publish`, because a role whose keys changed has to be signed anew in the
same breath.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root

from certs.durable import write_durably
from certs.errors import RepositoryProblem, ThresholdNotReached
from certs.keys import create_key, key_pem, load_signer
from certs.publication import file_name, newest_root
from certs.repository import sign_metadata
from certs.roles import FLEET, LIFETIMES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, is_demo, name_of, named
from certs.trust_folder import TrustFolder
from policy.counted import counted


@dataclass(frozen=True)
class Rotation:
    """What changed and what has to be done before it is in force."""

    root_version: int
    added: str
    retired: str
    next_step: str


def rotate(
    folder: Path,
    role: str,
    root_signers: Sequence[Signer],
    now: datetime,
    *,
    new_key: tuple[str, Key] | None = None,
    retire: str | None = None,
    keep_keys: bool = False,
    threshold: int | None = None,
    passphrase: bytes | None = None,
) -> Rotation:
    """Draft a root in which one key of `role` is exchanged, and return what to do next.

    The key named `retire` goes (the only one if the role has one); `new_key` (name and public key) comes, else a
    key file is made under the role's name. With `keep_keys` nothing is exchanged: root gets another year, or
    `threshold`. For ``fleet``, which hangs on targets, no root changes. Raises `RepositoryProblem` or
    `ThresholdNotReached` (root signatures); key files at hand are kept in any case.
    """
    place = TrustFolder(folder)
    if passphrase and role in (SNAPSHOT, TIMESTAMP):
        raise RepositoryProblem(
            f"the {role} key signs unattended, so nobody could type its passphrase; leave out --encrypt"
        )
    if role == FLEET:
        return _rotate_fleet(place, new_key, passphrase)
    published = place.published()
    old = newest_root(published).signed
    # Built on the draft: two exchanges before one publishing make one new root, not two of one version.
    root = copy.deepcopy(newest_root({**published, **place.drafted()}).signed)
    root.version, root.expires = old.version + 1, now.astimezone(UTC) + LIFETIMES[ROOT]
    signers, added, retired, swap = list(root_signers), "", "", None
    if not keep_keys:
        leaving = _leaving(root, role, retire)
        name, key, signer = _coming(place, role, name_of(leaving), new_key, passphrase)
        root.revoke_key(leaving.keyid, role)
        root.add_key(named(key, name), role)
        added, retired = name, name_of(leaving)
        swap = None if new_key else key
        # A new root key signs the root that it comes with; keys of other roles have no say in it.
        signers += [signer] if signer and role == ROOT else []
    _set_threshold(root, role, threshold)
    metadata = Metadata(root)
    for signer in signers:
        sign_metadata(metadata, signer)
    # Before anything is written: a root that stations refuse would end all refreshing.
    _require_root_signatures(old, metadata)
    # The draft first, the key files second: killed between, the old key is still where the old root needs it.
    place.write_draft({file_name(ROOT, root.version): metadata.to_bytes()})
    if swap:
        _swap_key_files(place, added, swap)
    return Rotation(root.version, added, retired, _next_step(folder, role))


def root_keys(folder: Path) -> list[Key]:
    """Return the keys that a new root may need signatures of: the published root's and the drafted one's."""
    place = TrustFolder(folder)
    published = place.published()
    keys: dict[str, Key] = {}
    for files in (published, {**published, **place.drafted()}):
        root = newest_root(files).signed
        keys |= {keyid: root.get_key(keyid) for keyid in root.roles[ROOT].keyids}
    return list(keys.values())


def _leaving(root: Root, role: str, retire: str | None) -> Key:
    keys = [root.get_key(keyid) for keyid in root.roles[role].keyids]
    chosen = keys if retire is None else [k for k in keys if name_of(k) == retire or k.keyid == retire]
    if len(chosen) != 1:
        names = ", ".join(name_of(key) for key in keys)
        raise RepositoryProblem(f"{role} has the keys {names}; say which one goes with --retire NAME")
    return chosen[0]


def _coming(
    place: TrustFolder, role: str, replaced: str, given: tuple[str, Key] | None, passphrase: bytes | None
) -> tuple[str, Key, Signer | None]:
    if given:
        return given[0], given[1], None
    # An approver's new key keeps the approver's name; other roles have one key here, called like the role.
    name = replaced if role == TARGETS else role
    file = place.keys / f"{name}.next.pem"
    file.unlink(missing_ok=True)  # left by a rotation that did not come to its end; nothing trusts it
    create_key(file, passphrase)
    signer = load_signer(str(file), passphrase)
    return name, signer.public_key, signer


def _swap_key_files(place: TrustFolder, name: str, key: Key) -> None:
    """Put the new key file in the old one's place; the old one is kept, for it may be needed until publishing."""
    old, new = place.keys / f"{name}.pem", place.keys / f"{name}.next.pem"
    retired = place.keys / "retired"
    retired.mkdir(mode=0o700, exist_ok=True)
    # Killed between the two renames nothing is lost: `local_signers` looks at every key file, here and in `retired`.
    if old.exists():
        old.rename(retired / f"{name}-{1 + len(list(retired.glob(f'{name}-*.pem')))}.pem")
    new.rename(old)
    write_durably(place.keys / f"{name}.pub", key_pem(key))


def _rotate_fleet(place: TrustFolder, given: tuple[str, Key] | None, passphrase: bytes | None) -> Rotation:
    # No root tells of it: publishing is held up (`require_delegation`) until approvers sign targets that name the key.
    _, key, signer = _coming(place, FLEET, FLEET, given, passphrase)
    if signer:
        _swap_key_files(place, FLEET, key)
    else:
        write_durably(place.keys / "fleet.pub", key_pem(key))
    version = newest_root(place.published()).signed.version
    return Rotation(version, FLEET, FLEET, _next_step(place.path, FLEET))


def _set_threshold(root: Root, role: str, threshold: int | None) -> None:
    if threshold is not None:
        root.roles[role].threshold = threshold
    entry = root.roles[role]
    if role == TARGETS and entry.threshold < 2 and not is_demo(root):
        raise RepositoryProblem(
            "a threshold of 1 lets one person ban and lift alone, which is for demo trust; keep two"
        )
    if not 1 <= entry.threshold <= len(entry.keyids):
        raise RepositoryProblem(
            f"{entry.threshold} of {counted(len(entry.keyids), f'{role} key')} cannot sign;"
            " change one of both"
        )


def _require_root_signatures(old: Root, metadata: Metadata[Root]) -> None:
    try:
        # By the old root, or stations could not walk to the new one; by its own keys, or they could not walk on
        # from it.
        old.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures)
        metadata.signed.verify_delegate(ROOT, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError as error:
        raise ThresholdNotReached(
            f"the new root needs the signatures of the old root and its own ({error}); name the keys with --root-key"
        ) from error


def _next_step(folder: Path, role: str) -> str:
    if role in (TARGETS, FLEET):
        return (
            "the approvers sign the newest policy again, each with"
            f" `curfew-certs sign {quote(str(folder))} POLICY.json --key KEY`, then publish it"
        )
    return f"publish it: curfew-certs publish {quote(str(folder))}"
