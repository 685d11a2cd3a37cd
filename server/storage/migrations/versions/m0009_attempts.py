"""Keep which phones stations visited in vain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("effective_at", _TIME, nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("time_trusted", sa.Boolean, nullable=False),
        sa.Column("transport", sa.String(100), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "phone_id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"], name="fk_attempt_station_id_station"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_attempt_phone_id_phone"),
    )
    # For the phone's page; the key begins with the station.
    op.create_index("ix_attempt_phone_id", "attempt", ["phone_id"])


def downgrade() -> None:
    op.drop_table("attempt")
