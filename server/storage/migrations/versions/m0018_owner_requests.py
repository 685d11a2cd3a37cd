"""Keep what owners ask for, and since when a phone is its holder's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("phone", sa.Column("held_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "owner_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(64), nullable=True),
        sa.Column("answer", sa.String(1000), nullable=True),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_owner_request_phone_id_phone"),
        sa.PrimaryKeyConstraint("id", name="pk_owner_request"),
    )
    op.create_index("ix_owner_request_phone_id", "owner_request", ["phone_id"])
    op.create_index("ix_owner_request_answered_at", "owner_request", ["answered_at"])


def downgrade() -> None:
    op.drop_table("owner_request")
    op.drop_column("phone", "held_since")
