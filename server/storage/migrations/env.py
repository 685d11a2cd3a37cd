"""How alembic runs the chain: on the connection that `server.storage.migrating` hands over, in one transaction."""

from __future__ import annotations

from alembic import context

from server.storage.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite alters a table by making it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
