"""The writing half of a schema, made of its own fields: it writes what marshmallow writes, several times sooner.

Bounds and the reading back of each value are the fields' own, so what is refused is refused in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing

from policy.schemas.fields import Many, Record, Value

Write = Callable[[Any, str], Any]
"""Makes of a value what JSON holds; the text is the name of its field."""


def quick_writer(schema: Schema) -> Callable[[Any], dict[str, Any]]:
    """Return a function that makes of a value what `schema` would dump, and raises `InvalidDocument` as it would."""
    # Hooks of other schemas would be skipped here unseen; a `Record` has none for writing.
    if not isinstance(schema, Record):
        raise TypeError(f"{type(schema).__name__} has no quick writing")
    writers = [(name, _field(field)) for name, field in schema.dump_fields.items()]

    def write(value: Any) -> dict[str, Any]:
        document = {}
        for name, write_part in writers:
            # What the value does not have is left out, as marshmallow does: the kind is the document's alone.
            part = getattr(value, name, missing)
            if part is not missing:
                document[name] = write_part(part, name)
        return document

    return write


def _field(field: fields.Field[Any]) -> Write:
    if isinstance(field, Value):
        return field.written
    if isinstance(field, Many):
        return _elements(field)
    if isinstance(field, fields.Nested):
        write = quick_writer(field.schema)
        return lambda value, _: None if value is None else write(value)
    raise TypeError(f"{type(field).__name__} has no quick writing")


def _elements(many: Many) -> Write:
    if many.distinct:
        raise TypeError("a set has no quick writing")
    write = _field(many.inner)

    def write_all(values: Any, name: str) -> list[Any]:
        many.require_bounds(values, name)
        return [write(value, name) for value in values]

    return write_all
