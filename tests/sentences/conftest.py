"""The servers of tests/pages and the offices of tests/check, for the table of sentences."""

from __future__ import annotations

from tests.pages.conftest import compiled_templates, migrated_sqlite, office

__all__ = ["compiled_templates", "migrated_sqlite", "office"]
