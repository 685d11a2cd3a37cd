"""Find the reports that tell what a phone's own script watched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The database itself gives the default: the reports that are there already need a value, too. Not as a batch, which
    # for a default makes the table anew on SQLite: other tables refer to its rows.
    op.add_column("report", sa.Column("watched", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    op.drop_column("report", "watched")
