"""Keep what was proposed to the approvers, their signatures, and whose key each is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "proposal",
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("policy_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("targets_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("targets_version", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.String(64), nullable=False),
        sa.Column("proposed_at", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("publish_at", _TIME, nullable=True),
        sa.Column("completed_at", _TIME, nullable=True),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("withdrawn_at", _TIME, nullable=True),
        sa.Column("published_at", _TIME, nullable=True),
        sa.Column("trouble", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", name="pk_proposal"),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.draft_id"], name="fk_proposal_draft_id_draft"),
    )
    op.create_index("ix_proposal_draft_id", "proposal", ["draft_id"])
    # Asked for with every timestamp: is there one whose time has come?
    op.create_index("ix_proposal_due_at", "proposal", ["due_at"])
    op.create_table(
        "approval",
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(1024), nullable=False),
        sa.Column("signed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", "key_id", name="pk_approval"),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["proposal.proposal_id"], name="fk_approval_proposal_id_proposal"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_approval_person_id_people"),
    )
    op.create_table(
        "approver_key",
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("bound_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_approver_key"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_approver_key_person_id_people"),
    )
    op.create_index("ix_approver_key_person_id", "approver_key", ["person_id"])


def downgrade() -> None:
    op.drop_table("approver_key")
    op.drop_table("approval")
    op.drop_table("proposal")
