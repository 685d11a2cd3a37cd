"""Keep since when the checks of a phone that could look have found it violating and not enforceable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Later than every check that could look and found something else; unreadable ones neither begin a run nor end it.
_FILL = """
UPDATE phone_state SET not_enforceable_since = (
    SELECT MIN(ours.effective_at) FROM report AS ours
    WHERE ours.phone_id = phone_state.phone_id AND ours.verdict = 'violating' AND NOT ours.enforceable
    AND NOT EXISTS (
        SELECT 1 FROM report AS other
        WHERE other.phone_id = ours.phone_id AND other.effective_at >= ours.effective_at
        AND (other.verdict = 'compliant' OR (other.verdict = 'violating' AND other.enforceable))
    )
)
"""


def upgrade() -> None:
    # NULL: the last check that could look found it otherwise, or none could.
    with op.batch_alter_table("phone_state") as table:
        table.add_column(sa.Column("not_enforceable_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(_FILL)


def downgrade() -> None:
    with op.batch_alter_table("phone_state") as table:
        table.drop_column("not_enforceable_since")
