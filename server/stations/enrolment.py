"""One-time codes by which a technician's computer becomes a station, and the line that carries one."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from certs.enrolment_code import EnrolmentCode
from certs.tls import fingerprint
from server.config import Config
from server.errors import ConfigurationRefused, InConflict, NotAllowed
from server.policies.bundles import trust_file
from server.storage.database import Base, UtcTime

# Not the newest: stations walk from the first root to it, and a code that was handed out outlives a rotation.
_FIRST_ROOT = "1.root.json"
_TOKEN_BYTES = 16
_ASK_FOR_A_NEW_ONE = "Ask for a new code: curfew-server --config SERVER.env enrolment-code"


class _CodeTable(Base):
    """Only the hash of a token is kept: who reads the database cannot enrol with it."""

    __tablename__ = "enrolment_code"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    made_for: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


def new_code(
    session: Session, config: Config, made_for: str, expires_at: datetime, now: datetime
) -> EnrolmentCode:
    """Return a new code for one station, good until `expires_at`; the caller writes the audit row.

    Raises `InConflict` before the first publication: a station could not tell which root to trust.
    """
    root = trust_file(session, _FIRST_ROOT)
    if root is None:
        raise InConflict(
            "nothing_published",
            "no trust is published yet, so a code could not name its root",
            "Publish first: curfew-server --config SERVER.env publish FOLDER",
        )
    return EnrolmentCode(
        url=config.public_url,
        root_sha256=hashlib.sha256(root).hexdigest(),
        authority_sha256=fingerprint(authority_certificate(config)),
        token=make_token(session, made_for, expires_at, now),
    )


def make_token(session: Session, made_for: str, expires_at: datetime, now: datetime) -> str:
    """Return a new token of 128 random bits, good for one enrolment until `expires_at`; it is shown this once."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.add(
        _CodeTable(token_sha256=_hashed(token), made_for=made_for, made_at=now, expires_at=expires_at)
    )
    session.flush()
    return token


def use_token(session: Session, token: str, now: datetime) -> str:
    """Use `token` up and return whom it was made for.

    Raises `NotAllowed` with a code of its own for an unknown, an expired and a used one.
    """
    # One statement: two computers with one code cannot both find it unused.
    taken = session.execute(
        update(_CodeTable)
        .where(
            _CodeTable.token_sha256 == _hashed(token),
            _CodeTable.used_at.is_(None),
            _CodeTable.expires_at > now,
        )
        .values(used_at=now)
        .returning(_CodeTable.made_for)
    ).one_or_none()
    if taken is None:
        raise _why_not(session, token)
    return str(taken[0])


def _why_not(session: Session, token: str) -> NotAllowed:
    # For the words only: whether the code was good has been decided.
    stored = session.execute(
        select(_CodeTable.used_at).where(_CodeTable.token_sha256 == _hashed(token))
    ).one_or_none()
    if stored is None:
        return NotAllowed("code_unknown", "this enrolment code was never issued here", _ASK_FOR_A_NEW_ONE)
    if stored.used_at is not None:
        return NotAllowed("code_used", "this enrolment code was used already", _ASK_FOR_A_NEW_ONE)
    return NotAllowed("code_expired", "this enrolment code has expired", _ASK_FOR_A_NEW_ONE)


def authority_certificate(config: Config) -> bytes:
    """Return the PEM of the TLS authority that stations are to trust; raises `ConfigurationRefused` without it."""
    path = config.tls_folder / "authority.pem"
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationRefused(
            f"cannot read {path}: {error.strerror}; CURFEW_TLS_FOLDER must name the folder curfew-certs made"
        ) from error


def _hashed(token: str) -> str:
    # A plain hash is enough: 128 random bits cannot be guessed from it.
    return hashlib.sha256(token.encode()).hexdigest()
