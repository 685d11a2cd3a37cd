"""Keep how many phones stood how on each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_count",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("standing", sa.String(20), nullable=False),
        sa.Column("phones", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "standing", name="pk_daily_count"),
    )


def downgrade() -> None:
    op.drop_table("daily_count")
