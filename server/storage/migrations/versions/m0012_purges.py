"""Keep the certificates of purges, and how many reports of each station are gone by them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purge",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_purge"),
    )
    op.create_table(
        "purged_of_station",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("reports", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", "station_id", name="pk_purged_of_station"),
        sa.ForeignKeyConstraint(["number"], ["purge.number"], name="fk_purged_of_station_number_purge"),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.station_id"], name="fk_purged_of_station_station_id_station"
        ),
    )


def downgrade() -> None:
    op.drop_table("purged_of_station")
    op.drop_table("purge")
