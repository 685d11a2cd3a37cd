"""Keep what a phone's reports have in common once; envelopes that come from now on are stored beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from server.storage.packing import base_of, known_of, unpack, unpack_base

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    # Envelopes that are there stay as they came: each is read as what it is.
    op.create_table(
        "report_base",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_report_base"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_report_base_phone_id_phone"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_base_phone_id", "report_base", ["phone_id"])


def downgrade() -> None:
    # Older versions know envelopes as they came alone.
    after = ""
    while rows := _rows_after(after):
        for report_id, counter, checked_at, stored in rows:
            if base_of(stored) is not None:
                _store(report_id, unpack(stored, known_of(report_id, counter, checked_at), _base_text))
        after = rows[-1][0]
    op.drop_index("ix_report_base_phone_id", "report_base")
    op.drop_table("report_base")


_REPORTS = sa.table(
    "report",
    sa.column("report_id", sa.String),
    sa.column("counter", sa.BigInteger),
    sa.column("checked_at", sa.DateTime(timezone=True)),
    sa.column("envelope", sa.LargeBinary),
)
_BASES = sa.table("report_base", sa.column("number", sa.BigInteger), sa.column("text", sa.LargeBinary))


def _rows_after(report_id: str) -> Sequence[Any]:
    query = sa.select(_REPORTS).where(_REPORTS.c.report_id > report_id)
    return op.get_bind().execute(query.order_by(_REPORTS.c.report_id).limit(_AT_ONCE)).all()


def _base_text(number: int) -> bytes:
    stored = op.get_bind().scalar(sa.select(_BASES.c.text).where(_BASES.c.number == number))
    if stored is None:
        raise LookupError(f"expected report base {number}, found none; restore a backup, then try again")
    return unpack_base(stored)


def _store(report_id: str, envelope: bytes) -> None:
    changed = sa.update(_REPORTS).where(_REPORTS.c.report_id == report_id).values(envelope=envelope)
    op.get_bind().execute(changed)
