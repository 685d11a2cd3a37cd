"""Who holds a phone: sealed where it is stored, and found again by a tag that tells nothing without the key.

A holder is the organisation's reference for a person. Sealed anew it is another text each time, so it can be neither
searched nor joined; what is the same for every phone of one holder is the tag.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from functools import cache, lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from server.errors import ConfigurationRefused
from server.storage.database import Base, Database
from server.storage.prepared import Prepared, among


def _phone() -> Table:
    # By its name: the module that declares it seals by this one.
    return Base.metadata.tables["phone"]


# Sealing --------------------------------------------------------------------------------------------------------


def seal(holder_key: str, holder: str) -> bytes:
    """Return a holder as it is stored."""
    return Fernet(holder_key).encrypt(holder.encode())


def opened(holder_key: str, sealed: bytes) -> str:
    """Return a holder that was sealed; raises `ConfigurationRefused` if the key is not the one of old."""
    return _opened(Fernet(holder_key), sealed)


def _opened(box: Fernet, sealed: bytes) -> str:
    try:
        return box.decrypt(sealed).decode()
    except InvalidToken as error:
        raise ConfigurationRefused(
            "CURFEW_HOLDER_KEY does not open the stored holders; put back the key they were stored under"
        ) from error


def opens(holder_key: str, sealed: bytes) -> bool:
    """Whether this key opens it; one that was sealed under a key that was lost, nobody opens any more."""
    try:
        opened(holder_key, sealed)
    except ConfigurationRefused:
        return False
    return True


def holder_tag(holder_key: str, holder: str) -> str:
    """Return what is the same for every phone of one holder, and tells nothing of it without the key."""
    return hmac.new(_tag_key(holder_key), holder.encode(), "sha256").hexdigest()


@lru_cache(maxsize=4)
def _tag_key(holder_key: str) -> bytes:
    # Not the key itself: what seals must not also be what compares (RFC 5869, section 3.2).
    return HKDF(SHA256(), 32, salt=None, info=b"curfew holder tag").derive(holder_key.encode())


# Asking ---------------------------------------------------------------------------------------------------------


class _Asked:
    """The statements, compiled once."""

    def __init__(self) -> None:
        phone = _phone().c
        tag, is_one = phone.holder_tag, among(phone.phone_id, "phone_ids")
        sealed = select(phone.phone_id, phone.sealed_holder)
        self.sealed_of_all, self.sealed = Prepared(sealed), Prepared(sealed.where(is_one))
        self.tags = Prepared(select(tag).where(is_one, tag.is_not(None)).distinct())
        behind = select(tag).where(tag > bindparam("after")).group_by(tag).order_by(tag)
        self.next_tags = Prepared(behind.limit(bindparam("limit")))


# At the first question: by then the table is declared.
_asked = cache(_Asked)


def holders_of(session: Session, holder_key: str, phone_ids: Collection[str] | None = None) -> dict[str, str]:
    """Return the holders of all phones, or of these; raises `ConfigurationRefused` if the key is not the one of old."""
    if phone_ids is None:
        found = _asked().sealed_of_all.rows(session)
    else:
        found = _asked().sealed.rows(session, {"phone_ids": phone_ids})
    box = Fernet(holder_key)
    return {phone_id: _opened(box, sealed) for phone_id, sealed in found}


def tags_of(session: Session, phone_ids: Collection[str]) -> set[str]:
    """Return the tags of the holders of these phones."""
    return {row[0] for row in _asked().tags.rows(session, {"phone_ids": phone_ids})}


def holder_tags(session: Session, after: str, limit: int) -> Sequence[str]:
    """Return the tags of the next holders behind one, in order."""
    return [row[0] for row in _asked().next_tags.rows(session, {"after": after, "limit": limit})]


# Those of before there were tags --------------------------------------------------------------------------------


def has_untagged_holders(session: Session) -> bool:
    """Whether phones are left whose holders were sealed before there were tags."""
    phone = _phone()
    query = select(phone.c.phone_id).where(phone.c.holder_tag.is_(None)).limit(1)
    return session.scalar(query) is not None


def tag_holders(session: Session, holder_key: str) -> None:
    """Give a tag to every holder that has none."""
    phone = _phone()
    untagged = session.scalars(select(phone.c.phone_id).where(phone.c.holder_tag.is_(None))).all()
    rows = [
        {"of_phone": phone_id, "holder_tag": holder_tag(holder_key, name)}
        for phone_id, name in holders_of(session, holder_key, untagged).items()
    ]
    if rows:
        session.connection().execute(update(phone).where(phone.c.phone_id == bindparam("of_phone")), rows)


def tag_all_holders(database: Database, holder_key: str) -> None:
    """Give a tag to every holder that has none, in a transaction of its own that begins only where there is one."""
    with database.reading() as session:
        if not has_untagged_holders(session):
            return
    with database.writing() as session:
        tag_holders(session, holder_key)
