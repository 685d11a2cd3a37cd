"""Keep which phones were handed back by their latest report, and which an admin retired."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "phone_state", sa.Column("handed_back", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("phone", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("phone", sa.Column("retired_by", sa.String(200), nullable=True))
    op.add_column("phone", sa.Column("retired_why", sa.String(300), nullable=True))


def downgrade() -> None:
    _stand_as_before()
    # The version before knows none of these words.
    op.execute("DELETE FROM daily_count WHERE standing IN ('handed_back', 'retired')")
    op.execute("DELETE FROM phone_turn WHERE kind = 'handed_back'")
    op.execute("DELETE FROM alarm WHERE kind = 'retired_phone'")
    op.drop_column("phone", "retired_why")
    op.drop_column("phone", "retired_by")
    op.drop_column("phone", "retired_at")
    op.drop_column("phone_state", "handed_back")


def _stand_as_before() -> None:
    """List and count the phones that are gone as what their latest checks say."""
    gone = "SELECT 1 FROM fleet_entry WHERE fresh IN ('handed_back', 'retired') LIMIT 1"
    if op.get_bind().execute(sa.text(gone)).first() is None:
        return
    # As `server.fleet.standing.fresh_standing` makes it without the two.
    op.execute(
        """
        UPDATE fleet_entry SET fresh = (
            SELECT CASE
                WHEN phone.consent = 'declined' THEN 'declined'
                WHEN phone_state.phone_id IS NULL THEN 'unseen'
                WHEN phone_state.verdict = 'unreadable' THEN 'unreadable'
                WHEN phone_state.verdict = 'compliant' THEN 'compliant'
                WHEN phone_state.enforceable THEN 'violating'
                ELSE 'not_enforceable' END
            FROM phone LEFT JOIN phone_state ON phone_state.phone_id = phone.phone_id
            WHERE phone.phone_id = fleet_entry.phone_id
        ) WHERE fresh IN ('handed_back', 'retired')
        """
    )
    hour = (
        "CAST(FLOOR(EXTRACT(EPOCH FROM last_at)) AS BIGINT)"
        if op.get_bind().dialect.name == "postgresql"
        else "CAST(strftime('%s', last_at) AS INTEGER)"
    )
    # Those of rings are counted anew by the server that starts (decision 0034).
    op.execute("DELETE FROM ring_bound")
    op.execute("DELETE FROM ring_tally")
    op.execute("DELETE FROM fleet_tally")
    op.execute(
        f"""
        INSERT INTO fleet_tally (hour, fresh, has_open, reach, phones)
        SELECT by_hour.hour, by_hour.fresh, by_hour.has_open, by_hour.reach, COUNT(*)
        FROM (SELECT {hour} / 3600 AS hour, fresh, has_open, reach FROM fleet_entry) AS by_hour
        GROUP BY by_hour.hour, by_hour.fresh, by_hour.has_open, by_hour.reach
        """  # noqa: S608 - the engine's name chooses between two texts of ours
    )
