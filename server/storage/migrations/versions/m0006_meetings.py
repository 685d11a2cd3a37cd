"""Keep which station has met which phone, and the hash of the marker by which another one proves it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL: the station that registered the phone did not tell it; the newest report that tells a marker counts then.
    op.add_column("phone", sa.Column("marker_sha256", sa.String(64), nullable=True))
    op.create_table(
        "meeting",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "phone_id", name="pk_meeting"),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"], name="fk_meeting_station_id_station"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_meeting_phone_id_phone"),
    )
    # Who registered a phone, or has reported on it, has met it: no station in use has to prove anything anew.
    op.execute(
        "INSERT INTO meeting (station_id, phone_id, met_at)"
        " SELECT station_id, phone_id, MIN(met_at) FROM ("
        "SELECT station_id, phone_id, registered_at AS met_at FROM phone"
        " UNION ALL SELECT station_id, phone_id, received_at AS met_at FROM report"
        ") AS known GROUP BY station_id, phone_id"
    )


def downgrade() -> None:
    op.drop_table("meeting")
    # The older version does not know this kind.
    op.execute("DELETE FROM alarm WHERE kind = 'unmet_phone'")
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    op.drop_column("phone", "marker_sha256")
