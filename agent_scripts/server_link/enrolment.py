"""From a one-line code to a station: nothing is stored unless everything fits."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent_scripts.errors import (
    AlreadyEnrolled,
    EnrolmentRefused,
    ServerUnreachable,
    StoryClockRefused,
    WriteFailed,
)
from agent_scripts.server_link.client import fetch_trust_file, join
from agent_scripts.server_link.https import ServerLink
from agent_scripts.station_files.durable_file import make_folder, write_durably
from agent_scripts.station_files.station import Station, lay_out, read_organisation_key
from agent_scripts.station_files.trusted_time import TrustedClock
from certs.enrolment_code import EnrolmentCode
from certs.errors import CertsError, FetchFailed
from certs.keys import create_key, load_signer, public_key_pem
from certs.tls import fingerprint
from certs.trust_client import TrustClient

_LARGEST_FILE = 256_000
_FIRST_ROOT = "/trust/1.root.json"


def enrol(
    folder: Path, code: str, *, name: str, organisation_key: Path, story_clock: Path | None = None
) -> Station:
    """Make `folder` a station of the server that `code` names, and return it.

    The authority and the root are fetched and compared with the code, then the token is used up. Any mismatch
    stores nothing. Raises `AlreadyEnrolled`, `InvalidCode`, `EnrolmentRefused`, `ServerError`, `WriteFailed`.
    """
    # All that can be refused here is refused before the token is used up, since it counts once.
    wanted = EnrolmentCode.parse(code)
    _require_free(folder)
    organisation = read_organisation_key(organisation_key)
    # In the same folder, so that putting it in its place is one renaming on one disk: there is a whole station or none.
    beside = folder.absolute().with_name(f".{folder.name}.enrolling-{os.getpid()}")
    try:
        make_folder(beside)
        authority = _authority(wanted)
        link = ServerLink(wanted.url, authority)
        demo = _trust_root(link, beside, wanted)
        if story_clock is not None and not demo:
            raise StoryClockRefused(
                "the story clock works under a demo root only; leave it out and enrol again"
            )
        # On disk before the server knows it: a key that got lost in between could never sign for its station.
        create_key(beside / "station.key")
        signer = load_signer(str(beside / "station.key"))
        station_id, server_time = join(link, wanted.token, name, public_key_pem(signer))
        # The one time taken over without a report of ours: it answers a token that counts once, over pinned TLS.
        TrustedClock(beside, story_clock).confirm(server_time)
        lay_out(
            beside,
            station_id=station_id,
            name=name,
            server_url=link.url,
            demo=demo,
            organisation=organisation,
            authority=authority,
        )
        _put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Station.open(folder, story_clock)


def _require_free(folder: Path) -> None:
    if (folder / "station.json").exists():
        raise AlreadyEnrolled(f"{folder} is an enrolled station already; name another folder with --station")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyEnrolled(f"{folder} is not an empty folder; name another one with --station")


def _authority(code: EnrolmentCode) -> bytes:
    """Return the server's TLS authority, once it is the one whose fingerprint the code carries."""
    try:
        pem = fetch_trust_file(ServerLink(code.url, None), "/trust/authority.pem", _LARGEST_FILE)
        found = fingerprint(pem)
    except FetchFailed as error:
        raise ServerUnreachable(str(error)) from error
    except CertsError as error:
        raise EnrolmentRefused(f"{code.url} shows no certificate authority; ask its admin") from error
    if found != code.authority_sha256:
        raise EnrolmentRefused(
            f"{code.url} shows the authority {found[:16]}…, the code names {code.authority_sha256[:16]}…; somebody may"
            " stand in between: ask the admin by another way"
        )
    # Only the certificate that was compared: a file may carry more, and each of them would be believed.
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.PEM)


def _trust_root(link: ServerLink, beside: Path, code: EnrolmentCode) -> bool:
    """Keep the root that the code names in `beside` and return whether it is marked as a demo."""
    try:
        root = fetch_trust_file(link, _FIRST_ROOT, _LARGEST_FILE)
    except FetchFailed as error:
        raise ServerUnreachable(str(error)) from error
    # With nothing to fetch by: the root is handed over, and its hash is compared before it is looked into.
    client = TrustClient(beside / "trust", lambda *_: b"", f"{link.url}/trust", write_durably)
    try:
        client.bootstrap(root, code.root_sha256)
    except CertsError as error:
        raise EnrolmentRefused(str(error)) from error
    return json.loads(root)["signed"].get("x-curfew-demo") is True


def _put_in_place(beside: Path, folder: Path) -> None:
    try:
        make_folder(folder.absolute().parent)
        os.rename(beside, folder)
    except OSError as error:
        raise WriteFailed(
            f"{folder} cannot be made ({error.strerror}); mend that, and enrol again with a new code"
        ) from error
