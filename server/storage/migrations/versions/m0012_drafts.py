"""Keep drafts of policies: each text that somebody wrote, and what was said about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("closed_as", sa.String(10), nullable=True),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("draft_id", name="pk_draft"),
    )
    op.create_table(
        "draft_revision",
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("base_number", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("draft_id", "revision", name="pk_draft_revision"),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.draft_id"], name="fk_draft_revision_draft_id_draft"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_draft_revision_person_id_people"),
    )
    op.create_table(
        "draft_comment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_draft_comment"),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.draft_id"], name="fk_draft_comment_draft_id_draft"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_draft_comment_person_id_people"),
    )
    op.create_index("ix_draft_comment_draft_id", "draft_comment", ["draft_id"])


def downgrade() -> None:
    op.drop_index("ix_draft_comment_draft_id", "draft_comment")
    for table in ("draft_comment", "draft_revision", "draft"):
        op.drop_table(table)
