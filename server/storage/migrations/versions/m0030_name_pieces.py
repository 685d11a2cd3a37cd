"""Find phones by a piece of a name along an index of all that is three characters long, which the database keeps."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from alembic import op

from server.errors import ConfigurationRefused

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_OLDEST_SQLITE = (3, 34)
"""With the tokenizer ``trigram`` (sqlite.org/fts5.html, 4.3.4)."""

# The index alone: names stay in their table, of which rows are named by rowid. Without the places of pieces in a name
# it takes a third; whoever searches looks at the names that it finds.
_TABLE = """
CREATE VIRTUAL TABLE phone_name_pieces USING fts5(
    names, content='phone_names', detail=none, columnsize=0, tokenize='trigram case_sensitive 1'
)
"""
_PUT = "INSERT INTO phone_name_pieces (rowid, names) VALUES (new.rowid, new.names);"
_TAKE = (
    "INSERT INTO phone_name_pieces (phone_name_pieces, rowid, names) VALUES ('delete', old.rowid, old.names);"
)
_TRIGGERS = {
    "phone_names_put": f"AFTER INSERT ON phone_names BEGIN {_PUT} END",
    "phone_names_taken": f"AFTER DELETE ON phone_names BEGIN {_TAKE} END",
    "phone_names_changed": (
        f"AFTER UPDATE OF names ON phone_names WHEN old.names <> new.names BEGIN {_TAKE} {_PUT} END"
    ),
}
# Of what every PostgreSQL has: pg_trgm is an extension, which not everybody may install, and which leaves out signs.
_FUNCTION = """
CREATE FUNCTION phone_name_pieces(names text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    SELECT array_agg(substr(names, place, 3)) FROM generate_series(1, length(names) - 2) AS place
$$
"""
# By bytes, whatever language the database sorts in. Without a list of what is still to be put into it (fastupdate),
# which every search would go through, and one registration in some hundreds would put into it.
_INDEX = """
CREATE INDEX ix_phone_names_pieces ON phone_names USING gin ((phone_name_pieces(names) COLLATE "C"))
WITH (fastupdate = off)
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(_INDEX)
        return
    _require_trigrams()
    op.execute(_TABLE)
    op.execute("INSERT INTO phone_name_pieces (phone_name_pieces) VALUES ('rebuild')")
    for name, what in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {what}")


def _require_trigrams() -> None:
    found = sqlite3.sqlite_version_info
    modules = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
    if found < _OLDEST_SQLITE or op.get_bind().execute(sa.text(modules)).first() is None:
        raise ConfigurationRefused(
            "expected SQLite 3.34 or newer with FTS5, by which phones are searched, found SQLite"
            f" {sqlite3.sqlite_version}{'' if found < _OLDEST_SQLITE else ' without it'}; install another, or use"
            " PostgreSQL"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_phone_names_pieces")
        op.execute("DROP FUNCTION phone_name_pieces(text)")
        return
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.execute("DROP TABLE phone_name_pieces")
