"""Keep whose places in the list of blocks were moved, and let what the clock moves be found along indexes."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UNREAD = sa.text("verdict = 'unreadable'")


def upgrade() -> None:
    op.create_table(
        "block_change",
        sa.Column("holder_tag", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_holder", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("holder_tag", name="pk_block_change"),
    )
    op.create_index("ix_block_change_number", "block_change", ["number"])
    op.create_index("ix_block_change_at", "block_change", ["at"])
    op.create_table(
        "block_change_number",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("history", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_block_change_number"),
        sa.CheckConstraint("id = 1", name="ck_block_change_number_single"),
    )
    numbers = sa.table("block_change_number", *map(sa.column, ("id", "number", "history")))
    op.get_bind().execute(sa.insert(numbers).values(id=1, number=0, history=uuid4().hex))
    op.create_index("ix_phone_consent_since", "phone", ["consent_since"])
    op.create_index(
        "ix_phone_state_unread",
        "phone_state",
        ["unchanged_since"],
        sqlite_where=_UNREAD,
        postgresql_where=_UNREAD,
    )
    # For the list of visits in vain.
    op.create_index("ix_attempt_effective_at", "attempt", ["effective_at", "station_id", "phone_id"])


def downgrade() -> None:
    op.drop_index("ix_attempt_effective_at", "attempt")
    op.drop_index("ix_phone_state_unread", "phone_state")
    op.drop_index("ix_phone_consent_since", "phone")
    op.drop_table("block_change_number")
    op.drop_table("block_change")
