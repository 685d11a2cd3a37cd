"""A publication fetched and verified by python-tuf's client, by trusted time instead of the wall clock.

This module alone talks to ``tuf.ngclient`` and turns its errors into ours. The client works in a scratch folder;
what it verified is handed back as bytes, so that the caller can store everything in one durable step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias

from tuf.api import exceptions
from tuf.api.metadata import Root, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from certs import errors
from certs.publication import parsed
from certs.roles import FLEET_TARGET, POLICY_TARGET, is_demo

Fetch: TypeAlias = Callable[[str, int], bytes]
"""``fetch(url, max_length)`` returns at most ``max_length`` bytes, or raises `FetchFailed` or `FileMissing`."""

DOCUMENT_MAX_LENGTH = 1 << 20
"""Bytes of a policy or fleet document; larger ones are refused before they are fetched."""

# Far below python-tuf's own 2 and 5 MB for snapshot and targets: ours name two files each. Of delegations there
# is one, to fleet.
_LIMITS = UpdaterConfig(
    max_root_rotations=256,
    max_delegations=4,
    root_max_length=256_000,
    timestamp_max_length=16_384,
    snapshot_max_length=64_000,
    targets_max_length=256_000,
)
_ROOTS = "root_history"


@dataclass(frozen=True)
class Download:
    """What was fetched, every byte of it verified. ``policy`` and ``fleet`` are None if nothing signed names them."""

    demo: bool
    timestamp_expires: datetime
    policy: bytes | None
    fleet: bytes | None


class VerifiedDownload:
    """One run of the client over what was verified before (`cache`); use as a context manager.

    ``cache`` is by file name of the client: ``root_history/1.root.json`` (the root of all trust, always there),
    ``timestamp.json``, ``snapshot.json``, ``targets.json``, ``fleet.json``.
    """

    def __init__(self, cache: Mapping[str, bytes]) -> None:
        self._before = dict(cache)
        self._scratch = tempfile.TemporaryDirectory(prefix="curfew-trust-")
        self._folder = Path(self._scratch.name)

    def __enter__(self) -> VerifiedDownload:
        (self._folder / _ROOTS).mkdir()
        for name, data in self._before.items():
            (self._folder / name).write_bytes(data)
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def run(self, fetch: Fetch, base_url: str, now: datetime) -> Download:
        """Fetch root, timestamp, snapshot, targets and fleet in order and verify each as of `now`.

        Raises a `BundleRefused` or `FetchFailed`; what was verified until then is in `verified`.
        """
        with _translated():
            # From the first root on, the one that enrolment pinned: each run walks the whole chain of stored
            # roots again.
            client = _Client(self._folder, fetch, base_url, self._first_root(), now)
            # Root, timestamp, snapshot, targets: each is checked by the one before.
            client.refresh()
            policy = self._document(client, POLICY_TARGET)
            fleet = self._document(client, FLEET_TARGET)
        # The newest root of the walk: the client links this name to it.
        root = parsed((self._folder / "root.json").read_bytes(), Root).signed
        timestamp = parsed((self._folder / "timestamp.json").read_bytes(), Timestamp).signed
        return Download(is_demo(root), timestamp.expires, policy, fleet)

    @property
    def verified(self) -> dict[str, bytes]:
        """All metadata that was verified so far, to hand to the next run."""
        names = [*self._folder.glob("*.json"), *(self._folder / _ROOTS).glob("*.json")]
        return {
            path.relative_to(self._folder).as_posix(): path.read_bytes()
            for path in sorted(names)
            # The client's root.json is a link to the newest of the roots, which are all here already.
            if not path.is_symlink()
        }

    def _first_root(self) -> bytes:
        versions = [int(name.split("/")[1].split(".")[0]) for name in self._before if name.startswith(_ROOTS)]
        return self._before[root_name(min(versions))]

    def _document(self, client: Updater, path: str) -> bytes | None:
        target = client.get_targetinfo(path)
        if target is None:
            return None
        # The length is signed, but by whoever signed; a mistake there must not fill a station's disk.
        if target.length > DOCUMENT_MAX_LENGTH:
            raise errors.TooLong(f"{path} has {target.length} bytes; at most {DOCUMENT_MAX_LENGTH} are read")
        # Not named .json: `verified` hands on metadata and no documents.
        content = Path(client.download_target(target, str(self._folder / f"{path}.target")))
        return content.read_bytes()


def root_name(version: int) -> str:
    """Return the client's name for a root."""
    return f"{_ROOTS}/{version}.root.json"


def check_root(root: bytes) -> int:
    """Return the version of a root that is signed by its own keys; raises `Damaged` or `WrongSignature`."""
    signed = parsed(root, Root)
    with _translated():
        signed.signed.verify_delegate(Root.type, signed.signed_bytes, signed.signatures)
    return signed.signed.version


class _Client(Updater):
    """python-tuf's client with the time handed in; it has no public way to say what time it is."""

    def __init__(self, folder: Path, fetch: Fetch, base_url: str, root: bytes, now: datetime) -> None:
        url = base_url.rstrip("/") + "/"
        super().__init__(
            metadata_dir=str(folder),
            metadata_base_url=url,
            target_base_url=f"{url}targets/",
            fetcher=_Fetcher(fetch),
            config=_LIMITS,
            bootstrap=root,
        )
        # Expiry is looked at during refresh() only, so this is early enough.
        self._trusted_set.reference_time = now


class _Fetcher(FetcherInterface):
    """Our fetch function in the shape that python-tuf's client expects, with its limit passed on."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch_bytes = fetch

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        try:
            data = self._fetch_bytes(url, max_length)
        except errors.FileMissing as error:
            # The walk over the roots ends at a 404; any other failure ends the run.
            raise exceptions.DownloadHTTPError(str(error), 404) from error
        except errors.FetchFailed as error:
            raise exceptions.DownloadError(str(error)) from error
        # Again after the fetch: the limit handed in is a request, not a proof.
        if len(data) > max_length:
            raise exceptions.DownloadLengthMismatchError(f"{url} is longer than {max_length} bytes")
        yield BytesIO(data)

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError(f"download_file() is the only way to {url}")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn python-tuf's errors into ours, each with what it means for the reader."""
    kept = "the bundle accepted before stays in force"
    try:
        yield
    # The narrow ones first: most of these are `RepositoryError`s, and too long a download is a `DownloadError`.
    except exceptions.ExpiredMetadataError as error:
        raise errors.Expired(f"{error}; {kept}, ask the server's operator to renew the signatures") from error
    except exceptions.UnsignedMetadataError as error:
        raise errors.WrongSignature(f"{error}; {kept}, ask an admin who signed this") from error
    except exceptions.BadVersionNumberError as error:
        raise errors.VersionWentBack(f"{error}; {kept}, the server may serve an old copy") from error
    except exceptions.LengthOrHashMismatchError as error:
        raise errors.ContentMismatch(
            f"{error}; {kept}, try again, then tell the server's operator"
        ) from error
    except exceptions.RepositoryError as error:
        raise errors.Damaged(f"{error}; {kept}, tell the server's operator") from error
    except exceptions.DownloadLengthMismatchError as error:
        raise errors.TooLong(f"{error}; {kept}, tell the server's operator") from error
    except exceptions.DownloadError as error:
        # What our own fetch said is handed on as it is.
        if isinstance(error.__cause__, errors.FetchFailed):
            raise error.__cause__ from error
        raise errors.FetchFailed(f"{error}; {kept}, try again later") from error
