"""Keep until when a first password is good, and when somebody last signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for all that there are: their owners set their passwords, or whoever runs the server did.
    op.add_column("people", sa.Column("first_password_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("people", sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # The older version knows no admins, and would fail at the name of a role that it does not know.
    op.execute(
        "UPDATE people SET roles = TRIM(REPLACE(' ' || roles || ' ', ' admin ', ' ')) WHERE roles LIKE '%admin%'"
    )
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    op.drop_column("people", "last_sign_in_at")
    op.drop_column("people", "first_password_until")
