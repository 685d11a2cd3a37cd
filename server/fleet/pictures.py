"""What phones' newest reports say to judge by (`policy.picture`), each once, however many phones say the same."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import cast

from sqlalchemy import LargeBinary, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.picture import Picture, read_picture
from server.storage.database import Base
from server.storage.prepared import Prepared, among


class _PictureTable(Base):
    """Rows that nobody updates or takes away: a phone that comes to be as it was finds its picture again."""

    __tablename__ = "picture"

    picture_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


_PICTURES = cast(Table, _PictureTable.__table__)
_STORE = Prepared(
    {
        "sqlite": sqlite.insert(_PICTURES).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(_PICTURES).on_conflict_do_nothing(),
    }
)
_FIND = Prepared(
    select(_PICTURES.c.picture_sha256, _PICTURES.c.body).where(among(_PICTURES.c.picture_sha256, "digests"))
)


def digest_of(written: bytes) -> str:
    """Return the name of a written picture."""
    return hashlib.sha256(written).hexdigest()


def keep_pictures(session: Session, written: Mapping[str, bytes]) -> None:
    """Store those of these pictures, by their names, that are not stored yet."""
    # In one order: two transactions that store the same pictures must not wait for each other.
    _STORE.run(session, ({"picture_sha256": digest, "body": written[digest]} for digest in sorted(written)))


def find_pictures(session: Session, digests: Collection[str]) -> Mapping[str, Picture]:
    """Return these pictures by their names."""
    found = _FIND.rows(session, {"digests": digests})
    return {digest: read_picture(body) for digest, body in found}
