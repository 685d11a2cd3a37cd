"""Keep the unit of each phone beside what lists go by, so that who is left is counted by unit along the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_KIND = ["fresh", "has_open", "last_at", "phone_id"]


def upgrade() -> None:
    op.add_column("fleet_entry", sa.Column("unit", sa.String(60), nullable=False, server_default=""))
    op.execute(
        """
        UPDATE fleet_entry SET unit = (SELECT unit FROM phone WHERE phone.phone_id = fleet_entry.phone_id)
        WHERE phone_id IN (SELECT phone_id FROM phone WHERE unit <> '')
        """
    )
    op.drop_index("ix_fleet_entry_kind", "fleet_entry")
    op.create_index("ix_fleet_entry_kind", "fleet_entry", [*_KIND, "unit"])


def downgrade() -> None:
    op.drop_index("ix_fleet_entry_kind", "fleet_entry")
    op.drop_column("fleet_entry", "unit")
    op.create_index("ix_fleet_entry_kind", "fleet_entry", _KIND)
