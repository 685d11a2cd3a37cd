"""Let the phones of a ring be found along the index that lists go by."""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_KIND = ["fresh", "has_open", "last_at", "phone_id", "unit"]


def upgrade() -> None:
    op.drop_index("ix_fleet_entry_kind", "fleet_entry")
    op.create_index("ix_fleet_entry_kind", "fleet_entry", [*_KIND, "share", "failure"])


def downgrade() -> None:
    op.drop_index("ix_fleet_entry_kind", "fleet_entry")
    op.create_index("ix_fleet_entry_kind", "fleet_entry", _KIND)
