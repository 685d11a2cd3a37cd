"""Keep the bundles that stations refuse, who settled an alarm and why, and which accounts are switched off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "refusal",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("bundle_number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("sentence", sa.String(300), nullable=False),
        sa.Column("agent_version", sa.String(100), nullable=False),
        sa.Column("judgement_version", sa.BigInteger, nullable=False),
        sa.Column("accepted_number", sa.BigInteger, nullable=False),
        sa.Column("refused_at", _TIME, nullable=False),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "bundle_number", "code", name="pk_refusal"),
        sa.ForeignKeyConstraint(["station_id"], ["station.station_id"], name="fk_refusal_station_id_station"),
    )
    # The same content may stand in the table again once it was settled; of open alarms the index below says the same.
    with op.batch_alter_table("alarm") as table:
        table.add_column(sa.Column("settled_at", _TIME, nullable=True))
        table.add_column(sa.Column("settled_by", sa.String(64), nullable=True))
        table.add_column(sa.Column("settled_reason", sa.String(300), nullable=True))
        table.drop_constraint("uq_alarm_report_id_payload_sha256", type_="unique")
    op.create_index(
        "ix_alarm_open",
        "alarm",
        ["report_id", "payload_sha256"],
        unique=True,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    # NULL: the account is on.
    with op.batch_alter_table("people") as table:
        table.add_column(sa.Column("off_since", _TIME, nullable=True))


def downgrade() -> None:
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    op.drop_column("people", "off_since")
    # Before the column that it looks at.
    op.drop_index("ix_alarm_open", "alarm")
    # An occurrence after a settled one has no place in the older table: the oldest of each stays.
    op.execute(
        "DELETE FROM alarm WHERE id NOT IN (SELECT MIN(id) FROM alarm GROUP BY report_id, payload_sha256)"
    )
    with op.batch_alter_table("alarm") as table:
        table.create_unique_constraint("uq_alarm_report_id_payload_sha256", ["report_id", "payload_sha256"])
        table.drop_column("settled_reason")
        table.drop_column("settled_by")
        table.drop_column("settled_at")
    op.drop_table("refusal")
