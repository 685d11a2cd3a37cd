"""Keep what each phone's newest report says to judge by, phones' units, and rehearsals with whom they name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "picture",
        sa.Column("picture_sha256", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("picture_sha256", name="pk_picture"),
    )
    # NULL until the first rehearsal: it takes the pictures of reports that came before (`server.fleet.pictures`).
    # In words that both databases understand; as a batch, SQLite would make the table anew.
    op.execute(
        "ALTER TABLE phone_state ADD COLUMN picture_sha256 VARCHAR(64)"
        " CONSTRAINT fk_phone_state_picture_sha256_picture REFERENCES picture (picture_sha256)"
    )
    op.add_column("phone", sa.Column("unit", sa.String(60), nullable=False, server_default=""))
    op.create_table(
        "rehearsal",
        sa.Column("rehearsal_id", sa.String(36), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("started_by", sa.String(200), nullable=False),
        sa.Column("draft_id", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("policy_sha256", sa.String(64), nullable=False),
        sa.Column("policy_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("moment", _TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("phones_done", sa.BigInteger(), nullable=False),
        sa.Column("phones_total", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", _TIME, nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rehearsal_id", name="pk_rehearsal"),
    )
    op.create_index("ix_rehearsal_draft_id_revision", "rehearsal", ["draft_id", "revision"])
    op.create_index("ix_rehearsal_policy_sha256", "rehearsal", ["policy_sha256"])
    op.create_index("ix_rehearsal_started_at", "rehearsal", ["started_at"])
    op.create_table(
        "rehearsed_phones",
        sa.Column("rehearsal_id", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("last_phone_id", sa.String(36), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rehearsal_id", "outcome", "last_phone_id", name="pk_rehearsed_phones"),
        sa.ForeignKeyConstraint(
            ["rehearsal_id"], ["rehearsal.rehearsal_id"], name="fk_rehearsed_phones_rehearsal_id_rehearsal"
        ),
    )


def downgrade() -> None:
    op.drop_table("rehearsed_phones")
    op.drop_table("rehearsal")
    op.drop_column("phone", "unit")
    # As a batch, SQLite makes the table anew: it does not let go of a column that refers to another table.
    with op.batch_alter_table("phone_state") as table:
        table.drop_column("picture_sha256")
    op.drop_table("picture")
