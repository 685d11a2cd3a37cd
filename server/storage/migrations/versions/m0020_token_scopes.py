"""Give every token a name, scopes and an end, and keep on which day it was last used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_ALL = "approve audit blocks draft fleet holders people read"
_TIME = sa.DateTime(timezone=True)
# Those that there are get all scopes, which is what they had, and a year. Not less than until this day: programs must
# not stop at the moment of an upgrade.
_YEAR, _AT_LEAST = timedelta(days=365), datetime(2027, 6, 30, tzinfo=UTC)
_TOKENS = sa.table(
    "tokens",
    sa.column("token_hash", sa.String),
    sa.column("made_at", _TIME),
    sa.column("token_id", sa.String),
    sa.column("name", sa.String),
    sa.column("scopes", sa.String),
    sa.column("ends_at", _TIME),
)


def upgrade() -> None:
    with op.batch_alter_table("tokens") as batch:
        batch.add_column(sa.Column("token_id", sa.String(16), nullable=True))
        batch.add_column(sa.Column("name", sa.String(64), nullable=True))
        batch.add_column(sa.Column("scopes", sa.String(200), nullable=True))
        batch.add_column(sa.Column("ends_at", _TIME, nullable=True))
        batch.add_column(sa.Column("last_used_on", sa.Date(), nullable=True))
    connection = op.get_bind()
    for token_hash, made_at in connection.execute(sa.select(_TOKENS.c.token_hash, _TOKENS.c.made_at)).all():
        # SQLite answers without a zone.
        made_at = made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC)
        connection.execute(
            sa.update(_TOKENS)
            .where(_TOKENS.c.token_hash == token_hash)
            .values(
                token_id=token_hash[:16],
                name="made before tokens had names",
                scopes=_ALL,
                ends_at=max(made_at + _YEAR, _AT_LEAST),
            )
        )
    with op.batch_alter_table("tokens") as batch:
        for name, kind in (
            ("token_id", sa.String(16)),
            ("name", sa.String(64)),
            ("scopes", sa.String(200)),
            ("ends_at", _TIME),
        ):
            batch.alter_column(name, existing_type=kind, nullable=False)


def downgrade() -> None:
    # The older version knows no scopes: what was narrow would open everything there.
    op.execute(sa.delete(_TOKENS).where(_TOKENS.c.scopes != _ALL))
    with op.batch_alter_table("tokens") as batch:
        for name in ("last_used_on", "ends_at", "scopes", "name", "token_id"):
            batch.drop_column(name)
