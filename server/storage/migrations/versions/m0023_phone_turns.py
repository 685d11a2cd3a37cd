"""Keep when each phone last began to violate, complied again, was switched off and was put back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty: what was before is told by the reports, and a day later nobody asks for it any more.
    op.create_table(
        "phone_turn",
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_phone_turn_phone_id_phone"),
        sa.PrimaryKeyConstraint("phone_id", "kind", name="pk_phone_turn"),
    )
    op.create_index("ix_phone_turn_kind", "phone_turn", ["kind", "at", "phone_id"])


def downgrade() -> None:
    op.drop_table("phone_turn")
