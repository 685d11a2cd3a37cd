"""The commands of whoever keeps the trust folder: keys, publishing, keeping fresh, exchanging keys, looking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import click
from securesystemslib.signer import Key, Signer

from certs import repository
from certs.cli_prompts import FOLDER, KEY_HELP, new_passphrase, open_key
from certs.cli_tables import plain, print_overview
from certs.durable import create_private_file
from certs.errors import KeyExists, KeyUnusable
from certs.family_lines import plain_reviews, review_lines
from certs.keys import create_key, key_pem, load_public_key, load_signer
from certs.online import OnlineSigners, Publication
from certs.overview import overview
from certs.roles import ALL_ROLES, FLEET, SNAPSHOT, TARGETS, TIMESTAMP
from certs.rotation import root_keys
from certs.rotation import rotate as rotate_role
from certs.terminal import tell
from certs.tls import fingerprint, issue_server_certificate
from certs.trust_folder import TrustFolder
from policy.families import review_families


@click.command()
@FOLDER
@click.option(
    "--demo", is_flag=True, help="Mark this trust as a demo: one approver, virtual phones accepted."
)
@click.option("--approvers", type=click.IntRange(1, 20), help="Make so many approver keys here (2; demo: 1).")
@click.option("--threshold", type=click.IntRange(1, 20), help="So many approvers must sign (2; demo: 1).")
@click.option(
    "--approver-key",
    "approver_files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="An approver's public key (PEM), made elsewhere; its file name is the approver's name. Repeatable.",
)
@click.option(
    "--encrypt", is_flag=True, help="Ask for a passphrase for the root and approver keys made here."
)
@click.option("--server-name", multiple=True, help="A host name or address of the server. Repeatable.")
def init(
    folder: Path,
    demo: bool,
    approvers: int | None,
    threshold: int | None,
    approver_files: tuple[Path, ...],
    encrypt: bool,
    server_name: tuple[str, ...],
) -> None:
    """Make trust in FOLDER: keys, root, TLS authority. Take keys/root.pem offline afterwards."""
    passphrase = new_passphrase() if encrypt else None
    repository.create_repository(
        folder,
        datetime.now(UTC),
        demo=demo,
        approvers=approvers,
        threshold=threshold,
        approver_keys={file.stem: _public_key(file) for file in approver_files},
        passphrase=passphrase,
        server_names=server_name or ("localhost", "127.0.0.1"),
    )
    tell(f"trust made in {folder}")
    tell(f"TLS authority {fingerprint((folder / 'tls' / 'authority.pem').read_bytes())}")
    tell(f"next: curfew-certs draft {quote(str(folder))} POLICY.json")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase.")
def key(file: Path, encrypt: bool) -> None:
    """Make a private key in FILE and its public half in FILE.pub, for an approver to hand to the root's holder."""
    passphrase = new_passphrase() if encrypt else None
    public = file.with_suffix(".pub")
    if public.exists():
        # Looked at before the key is made: a new key beside an old public half would be handed over as that one.
        raise KeyExists(f"{public} exists and is not overwritten; choose another name or move it away")
    create_key(file, passphrase)
    create_private_file(public, key_pem(load_signer(str(file), passphrase).public_key))
    tell(f"private key {file} (keep it), public key {public} (hand it over)")


@click.command()
@FOLDER
@click.option("--snapshot-key", help=KEY_HELP)
@click.option("--timestamp-key", help=KEY_HELP)
def publish(folder: Path, snapshot_key: str | None, timestamp_key: str | None) -> None:
    """Publish what enough approvers have signed."""
    signers = _online_signers(folder, snapshot_key, timestamp_key)
    _say_published(repository.publish(folder, datetime.now(UTC), signers))
    trust = quote(str(folder))
    tell(
        f"without a server yet, make one first: curfew-server init SERVER --trust {trust} --url https://HOST:PORT"
    )
    tell(f"next: curfew-server --config SERVER.env publish {trust}")


@click.command()
@FOLDER
@click.option("--snapshot-key", help=KEY_HELP)
@click.option("--timestamp-key", help=KEY_HELP)
def refresh(folder: Path, snapshot_key: str | None, timestamp_key: str | None) -> None:
    """Renew the timestamp, and the snapshot near its end; a server does this by itself."""
    signers = _online_signers(folder, snapshot_key, timestamp_key)
    _say_published(repository.refresh(folder, datetime.now(UTC), signers))


@click.command()
@FOLDER
@click.argument("role", type=click.Choice(ALL_ROLES))
@click.option("--retire", help="The name of the key that goes, where the role has several.")
@click.option(
    "--new-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The public key (PEM) that comes; its file name is its name. Without it a key file is made here.",
)
@click.option("--keep-keys", is_flag=True, help="Exchange nothing: give root another year.")
@click.option("--threshold", type=click.IntRange(1, 20), help="Change how many of the role's keys must sign.")
@click.option("--root-key", multiple=True, help="A root key, old or new. Repeatable. " + KEY_HELP)
@click.option("--encrypt", is_flag=True, help="Ask for a passphrase for the key made here.")
def rotate(
    folder: Path,
    role: str,
    retire: str | None,
    new_key: Path | None,
    keep_keys: bool,
    threshold: int | None,
    root_key: tuple[str, ...],
    encrypt: bool,
) -> None:
    """Exchange a key of ROLE under a new root, which is published with the next `publish`."""
    coming = _public_key(new_key) if new_key else None
    # The fleet key hangs on targets: no root changes, so no root key has to be fetched from where it is kept.
    signers = [] if role == FLEET else _root_signers(folder, root_key, coming)
    done = rotate_role(
        folder,
        role,
        signers,
        datetime.now(UTC),
        new_key=(new_key.stem, coming) if new_key and coming else None,
        retire=retire,
        keep_keys=keep_keys,
        threshold=threshold,
        passphrase=new_passphrase() if encrypt else None,
    )
    if done.added:
        tell(f"{role}: {done.added} comes, {done.retired} goes, with root version {done.root_version}")
    tell(f"next: {done.next_step}")


@click.command()
@FOLDER
@click.argument("names", nargs=-1, required=True)
def certificate(folder: Path, names: tuple[str, ...]) -> None:
    """Issue the server's TLS certificate anew, for these host names and addresses."""
    issue_server_certificate(TrustFolder(folder).tls, names)
    tell(f"issued {folder / 'tls' / 'server.pem'} for {', '.join(names)}")


@click.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def show(folder: Path, as_json: bool) -> None:
    """Show roles, versions, signers, expiries, the bundle in force, the names it lacks, and the draft."""
    found = overview(folder)
    now = datetime.now(UTC)
    in_force = repository.published_policy(folder)
    reviews = review_families(in_force[1], now.date()) if in_force else ()
    if as_json:
        tell(json.dumps({**plain(found), "families": plain_reviews(reviews)}, sort_keys=True))
        return
    print_overview(found, now)
    advice = f"next: curfew-certs draft {quote(str(folder))} NEXT.json --update-families"
    for line in review_lines(reviews, "the policy in force", advice):
        tell(line)


def _root_signers(folder: Path, uris: Sequence[str], coming: Key | None) -> list[Signer]:
    """Open the root keys named, else those at hand, else ask for the passphrase of the one that ``init`` made."""
    known = root_keys(folder)
    at_hand = [] if uris else list(TrustFolder(folder).local_signers([key.keyid for key in known]))
    if at_hand:
        return at_hand
    chosen = uris or [str(folder / "keys" / "root.pem")]
    return [open_key(uri, [*known, *([coming] if coming else [])]) for uri in chosen]


def _online_signers(folder: Path, snapshot: str | None, timestamp: str | None) -> OnlineSigners | None:
    # None takes the keys at hand; where one of the two is named, the other is looked for in the folder.
    if snapshot is None and timestamp is None:
        return None
    keys = folder / "keys"
    return OnlineSigners(
        open_key(snapshot or str(keys / "snapshot.pem"), repository.approver_keys(folder, SNAPSHOT)),
        open_key(timestamp or str(keys / "timestamp.pem"), repository.approver_keys(folder, TIMESTAMP)),
    )


def _public_key(file: Path) -> Key:
    try:
        return load_public_key(file.read_bytes())
    except KeyUnusable as error:
        raise KeyUnusable(f"{file}: {error}") from error


def _say_published(publication: Publication) -> None:
    signed = ", ".join(publication.signers[TARGETS])
    tell(f"bundle {publication.number} is published, approved by {signed}")
    tell(f"approval holds until {publication.expires[TARGETS]:%Y-%m-%d %H:%M} UTC")
