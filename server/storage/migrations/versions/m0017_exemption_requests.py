"""Keep who asked for an exemption of which phone, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "exemption_request",
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("phone_id", sa.String(36), nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("ended_as", sa.String(10), nullable=True),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("ended_by", sa.String(200), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_exemption_request"),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.phone_id"], name="fk_exemption_request_phone_id_phone"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_exemption_request_person_id_people"),
    )
    op.create_index("ix_exemption_request_phone_id", "exemption_request", ["phone_id"])


def downgrade() -> None:
    op.drop_index("ix_exemption_request_phone_id", "exemption_request")
    op.drop_table("exemption_request")
