"""Taking over what admins signed, and keeping timestamp and snapshot fresh. Nothing is served that was not verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.online import (
    Publication,
    adopt,
    is_online,
    load_online_signers,
    needs_renewal,
    publish_over,
    renew,
    verify_publication,
)
from certs.publication import TIMESTAMP_FILE, Files, file_name, reachable, timestamp_of
from certs.repository import publication_files
from certs.roles import SNAPSHOT, TARGETS
from policy.document import Fleet
from server.clock import Clock
from server.config import Config
from server.errors import PublicationRefused, StorageUnavailable
from server.evidence import audit
from server.policies.bundles import (
    VerifiedBundle,
    lock_trust_files,
    newest_bundle,
    store_publication,
    store_trust_files,
    trust_file,
    trust_files,
)
from server.storage.database import Database

_log = structlog.get_logger()

_SKIPPED = 10_000
"""More than a server renews in ten years, at twice a day."""


@dataclass(frozen=True)
class PublishResult:
    """What is served now. ``is_new`` is False where the very same was served before: then there is no new version.

    ``renewed`` says that timestamp or snapshot were replaced all the same, by newer ones out of the folder.
    """

    publication: Publication
    is_new: bool
    renewed: bool = False


RecordExemptions = Callable[[Session, Fleet, Publication, str, datetime], None]
"""Writes the audit rows about exemptions: of the fleet before, the publication, who published, and now."""


def publish(
    database: Database, config: Config, folder: Path, actor: str, record_exemptions: RecordExemptions
) -> PublishResult:
    """Verify the publication in `folder` as a station would, and serve it from now on.

    Raises `PublicationRefused` for anything a station would refuse; then nothing has changed.
    """
    files = _files_of(folder)
    with database.writing() as session:
        # Before anything is read: two at once would both be compared with what was there before either.
        lock_trust_files(session, TIMESTAMP_FILE)
        current = trust_files(session)
        publication, served, now = _verified(files, current, config)
        # Whatever the online keys sign is renewed by itself, and is no act of anybody.
        if all(is_online(name) or current.get(name) == data for name, data in served.items()):
            return PublishResult(publication, is_new=False, renewed=_renew(session, config, served, current))
        _store(session, publication, served, By(actor, record_exemptions), now)
    return PublishResult(publication, is_new=True)


@dataclass(frozen=True)
class By:
    """Who publishes, what writes the rows about exemptions, and what the publication's own row tells besides."""

    actor: str
    record_exemptions: RecordExemptions
    detail: Mapping[str, Any] = field(default_factory=dict)


def publish_approved(
    session: Session, config: Config, documents: Files, by: By, now: datetime
) -> Publication:
    """Serve signed targets and their policy on top of what is served; the caller has locked the trust files.

    Raises `PublicationRefused` for anything a station would refuse; then nothing has changed.
    """
    current = trust_files(session)
    try:
        signers = load_online_signers(_online_keys(config))
        publication, served = publish_over(current, documents, signers, now)
    except CertsError as error:
        raise PublicationRefused(str(error)) from error
    _store(session, publication, served, by, now)
    return publication


def require_online_keys(config: Config) -> None:
    """Raise `PublicationRefused` on a server that cannot sign a snapshot: it publishes what a folder has complete."""
    _online_keys(config)


def _online_keys(config: Config) -> Path:
    if config.trust_keys is None:
        raise PublicationRefused(
            "this server has no online keys (CURFEW_TRUST_KEYS), so it cannot publish by itself; sign and publish in"
            " the trust folder"
        )
    return config.trust_keys


def _store(session: Session, publication: Publication, served: Files, by: By, now: datetime) -> None:
    """Store a verified publication with its audit rows."""
    bundle = VerifiedBundle(
        number=publication.number,
        demo=publication.demo,
        signers=publication.signers[TARGETS],
        expires=publication.expires[TARGETS],
        policy_bytes=publication.policy_bytes,
        fleet_bytes=publication.fleet_bytes,
    )
    before = newest_bundle(session)
    store_publication(session, bundle, served, now)
    detail = {
        "name": publication.policy.name,
        "signers": list(bundle.signers),
        "fleet": publication.fleet.number,
        **by.detail,
    }
    audit.record(session, by.actor, "bundle published", f"bundle {publication.number}", detail, now)
    by.record_exemptions(session, before.fleet if before else Fleet(), publication, by.actor, now)


def renew_above_all_seen(session: Session, config: Config, now: datetime) -> bool:
    """Renew timestamp and snapshot under numbers that no station can have seen, and say whether the server could.

    For a database from a backup: the server had renewed both since, and stations refuse a lower number.
    """
    files = trust_files(session)
    if not files or config.trust_keys is None:
        return False
    store_trust_files(session, renew(files, load_online_signers(config.trust_keys), now, skipped=_SKIPPED))
    return True


def current_timestamp(database: Database, config: Config, now: datetime) -> bytes | None:
    """Return ``timestamp.json``, renewed first if half of its life or its snapshot's is over; None before publication.

    When it cannot be renewed the old one is returned: stations refuse it by themselves once it has expired.
    """
    with database.reading() as session:
        data = trust_file(session, TIMESTAMP_FILE)
        if data is None or config.trust_keys is None:
            return data
        timestamp = timestamp_of({TIMESTAMP_FILE: data})
        assert timestamp is not None
        snapshot_name = file_name(SNAPSHOT, timestamp.signed.snapshot_meta.version)
        snapshot = trust_file(session, snapshot_name) or b""
    # Looked at without a lock: every station asks for this file, and twice a day it is due.
    if not needs_renewal({TIMESTAMP_FILE: data, snapshot_name: snapshot}, now):
        return data
    try:
        return _renewed(database, config.trust_keys, now)
    except (CertsError, StorageUnavailable) as error:
        # When this begins, half of its life is left to mend it.
        _log.error("timestamp_not_renewed", reason=str(error))
        return data


def _renewed(database: Database, trust_keys: Path, now: datetime) -> bytes:
    # Loaded for each renewal, so that keys which were rotated count without a restart.
    signers = load_online_signers(trust_keys)
    with database.writing() as session:
        lock_trust_files(session, TIMESTAMP_FILE)
        files = trust_files(session)
        if not needs_renewal(files, now):
            return files[TIMESTAMP_FILE]  # another request has renewed it meanwhile
        fresh = renew(files, signers, now)
        store_trust_files(session, fresh)
    _log.info("timestamp_renewed", files=sorted(fresh))
    return fresh[TIMESTAMP_FILE]


def _verified(
    files: Files, current: Files, config: Config
) -> tuple[Publication, Mapping[str, bytes], datetime]:
    """Return what `files` publish, the files to serve from now on, and the time by which they were verified."""
    try:
        # Verified without a time first: whether the story's time may be believed stands in what is verified.
        now = _time_for(verify_publication(files, current), config)
        # Without the online keys the admin's own snapshot and timestamp are served: they must not have expired.
        if config.trust_keys is None:
            return verify_publication(files, current, now), reachable(files), now
        publication, served = adopt(files, current, load_online_signers(config.trust_keys), now)
    except CertsError as error:
        raise PublicationRefused(str(error)) from error
    return publication, served, now


def _renew(session: Session, config: Config, served: Files, current: Files) -> bool:
    """Store what the admin has renewed, and say whether that was anything; with its own keys the server renews."""
    renewed = {name: data for name, data in served.items() if current.get(name) != data}
    if config.trust_keys is not None or not renewed:
        return False
    store_trust_files(session, renewed)
    return True


def _time_for(publication: Publication, config: Config) -> datetime:
    if config.story_clock is not None and not publication.demo:
        raise PublicationRefused(
            "CURFEW_STORY_CLOCK moves the time and is allowed under a demo root only; remove it from server.env"
        )
    return Clock(config.story_clock).now()


def _files_of(folder: Path) -> dict[str, bytes]:
    try:
        return publication_files(folder)
    except CertsError as error:
        raise PublicationRefused(str(error)) from error
