"""Keep the certificates of lifts: which report read each phone back that was ever switched off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lift_certificate",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("phones", sa.Integer(), nullable=False),
        sa.Column("unproven", sa.Integer(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_lift_certificate"),
    )


def downgrade() -> None:
    op.drop_table("lift_certificate")
