"""The servers of tests/pages and the offices of tests/check, for the table of sentences."""

from __future__ import annotations

from tests.cheap_hashes import _cheap_hashes
from tests.pages.conftest import compiled_templates, migrated, office

__all__ = ["_cheap_hashes", "compiled_templates", "migrated", "office"]
