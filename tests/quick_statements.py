"""Databases in less time: what SQLAlchemy compiles of a statement is kept for the next database of the same kind.

Each engine keeps what it compiled, and each test has an engine of its own: a fifth of the time of the server's tests
went to compiling the same statements. A server makes one engine in its life and keeps all of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_KEPT = 2000
"""The server's statements on both kinds of database, and what random searches add."""


def keep_compiled_statements() -> None:
    """Let every engine of this process share them, by the kind of its database."""
    kept: LRUCache[Any, Any] = LRUCache(_KEPT)
    made = Engine.__init__

    def share(engine: Engine, *arguments: Any, **options: Any) -> None:
        made(engine, *arguments, **options)
        engine._compiled_cache = kept

    Engine.__init__ = share  # type: ignore[assignment, method-assign]
    # What was compiled is known by its dialect, too; here no two of one class differ in what they compile.
    DefaultDialect.__eq__ = lambda one, other: type(one) is type(other)  # type: ignore[method-assign]
    DefaultDialect.__hash__ = lambda one: hash(type(one))  # type: ignore[assignment, method-assign]
