"""Keep with each phone what a station found that can be promised on it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL where a phone was never probed, as all that were registered before this step.
    with op.batch_alter_table("phone") as table:
        table.add_column(sa.Column("probe", sa.Text, nullable=True))
        table.add_column(sa.Column("reach", sa.String(10), nullable=True))
        table.add_column(sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    for column in ("probed_at", "reach", "probe"):
        op.drop_column("phone", column)
