"""Keep from which ring on a bundle is held, by whom and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ring_hold",
        sa.Column("hold_id", sa.Integer(), nullable=False),
        sa.Column("bundle_number", sa.BigInteger(), nullable=False),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(200), nullable=True),
        sa.Column("ended_reason", sa.String(300), nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name="pk_ring_hold"),
    )
    op.create_index(
        "ix_ring_hold_open",
        "ring_hold",
        ["bundle_number"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_ring_hold_open", "ring_hold")
    op.drop_table("ring_hold")
