"""Keep how many phones of each ring stand how; a worker counts within a minute of its start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ring_bound",
        sa.Column("below", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("below", name="pk_ring_bound"),
    )
    op.create_table(
        "ring_tally",
        sa.Column("below", sa.Double(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.String(20), nullable=False),
        sa.Column("has_open", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.String(24), nullable=False),
        sa.Column("phones", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("below", "hour", "fresh", "has_open", "failure", name="pk_ring_tally"),
    )


def downgrade() -> None:
    op.drop_table("ring_tally")
    op.drop_table("ring_bound")
