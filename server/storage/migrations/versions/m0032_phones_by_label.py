"""Let phones be found along an index by their labels, by which drafts name them, and those who retire or exempt one."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_phone_label", "phone", ["label"])


def downgrade() -> None:
    op.drop_index("ix_phone_label", "phone")
