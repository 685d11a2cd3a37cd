"""A rule that is signed, shown and exported, and that nobody acts on, is a promise that nobody keeps."""

from __future__ import annotations

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from policy.document import Policy

ROOT = Path(__file__).resolve().parents[2]
ONLY_SHOWN = {"name", "described"}
"""What a policy is called and says of itself: to be read by people."""
WRITERS = {"certs", "policy/schemas", "policy/document.py"}
"""They hold, write and show every rule, whoever acts on it."""


@cache
def read_names() -> dict[str, list[str]]:
    """Return by rule the modules that read it of a policy (``policy.…``), but for the `WRITERS`."""
    found: dict[str, list[str]] = {}
    for room in ("policy", "server", "agent_scripts"):
        for module in (ROOT / room).rglob("*.py"):
            path = module.relative_to(ROOT)
            if WRITERS & {str(path), *map(str, path.parents)}:
                continue
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                # Of a policy alone: other things have reminders, rings and families, too.
                if isinstance(node, ast.Attribute) and "policy" in (
                    getattr(node.value, "attr", ""),
                    getattr(node.value, "id", ""),
                ):
                    found.setdefault(node.attr, []).append(str(path))
    return found


@pytest.mark.parametrize("rule", sorted({field.name for field in fields(Policy)} - ONLY_SHOWN))
def test_somebody_acts_on_the_rule(rule: str) -> None:
    assert read_names().get(rule), f"expected a module that acts on the rule {rule}, found none"


def test_a_rule_that_nobody_reads_would_be_found() -> None:
    assert "a_rule_that_is_only_signed" not in read_names()
