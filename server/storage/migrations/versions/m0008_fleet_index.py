"""Keep what lists and counts go by: of phones, of what a search looks through, and of what each station has sent."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As `server.fleet.entries.entry_of` makes it of a phone and its latest check.
_ENTRIES = """
INSERT INTO fleet_entry (phone_id, fresh, has_open, reach, last_at)
SELECT phone.phone_id,
    CASE WHEN phone.consent = 'declined' THEN 'declined'
        WHEN state.phone_id IS NULL THEN 'unseen'
        WHEN state.verdict <> 'violating' THEN state.verdict
        WHEN state.enforceable THEN 'violating'
        ELSE 'not_enforceable' END,
    COALESCE(state.open_entries > 0, {false}),
    CASE WHEN state.phone_id IS NULL OR state.verdict = 'unreadable' THEN COALESCE(phone.reach, 'unknown')
        WHEN NOT state.enforceable THEN 'closed'
        WHEN state.verdict = 'violating' THEN 'open'
        ELSE COALESCE(phone.reach, 'unknown') END,
    COALESCE(state.effective_at, phone.registered_at)
FROM phone LEFT JOIN phone_state AS state ON state.phone_id = phone.phone_id
"""
_AT_ONCE = 1_000
_TALLIES = """
INSERT INTO fleet_tally (hour, fresh, has_open, reach, phones)
SELECT {hour} AS hour, fresh, has_open, reach, COUNT(*) FROM fleet_entry GROUP BY 1, fresh, has_open, reach
"""
_HOURS = {
    "sqlite": "CAST(strftime('%s', last_at) AS INTEGER) / 3600",
    "postgresql": "CAST(FLOOR(EXTRACT(EPOCH FROM last_at) / 3600) AS BIGINT)",
}
# Of each station its reports in all, and of the one with the highest counter what it said.
_ACTIVITIES = """
INSERT INTO station_activity
    (station_id, reports, last_report_at, highest_counter, checked_at, effective_at, bundle_number)
SELECT newest.station_id, sent.reports, sent.last_report_at, newest.counter, newest.checked_at, newest.effective_at,
    newest.bundle_number
FROM report AS newest JOIN (
    SELECT station_id, COUNT(*) AS reports, MAX(received_at) AS last_report_at, MAX(counter) AS counter
    FROM report GROUP BY station_id
) AS sent ON sent.station_id = newest.station_id AND sent.counter = newest.counter
"""


def upgrade() -> None:
    op.create_table(
        "fleet_entry",
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("fresh", sa.String(20), nullable=False),
        sa.Column("has_open", sa.Boolean(), nullable=False),
        sa.Column("reach", sa.String(10), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("phone_id", name="pk_fleet_entry"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_fleet_entry_phone_id_phone"),
    )
    op.create_index("ix_fleet_entry_kind", "fleet_entry", ["fresh", "has_open", "last_at", "phone_id"])
    op.create_table(
        "fleet_tally",
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.String(20), nullable=False),
        sa.Column("has_open", sa.Boolean(), nullable=False),
        sa.Column("reach", sa.String(10), nullable=False),
        sa.Column("phones", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "fresh", "has_open", "reach", name="pk_fleet_tally"),
    )
    op.create_table(
        "phone_names",
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("phone_id", name="pk_phone_names"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_phone_names_phone_id_phone"),
    )
    op.create_table(
        "station_activity",
        sa.Column("station_id", sa.String(36), nullable=False),
        sa.Column("reports", sa.BigInteger(), nullable=False),
        sa.Column("last_report_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("highest_counter", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_station_activity"),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.station_id"], name="fk_station_activity_station_id_station"
        ),
    )
    # NULL: sealed before there were tags, which only the server's key can make.
    op.add_column("phone", sa.Column("holder_tag", sa.String(64), nullable=True))
    op.create_index("ix_phone_holder_tag", "phone", ["holder_tag"])
    dialect = op.get_bind().dialect.name
    op.execute(_ENTRIES.format(false="0" if dialect == "sqlite" else "FALSE"))
    op.execute(_TALLIES.format(hour=_HOURS[dialect]))
    op.execute(_ACTIVITIES)
    _name_phones()


def _name_phones() -> None:
    phone = sa.table("phone", *map(sa.column, ("phone_id", "label", "model", "manufacturer")))
    names = sa.table("phone_names", sa.column("phone_id"), sa.column("names"))
    after = ""
    # Piece by piece: the names of a million phones at once would take a gigabyte.
    while found := op.get_bind().execute(_next_phones(phone, after)).all():
        # Folded here and not by the database, which knows other rules, and SQLite those of ASCII only.
        rows = [{"phone_id": row[0], "names": "\n".join(row).casefold()} for row in found]
        op.get_bind().execute(sa.insert(names), rows)
        after = found[-1][0]


def _next_phones(phone: sa.TableClause, after: str) -> sa.Select[Any]:
    return sa.select(phone).where(phone.c.phone_id > after).order_by(phone.c.phone_id).limit(_AT_ONCE)


def downgrade() -> None:
    op.drop_index("ix_phone_holder_tag", "phone")
    # Not as a batch, which on SQLite makes the table anew: other tables refer to its rows.
    op.drop_column("phone", "holder_tag")
    op.drop_table("station_activity")
    op.drop_table("phone_names")
    op.drop_table("fleet_tally")
    op.drop_index("ix_fleet_entry_kind", "fleet_entry")
    op.drop_table("fleet_entry")
