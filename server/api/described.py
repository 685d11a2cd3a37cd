r"""The strictness of the door, as a description in JSON Schema can tell it."""

from __future__ import annotations

from typing import Any

_PYTHON_END = r"\Z"
_ONE_OF = {"OpenDraft": ("document", "beginning", "return_to")}
"""Bodies that hold exactly one of several fields; null is as good as not there."""
NUMBERS = "Numbers that are whole are written as such: 30, not 30.0."


def tell_strictness(whole: dict[str, Any]) -> None:
    """Make the description of an API as strict as its server is."""
    whole["info"]["description"] = NUMBERS
    for operations in whole["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                _without_null(parameter["schema"])
    for name, either in _ONE_OF.items():
        schema = whole["components"]["schemas"][name]
        schema["oneOf"] = [_only(field, either) for field in either]
    _respell_patterns(whole)


def _without_null(schema: dict[str, Any]) -> None:
    """Say of what stands in an address that it can be left out, not that it can be null: there it would be a text."""
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        schema["enum"] = [word for word in schema["enum"] if word is not None]
    if schema.get("default", ...) is None:
        del schema["default"]


def _only(field: str, either: tuple[str, ...]) -> dict[str, Any]:
    given = {"not": {"type": "null"}}
    others = {other: {"type": "null"} for other in either if other != field}
    return {"required": [field], "properties": {field: given, **others}}


def _respell_patterns(told: Any) -> None:
    r"""Spell patterns as ECMA-262 does: Python's `match` is bound to the beginning, and its \Z is the end."""
    if isinstance(told, dict):
        pattern = told.get("pattern")
        if isinstance(pattern, str) and pattern.endswith(_PYTHON_END):
            told["pattern"] = f"^{pattern.removesuffix(_PYTHON_END)}$"
        for inner in told.values():
            _respell_patterns(inner)
    elif isinstance(told, list):
        for inner in told:
            _respell_patterns(inner)
